"""URLs of the chat's pages, as regular expressions."""

from django.urls import re_path

from chat import views

urlpatterns = [
    re_path(r"^\Z", views.index, name="index"),
    re_path(r"^(?P<room_name>[^/]+)/\Z", views.room, name="room"),
]
