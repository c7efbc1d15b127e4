"""Each mistake of the catalogue is made once in a copy of its step: what the site quotes is seen,
and `learn.py check` names it."""

import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import trustme
from msgspec.structs import replace
from selenium.webdriver.remote.webdriver import WebDriver
from websockets.sync.client import connect

from course.chapters import chapter
from course.judge import mistakes
from course.judge.browser import Tab, console, lazy_browser
from course.judge.check import Check, noticed, rows
from course.judge.folders import fill_with_mistake
from course.judge.gate import Gate
from course.judge.mistakes import Mistake, Seen
from course.judge.people import asks_for_log_in, sign_up
from course.judge.scenarios.frames import KEEP_STATUS
from course.judge.target import CheckError, Project
from course.run.serve import OWN_GROUP, PrivateRedis, Server, free_port, stop, wait_until

PATIENCE = 15.0  # seconds to wait for what should be seen: only a failure takes that long
PATIENCE_WITH_COMMANDS = 60.0  # for a command to end: some are tests in a browser
PATIENCE_OF_CHECK = 4.0  # more than a call that blocks, for 2 s
HOST = "chat.example"  # where a page is opened over https
OURS = ("PYTEST_", "DJANGO_", "REDIS_", "FORCE_COLOR", "PY_COLORS")  # not for the learner
# Elsewhere an error may be in other words: those of the system, or of a newer Python.
ELSEWHERE = sys.platform == "win32" or sys.version_info >= (3, 14)

KEEP_CODES = Path(__file__).with_name("keep_codes.js").read_text("utf-8")
LOOKS = {
    "code": "return window.codes.join('\\n')",
    "page": "return document.body.innerText",
    "status": "return window.said.join('\\n')",
}


