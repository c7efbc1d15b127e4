"""Reads a room: each message once and in order, even if events are dropped or come late."""

import asyncio

from chat import history

QUIET = 1  # seconds without an event, after which it looks whether the last ones were dropped


class Reader:
    """Passes the messages of a room on to `send`, a coroutine function that takes a frame."""

    def __init__(self, room, send):
        self.room, self.send = room, send
        self.last = None  # the number of the last message that it has passed on
        self.check = None  # the task that looks for dropped events, if there were events

    async def start(self, since):
        """Begin after the message with this number; None begins with the newest messages."""
        self.last = await history.start(self.room, since)

    async def catch_up(self):
        """Pass on every message that is in the database and was not passed on yet."""
        for frame in await history.read(self.room, self.last):
            await self.pass_on(frame)

    async def pass_on(self, frame):
        """Pass this message on, unless it was passed on already."""
        if self.is_next(frame["number"]):
            await self.send(frame)

    def is_next(self, number):
        """Return whether this number is new, and remember that its message is passed on."""
        if number <= self.last:
            return False
        self.last = number
        return True

    async def take_event(self, frame):
        """Pass on the message of an event. If its number leaves a gap, read what is missing."""
        if frame["number"] > self.last + 1:
            await self.catch_up()
        await self.pass_on(frame)
        if not self.check:
            self.check = asyncio.create_task(self.check_later())

    async def check_later(self):
        """Catch up once more when no event comes: the last ones may have been dropped."""
        seen = None
        while seen != self.last:
            seen = self.last
            await asyncio.sleep(QUIET)
        self.check = None  # the next event starts the next check
        await self.catch_up()

    def stop(self):
        """Stop the check."""
        if self.check:
            self.check.cancel()
