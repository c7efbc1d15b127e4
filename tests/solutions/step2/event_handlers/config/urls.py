"""URLs of the whole site: of its pages, and of its sockets."""

from django.urls import include, path
from django.views.generic import RedirectView

from chat.consumers import ChatConsumer

urlpatterns = [
    path("", RedirectView.as_view(url="/chat/")),
    path("chat/", include("chat.urls")),
]
socket_urlpatterns = [
    path("ws/chat/<str:room_name>/", ChatConsumer.as_asgi()),
]
