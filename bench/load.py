"""A program that measures one server: it opens tabs in a room, sends, and times what arrives.

Its argument is what `measure` takes, and it prints what `measure` returns, both in JSON. It sends
and receives in one process, so one clock takes all the times."""

import asyncio
import contextlib
import gc
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from time import perf_counter

import psutil
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from course.chapters import CourseError

WARM_UP = 10  # tabs that a server has seen before anything is counted
WINDOWS = {10: 10, 100: 10, 1000: 2}  # messages under way at once: layers drop from 100 on
FIXED_RATE, RATE = 100, 10.0  # tabs for the delay, and messages a second meanwhile
BURST, LARGE = 20, 1000  # tabs in a burst, and for the memory
LENGTH = 40  # of each message: a sentence
MARK = re.compile(rb"run \d{3}: (\d{8})")  # that a message begins with: measurement and number
OPENING = 20  # handshakes under way at once: fewer than a server's queue has room for (Daphne: 50)
TIMEOUT = 15.0  # seconds in which something has to arrive
JOIN_TIMEOUT = 2.0  # the same while the tabs join; there are five attempts
QUIET = 0.6  # seconds without a message, after which the rest of a burst counts as lost


class Connection(WSListener):
    """One tab's socket. It counts messages, and looks into one only where it has to."""

    def __init__(self, room: "Room") -> None:
        self.room, self.received = room, 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        room, text = self.room, frame.get_payload_as_bytes()
        if room.mark not in text:
            if frame.msg_type is WSMsgType.CLOSE:
                transport.disconnect()
            elif frame.msg_type is WSMsgType.TEXT and not MARK.search(text):
                answer = text.decode(errors="replace")[:200]
                room.problem = f"The server answers a message with {answer}"
            return  # a late message of the measurement before does not count
        if room.delays is not None:
            room.delays.append(perf_counter() - room.sent[int(MARK.search(text)[1])])
        room.delivered += 1
        room.missing[self.received] -= 1
        if room.missing[self.received] == 0:
            room.complete.append(perf_counter())
            if room.looping:
                room.send()
        self.received += 1

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.room.problem = self.room.problem or "A tab lost its socket."


