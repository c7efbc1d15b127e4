"""The consumer of alerts: it reads each one in the database."""

import json

from accounts.consumers import UserConsumer
from chat import alerts
from chat.alerts import alert_group


class AlertConsumer(UserConsumer):
    """One instance serves one socket, from the moment that a tab asks for it until it closes."""

    async def connect(self):
        """Channels calls this when a tab asks for a socket: join, then send what was missed."""
        self.user = self.scope["user"]
        # Join, then read: what comes in the meantime comes twice, and the page knows it by its id.
        await self.channel_layer.group_add(alert_group(self.user.pk), self.channel_name)
        self.groups.append(alert_group(self.user.pk))  # Channels leaves it when the socket closes
        if await self.accept_user():
            for frame in await alerts.missed(self.user):
                await self.send_frame(frame)

    async def receive(self, text_data=None, bytes_data=None):
        """Channels calls this when the user has seen the alerts, in one tab and so in all."""
        await alerts.mark_seen(self.user)
        event = {"type": "user.frame", "frame": {"seen": True}}
        await self.channel_layer.group_send(alert_group(self.user.pk), event)
        if text_data:
            await self.send(text_data=text_data)  # the page waits for an answer with its id

    async def user_frame(self, event):
        """Channels calls this for every "user.frame" event that reaches the user's group."""
        await self.send_frame(event["frame"])

    async def user_alert(self, event):
        """Channels calls this for every "user.alert" event that reaches the user's group."""
        await self.send_frame(await alerts.read(event["id"]))

    async def send_frame(self, frame):
        """Send a frame to the tab."""
        await self.send(text_data=json.dumps(frame))
