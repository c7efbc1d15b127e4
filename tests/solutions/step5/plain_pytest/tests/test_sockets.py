"""Different here: plain functions in a folder `tests` of the project, a fixture that opens sockets,
each test marked for asyncio, settings in pyproject.toml; the consumer is an AsyncConsumer."""

import pytest
import pytest_asyncio
from channels.testing import WebsocketCommunicator
from django.conf import settings

from mysite.asgi import application

pytestmark = pytest.mark.asyncio
OURS = [(b"origin", f"http://{settings.ALLOWED_HOSTS[0]}".encode())]
SECONDS = 2


@pytest.fixture(autouse=True)
def in_memory(settings):
    """Each test has a channel layer of its own, since it has an event loop of its own."""
    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.CHANNEL_LAYERS = {"default": layer}


@pytest_asyncio.fixture
async def connect():
    """Open sockets with this; what it returns is the socket, or None if it was refused."""
    sockets = []

    async def connect(path, headers=OURS):
        sockets.append(WebsocketCommunicator(application, path, headers))
        accepted, _ = await sockets[-1].connect(SECONDS)
        return sockets[-1] if accepted else None

    yield connect
    for socket in sockets:
        await socket.disconnect()


@pytest_asyncio.fixture
async def ann(connect):
    return await connect("/ws/chat/lobby/")


@pytest_asyncio.fixture
async def bob(connect):
    return await connect("/ws/chat/lobby/")


async def test_bob_hears_ann(ann, bob):
    await ann.send_json_to({"message": "Bob?"})
    assert await bob.receive_json_from(SECONDS) == {"message": "Bob?"}


async def test_ann_hears_herself_once(ann):
    for word in "one", "two":
        await ann.send_json_to({"message": word})
        assert await ann.receive_json_from(SECONDS) == {"message": word}


async def test_the_attic_does_not_hear_the_lobby(ann, connect):
    attic = await connect("/ws/chat/attic/")
    await ann.send_json_to({"message": "psst"})
    await ann.receive_json_from(SECONDS)
    await attic.send_json_to({"message": "who is there?"})
    assert await attic.receive_json_from(SECONDS) == {"message": "who is there?"}


@pytest.mark.parametrize("frame", ["", "{", "null", '{"message": 1}', '{"message": "a\\nb"}'])
async def test_a_bad_frame_is_answered_to_ann_alone(ann, bob, frame):
    await ann.send_input({"type": "websocket.receive", "text": frame})
    assert (await ann.receive_json_from(SECONDS))["error"]
    await ann.send_json_to({"message": "a good one"})
    assert await bob.receive_json_from(SECONDS) == {"message": "a good one"}


@pytest.mark.parametrize("headers", [[], [(b"origin", b"https://example.org")]])
async def test_strangers_stay_outside(connect, headers):
    assert await connect("/ws/chat/lobby/", headers) is None


@pytest.mark.parametrize("room", ["%0A", "..", "a" * 81])
async def test_there_is_no_such_room(connect, room):
    assert await connect(f"/ws/chat/{room}/") is None
