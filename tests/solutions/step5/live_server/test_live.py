"""Different here: the chat is that of the chapter, and its tests know it only from outside: they
start a server in a process of its own and speak to it as any WebSocket client would."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SECONDS = 3
WEB = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def site():
    """Start Daphne and wait until it says that it listens; return its address without a scheme."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "daphne", "--port", port, "mysite.asgi:application"]
    folder = Path(__file__).parent
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
        for line in server.stderr:
            if "Listening on TCP" in line:
                break
        yield f"localhost:{port}"
        server.terminate()
        server.communicate()


@pytest.fixture
def join(site):
    """Open sockets, which are closed after the test."""
    with ExitStack() as sockets:

        def join(room, origin=f"http://{site}"):
            address = f"ws://{site}/ws/chat/{quote(room, safe='')}/"
            return sockets.enter_context(connect(address, origin=origin, proxy=None))

        yield join


def hears(tab):
    """Return the next frame that comes to this tab, or None."""
    with suppress(TimeoutError):
        return json.loads(tab.recv(SECONDS))


def test_the_room_has_a_page(site):
    with WEB.open(f"http://{site}/chat/?room=my+room", timeout=SECONDS) as page:
        assert page.url == f"http://{site}/chat/my%20room/"
        assert "<h1>my room</h1>" in page.read().decode()


def test_tabs_hear_who_is_in_their_room_and_nobody_else(join):
    ann, bob, eve = join("my room"), join("my room"), join("my-room")
    ann.send('{"message": "hello"}')
    assert hears(ann) == hears(bob) == {"message": "hello"}
    eve.send('{"message": "alone"}')
    assert hears(eve) == {"message": "alone"}
    bob.send('{"message": "bye"}')
    assert hears(ann) == hears(bob) == {"message": "bye"}


def test_bad_frames_are_told_from_good_ones(join):
    ann = join("my room")
    for frame in "hello", b"\x00", '{"message": "%s"}' % ("x" * 1001):
        ann.send(frame)
        assert hears(ann).keys() == {"error"}
    ann.send('{"message": "%s"}' % ("x" * 1000))
    assert hears(ann) == {"message": "x" * 1000}


@pytest.mark.parametrize(
    ("room", "origin"),
    [("my room", "http://example.com"), ("my room", None), ("x" * 81, "http://localhost")],
)
def test_a_socket_is_refused(join, room, origin):
    with pytest.raises(InvalidStatus, match="403"):
        join(room, origin)
