"""Different here: no events at all. Each consumer looks into the database five times a second."""

import asyncio
import json
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer

from chat import history
from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    channel_layer_alias = None
    polling = None

    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(self.room):
            return await self.close()
        self.last = await history.start(self.room, history.read_since(self.scope["query_string"]))
        await self.accept()
        self.polling = asyncio.create_task(self.poll())

    async def disconnect(self, close_code):
        if self.polling:
            self.polling.cancel()

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message, page_id = read_message(text_data)
            frame = await history.write(self.room, message, page_id)
        except (BadMessage, history.NotStored) as error:
            return await self.send(json.dumps({"error": str(error)}))
        if frame["number"] <= self.last:
            await self.send(json.dumps({"id": frame["id"]}))

    async def poll(self):
        with suppress(Exception):
            while True:
                for frame in await history.read(self.room, self.last):
                    self.last = frame["number"]
                    await self.send(json.dumps(frame))
                await asyncio.sleep(0.2)
        await self.close(4000)
