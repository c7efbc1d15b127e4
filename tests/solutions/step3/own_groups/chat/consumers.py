"""Different here: asynchronous already, and Channels itself joins and leaves the groups that are in
`self.groups`; the page keeps its messages in a list, and has a script of its own."""

import json
from hashlib import blake2b

from channels.generic.websocket import AsyncWebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(AsyncWebsocketConsumer):
    async def websocket_connect(self, message):
        """Channels calls this before `connect`, and joins the groups in between."""
        room = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room):
            return await self.close()
        self.groups = ["chat_" + blake2b(room.encode(), digest_size=16).hexdigest()]
        await super().websocket_connect(message)

    async def receive(self, text_data=None, bytes_data=None):
        try:
            event = {"type": "room_said", "text": read_message(text_data)}
        except BadMessage as error:
            await self.send(json.dumps({"error": str(error)}))
        else:
            await self.channel_layer.group_send(*self.groups, event)

    async def room_said(self, event):
        await self.send(json.dumps({"message": event["text"]}))
