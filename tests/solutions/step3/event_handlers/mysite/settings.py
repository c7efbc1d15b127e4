"""Settings for the chat: in memory, unless REDIS_URL says otherwise."""

import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for learning only, never for a real site")
DEBUG = os.environ.get("DJANGO_DEBUG", "true").lower() in {"1", "true", "yes", "on"}
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = ["daphne", "channels", "django.contrib.staticfiles", "chat"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
STATIC_URL = "static/"

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if "REDIS_URL" in os.environ:
    # By its default, redis-py would end the socket of a tab that is idle for 5 s.
    redis = {"address": os.environ["REDIS_URL"], "socket_timeout": 3600}
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [redis], "capacity": 500, "group_expiry": 3600},
    }
