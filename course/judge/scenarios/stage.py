"""What a scenario plays on: a running site, tabs, sockets, and what it may stop and start."""

import itertools
import json
import socket
import string
import tomllib
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from selenium.webdriver.remote.webdriver import WebDriver
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from course.judge.browser import PATIENCE, Tab, Unmet
from course.judge.people import Person
from course.run.serve import PrivateRedis, Server

TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))


class Silent(Unmet):
    """Nothing came in time."""


def require(condition: object, text: str, symptom: str = "", output: str = "") -> None:
    """Raise Unmet, with these texts, unless the condition is true."""
    if not condition:
        raise Unmet(text, symptom, output)


def no_answer(expected: str, error: Exception) -> Unmet:
    """Return what there is to say if a server does not answer, or there is none."""
    error = getattr(error, "reason", error)
    if isinstance(error, (ConnectionRefusedError, socket.gaierror)):
        return Unmet(f"{expected}; nobody answers at this address.", "nobody answers")
    return Unmet(f"{expected}; the server takes the request and does not answer.", "no answer")


class Page:
    """A page, as it comes without a browser: its path and status, redirects followed, its HTML."""

    def __init__(self, path: str, status: int, html: str) -> None:
        self.path, self.status, self.tree = path, status, BeautifulSoup(html, "html.parser")
        for box in self.tree.find_all("textarea"):
            box.clear()
        self.text = (self.tree.body or self.tree).get_text()  # without what is in its fields
        self.lines = {line.strip() for line in self.text.splitlines() if line.strip()}
        self.symptom, self.seen = "", "it has not"  # what there is in place of what is expected
        if status >= 400:
            title = " ".join(self.tree.title.get_text().split()) if self.tree.title else "no title"
            self.symptom, self.seen = f"page {status}", f"it is an error page: {status}, “{title}”"

    def element(self, css: str) -> Tag:
        """Return the first element that this selector finds; raise Unmet if there is none."""
        found = self.tree.select_one(css)
        require(found, f"The page {self.path} should have {css}; {self.seen}.", self.symptom)
        return found


def dropped(expected: str, closed: ConnectionClosed) -> Unmet:
    """Return what there is to say if the server closes a socket."""
    code = closed.rcvd.code if closed.rcvd else 1006
    text = f"{expected}; the server dropped the socket, with the code {code}."
    return Unmet(text, f"dropped {code}")


class Client:
    """A WebSocket without a page: a socket that does not come back when it is dropped."""

    def __init__(self, connection: ClientConnection, patience: float = PATIENCE) -> None:
        self.connection, self.patience = connection, patience
        self.heard = 0  # messages

    def send(self, frame: str | bytes | dict) -> None:
        """Send a frame, a dict as JSON; raise Unmet if the server dropped the socket."""
        try:
            self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)
        except ConnectionClosed as closed:
            raise dropped("The socket should stay open", closed) from closed

    def say(self, *messages: str) -> None:
        """Send messages, without a pause between them."""
        for message in messages:
            self.send({"message": message})

    def receive(self, seconds: float | None = None, what: str = "A frame") -> dict:
        """Return the next frame, read as JSON. Raise Unmet, with what was expected, if none comes
        in time, or one that is no JSON object."""
        seconds = seconds or self.patience
        try:
            frame = self.connection.recv(timeout=seconds)
            return dict(json.loads(frame))
        except TimeoutError:
            text = f"{what} should come; nothing came for {seconds:g} s."
            raise Silent(text, "silent") from None
        except ConnectionClosed as closed:
            raise dropped(f"{what} should come", closed) from closed
        except (ValueError, TypeError):
            raise Unmet(f"Every frame should be a JSON object; {frame!r:.200} came.") from None

    def echoes(self, *messages: str) -> None:
        """Send messages, and wait until they come back; raise Unmet for anything else."""
        self.say(*messages)
        self.hears(*messages)

    def hears(self, *messages: str) -> None:
        """Wait for these messages, in this order; raise Unmet for anything else."""
        for message in messages:
            expected = f"The message {message!r:.80}"
            frame = self.receive(what=expected)
            require(has_message(frame, message), f"{expected} should come; {frame!r:.200} came.")
            self.heard += 1

    def sees(self, *messages: str) -> None:
        """Wait until these are all messages that it has heard, as a tab would show them."""
        self.hears(*messages[self.heard :])

    def reads_until(self, message: str) -> int:
        """Read up to this message, and return how many frames came before it."""
        for number in itertools.count():
            if has_message(self.receive(), message):
                return number

    def complains(self, seconds: float | None = None) -> None:
        """Wait for an error frame; raise Unmet if none comes in time, or anything else."""
        frame = self.receive(seconds, "An error")
        text = f'{{"error": "what was wrong"}} should come; {frame!r:.200} came.'
        require(isinstance(frame.get("error"), str), text)

    def stays_silent(self, seconds: float) -> None:
        """Wait that long; raise Unmet if a frame comes or the socket is dropped."""
        with suppress(Silent):
            frame = self.receive(seconds, "Nothing")
            raise Unmet(f"Nothing should come through the socket yet; {frame!r:.200} came.")


