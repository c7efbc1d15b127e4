"""A learner's own chat, judged: the rows of the matrix, played on it, and the likely causes of what
fails. Nothing of how the chat is written counts, only what it does."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

import redis
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import Chapter
from course.judge import evidence
from course.judge.browser import Printed, console
from course.judge.mistakes import Failure, Mistake, likely
from course.judge.scenarios import IN_TABS, ON_THE_WIRE, WITHOUT_PAGES, Scenario, parts
from course.judge.scenarios.stage import Stage, Unmet, new_room
from course.judge.source import misspelled
from course.judge.target import PATIENCE, CheckError, Target
from course.matrix import Behaviour
from course.run import install
from course.run.serve import PrivateRedis, Server, wait_until

ELEMENTS = {  # what a check needs of the pages; {room} is a name
    "/chat/": {
        "#room-name-input": "check types the name of a room there",
        "#room-name-submit": "check presses this button to enter the room",
    },
    "/chat/{room}/": {
        "#chat-log": "check reads the messages there, one in each line of a textarea",
        "#chat-message-input": "check types messages there",
        "#chat-message-submit": "check presses this button to send a message",
        "#chat-status": "check reads there whether the page is connected",
    },
}
OF_PAGES = ("page 400", "page 404", "page 500", "page only", "own tests")  # symptoms
# Daphne prints this if a chat sends to a tab that has gone: no error of the chat.
GONE = "Attempt to send on a closed protocol"
FEW = 5  # groups that may be left: of tabs that closed while they were joining
SHOWN = 3  # lines of the browser's console
BEHIND_A_GATE = {"socket_opens", "before_open", "half_open"}  # a gate holds back their sockets


def rows(chapter: Chapter, everything: bool = False) -> tuple[list[Behaviour], list[Behaviour]]:
    """Return the rows by which a chapter is judged, and those that are left to `everything`: the
    slow ones, unless all that is new in the chapter is slow."""
    held = [row for row in matrix.load() if row.mark(chapter) == "✔"]
    new = [row for row in held if row.first() == chapter]
    kept = new if all(row.slow for row in new) else []
    now = [row for row in held if everything or not row.slow or row in kept]
    return now, [row for row in held if row not in now]


def reason_against_tabs(wanted: bool) -> str:
    """Return why no tabs can be opened, or nothing if they can."""
    if not wanted:
        return "--no-browser"
    if os.environ.get("SELENIUM_REMOTE_URL") or install.find_browser():
        return ""
    return f"no browser is found; to have one: {install.how('browser')}"


@dataclass(frozen=True)
class Verdict:
    """What became of a row. `holds` is None if it was not run; `reason` says why, or which row has
    to pass first, or why a row that passes was played without tabs. `printed` is what programs
    printed meanwhile, each line with the name of the program; `cause` is what it points to."""

    row: Behaviour
    holds: bool | None
    reason: str = ""
    expected: str = ""
    seen: str = ""
    printed: tuple[tuple[str, str], ...] = ()
    cause: Mistake | None = None


@dataclass
class Check:
    """Judges a target by the rows of a chapter, one after the other."""

    target: Target
    chapter: Chapter
    browser: Callable[[], WebDriver] | None  # returns it; None: play without tabs
    no_browser: str = "--no-browser"  # the reason for None
    wire: bool = False  # judge the socket alone, not the pages
    patience: float = PATIENCE  # seconds to wait for what should happen
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    busy: bool = False  # the server may be, after a row that failed

    def verdict(self, row: Behaviour) -> Verdict:
        """Play a row and return what became of it."""
        if row.after in self.failed:
            self.failed.add(row.id)
            words = next(each.words for each in matrix.load() if each.id == row.after)
            return Verdict(row, False, reason=f"first: {words}")
        played, reason = self._playable(row)
        if not played:
            return Verdict(row, None, reason)
        verdict = self._play(row, played)
        if not (verdict.holds or verdict.cause or row.needs) and self.target.folder:
            # A second look: there are mistakes of which a server prints only when it is asked to.
            again = self._play(row, played, debug=True)
            verdict = again if again.cause else verdict
        (self.passed if verdict.holds else self.failed).add(row.id)
        return replace(verdict, reason=reason) if verdict.holds else verdict

    @contextmanager
    def stage(self, needs: Set[str] = frozenset(), debug: bool = False) -> Iterator[Stage]:
        """The site, or servers of the project that a row may stop or that `debug`; a new room."""
        target, own_redis = self.target, None
        with ExitStack() as own:
            servers = [target.server] if target.server else []
            if debug or needs - {"folder", "browser"}:
                url = target.redis_url
                # A server that is stopped leaves its groups behind: not in the Redis of the others.
                if "redis" in needs or (needs and target.redis):
                    own_redis = PrivateRedis()
                    own.callback(own_redis.stop)
                    url = own_redis.url
                program = "uvicorn" if "uvicorn" in needs else "runserver"
                count = 2 if "two servers" in needs else 1
                worker = "worker" in needs
                starting = [target.serve(url, program, debug, worker) for _ in range(count)]
                servers = [own.enter_context(server) for server in starting]
            elif self.busy:
                target.server.stop()
                if target.redis:  # its groups are still there
                    redis.Redis.from_url(target.redis.url).flushall()
                target.server.start()
                self.busy = False
            site = servers[0].url if servers else target.url
            stage = Stage(site, new_room(), self.browser, servers, own_redis, self.patience)
            stage.log_in = lambda: target.person
            try:
                yield stage
            finally:
                with suppress(WebDriverException):  # an alert may keep a tab from closing
                    stage.leave()
                with suppress(TimeoutError):  # what the end of a socket prints is of this row
                    wait_until(lambda: all(map(sockets_ended, servers)), "", 1)

    def _playable(self, row: Behaviour) -> tuple[list[Scenario], str]:
        """Return what of a row can be played here, and why the rest cannot."""
        wire, in_tabs = ON_THE_WIRE.get(row.id), IN_TABS.get(row.id)
        if self.wire and row.id in WITHOUT_PAGES:
            wire = WITHOUT_PAGES[row.id]
        if row.needs and not self.target.folder:
            return [], "not with --url: it needs the project, to start and stop its server"
        if "redis" in row.needs and self.target.other_layer:
            return [], "your project does not use REDIS_URL"
        if "redis" in row.needs and not PrivateRedis.available():
            return [], "no redis-server on the PATH"
        if not self.browser and (in_tabs or "browser" in row.needs):
            reason = self.no_browser
        elif in_tabs and row.id in BEHIND_A_GATE and not self.target.local:
            reason = "only for a site on this machine, without TLS"
        else:
            return parts(row.id), ""
        return [wire] if wire and in_tabs else [], reason

    def _play(self, row: Behaviour, played: list[Scenario], debug: bool = False) -> Verdict:
        """Play the parts of a row until one fails; look for the cause where it was played."""
        with self.stage(row.needs, debug) as stage:
            before = [len(server.output()) for server in stage.servers]
            self._console()  # what other rows left there
            try:
                for part in played:
                    stage.play(part)
                return Verdict(row, True)
            except Unmet as unmet:
                failure = unmet
            except WebDriverException as error:
                says = (error.msg or "it does not").splitlines()[0]
                failure = Unmet(f"The tab should do what a person asks; {says}.")
            for server in stage.servers:
                with suppress(subprocess.TimeoutExpired):
                    status = server.process.wait(0.3)
                    text = f"{failure} The server has ended, with exit status {status}."
                    failure = Unmet(text, failure.symptom, failure.output)
            self.busy |= self.target.server in stage.servers and "refused" not in failure.symptom
            terminal = "".join(
                server.greeting + server.output()[start:]
                for server, start in zip(stage.servers, before, strict=True)
            )
            lines, shown = self._console(), []
            for tab in stage.tabs:
                with suppress(WebDriverException):
                    shown.append(tab.text)
        symptom = "page only" if part is IN_TABS.get(row.id) else failure.symptom
        printed = [("terminal", line) for line in self.target.errors_in(terminal)]
        errors = dict.fromkeys(
            line.shown for line in lines if line.error and line.place != "/favicon.ico"
        )
        printed += [("browser", line) for line in [*errors][:SHOWN]]
        printed += [("pytest", line) for line in evidence.of_pytest(failure.output)]
        if symptom not in OF_PAGES and self.target.folder:
            printed += [("code", line) for line in misspelled(self.target.folder)]
        if self.target.folder:
            terminal = evidence.without_consequences(terminal, self.target.folder)
        texts = [terminal, *(line.text for line in lines), *shown, failure.output]
        no_error = all(name == "browser" for name, _ in printed)  # a console may have old lines
        found = Failure(row.id, symptom, "\n".join(texts), no_error, self.target.code)
        expected, _, seen = str(failure).rpartition("; ")
        cause = likely(found, self.chapter)
        return Verdict(row, False, "", expected, seen, tuple(printed), cause)

    def _console(self) -> list[Printed]:
        """Return what the console shows since it was last asked."""
        return console(self.browser()) if self.browser else []


def sockets_ended(server: Server) -> bool:
    """Say whether a server has noticed the end of every socket, by what runserver prints."""
    printed = server.output()
    return printed.count("WebSocket CONNECT ") <= printed.count("WebSocket DISCONNECT ")


def lacks(check: Check) -> list[str]:
    """Return what the pages of a chat do not have and this check needs. Without what it needs in a
    room, no tabs are opened."""
    said = []
    with check.stage() as stage:
        for path, elements in ELEMENTS.items():
            page = stage.page(path.format(room=stage.room))
            if page.symptom:
                check.browser, check.no_browser = None, f"{page.path} is an error page"
                said.append(f"The page {page.path} cannot be looked at: {page.seen}.")
                continue
            for css, why in elements.items():
                if not page.tree.select_one(css):
                    said.append(f"The page {page.path} has no {css}: {why}.")
                    if "{" in path:
                        check.browser, check.no_browser = None, f"the page of a room has no {css}"
    return said


def noticed(check: Check) -> list[tuple[str, Sequence[tuple[str, str]], Mistake | None]]:
    """Return what no row asks for and was seen all the same, each with what was printed and what
    it points to."""
    found, target = [], check.target
    if target.folder and list(target.folder.glob("*/asgi.py")):
        try:
            with target.serve(target.redis_url, "daphne"):
                pass
        except CheckError as error:
            text = f"runserver serves this project, and Daphne alone does not. {error.text}"
            found.append((text, (), error.cause))
    if not target.server or check.failed:
        return found
    terminal = target.server.output()
    lines = target.errors_in(terminal)
    printed = [("terminal", line) for line in lines if not any(GONE in each for each in lines)]
    joined = "second_tab" in check.passed and target.redis
    if joined and (left := _groups_left(target.redis)) > FEW:
        text = f"Every socket has closed, and Redis still has their groups ({left})."
        failure = Failure("", "left behind", terminal, not printed, target.code)
        found.append((text, printed, likely(failure, check.chapter)))
    elif printed:
        failure = Failure("", "", terminal, False, target.code)
        found.append(("The server printed an error.", printed, likely(failure, check.chapter)))
    return found


def _groups_left(private: PrivateRedis) -> int:
    """Return how many groups Redis has once the end of every socket was noticed."""
    with redis.Redis.from_url(private.url) as client:
        with suppress(TimeoutError):
            wait_until(lambda: not [*client.scan_iter("*group*")], "no group is left", 5)
        return len([*client.scan_iter("*group*")])
