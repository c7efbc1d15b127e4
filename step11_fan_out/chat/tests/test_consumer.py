"""The consumer alone: frames go in, frames come out; no server, no browser, no origin check."""

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter

from chat.routing import websocket_urlpatterns

# The router gives the consumer the name of its room.
consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@pytest.fixture
def join(new_socket, log_in):
    """Open a socket in a room."""

    async def join(room):
        socket = new_socket(consumer, room, client=await log_in())
        assert await socket.opens(), f"The room {room!r} should have let the socket in."
        return socket

    return join


async def test_a_message_reaches_everybody_in_the_room(join):
    ann, bob = await join("大家"), await join("大家")
    for sender, text in (ann, "hello, Bob"), (bob, "hello, Ann"):
        await sender.send_json_to({"message": text})
        assert await ann.next_message() == text, f"Ann should have received {text!r}."
        assert await bob.next_message() == text, f"Bob should have received {text!r}."


async def test_a_message_stays_in_its_room(join):
    """Bob sends last: if Ann's message had also gone to his room, he would get it first."""
    ann, bob = await join("kitchen"), await join("garden")
    await ann.send_json_to({"message": "for the kitchen"})
    assert await ann.next_message() == "for the kitchen", "Ann should get her own."
    await bob.send_json_to({"message": "for the garden"})
    assert await bob.next_message() == "for the garden", "Bob should get only his own."


@pytest.mark.parametrize(
    "frame",
    [{"text": "no JSON"}, {"text": ""}, {"bytes": b"\xff"}],
    ids=["text", "no text", "binary"],
)
async def test_a_bad_frame_is_answered_and_the_socket_stays_open(join, frame):
    """Every kind of bad frame is in test_messages.py; here, each way that one can come in."""
    ann, bob = await join("kitchen"), await join("kitchen")
    await ann.send_input({"type": "websocket.receive"} | frame)
    answer = await ann.next_frame()
    assert answer and answer.keys() == {"error"}, f"Ann should get an error, but got {answer}."
    await ann.send_json_to({"message": "a good one"})
    assert await ann.next_message() == "a good one", "The good frame should go through."
    assert await bob.next_message() == "a good one", "Bob should see no error of Ann's."


@pytest.mark.parametrize("room", ["x" * 81, " kitchen", "kit\nchen", ".."])
async def test_a_room_with_a_bad_name_lets_nobody_in(new_socket, room):
    """The page of such a room is a 404, but anybody can ask for a socket without its page."""
    assert not await new_socket(consumer, room).opens(), "The consumer should have refused."
