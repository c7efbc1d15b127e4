"""Different here: nothing but this file, where the consumer is asynchronous from the start."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        name = self.scope["url_route"]["kwargs"]["room_name"]
        await (self.close() if room_name_error(name) else self.accept())

    async def receive(self, text_data=None, bytes_data=None):
        try:
            kind, text = "message", read_message(text_data)
        except BadMessage as error:
            kind, text = "error", str(error)
        await self.send(json.dumps({kind: text}))