class Room:
    """The tabs in one room of a server."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url, self.headers, self.problem, self.measurement = url, headers, "", 0
        self.tabs: list[tuple[WSTransport, Connection]] = []
        self.begin()

    def begin(self) -> None:
        """Count from 0 again, and only what is sent from now on."""
        self.measurement += 1
        self.mark = f"run {self.measurement:03}: ".encode()
        self.sent: list[float] = []  # when message n was sent
        self.missing: list[int] = []  # how many tabs still lack their n-th message
        self.complete: list[float] = []  # when the n-th message had reached every tab
        self.delivered, self.looping = 0, False
        self.delays: list[float] | None = None
        for _, connection in self.tabs:
            connection.received = 0

    def send(self) -> None:
        """Send the next message, from the next tab in turn."""
        number = len(self.sent)
        text = f"{self.mark.decode()}{number:08}".ljust(LENGTH, ".")
        socket, _ = self.tabs[number % len(self.tabs)]
        self.missing.append(len(self.tabs))
        self.sent.append(perf_counter())
        socket.send(WSMsgType.TEXT, json.dumps({"message": text}).encode())

    async def until(self, done: Callable[[], object], timeout: float = TIMEOUT) -> None:
        """Return once `done()`; raise CourseError for a problem, TimeoutError for silence."""
        delivered, last = self.delivered, perf_counter()
        while not done():
            await asyncio.sleep(0.002)
            if self.problem:
                raise CourseError(self.problem)
            if self.delivered > delivered:
                delivered, last = self.delivered, perf_counter()
            elif perf_counter() - last > timeout:
                raise TimeoutError(f"Nothing arrived for {timeout:.0f} seconds.")

    async def join(self, tabs: int) -> float:
        """Open tabs until there are so many and each receives what one of them sends; return how
        many opened in a second."""
        queue, more, begun = asyncio.Semaphore(OPENING), tabs - len(self.tabs), perf_counter()
        headers = {"Origin": re.sub(r"^ws(.*?//[^/]*).*", r"http\1", self.url), **self.headers}
        options = {"extra_headers": headers, "websocket_handshake_timeout": TIMEOUT}

        async def open_one() -> None:
            connection = Connection(self)
            async with queue:
                socket, _ = await ws_connect(lambda: connection, self.url, **options)
            self.tabs.append((socket, connection))

        try:
            await asyncio.gather(*(open_one() for _ in range(more)))
        except (WSError, OSError) as error:
            raise CourseError(f"A socket at {self.url} does not open: {error}") from None
        seconds = perf_counter() - begun
        for _ in range(5):  # an open socket may be in the room only a moment later
            self.begin()
            self.send()
            with contextlib.suppress(TimeoutError):
                await self.until(lambda: self.complete, JOIN_TIMEOUT)
                return more / seconds
        raise CourseError(f"Only {self.delivered} of {tabs} tabs in one room receive a message.")

    async def throughput(self, seconds: float, window: int, server: int = 0) -> dict[str, float]:
        """Keep `window` messages under way: the next is sent when one has reached every tab. Return
        the deliveries in a second and, of a known process, its processor time for each. Only whole
        windows are counted: some servers deliver one in one go."""
        family = family_of(server)
        self.begin()
        self.looping = True
        for _ in range(window):
            self.send()

        def windows() -> list[float]:
            return self.complete[window - 1 :: window]

        await self.until(windows)
        delivered, cpu = self.delivered, used(family)
        await self.until(lambda: windows()[-1] - windows()[0] >= seconds)
        answer, times = {}, windows()
        if family:
            answer["cpu"] = (used(family) - cpu) / (self.delivered - delivered) * 1e6
        deliveries = (len(times) - 1) * window * len(self.tabs)
        answer["throughput"] = deliveries / (times[-1] - times[0])
        self.looping = False
        await self.until(lambda: len(self.complete) == len(self.sent))
        return answer

    async def latency(self, seconds: float, rate: float = RATE) -> dict[str, float]:
        """Send `rate` messages a second, whatever arrives, and time each delivery, in ms."""
        self.begin()
        self.delays = []
        begun, number = perf_counter(), int(seconds * rate)
        for turn in range(number):
            await asyncio.sleep(max(0.0, begun + turn / rate - perf_counter()))
            self.send()
        await self.until(lambda: len(self.complete) == number)
        cuts = statistics.quantiles(self.delays, n=100, method="inclusive")
        return {"latency_p50": cuts[49] * 1e3, "latency_p99": cuts[98] * 1e3}

    async def burst(self, messages: int) -> float:
        """Send so many messages at once, from all tabs in turn; return how many each tab lacks."""
        self.begin()
        for _ in range(messages):
            self.send()
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: len(self.complete) == messages, QUIET)
        return messages - self.delivered / len(self.tabs)


async def measure(url: str, headers: dict, plan: dict, bench: int, server: int) -> dict[str, float]:
    """Measure one server by a plan: with so many `tabs`, for so many `seconds`, the `latency` so
    long, a `burst` of so many messages. Return the values, by name and tabs. `bench` is the process
    of the whole run, `server` the server's (0: not known)."""
    room, values, family = Room(url, headers), {}, {*family_of(bench), *family_of(server)}
    begun, before = perf_counter(), used(family)
    psutil.cpu_percent()  # its next answer counts from here
    await room.join(WARM_UP)
    idle = memory(server)
    for number in plan["tabs"]:
        if number == FIXED_RATE and plan["burst"]:
            await room.join(BURST)
            values["burst"] = await room.burst(plan["burst"])
        if number > WARM_UP:
            values["accept"] = await room.join(number)
        if number == LARGE and server:
            values["memory"] = (memory(server) - idle) / (number - WARM_UP) * 1000 / 1e6
        found = await room.throughput(plan["seconds"], WINDOWS[number], server)
        if number == FIXED_RATE:
            found |= await room.latency(plan["latency"])
        values |= {f"{name} {number}": value for name, value in found.items()}
    available = (perf_counter() - begun) * psutil.cpu_count()
    ours = (used(family) - before) / available
    values["others"] = max(0.0, psutil.cpu_percent() / 100 - ours)
    return values


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started; nothing for 0."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []


def used(processes: Iterable[psutil.Process]) -> float:
    """Return the processor time, in seconds, that these have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def memory(pid: int) -> float:
    """Return the bytes that a process and all that it started have for themselves."""
    return sum(process.memory_full_info().uss for process in family_of(pid))


if __name__ == "__main__":
    gc.disable()  # a pause here would count as the server's
    try:
        print(json.dumps(asyncio.run(measure(**json.loads(sys.argv[1])))))
    except (CourseError, TimeoutError, psutil.NoSuchProcess) as problem:
        sys.exit(str(problem))
