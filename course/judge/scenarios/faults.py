"""Faults in Channels, which break a chat from outside, whatever it looks like inside.

own_tests.py copies this file, as sitecustomize.py, to where the Python that runs a project's tests
finds it. Python imports a module of that name whenever it starts, so the fault is in every server,
too, that the tests start. For pytest it is a plugin as well, which notes what the tests do. The
project must not find other modules of ours, so this one imports none.

To pytest, which would warn that the module is there before it: PYTEST_DONT_REWRITE"""

import json
import os
from functools import partial
from pathlib import Path

from asgiref.testing import ApplicationCommunicator
from channels.consumer import AsyncConsumer
from channels.layers import ChannelLayerManager
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator, WebsocketDenier

NOTES = Path(os.environ.get("OWN_TESTS_NOTES", ""))
ACCEPT = {"type": "websocket.accept"}
FOREIGN = "a foreign origin"


def speaker_only():
    """What is said comes back to the socket that said it, and reaches no other."""

    def spoil(application):
        async def spoiled(scope, receive, send):
            said = set()

            async def listen():
                event = await receive()
                if (message := message_in(event)) is not None:
                    said.add(message.strip())
                return event

            async def send_own(event):
                message = message_in(event) if event["type"] == "websocket.send" else None
                if message is None or message.strip() in said:
                    await send(event)

            await application(scope, listen, send_own)

        return spoiled

    spoil_sockets(spoil)


def one_room():
    """Every group has the same name."""

    def spoil(layer):
        for name in "group_add", "group_discard", "group_send":
            setattr(layer, name, partial(to_everybody, getattr(layer, name)))

    async def to_everybody(method, group, *rest, **named):
        return await method("everybody", *rest, **named)

    spoil_layers(spoil)


def any_origin():
    """Channels' origin check lets everybody pass."""
    OriginValidator.valid_origin = lambda self, origin: True


def no_error():
    """A frame that holds an error is not sent."""

    def spoil(application):
        async def spoiled(scope, receive, send):
            async def send_the_rest(event):
                if not is_error(event):
                    await send(event)

            await application(scope, receive, send_the_rest)

        return spoiled

    spoil_sockets(spoil)


def any_name():
    """A socket opens also where the chat refuses it, or has no route to it; but not for a foreign
    origin, which is another fault."""

    async def deny(self):
        await self.close(reason=FOREIGN)

    WebsocketDenier.connect = deny

    def spoil(application):
        async def spoiled(scope, receive, send):
            answered = False

            async def accept(event):
                nonlocal answered
                refused = not answered and event["type"] == "websocket.close"
                answered = True
                await send(ACCEPT if refused and event.get("reason") != FOREIGN else event)

            try:
                await application(scope, receive, accept)
            except ValueError as error:
                if answered or not str(error).startswith("No route found"):
                    raise
                await send(ACCEPT)
                while (await receive())["type"] != "websocket.disconnect":
                    pass

        return spoiled

    spoil_sockets(spoil)


def frame_in(event):
    """Return the JSON object in the frame of this ASGI event; an empty one if there is none."""
    try:
        frame = json.loads(event.get("text") or event.get("bytes") or "")
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def is_error(event):
    """Say whether this ASGI event sends a frame with the key "error"."""
    return event["type"] == "websocket.send" and "error" in frame_in(event)


def message_in(event):
    """Return the message in the frame of this ASGI event, or None."""
    message = frame_in(event).get("message")
    return message if isinstance(message, str) else None


def spoil_layers(spoil):
    """Have every channel layer spoiled, of whatever class, when it is first asked for."""
    found = ChannelLayerManager.__getitem__

    def __getitem__(self, alias):
        layer = found(self, alias)
        if "spoiled" not in vars(layer):
            layer.spoiled = True
            spoil(layer)
        return layer

    ChannelLayerManager.__getitem__ = __getitem__


def spoil_sockets(spoil):
    """Have every ASGI application spoiled for sockets, where Channels or a communicator calls it:
    consumers, and functions that speak ASGI themselves. Some are spoiled twice; that is no more."""

    def for_sockets(application):
        async def called(scope, receive, send):
            spoiled = spoil(application) if scope.get("type") == "websocket" else application
            return await spoiled(scope, receive, send)

        return called

    def method_of(kind):
        call = kind.__call__

        async def __call__(self, scope, receive, send):
            return await for_sockets(partial(call, self))(scope, receive, send)

        kind.__call__ = __call__

    for kind in ProtocolTypeRouter, URLRouter, AsyncConsumer:
        method_of(kind)
    made = ApplicationCommunicator.__init__

    def __init__(self, *arguments, **named):
        made(self, *arguments, **named)
        self.application = for_sockets(self.application)

    ApplicationCommunicator.__init__ = __init__


if fault := os.environ.get("OWN_TESTS_FAULT"):
    globals()[fault]()


# What follows is for pytest.
running = []  # the id of the test that runs, until it is noted


def note(name, words):
    """Add a line to this file of notes."""
    with (NOTES / name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(words) + "\n")


def pytest_configure():
    """Note every test that plays the far end of a socket."""
    made = ApplicationCommunicator.__init__

    def __init__(self, *arguments, **named):
        made(self, *arguments, **named)
        while running:
            note("sockets", running.pop())

    ApplicationCommunicator.__init__ = __init__


def pytest_runtest_logstart(nodeid):
    running[:] = [nodeid]


def pytest_sessionstart(session):
    """See whether there are settings, before the imports of a test may bring them."""
    from pytest_django.lazy_django import django_settings_is_configured

    session.has_settings = django_settings_is_configured()


def pytest_collection_modifyitems(config, items):
    """If tests are named, leave out the others."""
    if (named := NOTES / "only").exists():
        only = {json.loads(line) for line in named.read_text(encoding="utf-8").splitlines()}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in only])
        items[:] = [item for item in items if item.nodeid in only]


def pytest_collection_finish(session):
    """Without settings, note the files of tests."""
    if not session.has_settings:
        for file in dict.fromkeys(item.nodeid.partition("::")[0] for item in session.items):
            note("files", file)
