"""The chat's consumer, an AsyncJsonWebsocketConsumer."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncJsonWebsocketConsumer):
    group = None

    async def connect(self):
        name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(name):
            return await self.close()
        self.group = group_name(name)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None, **kwargs):
        try:
            content = {"message": read_message(text_data)}
        except BadMessage as error:
            await self.send_json({"error": str(error)})
        else:
            await self.channel_layer.group_send(self.group, {"type": "pass.on", "content": content})

    async def pass_on(self, event):
        await self.send_json(event["content"])
