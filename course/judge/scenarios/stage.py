"""What a scenario plays on: a running site, tabs, sockets, and what it may stop and start."""

import itertools
import json
import socket
import string
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from selenium.webdriver.remote.webdriver import WebDriver
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from course.judge.browser import PATIENCE, Tab
from course.run.serve import DIRECT, PrivateRedis, Server


class Unmet(AssertionError):
    """What was expected did not come true. The text says what should be; what was seen instead.
    `symptom` says the latter in a word or two, for whoever looks for the cause."""

    def __init__(self, text: str, symptom: str = "") -> None:
        super().__init__(text)
        self.symptom = symptom


def no_answer(expected: str, error: Exception) -> Unmet:
    """Return what there is to say if a server does not answer, or there is none."""
    while isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, (ConnectionRefusedError, socket.gaierror)):
        return Unmet(f"{expected}; nobody answers at this address.", "nobody answers")
    if isinstance(error, OSError) and not isinstance(error, (TimeoutError, ConnectionError)):
        return Unmet(f"{expected}; {error}.", "nobody answers")
    return Unmet(f"{expected}; the server takes the request and does not answer.", "no answer")


class Refused(Unmet):
    """The server did not open a socket; `status` is what it answered instead of 101."""

    def __init__(self, status: int) -> None:
        text = f"A socket should open; the server answered its handshake with {status}."
        super().__init__(text, f"refused {status}")
        self.status = status


@dataclass(frozen=True)
class Page:
    """A page, as it comes without a browser: its path and status, redirects followed, its HTML."""

    path: str
    status: int
    html: str

    @cached_property
    def _tree(self) -> BeautifulSoup:
        return BeautifulSoup(self.html, "html.parser")

    @property
    def text(self) -> str:
        """What a person can read on it, without what stands in its fields."""
        body = self._tree.body or self._tree
        for box in body.find_all("textarea"):
            box.clear()
        return body.get_text()

    @property
    def lines(self) -> set[str]:
        """The lines of that text."""
        return {line.strip() for line in self.text.splitlines() if line.strip()}

    def element(self, css: str) -> Tag:
        """Return the first element that this selector finds; raise Unmet if there is none."""
        if found := self._tree.select_one(css):
            return found
        symptom = "" if self.status < 400 else f"page {self.status}"
        raise Unmet(f"The page {self.path} should have {css}; {self.says}.", symptom)

    @property
    def status_line(self) -> str:
        """What it says of its connection; nothing if it is no room."""
        found = self._tree.select_one("#chat-status")
        return found.get_text(strip=True) if found else ""

    @property
    def says(self) -> str:
        """What kind of page it is, in a few words."""
        if self.status < 400:
            return "it has not"
        title = " ".join(self._tree.title.get_text().split()) if self._tree.title else ""
        return f"it is an error page: {self.status}{title and f', “{title}”'}"


class Client:
    """A WebSocket without a page: a socket that does not come back when it is dropped."""

    def __init__(self, connection: ClientConnection, patience: float = PATIENCE) -> None:
        self.connection, self.patience = connection, patience

    def send(self, frame: str | bytes | dict) -> None:
        """Send a frame, a dict as JSON; raise Unmet if the server dropped the socket."""
        with self._not_dropped():
            self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def say(self, *messages: str) -> None:
        """Send messages, without a pause between them."""
        for message in messages:
            self.send({"message": message})

    def receive(self, seconds: float | None = None) -> dict:
        """Return the next frame, read as JSON; raise Unmet if none comes in time."""
        seconds = seconds or self.patience
        try:
            with self._not_dropped():
                frame = self.connection.recv(timeout=seconds)
        except TimeoutError:
            text = f"A frame should come through the socket; none came for {seconds:.1f} s."
            raise Unmet(text, "silent") from None
        try:
            return json.loads(frame)
        except ValueError:
            raise Unmet(f"Every frame should be JSON; this one came: {frame!r:.200}.") from None

    def hears(self, *messages: str) -> None:
        """Wait for these messages, in this order; raise Unmet for anything else."""
        deadline = time.monotonic() + self.patience
        for number, message in enumerate(messages):
            try:
                frame = self.receive(max(0.01, deadline - time.monotonic()))
            except Unmet as unmet:
                place = f", after {number} others" if number else ""
                seen = str(unmet).partition("; ")[2]
                expected = f"The message {message!r:.80} should come{place}"
                raise Unmet(f"{expected}; {seen}", unmet.symptom) from None
            if frame != {"message": message}:
                expected = json.dumps({"message": message}, ensure_ascii=False)
                raise Unmet(f"{expected} should come; {json.dumps(frame)} came.")

    def reads_until(self, message: str) -> int:
        """Read up to this message, and return how many came before it; raise Unmet if it does not
        come."""
        for number in itertools.count():
            if self.receive() == {"message": message}:
                return number

    def complains(self, seconds: float | None = None) -> None:
        """Wait for an error frame; raise Unmet if none comes in time, or anything else."""
        try:
            frame = self.receive(seconds)
        except Unmet as unmet:
            seen = str(unmet).partition("; ")[2]
            raise Unmet(f"An error should come; {seen}", unmet.symptom) from None
        if not isinstance(frame, dict) or not isinstance(frame.get("error"), str):
            raise Unmet(f'{{"error": "what was wrong"}} should come; {json.dumps(frame)} came.')

    def stays_silent(self, seconds: float) -> None:
        """Wait that long; raise Unmet if a frame comes or the socket is dropped."""
        try:
            with self._not_dropped():
                frame = self.connection.recv(timeout=seconds)
        except TimeoutError:
            return
        raise Unmet(f"Nothing should come through the socket yet; {frame} came.")

    @contextmanager
    def _not_dropped(self) -> Iterator[None]:
        try:
            yield
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            raise Unmet(
                f"The socket should stay open; the server dropped it, with the code {code}.",
                f"dropped {code}",
            ) from closed


