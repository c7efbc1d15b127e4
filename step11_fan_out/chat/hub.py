"""The hub: this process receives every message of a room once, for all its tabs in the room."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

from channels.layers import get_channel_layer

from chat.reader import Reader

LIMIT = 500  # messages that may wait for one tab; if more do, the tab has stopped reading
rooms = {}  # the rooms that tabs of this process are in, by the names of their groups
logger = logging.getLogger(__name__)


@asynccontextmanager
async def join(name, group):
    """Take the names of a room and of its group. Give an outbox that gets the room's messages, each
    as its number and its JSON, until the `async with` ends; None in there is the last. Raise
    ConnectionError if there will be none."""
    if group not in rooms:
        rooms[group] = Room(name, group)
        rooms[group].open()
    room, outbox = rooms[group], asyncio.Queue(LIMIT)
    room.outboxes.add(outbox)
    try:
        await room.ready.wait()
        if rooms.get(group) is not room:
            raise ConnectionError("The room has no subscription.")
        yield outbox
    finally:
        room.outboxes.discard(outbox)
        if not room.outboxes:
            room.close()


class Room:
    """A room: the outboxes of this process's tabs, and the subscription that fills them."""

    def __init__(self, name, group):
        self.group = group
        self.reader = Reader(name, self.put)
        self.outboxes = set()
        self.ready = asyncio.Event()  # set once the room has subscribed, or has been closed
        self.subscription = None  # a task, once the room is open

    def open(self):
        """Start to fill the outboxes."""
        self.subscription = asyncio.create_task(self.subscribe())

    async def subscribe(self):
        """Fill the outboxes until the room is closed. If the channel layer fails, close it."""
        try:
            await self.fill_outboxes()
        except Exception:
            logger.exception("A room has lost its subscription, so its tabs have to reconnect.")
            self.close()

    async def fill_outboxes(self):
        """Join the group, and put each message into all outboxes."""
        layer = get_channel_layer()
        channel = await layer.new_channel()
        try:
            await self.reader.start(None)
            await layer.group_add(self.group, channel)
            self.ready.set()
            while True:
                event = await layer.receive(channel)
                await self.reader.take_event(event["frame"])
        finally:
            await layer.group_discard(self.group, channel)

    async def put(self, frame):
        """Put a message into every outbox, as JSON that is made once. End those that are full."""
        item = {"number": frame["number"], "json": json.dumps(frame)}
        if any(outbox.full() for outbox in self.outboxes):
            await asyncio.sleep(0)  # the tasks of the tabs that read now make room
        for outbox in self.outboxes:
            if outbox.full():
                end(outbox)
            else:
                outbox.put_nowait(item)

    def close(self):
        """Remove the room from the hub, and end what belongs to it."""
        if rooms.get(self.group) is self:  # else it is the next room of this group
            del rooms[self.group]
        self.subscription.cancel()
        self.reader.stop()
        self.ready.set()  # a tab that still waits must not wait for ever
        for outbox in self.outboxes:
            end(outbox)


def end(outbox):
    """Throw away what waits in an outbox, and put None there, which closes the tab's socket."""
    while not outbox.empty():
        outbox.get_nowait()
    outbox.put_nowait(None)
