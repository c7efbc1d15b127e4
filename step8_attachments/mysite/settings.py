"""Settings for the chat: what it needs and nothing else."""

import os
from pathlib import Path

import dj_database_url
from django.utils.text import slugify

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for learning only, never for a real site")
DEBUG = os.environ.get("DJANGO_DEBUG", "true").lower() in {"1", "true", "yes", "on"}
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "daphne",  # first, so that its runserver, which serves ASGI, replaces Django's
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "accounts",
    "chat",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",  # refuses unknown hosts, adds a missing slash
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",  # for pages; sockets do not see it
    "accounts.sockets.check_when_session_ends",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
TEMPLATES[0]["OPTIONS"] = {"context_processors": ["django.contrib.auth.context_processors.auth"]}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Cookies ignore ports: without its own name, another project on localhost would replace this one.
SESSION_COOKIE_NAME = f"session-{slugify(Path(__file__).parent.parent.name)}"

ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
STATIC_URL = "static/"
# Files are outside the code and without MEDIA_URL: only a view serves them.
CHAT_DATA = Path(os.environ.get("CHAT_DATA") or Path(__file__).parent.parent / "data")
MEDIA_ROOT = CHAT_DATA / "files"
MEDIA_ROOT.mkdir(parents=True, exist_ok=True)

# With DATABASE_URL, messages are in that database. Without, they are in a file. Tests have a
# database of their own, because they empty it.
if DATABASE_URL := os.environ.get("DATABASE_URL"):
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_health_checks=True)}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"timeout": 5}  # s, not 30
        DATABASES["default"]["TEST"] = {"NAME": "test_chat"}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
    DATABASES["default"]["NAME"] = CHAT_DATA / "chat.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": CHAT_DATA / "test.sqlite3"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# With Redis, tabs of all server processes share rooms. In memory, only tabs of one process do.
if REDIS_URL := os.environ.get("REDIS_URL"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # redis-py 8 gives up after 5 s without data, which closes the sockets of idle tabs.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
