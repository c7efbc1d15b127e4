"""The load: a process that opens tabs in one room of a server, speaks, and measures what arrives.

It is no module of the others but a program: each line of its input is a command in JSON, each line
of its output the answer. Sent and received are timed here, by one clock."""

import asyncio
import contextlib
import gc
import json
import re
import statistics
import sys
import time
from urllib.parse import urlsplit

import psutil
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

LENGTH = 40  # of each message: a sentence
DIGITS = 8  # of its number
MARK = re.compile(rb"begun \d{3}: ")  # that a message begins with
OPENING = 20  # handshakes under way at once: fewer than a server's queue holds (Daphne: 50)
PATIENCE = 15.0  # seconds in which something has to arrive
HEARING = 2.0  # seconds in which all tabs have to hear one of them; it may try five times
QUIET = 0.6  # seconds without a message, after which the rest of a burst counts as lost


class LoadError(Exception):
    """What the server did that it should not; its text says it in one line."""


class Silence(LoadError):
    """Nothing arrives any more."""


class Tab(WSListener):
    """One socket in the room. It counts, and looks into a message only where it has to."""

    def __init__(self, room: "Room") -> None:
        self.room, self.heard = room, 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        room, text = self.room, frame.get_payload_as_bytes()
        if room.mark not in text:
            if frame.msg_type is WSMsgType.CLOSE:
                transport.disconnect()
            elif frame.msg_type is WSMsgType.TEXT and not MARK.search(text):
                room.odd = text.decode(errors="replace")[:200]
            return  # what comes late from before does not count
        number, self.heard = self.heard, self.heard + 1
        room.delivered += 1
        if room.delays is not None:
            begin = text.index(room.mark) + len(room.mark)
            sent = room.sent[int(text[begin : begin + DIGITS])]
            room.delays.append(time.perf_counter() - sent)
        room.missing[number] -= 1
        if room.missing[number] == 0:
            room.everywhere.append(time.perf_counter())
            if room.looping:
                room.say()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self in self.room.tabs:
            self.room.gone += 1


