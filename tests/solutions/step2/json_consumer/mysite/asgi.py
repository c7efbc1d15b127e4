"""The ASGI application, with the origins that may open a socket written out."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

django_application = get_asgi_application()

import chat.routing  # noqa: E402

# Without a scheme, so that http and https, and every port, are ours.
ORIGINS = [host.strip() for host in settings.ALLOWED_HOSTS]

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": OriginValidator(URLRouter(chat.routing.websocket_urlpatterns), ORIGINS),
    }
)
