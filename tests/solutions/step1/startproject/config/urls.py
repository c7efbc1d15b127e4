"""URLs of the whole site, the admin's included."""

from django.contrib import admin
from django.shortcuts import redirect
from django.urls import include, path, re_path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("chat/", include("chat.urls")),
    re_path(r"^\Z", lambda request: redirect("index")),
]
