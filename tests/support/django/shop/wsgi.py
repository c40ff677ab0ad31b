import os

from django.core.wsgi import get_wsgi_application

from .recorder import recorded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = recorded(get_wsgi_application())
