"""The hub and its outboxes. Most tests need no socket: a tab is whoever can be sent to."""

import asyncio
from unittest.mock import AsyncMock

import pytest
from channels.layers import get_channel_layer
from channels.routing import URLRouter

from chat import hub, outbox
from chat.rooms import group_name
from chat.routing import websocket_urlpatterns

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long
KITCHEN, GARDEN = group_name("kitchen"), group_name("garden")


class Tab:
    """A tab without a socket. It can stop reading, as a laptop does whose lid is closed."""

    def __init__(self):
        self.outbox = outbox.Outbox(self.send)
        self.arrived = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, event):
        """Stand in for the server's function, which waits while a tab does not read."""
        await self.reading.wait()
        self.arrived.put_nowait(event)

    async def next_event(self):
        """Return the next event, or None if none comes, so that a test can say what is missing."""
        try:
            return await asyncio.wait_for(self.arrived.get(), PATIENCE)
        except TimeoutError:
            return None


@pytest.fixture(autouse=True)
async def tabs():
    """The tabs of a test. Once they have all left, nothing of theirs must be left in the hub."""
    tabs = []
    yield tabs
    for tab in tabs:
        hub.leave(tab.outbox)
    running = [task for task in asyncio.all_tasks() if "Room." in repr(task.get_coro())]
    if running:
        _, running = await asyncio.wait(running, timeout=PATIENCE)
    assert not running, f"Without tabs, no task should run: {running}"
    assert not hub.rooms, f"Without tabs, there should be no room: {hub.rooms}"


@pytest.fixture
def enter(tabs):
    """Let a new tab enter a room."""

    async def enter(group=KITCHEN):
        tabs.append(tab := Tab())
        async with asyncio.timeout(PATIENCE):
            assert await hub.join(group, tab.outbox), "The hub should let the tab in."
        return tab

    return enter


@pytest.fixture
def layer(monkeypatch):
    """The channel layer, with methods that count their calls, and that a test can replace."""
    layer = get_channel_layer()
    for name in "new_channel", "group_add", "group_discard", "receive":
        monkeypatch.setattr(layer, name, AsyncMock(side_effect=getattr(layer, name)))
    return layer


async def say(text, group=KITCHEN):
    await get_channel_layer().group_send(group, {"type": "chat.message", "message": text})


def frame(text):
    return {"type": "websocket.send", "text": f'{{"message": "{text}"}}'}


async def test_tabs_share_the_subscription_of_their_room(enter, layer):
    ann, bob, cleo = await enter(), await enter(), await enter(GARDEN)
    assert layer.group_add.await_count == 2, "Two rooms should subscribe, not each of three tabs."
    await say("for the kitchen")
    for name, tab in ("Ann", ann), ("Bob", bob):
        assert await tab.next_event() == frame("for the kitchen"), f"{name} should hear it."
    await say("for the garden", GARDEN)
    assert await cleo.next_event() == frame("for the garden"), "Cleo should hear her room only."


async def test_a_message_is_encoded_once(enter):
    ann, bob = await enter(), await enter()
    await say("hello")
    assert await ann.next_event() is await bob.next_event(), "Both should get the same object."


async def test_tabs_wait_until_their_room_has_subscribed(enter, layer):
    subscribe, gate = layer.group_add.side_effect, asyncio.Event()

    async def slowly(*arguments):
        await gate.wait()
        await subscribe(*arguments)

    layer.group_add.side_effect = slowly
    entering = [asyncio.create_task(enter()) for _ in range(2)]
    while not layer.group_add.called:
        await asyncio.sleep(0)
    assert not any(task.done() for task in entering), "Nobody should be in before that."
    gate.set()
    ann, bob = [await task for task in entering]
    await say("hello")
    assert await ann.next_event() == frame("hello"), "Ann should hear what is said once she is in."
    assert await bob.next_event() == frame("hello"), "Bob should hear what is said once he is in."


async def test_the_last_tab_ends_the_subscription(enter, layer):
    ann, bob = await enter(), await enter()
    room = hub.rooms[KITCHEN]
    hub.leave(ann.outbox)
    await say("hello")
    assert await bob.next_event() == frame("hello"), "Bob is in the room and should hear it."
    assert ann.arrived.empty(), "Ann has left and should hear nothing."
    assert not layer.group_discard.called, "The room should keep its subscription for Bob."
    hub.leave(bob.outbox)
    await asyncio.wait([room.listening], timeout=PATIENCE)
    channel = layer.group_add.await_args.args[1]
    layer.group_discard.assert_awaited_once_with(KITCHEN, channel)


async def test_one_tab_enters_in_the_moment_in_which_the_last_one_leaves(enter, layer):
    ann = await enter()
    hub.leave(ann.outbox)
    bob = await enter()
    await say("hello")
    assert await bob.next_event() == frame("hello"), "Bob's room should have a subscription."


async def test_the_last_one_leaves_while_another_one_waits_for_the_subscription(enter, tabs, layer):
    first, second = asyncio.create_task(enter()), asyncio.create_task(enter())
    while not layer.new_channel.called:
        await asyncio.sleep(0)
    first.cancel()
    hub.leave(tabs[0].outbox)
    bob = await second
    await say("hello")
    assert await bob.next_event() == frame("hello"), "Bob should hear, whoever has come before him."


