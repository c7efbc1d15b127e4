"""The chat's consumer: what happens on an open socket."""

import asyncio
import json
import logging
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from chat import hub
from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error

logger = logging.getLogger(__name__)


class ChatConsumer(AsyncWebsocketConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    channel_layer_alias = None  # no channel for each tab: the hub receives for all of them
    delivery = None  # the task that sends the room's messages to the tab

    async def __call__(self, scope, receive, send):
        """The server calls this once for each socket. It ends when the socket has closed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.delivery:
                self.delivery.cancel()

    async def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room_name):
            await self.close()
            return
        self.group = group_name(room_name)
        self.delivery = asyncio.create_task(self.deliver())

    async def deliver(self):
        """A task of its own, from `connect` on: accept the socket, send what its outbox gets."""
        try:
            async with hub.join(self.group) as outbox:
                await self.accept()
                while text := await outbox.get():
                    await self.send(text_data=text)
        except Exception as error:
            logger.warning("A tab gets no more messages: %r", error)
        with suppress(Exception):  # the tab may have gone already
            await self.close(code=4000)  # a code of our own; the page reconnects after any code

    async def receive(self, text_data=None, bytes_data=None):
        """Channels calls this for every frame that the tab sends."""
        try:
            message = read_message(text_data)
        except BadMessage as error:
            await self.send(text_data=json.dumps({"error": str(error)}))
            return
        event = {"type": "chat.message", "message": message}
        await get_channel_layer().group_send(self.group, event)
