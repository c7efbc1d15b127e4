"""Two hundred tabs without a browser. Each comes back after a drop as socket.js does, and all that
was said and heard is remembered, so that one can say what was lost."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

PATIENCE = 20.0  # seconds to wait for what should happen; only a failure takes that long


@dataclass(eq=False)
class Visit:
    """One socket of a tab, from the moment that it was open until it had closed."""

    socket: ClientConnection
    opened: float
    closed: float | None = None
    heard: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """A message: its number, the socket through which it was sent, and when."""

    number: int
    by: Visit
    at: float


class Tab:
    """One page of the room."""

    def __init__(self, dial: Callable[[], connect]) -> None:
        self.dial = dial
        self.visits: list[Visit] = []

    @property
    def visit(self) -> Visit | None:
        """The socket that is open now."""
        return self.visits[-1] if self.visits and self.visits[-1].closed is None else None

    @property
    def away(self) -> list[float]:
        """How many seconds it took to be back, after each drop."""
        pairs = zip(self.visits, self.visits[1:], strict=False)
        return [after.opened - before.closed for before, after in pairs]

    async def live(self) -> None:
        """Be open, for ever; after a drop, wait as socket.js does."""
        drops = 0
        while True:
            with suppress(OSError, TimeoutError, WebSocketException):
                async with self.dial() as socket:
                    drops = 0
                    await self._listen(Visit(socket, time.monotonic()))
            await asyncio.sleep(min(5, 0.5 * 2**drops) * (0.5 + random.random() / 2))
            drops += 1

    async def _listen(self, visit: Visit) -> None:
        self.visits.append(visit)
        with suppress(ConnectionClosed):
            async for frame in visit.socket:
                visit.heard.append(int(json.loads(frame)["message"]))
        visit.closed = time.monotonic()  # not reached if we leave by ourselves, at the end


class Crowd:
    """Tabs in one room. While `talking`, one after the other says a number."""

    def __init__(self, size: int, rate: float, dial: Callable[[], connect]) -> None:
        """Take how many tabs, how many messages a second all of them say together, and what opens
        a socket to the room."""
        self.tabs = [Tab(dial) for _ in range(size)]
        self.rate = rate
        self.said: list[Said] = []

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Open all tabs, and let them talk; at the end, wait until all have heard what is due."""
        living = [asyncio.create_task(tab.live()) for tab in self.tabs]
        try:
            await until(lambda: self.open == len(self.tabs), lambda: f"only {self.open} are open")
            talk = asyncio.create_task(self._talk())
            try:
                yield
            finally:
                talk.cancel()
            await until(lambda: not self.lost(), lambda: f"not heard: {self.lost()}")
        finally:
            for task in living:
                task.cancel()
            ends = await asyncio.gather(*living, return_exceptions=True)
        for error in ends:
            if not isinstance(error, asyncio.CancelledError):
                raise error  # not a number, or an error frame

    async def _talk(self) -> None:
        begin, turn = time.monotonic(), 0
        while True:
            tab = self.tabs[turn % len(self.tabs)]
            turn += 1
            if visit := tab.visit:
                said = Said(len(self.said), visit, time.monotonic())
                with suppress(WebSocketException):  # it has just closed
                    await visit.socket.send(json.dumps({"message": str(said.number)}))
                    self.said.append(said)
            await asyncio.sleep(begin + turn / self.rate - time.monotonic())

    @property
    def open(self) -> int:
        """How many tabs have an open socket."""
        return sum(tab.visit is not None for tab in self.tabs)

    @property
    def dropped(self) -> list[Tab]:
        """The tabs that lost a socket."""
        return [tab for tab in self.tabs if len(tab.visits) - (tab.visit is not None)]

    async def all_back(self, drops: int) -> None:
        """Wait until so many tabs have lost their socket, and all have one."""
        await until(
            lambda: len(self.dropped) == drops and self.open == len(self.tabs),
            lambda: (
                f"{len(self.dropped)} tabs lost their socket, not {drops}; {self.open} have one"
            ),
        )

    def lost(self) -> dict[int, int]:
        """Return by how many tabs a message is missed that they should have heard: it was said on a
        socket that is still open, and theirs was open by then and is so still."""
        missed: Counter[int] = Counter()
        for tab in self.tabs:
            if visit := tab.visit:
                heard = {*visit.heard}
                due = (each for each in self.said if each.at >= visit.opened)
                missed.update(
                    each.number
                    for each in due
                    if each.by.closed is None and each.number not in heard
                )
        return dict(missed)

    def repeated(self) -> list[int]:
        """Return what a tab has heard more than once."""
        counts = (Counter(visit.heard) for tab in self.tabs for visit in tab.visits)
        return sorted({number for each in counts for number, count in each.items() if count > 1})

    def report(self) -> str:
        """Say in a line how the dropped tabs fared."""
        away = sorted(seconds for tab in self.tabs for seconds in tab.away)
        codes = {int(visit.socket.close_code) for tab in self.dropped for visit in tab.visits[:-1]}
        gaps = [
            sum(before.closed < said.at < after.opened for said in self.said)
            for tab in self.dropped
            for before, after in zip(tab.visits, tab.visits[1:], strict=False)
        ]
        heard = {number for tab in self.tabs for visit in tab.visits for number in visit.heard}
        return (
            f"{len(self.dropped)} of {len(self.tabs)} tabs lost their socket ({codes}) and were "
            f"back after {median(away):.2f} s (median), {away[-1]:.2f} s (longest); "
            f"{len(self.said)} messages, {median(gaps):.0f} of them in a gap (median), "
            f"{sum(said.number not in heard for said in self.said)} heard by nobody"
        )


async def until(happened: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Wait until something has happened; fail, in these words, if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, otherwise()
        await asyncio.sleep(0.05)
