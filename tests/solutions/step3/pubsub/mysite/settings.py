"""Settings for the chat; a function chooses the channel layer."""

import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for learning only, never for a real site")
DEBUG = os.environ.get("DJANGO_DEBUG", "true").lower() in {"1", "true", "yes", "on"}
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = ["daphne", "django.contrib.staticfiles", "chat"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
STATIC_URL = "static/"


def channel_layer(url):
    """Take the URL of a Redis, or "". Return the layer that meets there, or in this process."""
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [url], "prefix": "chat"},
    }


CHANNEL_LAYERS = {"default": channel_layer(os.environ.get("REDIS_URL", ""))}
