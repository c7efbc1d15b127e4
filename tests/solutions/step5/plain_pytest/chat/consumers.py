"""The chat's consumer, an AsyncConsumer with a handler for each ASGI event."""

import json

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncConsumer):
    @property
    def room(self):
        return self.scope["url_route"]["kwargs"]["room_name"]

    async def websocket_connect(self, event):
        if error := room_name_error(self.room):
            await self.send({"type": "websocket.close", "reason": error})
        else:
            await self.channel_layer.group_add(group_name(self.room), self.channel_name)
            await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event):
        try:
            said = {"type": "chat.message", "message": read_message(event.get("text"))}
            await self.channel_layer.group_send(group_name(self.room), said)
        except BadMessage as error:
            await self.send_frame("error", str(error))

    async def chat_message(self, event):
        await self.send_frame("message", event["message"])

    async def send_frame(self, key, text):
        await self.send({"type": "websocket.send", "text": json.dumps({key: text})})

    async def websocket_disconnect(self, event):
        await self.channel_layer.group_discard(group_name(self.room), self.channel_name)
        raise StopConsumer
