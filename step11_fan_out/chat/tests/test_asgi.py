"""The whole ASGI application, as a server calls it: the consumer behind its origin check."""

import pytest

# Up here, not in a test: the origin check reads ALLOWED_HOSTS once, on import, and while a test
# runs Django's test client has its own host in there, too.
from mysite.asgi import application


@pytest.mark.parametrize("origin", ["http://localhost:8005", "http://127.0.0.1", "http://[::1]"])
async def test_a_page_of_this_site_may_open_a_socket(new_socket, log_in, origin):
    socket = new_socket(application, "kitchen", origin, client=await log_in())
    assert await socket.opens(), f"A page of {origin} is ours and should get its socket."
    await socket.send_json_to({"message": "hello"})
    assert await socket.next_message() == "hello", "The socket should lead to the chat."


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "http://localhost.example.com", "null", None],
    ids=["another site", "a host that starts like ours", "a sandboxed page", "no page at all"],
)
async def test_a_socket_is_refused_to(new_socket, log_in, origin):
    """Scripts meet this, too: a program that opens a socket has to send an Origin header."""
    socket = new_socket(application, "kitchen", origin, client=await log_in())
    assert not await socket.opens(), f"The origin {origin} is not ours, yet it got a socket."
