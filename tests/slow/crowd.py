"""Many tabs in one room, without a browser. Each reconnects as socket.js does, and asks for what it
missed. What each received is kept."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from course.run.serve import wait_until


@dataclass(eq=False)
class Visit:
    """One socket of a tab, from when it opened until it closed, and the numbers it received."""

    socket: ClientConnection
    opened: float
    closed: float | None = None
    received: list[int] = field(default_factory=list)


class Crowd:
    """Tabs in one room. While `talking`, one after the other sends a message."""

    def __init__(self, size: int, rate: float, dial: Callable[[int], connect]) -> None:
        """Take how many tabs, how many messages a second all of them send together, and what opens
        a socket to the room for a tab that has the messages up to a number."""
        self.rate, self.dial = rate, dial
        self.tabs: list[list[Visit]] = [[] for _ in range(size)]

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Open all tabs, and let them talk; at the end, wait until nothing is missing."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._live(visits)) for visits in self.tabs]
            await self.all_open(drops=0)
            talk = group.create_task(self._talk())
            yield
            talk.cancel()
            await until(lambda: not self.incomplete, lambda: f"{self.incomplete} tabs lack some")
            for task in tasks:
                task.cancel()

    async def _live(self, visits: list[Visit]) -> None:
        """Be a tab: open for ever; after a drop, wait as socket.js does."""
        last = tries = 0
        while True:
            with suppress(OSError, TimeoutError, WebSocketException):
                async with self.dial(last) as socket:
                    tries = 0
                    visits.append(visit := Visit(socket, time.monotonic()))
                    with suppress(ConnectionClosed):
                        async for frame in socket:
                            visit.received.append(last := json.loads(frame)["number"])
                    visit.closed = time.monotonic()
            await asyncio.sleep(min(5, 0.5 * 2**tries) * (0.5 + random.random() / 2))
            tries += 1

    async def _talk(self) -> None:
        begin, turn = time.monotonic(), 0
        while True:
            visits = self.tabs[turn % len(self.tabs)]
            turn += 1
            if visits[-1].closed is None:
                with suppress(WebSocketException):  # it has just closed
                    await visits[-1].socket.send(json.dumps({"message": f"message {turn}"}))
            await asyncio.sleep(begin + turn / self.rate - time.monotonic())

    @property
    def open(self) -> list[Visit]:
        """The sockets that are open now."""
        return [visits[-1] for visits in self.tabs if visits and visits[-1].closed is None]

    @property
    def dropped(self) -> list[Visit]:
        """The sockets that were closed, in this order."""
        closed = [visit for visits in self.tabs for visit in visits if visit.closed]
        return sorted(closed, key=lambda visit: visit.closed)

    @property
    def away(self) -> list[float]:
        """How many seconds it took a tab to be back, for each drop, the shortest first."""
        pairs = (pair for visits in self.tabs for pair in pairwise(visits))
        return sorted(after.opened - before.closed for before, after in pairs)

    async def all_open(self, drops: int) -> None:
        """Wait until so many sockets, or more, have been closed, and each tab has one again."""
        await until(
            lambda: len(self.dropped) >= drops and len(self.open) == len(self.tabs),
            lambda: f"{len(self.dropped)} sockets closed, {len(self.open)} tabs have one",
        )

    @property
    def incomplete(self) -> int:
        """How many tabs have not received every message of the room, once and in order."""
        logs = [[number for visit in visits for number in visit.received] for visits in self.tabs]
        every = [*range(1, max((log[-1] for log in logs if log), default=0) + 1)]
        return sum(log != every for log in logs)

    def report(self) -> str:
        """Say in a line what the drops cost."""
        half, all_ = median(self.away), self.away[-1]
        return f"{len(self.dropped)} sockets closed; half back in {half:.2f} s, all in {all_:.2f} s"


async def until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait for a condition, beside the tabs; raise TimeoutError, saying what, if it stays false."""
    await asyncio.to_thread(wait_until, condition, what, 20)
