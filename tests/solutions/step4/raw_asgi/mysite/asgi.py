"""The ASGI application: a function that asks what kind of connection it is."""

import os

from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

pages = get_asgi_application()

from chat.sockets import chat  # noqa: E402

sockets = AllowedHostsOriginValidator(URLRouter([path("ws/chat/<str:room_name>/", chat)]))


async def application(scope, receive, send):
    await (sockets if scope["type"] == "websocket" else pages)(scope, receive, send)
