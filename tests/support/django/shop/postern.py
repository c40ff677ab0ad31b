"""Everything a Django project needs to trust Postern."""
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import RemoteUserBackend
from rest_framework.authentication import RemoteUserAuthentication
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token


class Assertion(Token):
    """Postern's identity assertion, checked against Postern's public keys."""

    token_type = "assertion"
    lifetime = timedelta(seconds=60)
    _token_backend = TokenBackend(
        "ES256",
        jwk_url=settings.POSTERN["JWKS_URL"],
        issuer=settings.POSTERN["ISSUER"],
        audience=settings.POSTERN["AUDIENCE"],
        leeway=5,
    )

    def verify(self):
        super().verify()
        if not self.payload.get("sub"):
            raise TokenError("Assertion has no subject")
        # SimpleJWT names a user by this claim; the assertion's subject is the one that counts.
        self.payload[api_settings.USER_ID_CLAIM] = self.payload["sub"]


class AssertionAuthentication(JWTStatelessUserAuthentication):
    """Signs in whoever X-Auth-Assertion names: the bare token, without "Bearer"."""

    def get_header(self, request):
        return request.META.get("HTTP_X_AUTH_ASSERTION")

    def get_raw_token(self, header):
        return header

    def get_validated_token(self, raw_token):
        try:
            return Assertion(raw_token)
        except TokenError as error:
            raise InvalidToken(error.args[0])


class SubjectAuthentication(RemoteUserAuthentication):
    """Signs in whoever X-Auth-Subject names, without a session."""

    header = "HTTP_X_AUTH_SUBJECT"

    def authenticate_header(self, request):
        return "Postern"


class SubjectBackend(RemoteUserBackend):
    """The subject is the primary key, as SimpleJWT's `user_id` is."""

    create_unknown_user = False

    def clean_username(self, subject):
        user = get_user_model().objects.filter(pk=subject).first() if subject.isdecimal() else None
        return user.get_username() if user else ""
