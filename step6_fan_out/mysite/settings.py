"""Settings for the chat: what it needs and nothing else."""

import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for learning only, never for a real site")
DEBUG = os.environ.get("DJANGO_DEBUG", "true").lower() in {"1", "true", "yes", "on"}
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "daphne",  # first, so that its runserver, which serves ASGI, replaces Django's
    "django.contrib.staticfiles",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",  # refuses unknown hosts, adds a missing slash
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
STATIC_URL = "static/"

# With Redis, tabs of all server processes share rooms. In memory, only tabs of one process do.
if REDIS_URL := os.environ.get("REDIS_URL"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # redis-py 8 gives up when Redis hangs for 5 s, and with it goes the sender's socket.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
