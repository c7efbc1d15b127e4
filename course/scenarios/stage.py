"""What a scenario plays on: a running site, tabs, sockets, and what it may stop and start."""

import json
import string
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from selenium.webdriver.remote.webdriver import WebDriver
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from course.browser import Tab
from course.serve import PrivateRedis, Server


class NoRedirect(HTTPRedirectHandler):
    """Lets the caller see a redirect instead of following it."""

    def redirect_request(self, *arguments: object) -> None:
        return None


class Client:
    """A WebSocket without a page: a socket that does not come back when it is dropped."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, frame: str | bytes | dict) -> None:
        """Send a frame, a dict as JSON; raise AssertionError if the server dropped the socket."""
        with self._not_dropped():
            self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def receive(self, seconds: float = 10) -> dict:
        """Return the next frame, read as JSON; raise AssertionError if none comes in time."""
        try:
            with self._not_dropped():
                return json.loads(self.connection.recv(timeout=seconds))
        except TimeoutError:
            raise AssertionError(f"Nothing came through the socket for {seconds} s.") from None

    def stays_silent(self, seconds: float) -> None:
        """Wait that long; raise AssertionError if a frame comes or the socket is dropped."""
        try:
            with self._not_dropped():
                frame = self.connection.recv(timeout=seconds)
        except TimeoutError:
            return
        raise AssertionError(f"Nothing should come through the socket yet, but {frame} did.")

    @contextmanager
    def _not_dropped(self) -> Iterator[None]:
        try:
            yield
        except ConnectionClosed as closed:
            raise AssertionError(f"The server dropped the socket: {closed}.") from closed


class Refused(AssertionError):
    """The server did not open a socket; `status` is what it answered instead of 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The socket should open; the server answered {status}.")
        self.status = status


@dataclass
class Stage:
    """A running site, a room that nobody else uses, and the means that this row needs."""

    url: str
    room: str
    browser: Callable[[], WebDriver]
    servers: list[Server] = field(default_factory=list)
    redis: PrivateRedis | None = None
    tabs: list[Tab] = field(default_factory=list)
    opened: ExitStack = field(default_factory=ExitStack)

    def tab(self) -> Tab:
        """Open a tab; the first is called A, the second B."""
        tab = Tab(self.browser(), string.ascii_uppercase[len(self.tabs)])
        self.opened.callback(tab.close)
        self.tabs.append(tab)
        return tab

    def joined(self, site: str | None = None, room: str | None = None) -> Tab:
        """Open a tab in a room: this stage's, unless another is named."""
        return self.tab().join(site or self.url, room or self.room)

    def client(self, room: str | None = None, origin: str | None = "") -> Client:
        """Open a socket without a page, with the site's own origin unless another (or None) is
        given; raise Refused if the server does not open it."""
        address = f"ws://{urlsplit(self.url).netloc}/ws/chat/{quote(room or self.room, safe='')}/"
        origin = self.url if origin == "" else origin
        try:
            return Client(self.opened.enter_context(connect(address, origin=origin, proxy=None)))
        except InvalidStatus as refused:
            raise Refused(refused.response.status_code) from refused

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a page; return the status and, for a redirect, its address, else the text."""
        try:
            with build_opener(NoRedirect).open(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers["Location"] or error.read().decode()

    def leave(self) -> None:
        """Close the tabs and sockets that were opened here."""
        self.opened.close()
