"""Different here: one file and no app, with async views, pages made by format_html instead of
templates, and a path converter that knows what a room may be called."""

import re
from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, register_converter, reverse
from django.urls.converters import StringConverter
from django.utils.html import format_html

RULE = "A room name has 1 to 80 characters, no slash and no control characters; . and .. are none."
NAME = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,80}")

CHOOSE = """<!doctype html><title>Rooms</title>
<form><label>A room: <input id="room-name-input" name="q" value="{typed}" autofocus></label>
<button id="room-name-submit">→</button> <small>{error}</small></form>"""

ROOM = """<!doctype html><title>A room</title>
<p>Welcome to <strong>{name}</strong>!</p>
<p><textarea id="chat-log" disabled readonly></textarea>
<p><input id="chat-message-input" disabled><button id="chat-message-submit" disabled>→</button>
<p>Status: <em id="chat-status">nobody is listening yet</em>"""


class RoomName(StringConverter):
    """A part of a path that is the name of a room: any other is found nowhere, so it is a 404."""

    def to_python(self, value):
        if not NAME.fullmatch(value) or value != value.strip():
            raise ValueError(RULE)
        return value


register_converter(RoomName, "room")


async def start(request):
    return redirect("index")


async def index(request):
    typed = request.GET.get("q")
    if typed is None:
        return HttpResponse(format_html(CHOOSE, typed="", error=""))
    name = typed.strip()
    if not NAME.fullmatch(name):
        return HttpResponse(format_html(CHOOSE, typed=typed, error=RULE))
    answer = HttpResponse(status=HTTPStatus.SEE_OTHER)
    answer.headers["Location"] = reverse("room", kwargs={"name": name})
    return answer


async def room(request, name):
    return HttpResponse(format_html(ROOM, name=name))


urlpatterns = [
    path("", start),
    path("chat/", index, name="index"),
    path("chat/<room:name>/", room, name="room"),
]
