"""Different here: the consumer is a member of the room by way of a task for each frame."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from chat import hub
from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    channel_layer_alias = None
    group = ""

    async def __call__(self, scope, receive, send):
        self.member = hub.Member(send)
        try:
            await super().__call__(scope, receive, send)
        finally:
            hub.leave(self.group, self.member)

    async def connect(self):
        name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(name):
            return await self.close()
        self.group = group_name(name)
        await hub.enter(self.group, self.member)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message = read_message(text_data)
        except BadMessage as error:
            return await self.send(json.dumps({"error": str(error)}))
        await get_channel_layer().group_send(self.group, {"type": "x", "message": message})
