"""Different here: a queue and a task for each tab, and rooms that subscribe under a lock."""

import asyncio
import json
from contextlib import suppress

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer

from chat.hub import room_of
from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncJsonWebsocketConsumer):
    channel_layer_alias = "no layer of this name"
    room = writing = None

    async def __call__(self, scope, receive, send):
        self.queue = asyncio.Queue()
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.writing:
                self.writing.cancel()
            if self.room:
                self.room.leave(self.queue)

    async def connect(self):
        name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(name):
            return await self.close()
        self.room = room_of(group_name(name))
        await self.room.join(self.queue)
        await self.accept()
        self.writing = asyncio.create_task(self.write())

    async def receive(self, text_data=None, bytes_data=None):
        try:
            event = {"type": "said", "message": read_message(text_data)}
        except BadMessage as error:
            await self.send_json({"error": str(error)})
        else:
            await get_channel_layer().group_send(self.room.group, event)

    async def write(self):
        with suppress(OSError):  # the tab has gone
            while (text := await self.queue.get()) is not None:
                await self.send(text_data=text)
            await self.close(code=4000)

    @classmethod
    async def encode_json(cls, content):
        return json.dumps(content, ensure_ascii=False)
