"""A learner's own chat, judged: the rows of the matrix, played on it, and the likely causes of what
does not hold. Nothing of how the chat is written counts, only what it does."""

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import redis
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, Chapter
from course.judge import mistakes
from course.judge.browser import console, open_browser
from course.judge.gate import Gate
from course.judge.mistakes import Mistake
from course.judge.scenarios import IN_TABS, Scenario, parts
from course.judge.scenarios.stage import Stage, Unmet
from course.matrix import Behaviour
from course.run import install
from course.run.serve import (
    OWN_GROUP,
    PrivateRedis,
    ServeError,
    Server,
    copy_project,
    free_port,
    stop,
)

PATIENCE = 5.0  # seconds to wait for what should happen: only a row that does not hold takes that
LOCAL = {"localhost", "127.0.0.1", "::1"}
SHORT = 5  # a list of mistakes has at most so many, those of the chapter first
BEHIND_A_GATE = {"socket_opens", "before_open"}  # in tabs: a gate holds up what they send

# With these, Python tells in the terminal what nobody has awaited, and asyncio who holds it up,
# which makes a server half as fast.
WARNINGS = {"PYTHONWARNINGS": "error:coroutine:RuntimeWarning"}
DEBUG = {"PYTHONASYNCIODEBUG": "1"}

EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Warning|Configured|NotReady|Exist)\b.*$", re.M)


class CheckError(Exception):
    """The check cannot go on; its text says why, in one line, and which mistakes are likely."""

    def __init__(self, text: str, causes: Sequence[Mistake] = ()) -> None:
        pages = " or ".join(f"docs/troubleshooting.md#{each.id}" for each in causes)
        super().__init__(f"{text}. See {pages}." if pages else text)
        self.causes = causes


@dataclass(frozen=True)
class Verdict:
    """What became of a row: `holds` is None if it was not run, and then `reason` says why. For one
    that does not hold: what was expected and what was seen, and the mistakes that are likely, of
    which one is `known` by what it leaves behind; `terminal` is the server's last exception; or
    `reason` says which row has to hold first. For one that holds, `reason` says what of it was not
    looked at."""

    row: Behaviour
    holds: bool | None
    reason: str = ""
    expected: str = ""
    seen: str = ""
    causes: tuple[Mistake, ...] = ()
    known: bool = False
    terminal: str = ""
    symptom: str = ""


def rows(chapter: Chapter, everything: bool = False) -> tuple[list[Behaviour], list[Behaviour]]:
    """Return the rows by which a chapter is judged, and those that are left to `everything`: the
    slow ones, unless all that is new in the chapter is slow."""
    held = [row for row in matrix.load() if row.mark(chapter) == "✔"]
    new = [row for row in held if row.first() == chapter]
    kept = new if all(row.slow for row in new) else []
    now = [row for row in held if everything or not row.slow or row in kept]
    return now, [row for row in held if row not in now]


class Browser:
    """A browser that starts while other things are done; a context manager, which ends it."""

    def __init__(self) -> None:
        self._driver: WebDriver | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._start, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.join()
        if self._driver:
            with suppress(WebDriverException, OSError):
                self._driver.quit()

    def _start(self) -> None:
        try:
            self._driver = open_browser()
        except Exception as error:  # told by whoever needs it, in the thread that asks
            self._error = error

    def __call__(self) -> WebDriver:
        """Return the browser; raise CheckError if it does not start."""
        self._thread.join()
        if self._error:
            problem = str(getattr(self._error, "msg", None) or self._error).strip().split("\n")[0]
            raise CheckError(f"The browser does not start: {problem} (--no-browser does without.)")
        assert self._driver
        return self._driver


