"""URLs of the chat's pages."""

from django.urls import path

from chat import views

urlpatterns = [
    path("", views.index, name="index"),
    path("jobs/", views.start_job, name="start_job"),
    path("jobs/<int:job_id>/", views.job_file, name="job_file"),
    path("<str:room_name>/", views.room, name="room"),
    path("<str:room_name>/files/", views.upload, name="upload"),
    path("<str:room_name>/files/<int:message_id>/", views.download, name="download"),
]
