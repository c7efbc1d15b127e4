"""The chat's consumer: what happens on an open socket."""

import asyncio
import json
import logging
from contextlib import suppress

from accounts.consumers import UserConsumer
from chat import history, hub
from chat.messages import BadMessage, read_message
from chat.reader import Reader
from chat.rooms import group_name, room_name_error

logger = logging.getLogger(__name__)


class ChatConsumer(UserConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    async def __call__(self, scope, receive, send):
        """The server calls this once for each socket. It ends when the socket has closed."""
        self.delivery = None  # the task that sends the room's messages to the tab
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.delivery:
                self.delivery.cancel()

    async def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        self.room = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(self.room):
            await self.close()
            return
        self.group = group_name(self.room)
        self.reader = Reader(self.room, self.send_frame)
        self.delivery = asyncio.create_task(self.deliver())

    async def deliver(self):
        """A task of its own, from `connect` on: accept the socket, send what its outbox gets."""
        try:
            await self.reader.start(history.read_since(self.scope["query_string"]))
            async with hub.join(self.room, self.group) as outbox:  # join, then read
                if not await self.accept_user():
                    return
                await self.reader.catch_up()
                while item := await outbox.get():
                    if self.reader.is_next(item["number"]):
                        await self.send(text_data=item["json"])
        except Exception as error:
            logger.warning("A tab gets no more messages: %r", error)
        with suppress(Exception):  # the tab may have gone already
            await self.close(code=4000)  # a code of our own; the page reconnects after most codes

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

    async def send_frame(self, frame):
        """Send a frame to the tab."""
        await self.send(text_data=json.dumps(frame))