class Site:
    """What is checked: a project, of which a copy is served, or a site that runs."""

    def __init__(self, name: str, folder: Path | None, url: str, redis_url: str | None) -> None:
        """Take what to call it, and either a project's folder, with the Redis that it should use if
        any, or a site's URL."""
        self.name, self.folder, self.url, self.redis_url = name, folder, url, redis_url
        self.main: Server | None = None
        self._place = TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        if folder:
            try:
                self.folder = copy_project(folder, Path(self._place.name) / folder.name)
            except OSError as error:
                raise CheckError(f"{name} cannot be read: {error!s:.200}") from error

    def server(
        self, redis_url: str | None, debug: bool = False, program: str = "runserver"
    ) -> Server:
        """Start a server of the project; raise CheckError, with likely causes, if that fails."""
        port = free_port()
        environment = {
            "REDIS_URL": redis_url,
            "DJANGO_SETTINGS_MODULE": None,  # as the project's manage.py says
            **WARNINGS,
            **(DEBUG if debug else {}),
        }
        log = Path(self._place.name) / f"{port}.log"
        server = Server(self.folder, port, environment, log, reload=False, program=program)
        try:
            server.start()
        except ServeError:
            raise CheckError(*self._why_not(server.output())) from None
        return server

    def _why_not(self, printed: str) -> tuple[str, list[Mistake]]:
        found = EXCEPTION.findall(printed)
        errors = re.findall(r"^ERRORS:\n(.+)", printed, re.M)
        last = (found or errors or printed.strip().splitlines() or ["it prints nothing"])[-1]
        text = f"The server of {self.name} does not start: {last.strip().rstrip('.')}"
        if missing := re.match(r"ModuleNotFoundError: No module named '(\w+)", last):
            name = missing[1]
            if not (self.folder / name).exists() and not (self.folder / f"{name}.py").exists():
                text += (
                    ". The project needs this package, and the .venv of the course has not got it. "
                    f"To install it there: {sys.executable} -m pip install {name}"
                )
        return text, likely("", None, printed, "does not start", told=True)[0]

    def close(self) -> None:
        """Remove the copy."""
        self._place.cleanup()


def site_at(url: str) -> Site:
    """Return the site that runs at a URL; raise CheckError if the URL or the site is no good."""
    parts = urlsplit(url)
    try:
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise CheckError(f"“{url}” is no address of a site. Write it as http://localhost:8000")
    site = Site(url, None, f"{parts.scheme}://{parts.netloc}", None)
    try:
        Stage(site.url, "", None, patience=PATIENCE).page("/chat/")
    except Unmet as unmet:
        seen = str(unmet).partition("; ")[2]
        causes = likely("", None, "", "nobody answers")[0]
        raise CheckError(f"At {site.url}, {seen} Start the server there first", causes) from None
    return site


