"""Different here: Redis' pub/sub behind the channel layer, chosen by a function in the settings;
group names in base64, and events of another type, sent by a JsonWebsocketConsumer."""

from asgiref.sync import async_to_sync
from channels.generic.websocket import JsonWebsocketConsumer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


class ChatConsumer(JsonWebsocketConsumer):
    group = None

    def connect(self):
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        if room_name_error(room_name):
            return self.close()
        self.group = group_name(room_name)
        self.on_layer("group_add", self.group, self.channel_name)
        self.accept()

    def disconnect(self, code):
        if self.group:
            self.on_layer("group_discard", self.group, self.channel_name)

    def receive(self, text_data=None, bytes_data=None):
        try:
            frame = {"message": read_message(text_data)}
        except BadMessage as error:
            self.send_json({"error": str(error)})
        else:
            self.on_layer("group_send", self.group, {"type": "chat.say", "frame": frame})

    def chat_say(self, event):
        self.send_json(event["frame"])

    def on_layer(self, method, *arguments):
        """Call a method of the channel layer, all of which are asynchronous."""
        return async_to_sync(getattr(self.channel_layer, method))(*arguments)
