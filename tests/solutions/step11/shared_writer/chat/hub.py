"""Different here: one task writes to all tabs of a room. Where it waits, another one goes on."""

import asyncio
import json
from contextlib import suppress

from channels.layers import get_channel_layer

from chat.reader import Reader

rooms = {}


class Room:
    def __init__(self, name, group):
        self.reader = Reader(name, self.put)
        self.group, self.outboxes, self.subscribed = group, set(), asyncio.Event()
        self.listening = asyncio.create_task(self.listen())
        self.writer = None
        rooms[group] = self

    async def listen(self):
        layer, channel = get_channel_layer(), None
        try:
            channel = await layer.new_channel()
            await layer.group_add(self.group, channel)
            await self.reader.start(None)
            self.subscribed.set()
            while True:
                await self.reader.take_event((await layer.receive(channel))["frame"])
        except Exception:
            self.close()
        finally:
            self.reader.stop()
            if channel:
                with suppress(Exception):
                    await layer.group_discard(self.group, channel)

    async def put(self, frame):
        event = {"type": "websocket.send", "text": json.dumps(frame)}
        for outbox in self.outboxes:
            outbox.put(frame["number"], event)
        self.start_writer()
        await asyncio.sleep(0)

    def start_writer(self):
        """Start a writer, if there is an outbox with frames in it that none is sending."""
        if any(outbox.frames and not outbox.writer for outbox in self.outboxes):
            self.writer = asyncio.create_task(self.write())

    async def write(self):
        """Go from outbox to outbox. If this writer has to wait for a tab, another one goes on."""
        asyncio.get_running_loop().call_soon(self.start_writer)
        for outbox in list(self.outboxes):
            if not outbox.writer:
                await outbox.send_all()

    def close(self):
        if rooms.get(self.group) is self:
            del rooms[self.group]
        self.subscribed.set()
        for outbox in self.outboxes:
            outbox.close()
        self.start_writer()


async def join(name, group, outbox):
    """Return whether the outbox gets what is said in the room from now on."""
    outbox.room = rooms.get(group) or Room(name, group)
    outbox.room.outboxes.add(outbox)
    await outbox.room.subscribed.wait()
    outbox.open = rooms.get(group) is outbox.room
    return outbox.open


def leave(outbox):
    if outbox.writer:
        outbox.writer.cancel()
    if outbox.room:
        outbox.room.outboxes.discard(outbox)
        if not outbox.room.outboxes:
            outbox.room.close()
            outbox.room.listening.cancel()
