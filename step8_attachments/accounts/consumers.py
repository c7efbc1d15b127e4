"""A consumer for users: its socket stays open only while its session is valid."""

from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.sockets import logged_in, user_group

LOGGED_OUT = 4401  # our own close code, after HTTP's 401: the page does not reconnect


class UserConsumer(AsyncWebsocketConsumer):
    """Behind AuthMiddlewareStack, which puts the user and the session into the scope."""

    async def accept_user(self):
        """Accept the socket, and close it again if nobody is logged in. Return whether it is open.

        The page can read the close code of an open socket, but not the status of a refused one."""
        group = user_group(self.scope["user"].pk)
        # Join, then check: if the user logs out in the meantime, the event waits in the channel.
        await self.channel_layer.group_add(group, self.channel_name)
        self.groups.append(group)  # Channels leaves these groups when the socket closes
        await self.accept()
        return await self.check_session()

    async def account_changed(self, event):
        """Channels calls this for every "account.changed" event that reaches the user's group."""
        await self.check_session()

    async def check_session(self):
        """Close the socket if its session is not valid any more. Return whether it is."""
        valid = await logged_in(self.scope)
        if not valid:
            await self.close(LOGGED_OUT)
        return valid