class Check:
    """One check of a site. A context manager: in the end nothing that it started is left."""

    def __init__(
        self,
        site: Site,
        chapter: Chapter,
        browser: Callable[[], WebDriver] | None,
        no_browser: str = "--no-browser",
    ) -> None:
        """Take the site, the chapter by whose rows it is judged, what opens a browser and, if that
        is nothing, the reason."""
        self.site, self.chapter = site, chapter
        self.browser, self.no_browser = browser, no_browser
        self.held: set[str] = set()
        self.failed: set[str] = set()
        self._own = ExitStack()
        self._redis: PrivateRedis | None = None
        self._asgi: subprocess.Popen | None = None

    def __enter__(self) -> "Check":
        try:
            if self.site.folder:
                self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._own.close()
        self.site.close()

    def _begin(self) -> None:
        wanted = "redis" in self.chapter.services and not self.site.redis_url
        if wanted and PrivateRedis.available():
            self._redis = PrivateRedis()
            self._own.callback(self._redis.stop)
            self.site.redis_url = self._redis.url
        if modules := list(self.site.folder.glob("*/asgi.py")):
            self._asgi = self._import(f"{modules[0].parent.name}.asgi")
            self._own.callback(stop, self._asgi)
        self.site.main = self.site.server(self.site.redis_url)
        self._own.callback(self.site.main.stop)
        self.site.url = self.site.main.url

    def _import(self, module: str) -> subprocess.Popen:
        """Import a module as a server other than runserver does, while the rows are played."""
        rest = {name: os.environ[name] for name in os.environ if name != "DJANGO_SETTINGS_MODULE"}
        return subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, ''); import {module}"],
            cwd=self.site.folder,
            env=rest,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            **OWN_GROUP,
        )

    def verdict(self, row: Behaviour) -> Verdict:
        """Play a row and say what became of it; raise CheckError if the server has ended."""
        if row.after in self.failed:
            words = next(each.words for each in matrix.load() if each.id == row.after)
            self.failed.add(row.id)
            return Verdict(row, False, reason=f"first: {words}")
        if reason := self._why_not(row):
            return Verdict(row, None, reason)
        played, left_out = parts(row.id), ""
        if IN_TABS.get(row.id) in played:
            if not self.browser:
                left_out = self.no_browser
            elif row.id in BEHIND_A_GATE and not self._local():
                left_out = "only for a site on this machine, without TLS"
        if left_out:
            played.remove(IN_TABS[row.id])
            if not played:
                return Verdict(row, None, left_out)
        with self._stage(row) as stage:
            verdict = self._play(row, played, stage)
        if verdict.holds is False and self.site.main and "refused" not in verdict.symptom:
            self.site.main.stop()  # it may be busy still, and that is not the next row's fault
            self.site.main.start()
        (self.held if verdict.holds else self.failed).add(row.id)
        return replace(verdict, reason=left_out) if verdict.holds else verdict

    def _local(self) -> bool:
        parts = urlsplit(self.site.url)
        return parts.scheme == "http" and parts.hostname in LOCAL

    def _why_not(self, row: Behaviour) -> str:
        """Return why a row cannot be run here, or nothing if it can."""
        if row.needs and not self.site.folder:
            return "not with --url: it needs the project, to start and stop its server"
        if "folder" in row.needs and not self.browser:
            return self.no_browser
        if "redis" in row.needs and not PrivateRedis.available():
            return "no redis-server on the PATH"
        return ""

    @contextmanager
    def _stage(self, row: Behaviour) -> Iterator[Stage]:
        """The site, or servers of the project that this row may stop."""
        room = f"check{uuid.uuid4().hex[:8]}"
        with ExitStack() as own:
            servers, redis = [self.site.main] if self.site.main else [], None
            if row.needs - {"folder"}:
                url = self.site.redis_url
                # A server that is stopped leaves its groups behind: not in the Redis of the others.
                if "redis" in row.needs or self._redis:
                    redis = PrivateRedis()
                    own.callback(redis.stop)
                    url = redis.url
                servers = []
                for _ in range(2 if "two servers" in row.needs else 1):
                    program = "uvicorn" if "uvicorn" in row.needs else "runserver"
                    servers.append(self.site.server(url, program=program))
                    own.callback(servers[-1].stop)
            url = servers[0].url if servers else self.site.url
            stage = Stage(url, room, self.browser, servers, redis, PATIENCE)
            own.callback(self._leave, stage)
            yield stage

    def _leave(self, stage: Stage) -> None:
        with suppress(WebDriverException):  # a page may keep its tab from closing, with an alert
            stage.leave()

    def _play(self, row: Behaviour, played: list[Scenario], stage: Stage) -> Verdict:
        verdict = self._first_failure(row, played, stage)
        if verdict.holds or verdict.known or row.needs or not self.site.folder:
            return verdict
        # A second look: the cause may be one that the server tells only when asked to.
        with ExitStack() as own:
            server = self.site.server(self.site.redis_url, debug=True)
            own.callback(server.stop)
            again = Stage(server.url, f"{stage.room}again", self.browser, [server], None, PATIENCE)
            own.callback(self._leave, again)
            second = self._first_failure(row, played, again)
        return second if second.known else verdict

    def _first_failure(self, row: Behaviour, played: list[Scenario], stage: Stage) -> Verdict:
        before = [len(server.output()) for server in stage.servers]
        self._console()  # what other rows have left there
        for part in played:
            try:
                part(stage)
                continue
            except AssertionError as error:
                failure = error
            except WebDriverException as error:
                says = (error.msg or "it does not").splitlines()[0]
                failure = Unmet(f"The tab should do what a person asks; {says}.")
            symptom, output = (getattr(failure, name, "") for name in ("symptom", "output"))
            self._require_server(row, stage, symptom)
            if part is IN_TABS.get(row.id):
                symptom = "page only"
            terminal = ""
            for server, start in zip(stage.servers, before, strict=True):
                terminal += server.greeting + server.output()[start:]
            evidence = "\n".join([terminal, *self._console(), *self._texts(stage), output])
            told = bool(stage.servers) or part is IN_TABS.get(row.id)
            causes, known = likely(row.id, self.chapter, evidence, symptom, told)
            expected, _, seen = str(failure).rpartition("; ")
            last = (EXCEPTION.findall(terminal) or [""])[-1]
            return Verdict(row, False, "", expected, seen, tuple(causes), known, last, symptom)
        return Verdict(row, True)

    def _require_server(self, row: Behaviour, stage: Stage, symptom: str) -> None:
        """Raise CheckError if the server is gone, but for a row that stops it."""
        while_played = f"while “{row.words}” was played"
        for server in stage.servers:
            if symptom in ("dropped 1006", "no answer", "nobody answers"):
                with suppress(subprocess.TimeoutExpired):  # it may be on its way out
                    server.process.wait(1)
            status = server.process.poll()
            if status is not None and "server" not in row.needs:
                last = (EXCEPTION.findall(server.output()) or ["it prints no exception"])[-1]
                text = f"The server of {self.site.name} has ended {while_played}, with exit status"
                raise CheckError(f"{text} {status}: {last}")
        if symptom == "nobody answers" and not stage.servers:
            raise CheckError(f"At {self.site.url} nobody answers any more, {while_played}.")

    def _console(self) -> list[str]:
        return console(self.browser()) if self.browser else []

    def _texts(self, stage: Stage) -> Iterator[str]:
        for tab in stage.tabs:
            with suppress(WebDriverException):
                yield tab.text

    def _over_tls(self) -> bool:
        """Say whether the page connects behind a proxy with TLS."""
        room = f"check{uuid.uuid4().hex[:8]}"
        stage = Stage(self.site.url, room, self.browser, patience=PATIENCE)
        with Gate(self.site.url, tls=True) as gate, closing(stage.opened):
            try:
                stage.joined(gate.url)
            except AssertionError:
                return False
            return True

    def noticed(self) -> list[tuple[str, list[Mistake]]]:
        """Return what no row asks for and was seen all the same, each with its likely mistakes."""
        found = []
        if self._asgi:
            printed = ""
            with suppress(subprocess.TimeoutExpired):  # it is imported, and does something else
                printed = self._asgi.communicate(timeout=10)[1]
            if self._asgi.returncode:
                last = (EXCEPTION.findall(printed) or ["it ends"])[-1]
                text = (
                    f"runserver serves this project; another server cannot import asgi.py: {last}"
                )
                found.append((text, likely("", self.chapter, printed, "asgi")[0]))
        if self.browser and "own_message" in self.held and self._local() and not self._over_tls():
            text = "At an https:// address, as on the internet, the page would not connect."
            found.append((text, likely("", self.chapter, "", "tls")[0]))
        if self._redis and "second_tab" in self.held and not self.failed:
            with redis.Redis.from_url(self._redis.url) as client:
                for _ in range(20):  # it takes a moment until every socket's end is noticed
                    if not (left := list(client.scan_iter("*group*"))):
                        break
                    time.sleep(0.1)
            if left:
                text = f"Every socket has closed, and Redis still has their groups ({len(left)})."
                found.append((text, likely("", self.chapter, "", "left behind")[0]))
        return found


