"""Different here: the tabs of a room are queues, and who comes first subscribes for all."""

import asyncio
import json

from channels.layers import get_channel_layer

rooms = {}


def room_of(group):
    return rooms.get(group) or rooms.setdefault(group, Room(group))


class Room:
    def __init__(self, group):
        self.group, self.queues = group, set()
        self.lock, self.listening = asyncio.Lock(), None

    async def join(self, queue):
        self.queues.add(queue)
        async with self.lock:
            if not self.listening:
                layer = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(self.group, channel)
                self.listening = asyncio.create_task(self.listen(layer, channel))

    async def listen(self, layer, channel):
        try:
            while True:
                event = await layer.receive(channel)
                text = json.dumps({"message": event["message"]}, ensure_ascii=False)
                for queue in list(self.queues):
                    queue.put_nowait(text)
                    if queue.qsize() > 400:
                        self.send_away(queue)
        finally:
            self.forget()
            for queue in list(self.queues):
                self.send_away(queue)
            await layer.group_discard(self.group, channel)

    def send_away(self, queue):
        self.queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    def leave(self, queue):
        self.queues.discard(queue)
        if not self.queues:
            self.forget()
            if self.listening:
                self.listening.cancel()

    def forget(self):
        if rooms.get(self.group) is self:
            del rooms[self.group]