async def test_a_tab_that_stops_reading_loses_its_socket_and_holds_up_nobody(enter, monkeypatch):
    monkeypatch.setattr(outbox, "LIMIT", 3)
    everybody = [await enter() for _ in range(3)]
    first = next(iter(hub.rooms[KITCHEN].outboxes))  # the one that a writer comes to first
    bob, ann, cleo = sorted(everybody, key=lambda tab: tab.outbox is not first)
    bob.reading.clear()
    for number in range(9):
        await say(f"number {number}")
        for name, tab in ("Ann", ann), ("Cleo", cleo):
            heard = await tab.next_event()
            assert heard == frame(f"number {number}"), f"{name} should not wait for Bob."
    assert len(bob.outbox.frames) <= 4, "What waits for Bob should have a limit."
    bob.reading.set()
    assert await bob.next_event() == frame("number 0"), "This was on its way already."
    assert await bob.next_event() == outbox.CLOSE, "Then Bob's socket should close."


async def test_a_tab_that_reads_again_in_time_has_missed_nothing(enter, monkeypatch):
    monkeypatch.setattr(outbox, "LIMIT", 3)
    ann, bob = await enter(), await enter()
    bob.reading.clear()
    for number in range(4):  # one is on its way, three wait
        await say(f"number {number}")
        await ann.next_event()
    bob.reading.set()
    for number in range(4):
        assert await bob.next_event() == frame(f"number {number}"), "Bob should get all, in order."


async def test_a_tab_that_cannot_be_sent_to_is_closed_and_the_others_go_on(enter, monkeypatch):
    ann, bob, cleo = await enter(), await enter(), await enter()
    send = AsyncMock(side_effect=[ValueError("this is no frame"), None])
    monkeypatch.setattr(bob.outbox, "send", send)
    for text in "one", "two":
        await say(text)
        for name, tab in ("Ann", ann), ("Cleo", cleo):
            assert await tab.next_event() == frame(text), f"{name} should hear {text!r}."
    events = [call.args[0] for call in send.await_args_list]
    assert events == [frame("one"), outbox.CLOSE], "After the error, Bob's socket should close."


async def test_when_the_subscription_is_lost_every_socket_is_closed(enter, layer):
    receive, broken = layer.receive.side_effect, asyncio.Event()

    async def until_broken(channel):
        await broken.wait()
        raise ConnectionError("the layer is gone")

    layer.receive.side_effect = until_broken
    ann, bob = await enter(), await enter()
    broken.set()
    for name, tab in ("Ann", ann), ("Bob", bob):
        assert await tab.next_event() == outbox.CLOSE, f"{name} should be told to come back."
    layer.receive.side_effect = receive
    cleo = await enter()  # while Ann and Bob are still on their way out
    await say("hello")
    assert await cleo.next_event() == frame("hello"), "Who comes back should be heard again."
    for tab in ann, bob:
        hub.leave(tab.outbox)
    await enter()
    assert layer.group_add.await_count == 2, "Cleo's room should be there for the next one."


async def test_without_a_subscription_nobody_is_let_in(tabs, layer):
    layer.group_add.side_effect = ConnectionError("the layer is gone")
    tabs += Tab(), Tab()
    async with asyncio.timeout(PATIENCE):
        joined = await asyncio.gather(*(hub.join(KITCHEN, tab.outbox) for tab in tabs))
    assert joined == [False, False], "Nobody should be let into a room that hears nothing."
    assert layer.group_add.await_count == 1, "One room should try it once."


# With sockets, but still without a server.


async def test_a_socket_has_no_channel_of_its_own(new_socket, layer):
    for _ in range(2):
        assert await new_socket(URLRouter(websocket_urlpatterns), "kitchen").opens()
    assert layer.new_channel.await_count == 1, "Two sockets in a room should need one channel."


async def test_a_socket_that_is_cancelled_while_it_connects_leaves_nothing(new_socket, layer):
    asked = asyncio.Event()

    async def never(*arguments):
        asked.set()
        await asyncio.Event().wait()

    layer.group_add.side_effect = never
    socket = new_socket(URLRouter(websocket_urlpatterns), "kitchen")
    await socket.send_input({"type": "websocket.connect"})
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    socket.future.cancel()
    await asyncio.wait([socket.future], timeout=PATIENCE)  # the fixture looks at what is left


async def test_a_consumer_that_fails_leaves_its_room(new_socket, layer, monkeypatch):
    socket = new_socket(URLRouter(websocket_urlpatterns), "kitchen")
    assert await socket.opens()
    monkeypatch.setattr(layer, "group_send", AsyncMock(side_effect=ConnectionError("gone")))
    await socket.send_json_to({"message": "hello"})
    await asyncio.wait([socket.future], timeout=PATIENCE)
    assert isinstance(socket.future.exception(), ConnectionError), "The error should come out."
    assert not hub.rooms, "Its tab was the only one, so the room should be gone."
