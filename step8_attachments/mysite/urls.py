"""URLs of the whole site: the chat, and the accounts of its users."""

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="index")),
    path("accounts/", include("accounts.urls")),
    path("chat/", include("chat.urls")),
]
