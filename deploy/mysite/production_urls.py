"""URLs for production: those of the step, and a health check."""

import asyncio
import logging

from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.urls import include, path


async def health(request):
    """Django calls this for /health/: 200 if Redis answers within two seconds, else 503."""
    to_nobody = get_channel_layer().group_send("health", {"type": "health"})
    try:
        await asyncio.wait_for(to_nobody, timeout=2)
    except Exception as error:  # any error of the layer
        logging.warning("No answer from Redis: %s %s", type(error).__name__, error)
        return HttpResponse("no answer from Redis\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("health/", health),
    path("", include("mysite.urls")),
]
