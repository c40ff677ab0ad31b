from django.conf import settings
from django.contrib import admin
from django.urls import path
from rest_framework_simplejwt import views as jwt

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/me/", views.MeView.as_view()),
    path("api/items/", views.ItemsView.as_view()),
    path("api/login/", views.login),
    path("recheck/", views.recheck),
    path("public/", views.public),
    path("slow/", views.slow),
    path("redirect/", views.redirect),
    path("set-cookie/", views.set_cookie),
    path("stream/", views.stream),
]

# In this mode SimpleJWT only verifies: it has no key of its own to sign with.
if settings.POSTERN_MODE != "bearer":
    urlpatterns += [
        path("api/token/", jwt.TokenObtainPairView.as_view()),
        path("api/token/refresh/", jwt.TokenRefreshView.as_view()),
        path("api/token/verify/", jwt.TokenVerifyView.as_view()),
        path("api/token/blacklist/", jwt.TokenBlacklistView.as_view()),
    ]