@dataclass
class Stage:
    """A running site, a room that nobody else uses, and the means that this row needs."""

    url: str
    room: str
    browser: Callable[[], WebDriver] | None
    servers: list[Server] = field(default_factory=list)
    redis: PrivateRedis | None = None
    patience: float = PATIENCE  # seconds to wait for what should happen
    tabs: list[Tab] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    opened: ExitStack = field(default_factory=ExitStack)

    def tab(self) -> Tab:
        """Open a tab; the first is called A, the second B."""
        tab = Tab(self.browser(), string.ascii_uppercase[len(self.tabs)], self.patience)
        self.opened.callback(tab.close)
        self.tabs.append(tab)
        return tab

    def joined(self, site: str | None = None, room: str | None = None) -> Tab:
        """Open a tab in a room: this stage's, unless another is named."""
        return self.tab().join(site or self.url, room or self.room)

    def client(
        self,
        room: str | None = None,
        origin: str | None = "",
        site: str | None = None,
        reads: bool = True,
    ) -> Client:
        """Open a socket without a page, with the site's own origin unless another (or None) is
        given, which reads what comes only when it is asked to unless it `reads`; raise Refused if
        the server does not open it, Unmet if it does not answer."""
        site = site or self.url
        address = f"{site.replace('http', 'ws', 1)}/ws/chat/{quote(room or self.room, safe='')}/"
        origin = site if origin == "" else origin
        # However many frames wait to be read, the socket goes on reading, and closes at once.
        options = {"proxy": None, "max_queue": None, "close_timeout": 1}
        if not reads:  # compressed, a great deal would fit into the buffers on the way
            options |= {"max_queue": 1, "compression": None}
        try:
            connection = connect(address, origin=origin, open_timeout=self.patience, **options)
        except InvalidStatus as refused:
            raise Refused(refused.response.status_code) from refused
        except (OSError, InvalidHandshake) as error:
            raise no_answer("A socket should open", error) from error
        self.clients.append(Client(self.opened.enter_context(connection), self.patience))
        return self.clients[-1]

    def is_refused(self, what: str, **client: str | None) -> None:
        """Ask for a socket as `client` does; raise Unmet unless it is refused with a 403."""
        try:
            self.client(**client)
        except Refused as refused:
            if refused.status == 403:
                return
            text = f"{what} should get 403; it got {refused.status}."
            raise Unmet(text, refused.symptom) from refused
        raise Unmet(f"{what} should be refused with 403; it opened.")

    def page(self, path: str) -> Page:
        """Ask for a page, without a browser, and follow redirects; raise Unmet if none comes."""
        try:
            try:
                answer = DIRECT.open(f"{self.url}{path}", timeout=self.patience)
            except HTTPError as error:
                answer = error
            with answer:
                html = answer.read().decode(errors="replace")
                return Page(unquote(urlsplit(answer.url).path), answer.status, html)
        except (OSError, HTTPException) as error:
            raise no_answer(f"The page {path} should come", error) from error

    def leave(self) -> None:
        """Close the tabs and sockets that were opened here."""
        self.opened.close()
