"""Different here: no consumer class, but an ASGI application that is a function; the page's scripts
are ES modules, and its button stands outside of its form."""

import json
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

http = get_asgi_application()

from chat.messages import BadMessage, read_message  # noqa: E402
from chat.rooms import room_name_error  # noqa: E402


async def chat(scope, receive, send):
    """The server calls this once a socket: it runs from the handshake until the tab is gone."""
    await receive()  # the first event is always websocket.connect
    if room_name_error(scope["url_route"]["kwargs"]["room_name"]):
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": json.dumps(answer(event.get("text")))})


def answer(frame):
    """Take the text of a frame (None: it is binary). Return what to answer."""
    try:
        return {"message": read_message(frame)}
    except BadMessage as error:
        return {"error": str(error)}


routes = URLRouter([path("ws/chat/<str:room_name>/", chat)])

application = ProtocolTypeRouter({"http": http, "websocket": AllowedHostsOriginValidator(routes)})
