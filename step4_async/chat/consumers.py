"""The chat's consumer: what happens on an open socket."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    async def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.group = group_name(room_name)  # disconnect needs it, even if we refuse
        if room_name_error(room_name):
            await self.close()
            return
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        """Channels calls this when the socket has closed, whichever side closed it."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        """Channels calls this for every frame that the tab sends."""
        try:
            message = read_message(text_data)
        except BadMessage as error:
            await self.send(text_data=json.dumps({"error": str(error)}))
            return
        event = {"type": "chat.message", "message": message}
        await self.channel_layer.group_send(self.group, event)

    async def chat_message(self, event):
        """Channels calls this for every "chat.message" event that reaches the group."""
        await self.send(text_data=json.dumps({"message": event["message"]}))
