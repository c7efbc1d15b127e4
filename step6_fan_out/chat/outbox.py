"""Outboxes: what waits to be sent to a tab, and not more of it than a limit."""

import asyncio
import logging
from collections import deque

LIMIT = 500  # frames that may wait for one tab; when more do, the tab has stopped reading
CLOSE = {"type": "websocket.close", "code": 4000}  # of our own; after any code, a page comes back

logger = logging.getLogger(__name__)


class Outbox:
    """The outbox of one tab."""

    def __init__(self, send):
        """Take the function by which the server sends an ASGI event to the tab."""
        self.send = send
        self.frames = deque()
        self.open = False
        self.writer = None  # the task that is sending from this outbox, if there is one
        self.room = None

    def put(self, frame):
        """Add a frame. If too many wait already, the tab loses its socket instead."""
        if self.open:
            self.frames.append(frame)
            if len(self.frames) > LIMIT:
                self.close()

    def close(self):
        """Send nothing more of what waits, but close the socket."""
        if self.open:
            self.open = False
            self.frames = deque([CLOSE])

    async def send_all(self):
        """Send what waits. Where the server says "not yet", this waits with the rest of it."""
        self.writer = asyncio.current_task()
        while self.frames:
            try:
                await self.send(self.frames.popleft())
            except Exception as error:
                logger.warning("A tab cannot be sent to: %r", error)
                self.close()
        self.writer = None
