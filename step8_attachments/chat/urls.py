"""URLs of the chat's pages."""

from django.urls import path

from chat import views

urlpatterns = [
    path("", views.index, name="index"),
    path("<str:room_name>/", views.room, name="room"),
    path("<str:room_name>/files/", views.upload, name="upload"),
    path("<str:room_name>/files/<int:message_id>/", views.download, name="download"),
]
