"""Different here: no outboxes. Each frame is a task, and a tab may have only so many unfinished."""

import asyncio
import json

from channels.layers import get_channel_layer

from chat.reader import Reader

MOST = 300
rooms = {}


class Member:
    """A tab in a room, and what is on its way to it."""

    def __init__(self, send):
        self.send, self.under_way, self.hears = send, set(), False
        self.last, self.waiting = 0, []

    def begin(self, last):
        """Send what was said since the history was read, and what will be said."""
        self.last, waiting, self.waiting = last, self.waiting, None
        for number, event in waiting:
            self.tell(number, event)

    def tell(self, number, event):
        if self.waiting is not None:
            self.waiting.append((number, event))
        elif self.hears and number > self.last:
            self.last = number
            self.start(event)
            if len(self.under_way) > MOST:
                self.give_up()

    def start(self, event):
        task = asyncio.create_task(self.send(event))
        self.under_way.add(task)
        task.add_done_callback(self.done)

    def give_up(self):
        if self.hears:
            self.hears = False
            for task in self.under_way:
                task.cancel()
            self.start({"type": "websocket.close", "code": 4000})

    def done(self, task):
        self.under_way.discard(task)
        if not task.cancelled() and task.exception():
            self.hears = False


async def enter(room, group, member):
    """Let a tab into the room, once the room has its subscription."""
    if group not in rooms:
        members, subscribed = set(), asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(listen(room, group, members, subscribed))
        rooms[group] = members, subscribed, listening
    members, subscribed, listening = rooms[group]
    members.add(member)
    await asyncio.wait({subscribed, listening}, return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        raise ConnectionError("This room hears nothing.")
    member.hears = True


def leave(group, member):
    for task in member.under_way:
        task.cancel()
    if group in rooms and member in rooms[group][0]:
        members, _, listening = rooms[group]
        members.discard(member)
        if not members:
            del rooms[group]
            listening.cancel()


async def listen(room, group, members, subscribed):
    layer = get_channel_layer()
    channel = ""

    async def tell_all(frame):
        event = {"type": "websocket.send", "text": json.dumps(frame)}
        for member in list(members):
            member.tell(frame["number"], event)
        await asyncio.sleep(0)

    reader = Reader(room, tell_all)
    try:
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        await reader.start(None)
        subscribed.set_result(True)
        while True:
            await reader.take_event((await layer.receive(channel))["frame"])
    finally:
        reader.stop()
        if group in rooms and rooms[group][0] is members:
            del rooms[group]
        for member in members:
            member.give_up()
        if channel:
            await layer.group_discard(group, channel)
