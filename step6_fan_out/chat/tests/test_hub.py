"""The hub without sockets: tabs are outboxes, and what a server would send to them is noted."""

import asyncio

import pytest
from channels.layers import get_channel_layer

from chat import hub, outbox
from chat.rooms import group_name

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long
KITCHEN, GARDEN = group_name("kitchen"), group_name("garden")


class Tab:
    """A tab and its outbox. It can stop reading: then sending to it takes until it reads again."""

    def __init__(self):
        self.outbox = outbox.Outbox(self.send)
        self.events = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, event):
        """The outbox calls this, in place of a server's function."""
        await self.reads.wait()
        self.events.put_nowait(event)

    async def next_event(self):
        """Return what comes next, or None if nothing comes."""
        try:
            return await asyncio.wait_for(self.events.get(), PATIENCE)
        except TimeoutError:
            return None


def frame(text):
    return {"type": "websocket.send", "text": f'{{"message": "{text}"}}'}


async def say(text, group=KITCHEN):
    await get_channel_layer().group_send(group, {"type": "chat.message", "message": text})


@pytest.fixture(autouse=True)
async def nothing_is_left():
    """After each test, when every tab has left: no room, and no task of the hub."""
    tabs = []
    yield tabs
    for tab in tabs:
        hub.leave(tab.outbox)
    async with asyncio.timeout(PATIENCE):
        while left := [task for task in asyncio.all_tasks() if "Room." in repr(task.get_coro())]:
            await asyncio.wait(left)
    assert hub.rooms == {}, "When everybody has left, no room should be left."


@pytest.fixture
def enter(nothing_is_left):
    """Let a tab enter a room."""

    async def enter(group=KITCHEN):
        nothing_is_left.append(tab := Tab())
        assert await hub.join(group, tab.outbox), "The hub should let a tab in."
        return tab

    return enter


async def test_tabs_of_a_room_share_a_subscription_and_the_frame(enter, monkeypatch):
    layer = get_channel_layer()
    made, new_channel = [], layer.new_channel

    async def count():
        made.append(await new_channel())
        return made[-1]

    monkeypatch.setattr(layer, "new_channel", count)
    ann, bob, cleo = await enter(), await enter(), await enter(GARDEN)
    assert len(made) == 2, f"Two rooms should have two channels, not {len(made)}."
    await say("hello")
    heard = await ann.next_event()
    assert heard == frame("hello"), "Ann should hear what is said."
    assert await bob.next_event() is heard, "Bob should get the very same frame: encoded once."
    await say("for the garden", GARDEN)
    assert await cleo.next_event() == frame("for the garden"), "Cleo should hear her room only."
