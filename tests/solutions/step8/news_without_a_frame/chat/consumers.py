"""The chat's consumer: it reads the database when there is news."""

import json

from accounts.consumers import UserConsumer
from chat import history
from chat.messages import BadMessage, read_message
from chat.reader import Reader
from chat.rooms import group_name, room_name_error


class ChatConsumer(UserConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    async def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        self.room = self.scope["url_route"]["kwargs"]["room_name"]
        self.group = group_name(self.room)  # disconnect needs these two, even if we refuse
        self.reader = Reader(self.room, self.send_frame)
        if room_name_error(self.room):
            await self.close()
            return
        await self.reader.start(history.read_since(self.scope["query_string"]))
        # Join, then read: what others send in the meantime waits in the channel.
        await self.channel_layer.group_add(self.group, self.channel_name)
        if await self.accept_user():
            await self.reader.catch_up()

    async def disconnect(self, close_code):
        """Channels calls this when the socket has closed, whichever side closed it."""
        self.reader.stop()
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        """Channels calls this for every frame that the tab sends."""
        try:
            message, page_id = read_message(text_data)
            frame = await history.write(self.room, self.scope["user"], message, page_id)
        except (BadMessage, history.NotStored) as error:
            await self.send_frame({"error": str(error)})
            return
        if frame["number"] <= self.reader.last:  # sent again: the tab has it, and waits for this
            await self.send_frame({"id": frame["id"]})
        event = {"type": "chat.message", "frame": frame}
        await self.channel_layer.group_send(self.group, event)

    async def chat_message(self, event):
        """Channels calls this for every "chat.message" event that reaches the group."""
        await self.reader.take_event(event["frame"])

    async def chat_news(self, event):
        """Channels calls this for every "chat.news" event that reaches the group."""
        await self.reader.catch_up()

    async def send_frame(self, frame):
        """Send a frame to the tab."""
        await self.send(text_data=json.dumps(frame))
