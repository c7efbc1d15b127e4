"""Different here: an AsyncJsonWebsocketConsumer, in which decode_json does all the reading."""

import json

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from chat.messages import read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room_name):
            raise DenyConnection
        self.groups.append(group_name(room_name))  # Channels leaves it at the end
        await self.channel_layer.group_add(self.groups[0], self.channel_name)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None, **kwargs):
        try:
            await super().receive(text_data, bytes_data, **kwargs)
        except ValueError as error:  # BadMessage, or the one of Channels for what is not text
            await self.send_json({"error": str(error)})

    @classmethod
    async def decode_json(cls, text_data):
        return {"type": "chat.message", "message": read_message(text_data)}

    @classmethod
    async def encode_json(cls, content):
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    async def receive_json(self, content, **kwargs):
        await self.channel_layer.group_send(self.groups[0], content)

    async def chat_message(self, event):
        await self.send_json({"message": event["message"]})
