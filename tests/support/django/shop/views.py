import json
import time

from django.contrib.auth import authenticate, get_user_model
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.response import Response
from rest_framework.views import APIView


class MeView(APIView):
    """Who the backend believes is calling."""

    def get(self, request):
        return Response(
            {
                "id": str(request.user.pk),
                "username": request.user.get_username(),
                # The verified token, where a token is what signed the caller in.
                "claims": getattr(request.auth, "payload", None),
            }
        )


class ItemsView(APIView):
    """Takes JSON, a form or an upload, and says what arrived."""

    def post(self, request):
        return Response({"owner": str(request.user.pk), "received": request.data}, status=201)


def json_body(request):
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def profile(user):
    return {
        "id": user.pk,
        "username": user.get_username(),
        "name": user.get_full_name() or user.get_username(),
        "permissions": sorted(user.get_all_permissions()),
    }


@csrf_exempt
@require_POST
def login(request):
    """A login endpoint of the plain kind: no tokens, just who it was."""
    body = json_body(request)
    if body is None:
        return JsonResponse({"error": "a JSON object is expected"}, status=400)
    user = authenticate(
        request, username=body.get("username", ""), password=body.get("password", "")
    )
    if user is None:
        return JsonResponse({"error": "wrong user name or password"}, status=401)
    return JsonResponse({"user": profile(user)})


@csrf_exempt
@require_POST
def recheck(request):
    """Says whether a subject (a primary key) may still be signed in."""
    subject = str((json_body(request) or {}).get("subject", ""))
    users = get_user_model().objects
    user = users.filter(pk=subject).first() if subject.isdecimal() else None
    if user is None:
        return JsonResponse({"error": "no such user"}, status=404)
    if not user.is_active:
        return JsonResponse({"error": "disabled"}, status=403)
    return JsonResponse(profile(user))


@csrf_exempt
def public(request):
    return JsonResponse({"public": True, "method": request.method})


def slow(request):
    time.sleep(min(float(request.GET.get("seconds", "1")), 60))
    return JsonResponse({"slow": True})


def redirect(request):
    response = HttpResponse(status=int(request.GET.get("status", "302")))
    response["Location"] = request.GET.get("to", "/public/")
    return response


def set_cookie(request):
    """Sets cookies of its own, and tries to set the gateway's."""
    response = JsonResponse({"cookies": request.COOKIES})
    response.set_cookie("basket", "7", httponly=True, samesite="Lax")
    response.set_cookie("theme", "dark", max_age=3600)
    for name in ("access", "refresh", "csrf"):
        response.set_cookie(f"postern-{name}", "from-the-backend")
        response.set_cookie(f"__Host-postern-{name}", "from-the-backend", secure=True)
    return response


def stream(request):
    """Server-sent events, one at a time."""
    count = min(int(request.GET.get("count", "5")), 1000)
    every = float(request.GET.get("every", "0.1"))

    def events():
        for number in range(count):
            if number:
                time.sleep(every)
            yield f"data: {number}\n\n"

    response = StreamingHttpResponse(events(), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    return response