def likely(
    row: str, chapter: Chapter | None, evidence: str, symptom: str, told: bool = False
) -> tuple[list[Mistake], bool]:
    """Return the mistakes that a row's failure points to, and whether one is known by its sign.

    Without a sign the symptom is all there is, so the list is short rather than sure. If the server
    or the browser has `told` what there is to tell, it is none of those that have a sign."""
    every, ranks = mistakes.load(), {}
    for mistake in every:
        if signs := mistake.check.signs_in(evidence):
            of_chapter = chapter is not None and mistake.step == chapter.number
            ranks[mistake.id] = mistake.check.row == row, of_chapter, max(map(len, signs))
    if ranks:
        best = max(ranks, key=ranks.__getitem__)
        return [each for each in every if each.id == best], True
    taught = chapter.number if chapter else CHAPTERS[-1].number
    short = [
        each
        for each in every
        if symptom
        and each.check.symptom == symptom
        and not (told and each.check.sign)
        and each.check.row in ("", row)
        and each.step <= taught
    ]
    return sorted(short, key=lambda each: -each.step)[:SHORT], False


def reason_against_tabs(wanted: bool) -> str:
    """Return why no tabs can be opened, or nothing if they can."""
    if not wanted:
        return "--no-browser"
    if os.environ.get("SELENIUM_REMOTE_URL") or install.find_browser():
        return ""
    return f"no browser is found; to have one: {install.HOW[install.system()]['browser']}"
