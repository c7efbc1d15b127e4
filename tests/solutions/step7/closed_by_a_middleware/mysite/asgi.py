"""Different here: sockets without a user never reach the consumer."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
http_application = get_asgi_application()

from chat.routing import websocket_urlpatterns  # noqa: E402


def for_users(application):
    async def middleware(scope, receive, send):
        if scope["user"].is_authenticated:
            return await application(scope, receive, send)
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4401})

    return middleware


sockets = AuthMiddlewareStack(for_users(URLRouter(websocket_urlpatterns)))
application = ProtocolTypeRouter(
    {"http": http_application, "websocket": AllowedHostsOriginValidator(sockets)}
)