class Learner:
    """Somebody with a step, its servers and a browser, who does what the catalogue says."""

    def __init__(
        self, mistake: Mistake, folder: Path, browser: Callable[[], WebDriver], own: ExitStack
    ) -> None:
        self.mistake, self.folder, self.browser, self.own = mistake, folder, browser, own
        self.tabs: dict[str, Tab] = {}
        self.servers: list[Server] = []
        self.sites: list[str] = []  # where a tab opens the pages of each server
        self.ports: dict[str, int] = {}  # the port that the site names: the one that it is here
        self.console = self.command = ""  # what is in the console; what the last command printed
        self.environment = {
            name: text for name, text in os.environ.items() if not name.startswith(OURS)
        }
        self.environment["PYTHONUNBUFFERED"] = "1"
        if mistake.tls:
            self.environment["DJANGO_ALLOWED_HOSTS"] = HOST
        if mistake.redis:
            self.ports["6379"] = free_port()
            if mistake.redis == "running":
                redis = PrivateRedis()
                own.callback(redis.stop)
                self.ports["6379"] = redis.port
            self.environment["REDIS_URL"] = f"redis://localhost:{self.ports['6379']}/0"
        for number, command in enumerate(mistake.servers):
            self.serve(command, f"800{number}")

    def serve(self, command: str, name: str) -> None:
        """Start a server with what a learner types, on a free port in place of the one named."""
        port = self.ports[name] = free_port()
        words = arguments(command, {"8000": port, "8001": port})
        if words[1] == "manage.py":  # no option of Python, which would have to survive a reload
            words.append("--noreload")  # nobody edits the code, and it starts in half the time
        names = {"DJANGO_SETTINGS_MODULE": None, **dict.fromkeys(os.environ), **self.environment}
        log = self.folder.with_name(f"{port}.log")
        server = Server(self.folder, port, names, log, command=words)
        self.servers.append(self.own.enter_context(server))
        self.sites.append(server.url)
        if self.mistake.tls:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            trustme.CA().issue_cert("localhost").configure_cert(tls)
            gate = self.own.enter_context(Gate(server.url, tls=tls))
            self.sites[-1] = gate.url.replace("localhost", HOST)
            self.ports["443"] = urlsplit(gate.url).port

    def do(self, action: str) -> None:
        """Do what is in the catalogue: "A opens lobby", "A says hello", "runs pytest" ..."""
        if action.startswith("runs "):
            return self.runs(action.removeprefix("runs "))
        name, verb, *rest = action.split(" ", 2)
        if verb == "opens":
            return self.opens(name, *rest)
        for tab in self.tabs.values():
            tab.shows("connected")
        if verb == "says":
            self.tabs[name].say(*rest)
            if {seen.where for seen in self.mistake.seen} & {"tab A", "tab B"}:
                settle(self.tabs[name])
        else:
            self.closes(name)

    def opens(self, name: str, room: str) -> None:
        site = self.sites[min(len(self.tabs), len(self.sites) - 1)]
        tab = self.tabs[name] = Tab(self.browser(), name)
        self.own.callback(lambda: self.tabs.get(name) is tab and tab.close())
        if hasattr(tab.driver, "execute_cdp_cmd"):
            script = {"source": KEEP_CODES}
            tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
        if asks_for_log_in(site):
            person = sign_up(site)
            tab.log_in(site, person.name, person.cookies)
        tab.open(f"{site}/chat/{quote(room)}/")
        tab.driver.execute_script(KEEP_STATUS)

    def closes(self, name: str) -> None:
        self.tabs.pop(name).close()
        (server,) = self.servers
        wait_until(
            lambda: (
                server.output().count("WebSocket CONNECT ")
                == server.output().count("WebSocket DISCONNECT ")
            ),
            "the server should notice the end of every socket",
        )
        # The barrier: a sync consumer's methods are run one after the other, so once another
        # socket is open, what those that have closed had to do at their end is done.
        another = f"ws://localhost:{server.port}/ws/chat/another/"
        with connect(another, origin=server.url, proxy=None):
            pass

    def runs(self, command: str) -> None:
        """Run a command; leave once it has ended, or has printed what it should print."""
        words = arguments(command, self.ports)
        if not self.mistake.venv:
            words.insert(1, "-S")  # without what is installed, as every other Python
        log = self.folder.with_name("command.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )
        self.own.callback(stop, process)
        wanted = [seen for seen in self.mistake.seen if seen.where == "command"]

        def done() -> bool:
            ended = process.poll() is not None
            self.command = self.named(log.read_text(encoding="utf-8", errors="replace"))
            return ended or bool(
                wanted and all(each.matches(self.command, ELSEWHERE) for each in wanted)
            )

        wait_until(done, lambda: self.command, PATIENCE_WITH_COMMANDS)

    def found(self, where: str) -> str:
        """Return all that is to be found there by now, with the ports that the site names."""
        if where == "terminal":
            text = "\n".join(server.output() for server in self.servers)
        elif where == "command":
            text = self.command
        elif where == "console":
            self.console += "".join(f"{line.text}\n" for line in console(self.browser()))
            text = self.console
        elif where in LOOKS:
            tab = next(iter(self.tabs.values()))
            tab.element("body")  # makes it the tab that the driver looks at
            text = tab.driver.execute_script(LOOKS[where])
        else:
            text = "\n".join(self.tabs[where.removeprefix("tab ")].log)
        return self.named(text)

    def named(self, text: str) -> str:
        """Return the text with the ports that the site names."""
        for name, port in self.ports.items():
            text = re.sub(rf"\b{port}\b", name, text)
        return text.replace("\r\n", "\n").replace(f"{HOST}:443", HOST)  # https says no 443

    def evidence(self) -> str:
        """Return all the texts in which a sign of the mistake may be."""
        in_tabs = ["page", "console"] if self.tabs else []
        return "\n".join(self.found(place) for place in ["terminal", "command", *in_tabs])

    def sees(self, seen: Seen) -> None:
        """Wait until this is seen; raise TimeoutError, with what is seen instead."""
        wait_until(
            lambda: seen.matches(self.found(seen.where), ELSEWHERE),
            lambda: f"{seen.text}\nshould be in:\n{self.found(seen.where)[-6000:]}",
            PATIENCE,
        )


def arguments(command: str, ports: dict[str, int]) -> list[str]:
    """Return what a learner types as a list, with ports that are free here in place of theirs."""
    words = shlex.split(command)
    for program, unless_told in (
        ("runserver", ["8000"]),
        ("daphne", ["-p", "8000"]),
        ("redis-cli", ["-p", "6379"]),
    ):
        if program in words and not words[-1].isdigit():
            at = words.index(program) + 1
            words[at:at] = unless_told
    for name, port in ({"8000": free_port()} | ports).items():
        words = [re.sub(rf"\b{name}\b", str(port), word) for word in words]
    beside = str(Path(sys.executable).parent)  # the commands of the .venv
    return [shutil.which(words[0], path=beside) or words[0], *words[1:]]


def settle(tab: Tab) -> None:
    """Wait until all that came of the tab's messages has come: errors for two empty ones have, and
    with the first one, or between the two, whatever came of those before."""
    for _ in range(2):
        tab.say("")
        tab.shows_error("#chat-error")


@pytest.fixture(scope="module")
def browser_on_https() -> Iterator[Callable[[], WebDriver]]:
    """Opens a browser, when it is first needed, that finds HOST on this machine. At localhost,
    browsers allow what they refuse to every other host on https."""
    with lazy_browser(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as get:
        yield get


@pytest.fixture
def learner(
    browser: Callable[[], WebDriver], browser_on_https: Callable[[], WebDriver], tmp_path: Path
) -> Iterator[Callable[[Mistake], Learner]]:
    """Makes a learner, in a copy of the step with the mistake in it; in the end all stops."""
    with ExitStack() as own:

        def make(mistake: Mistake) -> Learner:
            get = browser_on_https if mistake.tls else browser
            if mistake.redis == "running" and not PrivateRedis.available():
                pytest.skip("no redis-server on the PATH")
            if {seen.where for seen in mistake.seen} & {"console", "code"}:
                if not hasattr(get(), "execute_cdp_cmd"):
                    pytest.skip("only Chrome and Chromium tell what their console says")
                console(get())  # what other tests have left there
            folder = tmp_path / f"step{mistake.step}"
            fill_with_mistake(mistake, folder)
            return Learner(mistake, folder, get, own)

        yield make


@pytest.mark.parametrize(
    ("chapter", "mistake"),
    [pytest.param(chapter(each.step), each, id=each.id) for each in mistakes.load()],
)
def test_a_mistake_is_seen_as_told_and_named_by_check(chapter, mistake, learner, browser):
    someone = learner(mistake)
    for action in mistake.does:
        someone.do(action)
    for seen in mistake.seen:
        someone.sees(seen)
    if mistake.check.sign:
        wait_until(
            lambda: mistake.check.signs_in(someone.evidence()),
            lambda: f"{mistake.check.sign} should be in:\n{someone.evidence()[-6000:]}",
            PATIENCE,
        )
    if mistake.patch and mistake.check.symptom:
        someone.own.close()
        assert named_by_check(mistake, someone.folder, browser) == {mistake.id}


def named_by_check(mistake: Mistake, folder: Path, browser: Callable[[], WebDriver]) -> set[str]:
    """Check a folder up to the row of its mistake; return the mistakes that are named."""
    step, clues = chapter(mistake.step), mistake.check
    judged = [row for row in rows(step, True)[0] if not row.slow or row.id == clues.row]
    if clues.row:  # nothing that comes after it is needed
        judged = judged[: [row.id for row in judged].index(clues.row) + 1]
    if clues.symptom == "own tests":
        judged = judged[-1:]
    tabs = browser if clues.symptom in ("page only", "own tests") else None
    try:
        with Project(folder, step.services, None) as target:
            check = Check(target, step, tabs, patience=PATIENCE_OF_CHECK)
            found = [check.verdict(row).cause for row in judged]
            if not clues.row:
                found += [cause for _, _, cause in noticed(check)]
    except CheckError as error:
        found = [error.cause]
    return {cause.id for cause in found if cause}


# What is seen where everything is there that a mistake needs to show itself, but for the mistake.
WORKS = {
    "consumers-too-early": Seen("command", "… Listening on TCP address 127.0.0.1:…"),
    "sends-before-open": Seen("tab A", "hello, here I am"),
    "orm-in-async": Seen("status", "connected"),
    "live-test-in-memory-database": Seen("command", "=… 3 passed in …"),
}


@pytest.mark.parametrize(
    "mistake",
    [each for each in mistakes.load() if any(patch.setting for patch in each.patch)],
    ids=lambda each: each.id,
)
def test_what_a_mistake_needs_is_no_mistake(mistake, learner):
    works, settings = WORKS[mistake.id], [each for each in mistake.patch if each.setting]
    someone = learner(replace(mistake, patch=settings, seen=[works]))
    for action in mistake.does:
        someone.do(action)
    someone.sees(works)


def test_runserver_hides_that_nobody_awaits(learner: Callable[[Mistake], Learner]) -> None:
    mistake = replace(mistakes.get("missing-await"), servers=["python manage.py runserver"])
    someone = learner(mistake)
    for action in mistake.does:
        someone.do(action)
    assert someone.found("tab A") == ""
    assert "never awaited" not in someone.found("terminal"), "Then the site need not say how to."
