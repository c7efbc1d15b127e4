"""Different here: the consumer has an outbox and no task. A writer of the hub sends for it."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from chat import hub
from chat.messages import BadMessage, read_message
from chat.outbox import Outbox
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    channel_layer_alias = None

    async def __call__(self, scope, receive, send):
        self.outbox = Outbox(send)
        try:
            await super().__call__(scope, receive, send)
        finally:
            hub.leave(self.outbox)

    async def connect(self):
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.group = group_name(room_name)
        if room_name_error(room_name) or not await hub.join(self.group, self.outbox):
            return await self.close()
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message = read_message(text_data)
        except BadMessage as error:
            return await self.send(text_data=json.dumps({"error": str(error)}))
        event = {"type": "chat.message", "message": message}
        await get_channel_layer().group_send(self.group, event)
