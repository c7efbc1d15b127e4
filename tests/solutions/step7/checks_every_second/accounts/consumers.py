"""Different here: nobody tells the sockets anything. Each looks at its session every second."""

import asyncio
from contextlib import suppress

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

LOGGED_OUT = 4401


class UserConsumer(AsyncWebsocketConsumer):
    watch = None

    async def __call__(self, *arguments):
        try:
            await super().__call__(*arguments)
        finally:
            if self.watch:
                self.watch.cancel()

    async def accept_user(self):
        await self.accept()
        if not await self.may_stay():
            await self.close(LOGGED_OUT)
            return False
        self.watch = asyncio.create_task(self.look_every_second())
        return True

    async def look_every_second(self):
        with suppress(Exception):
            while await self.may_stay():
                await asyncio.sleep(1)
        await self.close(LOGGED_OUT)

    async def may_stay(self):
        session = self.scope["session"]
        fresh = await database_sync_to_async(session.__class__)(session.session_key)
        return (await get_user({"session": fresh})).is_authenticated
