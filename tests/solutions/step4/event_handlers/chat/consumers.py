"""Different here: an AsyncConsumer with a handler for each ASGI event, on Redis' pub/sub; its group
is named after a UUID made from the room's name, and events come ready to be sent."""

import json
from uuid import NAMESPACE_URL, uuid5

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(AsyncConsumer):
    async def websocket_connect(self, event):
        room = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room):
            await self.send({"type": "websocket.close"})
            raise StopConsumer
        self.group = f"room.{uuid5(NAMESPACE_URL, room)}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event):
        try:
            to_all = frame(message=read_message(event.get("text")))
        except BadMessage as error:
            await self.send(frame(error=str(error)))
        else:
            await self.channel_layer.group_send(self.group, to_all)

    async def websocket_send(self, event):
        """Channels calls this for what the group is sent, which is what the tab is sent."""
        await self.send(event)

    async def websocket_disconnect(self, event):
        await self.channel_layer.group_discard(self.group, self.channel_name)
        raise StopConsumer


def frame(**content):
    """Return the ASGI event that sends this as JSON."""
    return {"type": "websocket.send", "text": json.dumps(content)}
