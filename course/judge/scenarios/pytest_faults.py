"""A pytest plugin: `--fault=NAME` breaks a chat in one respect while its tests run. It changes
Channels, not the chat's own code, so it fits every chat. own_tests.py copies it to a folder alone
(it imports nothing of the course), and has asgi.py call `plant`, for servers that tests start."""

import json
import os
from functools import cache, partial
from inspect import iscoroutinefunction

from asgiref.testing import ApplicationCommunicator
from channels.layers import ChannelLayerManager
from channels.routing import ProtocolTypeRouter
from channels.security.websocket import OriginValidator, WebsocketDenier

FOREIGN = "a foreign origin"  # why a socket is closed
NO_SETTINGS = "without Django settings: "  # begins a line of pytest's, before the path of a file


async def speaker_only(application, scope, receive, send):
    """A message comes back to the socket that sent it, and reaches no other."""
    said = set()

    async def remember():
        event = await receive()
        said.add(text_in(event, "message"))
        return event

    async def send_own(event):
        if text_in(event, "message") in said | {None}:
            await send(event)

    await application(scope, remember, send_own)


async def no_error(application, scope, receive, send):
    """A frame with an error is not sent."""

    async def send_the_rest(event):
        if text_in(event, "error") is None:
            await send(event)

    await application(scope, receive, send_the_rest)


async def any_name(application, scope, receive, send):
    """A socket that is refused, or has no route, opens; one of a foreign origin stays closed."""
    answered = False

    async def accept(event):
        nonlocal answered
        refused = not answered and event["type"] == "websocket.close"
        answered = True
        if refused and event.get("reason") != FOREIGN:
            event = {"type": "websocket.accept"}
        await send(event)

    try:
        await application(scope, receive, accept)
    except ValueError:
        if answered:
            raise
        await send({"type": "websocket.accept"})  # URLRouter had no route
        while (await receive())["type"] != "websocket.disconnect":
            pass


def text_in(event, key):
    """Return the text under this key of the JSON in an ASGI event's frame, or None."""
    try:
        return str(json.loads(event.get("text") or event.get("bytes") or "")[key]).strip()
    except (ValueError, RecursionError, TypeError, KeyError):
        return None


def around_sockets(fault):
    """Call `fault` with every ASGI application that serves sockets, or that a test plays with."""

    def spoiled(application):
        async def call(scope, receive, send):
            socket = scope["type"] == "websocket"
            await (partial(fault, application) if socket else application)(scope, receive, send)

        return call

    route, made = ProtocolTypeRouter.__call__, ApplicationCommunicator.__init__

    async def __call__(self, scope, receive, send):
        await spoiled(partial(route, self))(scope, receive, send)

    def __init__(self, application, scope):
        made(self, application, scope)
        self.application = spoiled(self.application)

    ProtocolTypeRouter.__call__, ApplicationCommunicator.__init__ = __call__, __init__


def one_room():
    """Every group of a channel layer has the same name."""
    make = ChannelLayerManager._make_backend

    async def to_everybody(method, group, *rest, **named):
        return await method("everybody", *rest, **named)

    def _make_backend(self, name, config):
        layer = make(self, name, config)
        for method in "group_add", "group_discard", "group_send":
            setattr(layer, method, partial(to_everybody, getattr(layer, method)))
        return layer

    ChannelLayerManager._make_backend = _make_backend


FAULTS = {
    "speaker_only": partial(around_sockets, speaker_only),
    "no_error": partial(around_sockets, no_error),
    "one_room": one_room,
    "any_origin": lambda: setattr(OriginValidator, "valid_origin", lambda self, origin: True),
    "any_name": partial(around_sockets, any_name),
}


@cache
def plant(name):
    """Put one of FAULTS into Channels; the second time, do nothing."""
    WebsocketDenier.connect = lambda self: self.close(reason=FOREIGN)
    FAULTS[name]()


def pytest_addoption(parser):
    parser.addoption("--fault", choices=[*FAULTS])


def pytest_configure(config):
    """Put the fault in; note whether there are settings, before a test's imports bring them."""
    config.has_settings = "DJANGO_SETTINGS_MODULE" in os.environ
    if fault := config.getoption("--fault"):
        plant(fault)


def pytest_collection_modifyitems(config, items):
    """With a fault, run the async tests first: they are quick, and see most faults."""
    if config.getoption("--fault"):
        items.sort(key=lambda item: not iscoroutinefunction(getattr(item, "obj", None)))


def pytest_report_collectionfinish(config, items):
    """Without settings, print the files of tests."""
    files = dict.fromkeys(item.nodeid.partition("::")[0] for item in items)
    return [] if config.has_settings else [NO_SETTINGS + file for file in files]
