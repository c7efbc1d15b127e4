"""Different here: an outbox is a class, and calls the server's `send` itself."""

import asyncio
from collections import deque

LIMIT = 500
CLOSE = {"type": "websocket.close", "code": 4000}


class Outbox:
    def __init__(self, send):
        self.send, self.frames = send, deque()
        self.open, self.writer, self.room = False, None, None
        self.last, self.waiting = 0, []

    def begin(self, last):
        """Send what was said since the history was read, and what will be said."""
        self.last, waiting, self.waiting = last, self.waiting, None
        for number, frame in waiting:
            self.put(number, frame)
        self.room.start_writer()

    def put(self, number, frame):
        if self.waiting is not None:
            self.waiting.append((number, frame))
        elif self.open and number > self.last:
            self.last = number
            self.frames.append(frame)
            if len(self.frames) > LIMIT:
                self.close()

    def close(self):
        if self.open:
            self.open = False
            self.frames = deque([CLOSE])

    async def send_all(self):
        self.writer = asyncio.current_task()
        while self.frames:
            try:
                await self.send(self.frames.popleft())
            except Exception:
                self.close()
        self.writer = None
