"""The hub: this process hears each room once, and passes what it hears to all its tabs in there."""

import asyncio
import json
import logging
from contextlib import suppress

from channels.layers import get_channel_layer

rooms = {}  # the rooms that tabs of this process are in, by the names of their groups
logger = logging.getLogger(__name__)


class Room:
    """The outboxes of this process's tabs in one room, and the subscription that fills them."""

    def __init__(self, group):
        self.group, self.outboxes, self.subscribed = group, set(), asyncio.Event()
        self.listening = asyncio.create_task(self.listen())
        rooms[group] = self

    async def listen(self):
        """Subscribe, and put what is said into every outbox, until the last tab leaves."""
        layer, channel = get_channel_layer(), None
        try:
            channel = await layer.new_channel()
            await layer.group_add(self.group, channel)
            self.subscribed.set()
            while True:
                event = await layer.receive(channel)
                text = json.dumps({"message": event["message"]})
                self.put({"type": "websocket.send", "text": text})
        except Exception:
            logger.exception("A room has lost its subscription, so its tabs lose their sockets.")
            self.close()
        finally:
            if channel:
                with suppress(Exception):  # a layer that has failed has no groups to leave
                    await layer.group_discard(self.group, channel)

    def put(self, frame):
        """Put the same frame into every outbox, and have it sent."""
        for outbox in self.outboxes:
            outbox.put(frame)
        self.start_writer()

    def start_writer(self):
        """Start a writer, if there is an outbox with frames in it that none is sending."""
        if any(outbox.frames and not outbox.writer for outbox in self.outboxes):
            self.writer = asyncio.create_task(self.write())

    async def write(self):
        """Go from outbox to outbox and send what is in there. Where this one has to wait for a tab,
        another one goes on with the rest."""
        asyncio.get_running_loop().call_soon(self.start_writer)
        for outbox in list(self.outboxes):
            if not outbox.writer:
                await outbox.send_all()

    def close(self):
        """Send everybody away. Whoever comes from now on makes a new room, and subscribes anew."""
        if rooms.get(self.group) is self:
            del rooms[self.group]
        self.subscribed.set()  # who still waits for it must not wait for ever
        for outbox in self.outboxes:
            outbox.close()
        self.start_writer()


async def join(group, outbox):
    """Have what is said in a room put into this outbox, from the moment that this returns True.
    Return False if there is no subscription to be had."""
    outbox.room = rooms.get(group) or Room(group)
    outbox.room.outboxes.add(outbox)
    await outbox.room.subscribed.wait()
    outbox.open = rooms.get(group) is outbox.room
    return outbox.open


def leave(outbox):
    """Forget this outbox, wherever it is. With the last one of a room, its subscription ends."""
    if outbox.writer:
        outbox.writer.cancel()
    if outbox.room:
        outbox.room.outboxes.discard(outbox)
        if not outbox.room.outboxes:
            outbox.room.close()
            outbox.room.listening.cancel()
