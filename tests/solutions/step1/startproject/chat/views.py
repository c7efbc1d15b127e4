"""The chat's two pages."""

from django.contrib import messages
from django.http import HttpResponseNotFound, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from chat.rooms import room_name_error


def index(request):
    """Django calls this for /chat/. A good name is redirected to by its whole address."""
    room = request.GET.get("enter", "").strip()
    if "enter" in request.GET:
        error = room_name_error(room)
        if not error:
            return HttpResponseRedirect(request.build_absolute_uri(reverse("room", args=[room])))
        messages.error(request, error)
    return render(request, "chat/index.html")


def room(request, room_name):
    """Django calls this for /chat/<room_name>/."""
    if error := room_name_error(room_name):
        return HttpResponseNotFound(error, content_type="text/plain; charset=utf-8")
    return render(request, "chat/room.html", {"room": room_name})
