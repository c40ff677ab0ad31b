"""
An ordinary Django project, as `django-admin startproject` makes it, with DRF and SimpleJWT.

What a test chooses comes from the environment. Trust in Postern is the last section, and
nothing else in the project knows that Postern exists.
"""
import os
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name):
    return os.environ.get(name, "0") == "1"


def seconds(name, default):
    return timedelta(seconds=float(os.environ.get(name, default)))


SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "a-secret-of-the-test-shop-and-nobody-else")
DEBUG = False
# The gateway in front decides which hosts exist.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DJANGO_DB", BASE_DIR / "db.sqlite3"),
        # Tests sign in many people at once, and SQLite writes one at a time.
        "OPTIONS": {"timeout": 30},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# As Django's own documentation advises for tests: a sign-in costs no 100 ms of one core.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": seconds("DJANGO_ACCESS_SECONDS", 300),
    "REFRESH_TOKEN_LIFETIME": seconds("DJANGO_REFRESH_SECONDS", 86400),
    "ROTATE_REFRESH_TOKENS": flag("DJANGO_ROTATE"),
    "BLACKLIST_AFTER_ROTATION": flag("DJANGO_BLACKLIST_AFTER_ROTATION"),
    "ALGORITHM": os.environ.get("DJANGO_ALGORITHM", "HS256"),
    "SIGNING_KEY": os.environ.get("DJANGO_SIGNING_KEY", SECRET_KEY),
    "VERIFYING_KEY": os.environ.get("DJANGO_VERIFYING_KEY", ""),
}
if flag("DJANGO_TOKEN_CLAIMS"):
    SIMPLE_JWT["TOKEN_OBTAIN_SERIALIZER"] = "shop.tokens.ShopTokenObtainPairSerializer"

# --- Trust in Postern -------------------------------------------------------------------

POSTERN_MODE = os.environ.get("POSTERN_MODE", "native")
POSTERN = {
    "JWKS_URL": os.environ.get("POSTERN_JWKS_URL"),
    "ISSUER": os.environ.get("POSTERN_ISSUER"),
    "AUDIENCE": os.environ.get("POSTERN_AUDIENCE"),
}

if POSTERN_MODE == "assertion":
    # X-Auth-Assertion; the shop's own SimpleJWT goes on issuing tokens at /api/token/.
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["shop.postern.AssertionAuthentication"]

elif POSTERN_MODE == "bearer":
    # The assertion as Authorization: Bearer, verified by stock SimpleJWT.
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = [
        "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication",
    ]
    SIMPLE_JWT = {
        "ALGORITHM": "ES256",
        "JWK_URL": POSTERN["JWKS_URL"],
        "ISSUER": POSTERN["ISSUER"],
        "AUDIENCE": POSTERN["AUDIENCE"],
        "USER_ID_CLAIM": "sub",
        # SimpleJWT 5 knows "access" only; `aud` already tells an assertion from every token.
        "TOKEN_TYPE_CLAIM": None,
        "LEEWAY": 5,
    }

elif POSTERN_MODE == "header":
    # X-Auth-Subject, as a REMOTE_USER; sound only where nobody gets round the gateway.
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["shop.postern.SubjectAuthentication"]
    AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "shop.postern.SubjectBackend",
    ]

elif POSTERN_MODE != "native":
    raise ValueError(f"POSTERN_MODE {POSTERN_MODE!r} is not assertion, bearer, header or native")
