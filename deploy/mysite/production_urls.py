"""URLs of a deployed chat: those of the step, and a health check."""

import asyncio

from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.urls import include, path


async def health(request):
    """Django calls this for /health/: it answers if Redis answers within two seconds, or fails."""
    send = get_channel_layer().group_send("health", {"type": "health"})  # nobody is in this group
    await asyncio.wait_for(send, timeout=2)
    return HttpResponse("ok")


urlpatterns = [
    path("health/", health),
    path("", include("mysite.urls")),
]
