import json
import sys

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.core.management.base import BaseCommand
from django.db import transaction


class Command(BaseCommand):
    help = "Creates, changes and deletes users by a JSON list on standard input; prints their ids."

    @transaction.atomic
    def handle(self, *args, **options):
        ids = {}
        for wanted in json.load(sys.stdin):
            username = wanted["username"]
            if wanted.get("deleted"):
                get_user_model().objects.filter(username=username).delete()
                continue
            fields = {
                "is_active": wanted.get("active"),
                "is_staff": wanted.get("superuser"),
                "is_superuser": wanted.get("superuser"),
                "password": make_password(wanted["password"]) if "password" in wanted else None,
            }
            changes = {name: value for name, value in fields.items() if value is not None}
            user, _ = get_user_model().objects.update_or_create(username=username, defaults=changes)
            if "permissions" in wanted:
                user.user_permissions.set(self.permissions(wanted["permissions"]))
            ids[username] = user.pk
        self.stdout.write(json.dumps(ids))

    def permissions(self, names):
        for name in names:
            app, _, codename = name.partition(".")
            yield Permission.objects.get(content_type__app_label=app, codename=codename)
