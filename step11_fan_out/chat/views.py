"""The chat's two pages."""

from django.http import Http404
from django.shortcuts import redirect, render

from chat.rooms import room_name_error


def index(request):
    """Django calls this for /chat/: it shows the form, or sends a good room name to its room."""
    if "room" not in request.GET:
        return render(request, "chat/index.html")
    typed = request.GET["room"]
    if error := room_name_error(typed.strip()):
        return render(request, "chat/index.html", {"typed": typed, "error": error})
    return redirect("room", room_name=typed.strip())


def room(request, room_name):
    """Django calls this for /chat/<room_name>/: it shows the room, if its name is allowed."""
    if error := room_name_error(room_name):
        raise Http404(error)
    return render(request, "chat/room.html", {"room_name": room_name})
