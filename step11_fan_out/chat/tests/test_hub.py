"""The hub: alone, where a test has to choose the moment, or with the consumer, but no server."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import SimpleNamespace
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest
from channels.auth import AuthMiddlewareStack
from channels.layers import get_channel_layer
from channels.routing import URLRouter

from chat import history, hub
from chat.rooms import group_name
from chat.routing import websocket_urlpatterns

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long
GROUP = group_name("kitchen")
CLOSE = {"type": "websocket.close", "code": 4000}
consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@asynccontextmanager
async def nothing_left():
    """Whatever happens in this block, no task and no room must be left after it."""
    before = asyncio.all_tasks()
    yield
    await get_channel_layer().flush()  # on Redis, the layer has tasks of its own: end them
    tasks = asyncio.all_tasks() - before - {asyncio.current_task()}
    if tasks:
        _, tasks = await asyncio.wait(tasks, timeout=PATIENCE)
    assert not tasks, f"Without tabs, no task should run: {tasks}"
    assert not hub.rooms, f"Without tabs, there should be no room: {hub.rooms}"


@pytest.fixture(autouse=True)
async def no_test_leaves_anything(transactional_db):
    async with nothing_left():
        yield


@pytest.fixture
async def enter():
    """Enter a room as the consumer does, and get an outbox. In the end, leave."""
    async with AsyncExitStack() as stack:

        async def enter(room="kitchen"):
            async with asyncio.timeout(PATIENCE):
                return await stack.enter_async_context(hub.join(room, group_name(room)))

        yield enter


@pytest.fixture
def open_socket(new_socket, log_in):
    """Open a socket in the kitchen. `before_send` can make the server's `send` wait, or fail."""

    async def open_socket(before_send=None):
        async def application(scope, receive, send):
            async def slow_send(event):
                await before_send(event)
                await send(event)

            await consumer(scope, receive, slow_send if before_send else send)

        socket = new_socket(application, "kitchen", client=await log_in())
        assert await socket.opens(), "The hub should let the tab in."
        return socket

    return open_socket


@pytest.fixture
async def layer(monkeypatch):
    """The channel layer as the hub sees it, with methods that count their calls, and that a test
    can replace. The consumers, which have a channel each for their users, see the layer itself."""
    layer = get_channel_layer()
    names = "new_channel", "group_add", "group_discard", "receive"
    hubs = SimpleNamespace(**{name: AsyncMock(side_effect=getattr(layer, name)) for name in names})
    monkeypatch.setattr(hub, "get_channel_layer", lambda: hubs)
    return hubs


async def send(text, room="kitchen"):
    """Store a message and send its event, as another process does."""
    frame = await history.write(room, None, text, uuid4())
    event = {"type": "chat.message", "frame": frame}
    await get_channel_layer().group_send(group_name(room), event)


async def next_text(outbox):
    """Return the text that comes next, or None at the end. Return "nothing" if nothing comes."""
    try:
        item = await asyncio.wait_for(outbox.get(), PATIENCE)
    except TimeoutError:
        return "nothing"
    return item and json.loads(item["json"])["message"]


async def gets_the_next_message(outbox):
    await send("hello")
    return await next_text(outbox) == "hello"


async def all_get(text, *tabs):
    """Send a message and wait until these tabs have it: then each has read the history, too."""
    await send(text)
    for tab in tabs:
        assert await tab.next_message() == text


