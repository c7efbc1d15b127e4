"""Different here: the consumer has an outbox and no task. A writer of the hub sends for it."""

import json

from accounts.consumers import UserConsumer
from chat import history, hub
from chat.messages import BadMessage, read_message
from chat.outbox import Outbox
from chat.reader import Reader
from chat.rooms import group_name, room_name_error


class ChatConsumer(UserConsumer):
    async def __call__(self, scope, receive, send):
        self.outbox = Outbox(send)
        try:
            await super().__call__(scope, receive, send)
        finally:
            hub.leave(self.outbox)

    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(self.room):
            return await self.close()
        reader = Reader(self.room, self.send_frame)
        await reader.start(history.read_since(self.scope["query_string"]))
        self.group = group_name(self.room)
        if not await hub.join(self.room, self.group, self.outbox):
            return await self.close()
        if await self.accept_user():
            await reader.catch_up()
            self.outbox.begin(reader.last)

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message, page_id = read_message(text_data)
            frame = await history.write(self.room, self.scope["user"], message, page_id)
        except (BadMessage, history.NotStored) as error:
            return await self.send_frame({"error": str(error)})
        if frame["number"] <= self.outbox.last:
            await self.send_frame({"id": frame["id"]})
        await self.channel_layer.group_send(self.group, {"type": "x", "frame": frame})

    async def send_frame(self, frame):
        await self.send(text_data=json.dumps(frame))
