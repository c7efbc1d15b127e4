"""Different here: a SyncConsumer with a handler for each ASGI event, in a project called config
that has accounts, behind AuthMiddlewareStack; the page has no form, but listens for keys."""

import json

from channels.consumer import SyncConsumer
from channels.exceptions import StopConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(SyncConsumer):
    def websocket_connect(self, event):
        refused = room_name_error(self.scope["url_route"]["kwargs"]["room_name"])
        self.send({"type": "websocket.close" if refused else "websocket.accept"})

    def websocket_receive(self, event):
        try:
            frame = {"message": read_message(event.get("text"))}
        except BadMessage as error:
            frame = {"error": str(error)}
        self.send({"type": "websocket.send", "text": json.dumps(frame, ensure_ascii=False)})

    def websocket_disconnect(self, event):
        raise StopConsumer
