"""The socket's path; CONSUMER says which of the tutorial's two consumers answers there."""

import os

from django.urls import re_path

from chat import consumers

consumer = getattr(consumers, os.environ.get("CONSUMER", "AsyncChatConsumer"))

websocket_urlpatterns = [
    re_path(r"ws/chat/(?P<room_name>\w+)/$", consumer.as_asgi()),
]
