"""Settings for production: those of the step, and what a real site needs."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from mysite.settings import *  # noqa: F403

for name in ("DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS", "REDIS_URL", "DATABASE_URL"):
    if not os.environ.get(name):
        raise ImproperlyConfigured(f"{name} is not set. The chat does not start without it.")

DEBUG = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # from nginx, which speaks TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True  # browsers send the cookies over TLS only
MIDDLEWARE.append("mysite.x_accel.XAccel")  # noqa: F405
ROOT_URLCONF = "mysite.production_urls"
STATIC_ROOT = Path(__file__).resolve().parent.parent / "static"
TIME_ZONE = "UTC"  # for the log; Django's default is Chicago
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