class Room:
    """The tabs in one room of a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.origin = f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"
        self.tabs: list[Tab] = []
        self.sockets: list[WSTransport] = []
        self.gone, self.odd, self.begun = 0, "", 0
        self.begin()

    def begin(self) -> None:
        """Count from 0 again, and only what is said from now on."""
        self.begun += 1
        self.mark = f"begun {self.begun:03}: ".encode()
        self.sent: list[float] = []  # when message n was sent
        self.missing: list[int] = []  # how many tabs still lack their n-th message
        self.everywhere: list[float] = []  # when the n-th message had reached every tab
        self.delivered = 0
        self.delays: list[float] | None = None
        self.looping = False
        for tab in self.tabs:
            tab.heard = 0

    def say(self) -> None:
        """Send the next message, from the next tab in turn."""
        number = len(self.sent)
        text = f"{self.mark.decode()}{number:0{DIGITS}}".ljust(LENGTH, ".")
        socket = self.sockets[number % len(self.sockets)]
        frame = json.dumps({"message": text}).encode()
        self.missing.append(len(self.sockets))
        self.sent.append(time.perf_counter())
        socket.send(WSMsgType.TEXT, frame)

    async def join(self, tabs: int) -> dict[str, float]:
        """Open so many tabs more, and return once all in the room hear each other."""
        queue = asyncio.Semaphore(OPENING)

        async def open_one() -> None:
            async with queue:
                socket, tab = await ws_connect(
                    lambda: Tab(self),
                    self.url,
                    extra_headers={"Origin": self.origin},
                    websocket_handshake_timeout=PATIENCE,
                )
            self.sockets.append(socket)
            self.tabs.append(tab)

        begun = time.perf_counter()
        try:
            await asyncio.gather(*(open_one() for _ in range(tabs)))
        except (WSError, OSError, TimeoutError) as error:
            raise LoadError(f"A socket at {self.url} does not open: {error}") from None
        seconds = time.perf_counter() - begun
        await self.hear_each_other()
        return {"accepted": tabs / seconds}

    async def hear_each_other(self) -> None:
        """Return once every tab has heard one: an open socket may be in the room only later."""
        for _ in range(5):
            self.begin()
            self.say()
            with contextlib.suppress(Silence):
                await self.until(lambda: self.everywhere, HEARING)
                break
        else:
            heard = sum(bool(tab.heard) for tab in self.tabs)
            raise LoadError(
                f"{heard} of {len(self.tabs)} tabs in one room hear what one of them says."
            )
        self.begin()

    async def until(self, done: object, patience: float = PATIENCE) -> None:
        """Return once `done()`; raise LoadError if nothing comes any more."""
        delivered, last = self.delivered, time.perf_counter()
        while not done():
            await asyncio.sleep(0.002)
            if self.gone:
                raise LoadError(f"{self.gone} of {len(self.tabs)} tabs lost their socket.")
            if self.odd:
                raise LoadError(f"The server answers a message with {self.odd}")
            now = time.perf_counter()
            if self.delivered > delivered:
                delivered, last = self.delivered, now
            elif now - last > patience:
                raise Silence(f"Nothing arrived for {patience:.0f} seconds.")

    async def throughput(self, seconds: float, window: int, server: int = 0) -> dict[str, float]:
        """Keep `window` messages on their way: the next is sent when one has reached every tab.
        What is counted begins and ends with a message that has, and is a multiple of the window:
        some servers deliver all that is under way in one go."""
        family, me, first = family_of(server), psutil.Process(), window - 1
        self.begin()
        self.looping = True
        for _ in range(window):
            self.say()

        def last() -> int:
            return first + (len(self.everywhere) - 1 - first) // window * window

        def long_enough() -> bool:
            return last() > first and self.everywhere[last()] - self.everywhere[first] >= seconds

        await self.until(lambda: len(self.everywhere) > first)
        begun, before, cpu, own = time.perf_counter(), self.delivered, used(family), used([me])
        await self.until(long_enough)
        answer = {"load": (used([me]) - own) / (time.perf_counter() - begun)}
        if family:
            answer["cpu"] = (used(family) - cpu) / (self.delivered - before) * 1e6
        deliveries = (last() - first) * len(self.tabs)
        answer["throughput"] = deliveries / (self.everywhere[last()] - self.everywhere[first])
        self.looping = False
        await self.until(lambda: len(self.everywhere) == len(self.sent))
        return answer

    async def latency(self, seconds: float, rate: float) -> dict[str, float]:
        """Send so many messages a second, whatever arrives, and take the time of each delivery."""
        self.begin()
        self.delays = []
        begun, number = time.perf_counter(), int(seconds * rate)
        for turn in range(number):
            await asyncio.sleep(max(0.0, begun + turn / rate - time.perf_counter()))
            self.say()
        await self.until(lambda: len(self.everywhere) == number)
        cuts = statistics.quantiles(self.delays, n=100, method="inclusive")
        return {"latency_p50": cuts[49] * 1e3, "latency_p99": cuts[98] * 1e3}

    async def burst(self, messages: int) -> dict[str, float]:
        """Send so many messages at once, from all tabs in turn; return how many each tab lacks."""
        self.begin()
        for _ in range(messages):
            self.say()
        with contextlib.suppress(Silence):
            await self.until(lambda: len(self.everywhere) == messages, QUIET)
        return {"burst": messages - self.delivered / len(self.tabs)}

    async def leave(self) -> dict[str, float]:
        """Close every tab."""
        going, self.tabs = self.sockets, []
        for socket in going:
            socket.disconnect()
        await asyncio.gather(*(socket.wait_disconnected() for socket in going))
        return {}


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started; nothing for 0."""
    if not pid:
        return []
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def used(processes: list[psutil.Process]) -> float:
    """Return the processor time, in seconds, that these have used."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def main() -> None:
    """Do each command that comes, and answer it, until there are no more."""
    gc.disable()  # a pause of ours would count as the server's
    loop, room = asyncio.new_event_loop(), None
    for line in sys.stdin:
        command = json.loads(line)
        what = command.pop("do")
        try:
            if what == "enter":
                room, answer = Room(**command), {}
            else:
                answer = loop.run_until_complete(getattr(room, what)(**command))
        except LoadError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)
        gc.collect()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
