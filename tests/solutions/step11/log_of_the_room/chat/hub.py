"""Different here: a room is a log of frames, and each tab has its own place in it. No outboxes."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

from channels.layers import get_channel_layer

from chat.reader import Reader

LIMIT = 500
rooms = {}


class Place:
    """A tab's place in the log of its room."""

    def __init__(self, room):
        self.room, self.next = room, room.end

    async def get(self):
        room = self.room
        while self.next == room.end and not room.closed:
            await room.grown.wait()
        if room.closed or room.end - self.next >= LIMIT:
            return None
        self.next += 1
        return room.log[self.next - 1]


class Room:
    def __init__(self, name, group):
        self.group, self.log, self.end, self.tabs = group, {}, 0, 0
        self.grown, self.ready, self.closed = asyncio.Event(), asyncio.Event(), False
        self.reader = Reader(name, self.append)
        self.task = asyncio.create_task(self.follow())

    async def follow(self):
        layer = get_channel_layer()
        channel = await layer.new_channel()
        try:
            await self.reader.start(None)
            await layer.group_add(self.group, channel)
            self.ready.set()
            while True:
                await self.reader.take_event((await layer.receive(channel))["frame"])
        finally:
            self.close()
            with suppress(Exception):
                await layer.group_discard(self.group, channel)

    async def append(self, frame):
        self.log[self.end] = {"number": frame["number"], "json": json.dumps(frame)}
        self.log.pop(self.end - LIMIT, None)
        self.end += 1
        self.grown.set()
        self.grown = asyncio.Event()
        await asyncio.sleep(0)

    def close(self):
        self.closed = True
        if rooms.get(self.group) is self:
            del rooms[self.group]
        self.reader.stop()
        self.task.cancel()
        self.ready.set()
        self.grown.set()


@asynccontextmanager
async def join(name, group):
    room = rooms.get(group) or rooms.setdefault(group, Room(name, group))
    room.tabs += 1
    try:
        await room.ready.wait()
        if room.closed:
            raise ConnectionError("The room has no subscription.")
        yield Place(room)
    finally:
        room.tabs -= 1
        if not room.tabs:
            room.close()