async def until(condition, sentence):
    """Let the others run until the condition is true. Fail with the sentence if it stays false."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0)
    assert condition(), sentence


async def test_tabs_share_the_subscription_of_their_room(open_socket, enter, layer):
    ann, bob, cleo = await open_socket(), await open_socket(), await enter("garden")
    assert layer.new_channel.await_count == 2, "Each room should need a channel, not each tab."
    assert layer.group_add.await_count == 2, "Each room should subscribe, not each tab."
    await send("for the kitchen")
    await send("for the garden", "garden")
    for name, tab in ("Ann", ann), ("Bob", bob):
        assert await tab.next_message() == "for the kitchen", f"{name} should get it."
    assert await next_text(cleo) == "for the garden", "Cleo is in the garden only."


async def test_a_message_is_encoded_once(enter):
    ann, bob = await enter(), await enter()
    await send("hello")
    assert await ann.get() is await bob.get(), "Both should get the same object."


async def test_tabs_wait_until_their_room_has_subscribed(enter, layer):
    subscribe, gate = layer.group_add.side_effect, asyncio.Event()

    async def slowly(*arguments):
        await gate.wait()
        await subscribe(*arguments)

    layer.group_add.side_effect = slowly
    entering = [asyncio.create_task(enter()) for _ in range(2)]
    await until(lambda: layer.group_add.called, "The room should subscribe.")
    assert not any(task.done() for task in entering), "Nobody should be in before that."
    gate.set()
    ann, bob = [await task for task in entering]
    assert await gets_the_next_message(ann), "Ann is in, so she should get all from now on."
    assert await next_text(bob) == "hello", "Bob is in, so he should, too."


async def test_the_last_tab_ends_the_subscription(layer):
    async with hub.join("kitchen", GROUP) as bob:
        room = hub.rooms[GROUP]
        async with hub.join("kitchen", GROUP) as ann:
            pass
        assert await gets_the_next_message(bob), "Bob is still in the room."
        assert ann.empty(), "Ann has left and should get nothing."
        assert not layer.group_discard.called, "The room should keep its subscription for Bob."
    await asyncio.wait([room.subscription], timeout=PATIENCE)
    channel = layer.group_add.await_args.args[1]
    layer.group_discard.assert_awaited_once_with(GROUP, channel)


async def test_one_tab_enters_in_the_moment_in_which_the_last_one_leaves(enter):
    async with hub.join("kitchen", GROUP):
        pass
    bob = await enter()
    assert await gets_the_next_message(bob), "Bob's room should have a subscription."


async def test_the_last_one_leaves_while_another_one_waits_for_the_subscription(enter, layer):
    first, second = asyncio.create_task(enter()), asyncio.create_task(enter())
    await until(lambda: layer.new_channel.called, "The room should subscribe.")
    first.cancel()
    bob = await second
    assert await gets_the_next_message(bob), "Bob should get it, whoever came before him."


async def test_a_burst_ends_no_outbox_of_a_tab_that_reads(open_socket, monkeypatch):
    monkeypatch.setattr(hub, "LIMIT", 3)
    ann = await open_socket()
    for number in range(8):
        await history.write("kitchen", None, f"number {number}", uuid4())
    await send("number 8")  # after this gap, the room reads all nine at once
    for number in range(9):
        assert await ann.next_message() == f"number {number}", "Ann should get all."


async def test_a_tab_that_stops_reading_loses_its_socket_and_blocks_nobody(
    open_socket, monkeypatch
):
    monkeypatch.setattr(hub, "LIMIT", 3)
    reading = asyncio.Event()
    reading.set()
    bob = await open_socket(before_send=lambda event: reading.wait())
    ann, cleo = await open_socket(), await open_socket()
    await all_get("ready", ann, bob, cleo)
    reading.clear()
    for number in range(9):
        await send(f"number {number}")
        for name, tab in ("Ann", ann), ("Cleo", cleo):
            assert await tab.next_message() == f"number {number}", (
                f"{name} should not wait for Bob."
            )
    longest = max(outbox.qsize() for outbox in hub.rooms[GROUP].outboxes)
    assert longest <= 3, "What waits for Bob should have a limit."
    reading.set()
    assert await bob.next_message() == "number 0", "This was on its way already."
    assert await bob.receive_output(PATIENCE) == CLOSE, "Then Bob's socket should close."


async def test_a_tab_that_reads_again_in_time_has_missed_nothing(open_socket, monkeypatch):
    monkeypatch.setattr(hub, "LIMIT", 3)
    reading = asyncio.Event()
    reading.set()
    ann, bob = await open_socket(), await open_socket(before_send=lambda event: reading.wait())
    await all_get("ready", ann, bob)
    reading.clear()
    for number in range(4):  # one is on its way, three wait
        await send(f"number {number}")
        await ann.next_message()
    reading.set()
    for number in range(4):
        assert await bob.next_message() == f"number {number}", "Bob should get all."


async def test_a_tab_that_cannot_be_sent_to_is_closed_and_the_others_go_on(open_socket):
    fails_once = AsyncMock(side_effect=[None, ValueError("this is no frame"), None])
    bob, ann = await open_socket(before_send=fails_once), await open_socket()
    for text in "one", "two":
        await send(text)
        assert await ann.next_message() == text, f"Ann should get {text!r}."
    assert await bob.receive_output(PATIENCE) == CLOSE, "After the error, Bob's should close."


async def test_when_the_subscription_is_lost_every_socket_is_closed(open_socket, enter, layer):
    receive, broken = layer.receive.side_effect, asyncio.Event()

    async def until_broken(channel):
        await broken.wait()
        raise ConnectionError("the layer is gone")

    layer.receive.side_effect = until_broken
    ann = await open_socket()
    async with hub.join("kitchen", GROUP) as bob:
        broken.set()
        assert await ann.receive_output(PATIENCE) == CLOSE, "Ann should have to come back."
        assert await next_text(bob) is None, "Bob should have to come back."
        layer.receive.side_effect = receive
        cleo = await enter()  # while Bob is still on his way out
    assert await gets_the_next_message(cleo), "Cleo's room should have a subscription."
    await enter()
    assert layer.group_add.await_count == 2, "Cleo's room should be there for the next one."


async def test_without_a_subscription_nobody_is_let_in(enter, new_socket, log_in, layer):
    layer.group_add.side_effect = ConnectionError("the layer is gone")
    errors = await asyncio.gather(enter(), enter(), return_exceptions=True)
    assert [type(error) for error in errors] == [ConnectionError] * 2, "Nobody should be let in."
    assert layer.group_add.await_count == 1, "One room should try it once."
    socket = new_socket(consumer, "kitchen", client=await log_in())
    assert not await socket.opens(), "The socket should be refused."


async def test_a_socket_that_is_cancelled_while_it_connects_leaves_nothing(
    new_socket, log_in, layer
):
    layer.group_add.side_effect = lambda *arguments: asyncio.Future()  # no answer ever comes
    async with nothing_left():
        socket = new_socket(consumer, "kitchen", client=await log_in())
        await socket.send_input({"type": "websocket.connect"})
        await until(lambda: layer.group_add.called, "The room should subscribe.")
        socket.future.cancel()


async def test_a_consumer_that_fails_leaves_its_room(open_socket, monkeypatch):
    socket = await open_socket()
    monkeypatch.setattr(
        get_channel_layer(), "group_send", AsyncMock(side_effect=ConnectionError("gone"))
    )
    await socket.send_json_to({"message": "hello"})
    await asyncio.wait([socket.future], timeout=PATIENCE)
    assert isinstance(socket.future.exception(), ConnectionError), "The error should come out."
    await until(lambda: not hub.rooms, "Its tab was the only one, so the room should be gone.")
