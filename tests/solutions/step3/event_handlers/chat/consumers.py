"""Different here: a SyncConsumer with a handler for each ASGI event, a mixin that knows the group,
and a dictionary of settings for Redis that is only filled in where there is one."""

import json
from functools import cached_property

from asgiref.sync import async_to_sync
from channels.consumer import SyncConsumer
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class InRoom:
    """A consumer that belongs to the room in its path."""

    @cached_property
    def room(self):
        return self.scope["url_route"]["kwargs"]["room_name"]

    def join(self):
        async_to_sync(self.channel_layer.group_add)(group_name(self.room), self.channel_name)

    def leave(self):
        async_to_sync(self.channel_layer.group_discard)(group_name(self.room), self.channel_name)

    def tell_everybody(self, **event):
        async_to_sync(get_channel_layer().group_send)(group_name(self.room), event)


class ChatConsumer(InRoom, SyncConsumer):
    def websocket_connect(self, event):
        if room_name_error(self.room):
            self.send({"type": "websocket.close"})
            raise StopConsumer
        self.join()
        self.send({"type": "websocket.accept"})

    def websocket_receive(self, event):
        try:
            text = read_message(event.get("text"))
        except BadMessage as error:
            self.answer(error=str(error))
        else:
            self.tell_everybody(type="somebody.spoke", message=text)

    def websocket_disconnect(self, event):
        self.leave()
        raise StopConsumer

    def somebody_spoke(self, event):
        self.answer(message=event["message"])

    def answer(self, **frame):
        self.send({"type": "websocket.send", "text": json.dumps(frame)})
