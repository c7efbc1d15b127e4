"""The ASGI application: pages and sockets, each with a router of its own."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

http = get_asgi_application()

from chat.sockets import Visit  # noqa: E402

sockets = URLRouter([path("ws/chat/<str:room_name>/", Visit.begin)])

application = ProtocolTypeRouter({"http": http, "websocket": AllowedHostsOriginValidator(sockets)})