def has_message(frame: dict, message: str) -> bool:
    """Say whether a frame brings this message. Later chapters have more in a frame than that."""
    return frame.get("message") == message and "error" not in frame


def new_room() -> str:
    """Return the name of a room that nobody else uses."""
    return f"room{uuid.uuid4().hex[:8]}"


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
    log_in: Callable[[], Person] = Person  # returns who uses the site, signed up if need be

    @cached_property
    def person(self) -> Person:
        """Who uses the tabs and sockets that name nobody else."""
        return self.log_in()

    @property
    def urls(self) -> list[str]:
        """The addresses for two tabs: those of two servers, if there are two."""
        urls = [server.url for server in self.servers] or [self.url]
        return [urls[0], urls[-1]]

    def play(self, scenario: "Callable[[Stage], None]") -> None:
        """Play a scenario in a room of its own: a room may keep what was said in it."""
        self.room = new_room()
        scenario(self)

    def tab(self) -> Tab:
        """Open a tab; the first is called A, the second B."""
        tab = Tab(self.browser(), string.ascii_uppercase[len(self.tabs)], self.patience)
        self.opened.callback(tab.close)
        if self.person.name:
            tab.log_in(self.url, self.person.name, self.person.cookies)
        self.tabs.append(tab)
        return tab

    def joined(self, site: str = "", room: str = "") -> Tab:
        """Open a tab in a room: this stage's, unless another is named."""
        return self.tab().join(site or self.url, room or self.room)

    def client(
        self,
        site: str = "",
        room: str = "",
        origin: str | None = "",
        reads: bool = True,
        person: Person | None = None,
        since: int | str = "",
        path: str = "",
    ) -> Client:
        """Open a socket without a page: in this stage's room, with the origin of the site, by this
        stage's person, unless others are named (None: no origin), or at another path. `since` is
        the number of the last message that the page has ("": none). Without `reads`, what comes
        stays in the buffers on the way until a frame is asked for. Raise Unmet if the server does
        not open it."""
        site = site or self.url
        path = path or f"/ws/chat/{quote(room or self.room, safe='')}/"
        address = f"{site.replace('http', 'ws', 1)}{path}"
        address += f"?since={since}" if since != "" else ""
        origin = site if origin == "" else origin
        # No pings of the client's own: on a busy machine, they would end a socket.
        options = {"proxy": None, "max_queue": None, "close_timeout": 1, "ping_interval": None}
        options["additional_headers"] = (person or self.person).headers
        if not reads:  # compressed, a great deal would fit into those buffers
            options |= {"max_queue": 1, "compression": None}
        try:
            connection = connect(address, origin=origin, open_timeout=self.patience, **options)
        except InvalidStatus as refused:
            status = refused.response.status_code
            text = f"A socket should open; the server answered its handshake with {status}."
            if status == 403:
                text += " It refused the origin, or connect() closed the socket before accept()."
            raise Unmet(text, f"refused {status}") from refused
        except (OSError, InvalidHandshake) as error:
            raise no_answer("A socket should open", error) from error
        self.clients.append(Client(self.opened.enter_context(connection), self.patience))
        return self.clients[-1]

    def is_refused(self, what: str, **client: str | None) -> None:
        """Ask for a socket as `client` does; raise Unmet unless it is refused with a 403."""
        try:
            self.client(**client)
        except Unmet as unmet:
            text = f"{what} should be refused with 403; it got: {unmet}"
            require(unmet.symptom == "refused 403", text, unmet.symptom)
        else:
            raise Unmet(f"{what} should be refused with 403; it opened.")

    def page(self, path: str) -> Page:
        """Ask for a page, without a browser, and follow redirects; raise Unmet if none comes."""
        try:
            try:
                answer = self.person.opener.open(f"{self.url}{path}", timeout=self.patience)
            except HTTPError as error:
                answer = error
            with answer:
                path_there = unquote(urlsplit(answer.url).path)
                return Page(path_there, answer.status, answer.read().decode(errors="replace"))
        except (OSError, HTTPException) as error:
            raise no_answer(f"The page {path} should come", error) from error

    def leave(self) -> None:
        """Close the tabs and sockets that were opened here."""
        self.opened.close()
