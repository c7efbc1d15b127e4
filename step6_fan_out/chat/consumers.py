"""The chat's consumer: what happens on an open socket."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from chat import hub
from chat.messages import BadMessage, read_message
from chat.outbox import Outbox
from chat.rooms import group_name, room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    channel_layer_alias = None  # no channel of its own: the hub hears the room for all its tabs

    async def __call__(self, scope, receive, send):
        """The server calls this for every socket, and it lasts until the socket has closed."""
        self.outbox = Outbox(send)
        try:
            await super().__call__(scope, receive, send)
        finally:
            hub.leave(self.outbox)

    async def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.group = group_name(room_name)
        if room_name_error(room_name) or not await hub.join(self.group, self.outbox):
            await self.close()
            return
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        """Channels calls this for every frame that the tab sends."""
        try:
            message = read_message(text_data)
        except BadMessage as error:
            await self.send(text_data=json.dumps({"error": str(error)}))
            return
        event = {"type": "chat.message", "message": message}
        await get_channel_layer().group_send(self.group, event)
