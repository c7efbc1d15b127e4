"""An ASGI application without a consumer: an object for each visit to a room."""

import asyncio
import json

from channels.layers import get_channel_layer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class Visit:
    """One socket in one room, from the moment that a tab asks for it until it closes."""

    def __init__(self, room, receive, send):
        self.group, self.receive, self.send = group_name(room), receive, send
        self.layer = get_channel_layer()

    @classmethod
    async def begin(cls, scope, receive, send):
        """The server calls this once a socket: it is the ASGI application."""
        await receive()  # the first event is always websocket.connect
        room = scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room):
            await send({"type": "websocket.close"})
        else:
            await cls(room, receive, send).stay()

    async def stay(self):
        self.channel = await self.layer.new_channel()
        await self.layer.group_add(self.group, self.channel)
        await self.send({"type": "websocket.accept"})
        tasks = [asyncio.create_task(self.listen()), asyncio.create_task(self.speak())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()  # raises what ended it: then the server closes the socket
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)  # until the layer has tidied up
            await self.layer.group_discard(self.group, self.channel)

    async def listen(self):
        while True:
            event = await self.layer.receive(self.channel)
            await self.tell(message=event["message"])

    async def speak(self):
        while (event := await self.receive())["type"] != "websocket.disconnect":
            try:
                message = read_message(event.get("text"))
            except BadMessage as error:
                await self.tell(error=str(error))
            else:
                await self.layer.group_send(self.group, {"type": "said", "message": message})

    async def tell(self, **frame):
        await self.send({"type": "websocket.send", "text": json.dumps(frame)})
