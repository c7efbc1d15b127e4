"""The chat of the official tutorial of Channels, written anew in one file, with the consumers of
parts 2 and 3: no limits, no answer to a bad frame, the room's name in the group's."""

import json
import os

from asgiref.sync import async_to_sync
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

APPS = ["daphne", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
HOSTS = [{"address": os.environ["REDIS_URL"], "socket_timeout": None}]
LAYER = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": HOSTS}}
settings.configure(
    SECRET_KEY="for measuring only",
    ALLOWED_HOSTS=["localhost"],
    INSTALLED_APPS=APPS,
    ROOT_URLCONF="tutorial",
    CHANNEL_LAYERS={"default": LAYER},
)
http = get_asgi_application()
from channels.auth import AuthMiddlewareStack  # noqa: E402

urlpatterns = []  # no pages: the tabs of a measurement open sockets only


class ChatConsumer(WebsocketConsumer):
    """The sync one, of part 2."""

    def connect(self):
        self.group = "chat_" + self.scope["url_route"]["kwargs"]["room_name"]
        async_to_sync(self.channel_layer.group_add)(self.group, self.channel_name)
        self.accept()

    def disconnect(self, close_code):
        async_to_sync(self.channel_layer.group_discard)(self.group, self.channel_name)

    def receive(self, text_data):
        message = json.loads(text_data)["message"]
        event = {"type": "chat.message", "message": message}
        async_to_sync(self.channel_layer.group_send)(self.group, event)

    def chat_message(self, event):
        self.send(text_data=json.dumps({"message": event["message"]}))


class AsyncChatConsumer(AsyncWebsocketConsumer):
    """The async one, of part 3."""

    async def connect(self):
        self.group = "chat_" + self.scope["url_route"]["kwargs"]["room_name"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        event = {"type": "chat.message", "message": message}
        await self.channel_layer.group_send(self.group, event)

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


def application(consumer):
    """Return the ASGI application, in the layers that the tutorial puts around its routes."""
    routes = URLRouter([re_path(r"ws/chat/(?P<room_name>\w+)/$", consumer.as_asgi())])
    sockets = AllowedHostsOriginValidator(AuthMiddlewareStack(routes))
    return ProtocolTypeRouter({"http": http, "websocket": sockets})


with_sync = application(ChatConsumer)
with_async = application(AsyncChatConsumer)
