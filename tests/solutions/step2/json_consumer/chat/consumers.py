"""Different here: a JsonWebsocketConsumer, routed by re_path, behind an OriginValidator with a list
of its own; the page has its own connection, a class, instead of socket.js."""

import json
import re

from channels.exceptions import DenyConnection
from channels.generic.websocket import JsonWebsocketConsumer

from chat.rooms import room_name_error

NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ChatConsumer(JsonWebsocketConsumer):
    def connect(self):
        if room_name_error(self.scope["url_route"]["kwargs"]["room_name"]):
            raise DenyConnection
        self.accept()

    def receive(self, text_data=None, bytes_data=None, **kwargs):
        try:
            super().receive(text_data, bytes_data, **kwargs)
        except ValueError as error:  # also the one of Channels, for binary and for empty frames
            self.send_json({"error": f"Sorry: {error}"})

    @classmethod
    def decode_json(cls, text_data):
        try:
            return json.loads(text_data)
        except (ValueError, RecursionError):
            raise ValueError("that was not JSON.") from None

    def receive_json(self, content, **kwargs):
        message = content.get("message") if isinstance(content, dict) else None
        if not isinstance(message, str):
            raise ValueError("an object with the text of a message was expected.")
        message = message.strip()
        if not 1 <= len(message) <= 1000:
            raise ValueError(f"a message has 1 to 1000 characters, this one has {len(message)}.")
        if NOT_PRINTABLE.search(message):
            raise ValueError("a message is one line, without control characters.")
        self.send_json({"message": message})
