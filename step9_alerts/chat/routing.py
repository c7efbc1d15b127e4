"""Paths of the chat's sockets: routing.py is for consumers what urls.py is for views."""

from django.urls import path

from chat.alert_consumer import AlertConsumer
from chat.consumers import ChatConsumer

websocket_urlpatterns = [
    path("ws/chat/<str:room_name>/", ChatConsumer.as_asgi()),
    path("ws/alerts/", AlertConsumer.as_asgi()),
]
