"""The chat's consumer: what happens on an open socket."""

import json

from channels.generic.websocket import WebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import room_name_error


class ChatConsumer(WebsocketConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    def connect(self):
        """Channels calls this when a tab asks for a socket: accept it, or refuse it with a 403."""
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room_name):
            self.close()
            return
        self.accept()

    def receive(self, text_data=None, bytes_data=None):
        """Channels calls this for every frame that the tab sends."""
        try:
            message = read_message(text_data)
        except BadMessage as error:
            self.send(text_data=json.dumps({"error": str(error)}))
            return
        self.send(text_data=json.dumps({"message": message}))
