"""URLs of the chat's pages."""

from django.urls import path

from chat.views import ChooseRoom, Room

urlpatterns = [
    path("", ChooseRoom.as_view(), name="index"),
    path("<str:room_name>/", Room.as_view(), name="room"),
]
