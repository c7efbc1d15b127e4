"""Settings for the chat: no template, no static file, no app but the server."""

from os import environ

SECRET_KEY = environ.get("DJANGO_SECRET_KEY", "for learning only, never for a real site")
DEBUG = environ.get("DJANGO_DEBUG", "yes").lower() in ("1", "true", "yes", "on")
ALLOWED_HOSTS = environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = ["daphne"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
