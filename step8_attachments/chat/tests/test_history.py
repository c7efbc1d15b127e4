"""The history: every message of a room reaches a tab once and in order, whenever the tab comes."""

import asyncio
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.db import OperationalError

from chat import history, reader
from chat.models import Message
from chat.rooms import group_name
from chat.routing import websocket_urlpatterns

consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@pytest.fixture
def join(new_socket, log_in):
    """Open a socket in the kitchen, as a page does that has the messages up to `since`."""

    async def join(since=""):
        socket = new_socket(consumer, "kitchen", since=since, client=await log_in())
        assert await socket.opens(), "The kitchen should have let the socket in."
        return socket

    return join


async def store(*texts, room="kitchen"):
    """Store messages as another process does. Return their frames."""
    return [await history.write(room, None, text, uuid4()) for text in texts]


async def ring(frame):
    """Send the event for a message that is stored."""
    event = {"type": "chat.message", "frame": frame}
    await get_channel_layer().group_send(group_name("kitchen"), event)


async def test_a_new_page_gets_what_was_sent_before(join):
    first, second = await store("one", "two")
    await store("elsewhere", room="garden")
    tab = await join()
    assert await tab.next_frame() == first
    assert await tab.next_frame() == second
    await tab.send_json_to({"message": "three"})
    assert await tab.next_message() == "three", "Nothing of the garden should come."


async def test_a_page_that_comes_back_gets_what_it_missed(join):
    await store("one", "two", "three")
    tab = await join(since=1)
    await tab.send_json_to({"message": "four"})
    for text in "two", "three", "four":
        assert await tab.next_message() == text


async def test_a_page_of_an_empty_room_gets_all_that_it_missed(join):
    await store(*"abcdefghij" * 6)
    tab = await join(since=0)
    assert (await tab.next_frame())["number"] == 1, "It has nothing, but it was here before."


@pytest.mark.parametrize(
    ("since", "number"),
    [("", 451), ("-1", 451), ("x", 451), ("9" * 5000, 451), ("501", 451), ("0", 1)],
)
async def test_a_page_without_a_number_of_this_room_gets_the_newest(join, since, number):
    await database_sync_to_async(Message.objects.bulk_create)(
        Message(room="kitchen", number=number, page_id=uuid4(), text="hello")
        for number in range(1, 501)
    )
    tab = await join(since)
    assert (await tab.next_frame())["number"] == number


async def test_a_page_that_missed_too_much_gets_the_newest(join, monkeypatch):
    monkeypatch.setattr(history, "MOST", 3)
    monkeypatch.setattr(history, "NEWEST", 2)
    await store(*"abcdef")
    assert (await (await join(since=3)).next_frame())["number"] == 4, "It missed three."
    assert (await (await join(since=2)).next_frame())["number"] == 5, "It missed four."


async def test_a_message_that_is_sent_just_before_the_query_comes_once(join, monkeypatch):
    read = history.read

    async def slow_read(room, after):
        monkeypatch.undo()
        await ring(*await store("one"))
        return await read(room, after)

    monkeypatch.setattr(history, "read", slow_read)
    tab = await join()
    await tab.send_json_to({"message": "two"})
    assert await tab.next_message() == "one"
    assert await tab.next_message() == "two"


async def test_a_message_that_is_sent_just_after_the_query_is_not_lost(join, monkeypatch):
    read = history.read

    async def slow_read(room, after):
        monkeypatch.undo()
        frames = await read(room, after)
        await ring(*await store("one"))
        return frames

    monkeypatch.setattr(history, "read", slow_read)
    tab = await join()
    assert await tab.next_message() == "one", "It should wait in the channel."


async def test_events_that_are_dropped_or_late_change_nothing(join):
    tab = await join()
    one, _, three, four = await store("one", "two", "three", "four")
    for frame in three, one, four:  # the second is dropped
        await ring(frame)
    await tab.send_json_to({"message": "five"})
    for text in "one", "two", "three", "four", "five":
        assert await tab.next_message() == text


async def test_when_the_last_event_is_dropped_the_message_comes_all_the_same(join, monkeypatch):
    monkeypatch.setattr(reader, "QUIET", 0.1)
    tab = await join()
    one, _ = await store("one", "two")
    await ring(one)
    assert await tab.next_message() == "one"
    assert await tab.next_message() == "two"


async def test_a_message_that_is_sent_twice_is_stored_once(join):
    frame = {"message": "hello", "id": str(uuid4())}
    ann, bob = await join(), await join()
    await ann.send_json_to(frame)
    assert await ann.next_frame() == frame | {"number": 1, "author": "ann"}
    await ann.send_json_to(frame)
    assert await ann.next_frame() == {"id": frame["id"]}, "Her page waits for an answer."
    await ann.send_json_to({"message": "barrier"})
    for number, text in (1, "hello"), (2, "barrier"):
        assert (await bob.next_frame()).items() >= {"message": text, "number": number}.items()


async def test_two_messages_never_get_the_same_number(monkeypatch, transactional_db):
    """Another process takes the number between the two queries of this one."""
    last_number = history.last_number

    def slow(room):
        monkeypatch.undo()
        number = last_number(room)
        Message.objects.create(room=room, number=number + 1, page_id=uuid4(), text="first")
        return number

    monkeypatch.setattr(history, "last_number", slow)
    (frame,) = await store("second")
    assert frame["number"] == 2


async def test_a_message_that_cannot_be_stored_is_answered(join, monkeypatch):
    tab = await join()
    monkeypatch.setattr(history, "last_number", Mock(side_effect=OperationalError("no answer")))
    await tab.send_json_to({"message": "hello"})
    assert "could not be stored" in (await tab.next_frame())["error"]
    monkeypatch.undo()
    await tab.send_json_to({"message": "hello again"})
    assert await tab.next_message() == "hello again", "The socket should stay open."


async def test_a_closed_socket_leaves_no_check(join, monkeypatch):
    monkeypatch.setattr(reader, "QUIET", 0.1)
    tab = await join()
    await tab.send_json_to({"message": "hello"})
    assert await tab.next_message() == "hello"
    await tab.disconnect()
    monkeypatch.setattr(history, "read", read := AsyncMock(return_value=[]))
    await asyncio.sleep(0.2)  # here, time itself is what is tested
    assert not read.called, "Nobody needs what it would read."
