"""What is judged: a site that runs already, or a project, of which a copy is served."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from course.chapters import CourseError, on_site
from course.judge import evidence
from course.judge.mistakes import Failure, Mistake, likely
from course.judge.people import Person, asks_for_log_in, sign_up
from course.judge.scenarios.stage import Stage, Unmet
from course.judge.source import code
from course.run.serve import PrivateRedis, ServeError, Server, copy_project, free_port

PATIENCE = 5.0  # seconds to wait for what should happen: only a row that fails takes that long

# With these, Python prints in the terminal what nobody has awaited, and asyncio what blocks it,
# which makes a server half as fast.
WARNINGS = {"PYTHONWARNINGS": "error:coroutine:RuntimeWarning"}
DEBUG = {"PYTHONASYNCIODEBUG": "1"}


# Where Redis is not: a project that uses REDIS_URL has this in its settings.
NOWHERE = "redis://check.invalid:6379/0"
LAYERS = "from django.conf import settings; print(getattr(settings, 'CHANNEL_LAYERS', {}))"


class CheckError(CourseError):
    """The check cannot go on; its text says why, in one line, and where to read on."""

    def __init__(self, text: str, cause: Mistake | None = None) -> None:
        page = on_site(f"troubleshooting.md{f'#{cause.id}' if cause else ''}")
        super().__init__(f"{text}. See {page}.")
        self.text, self.cause = text, cause


class Target:
    """A site that runs already: its name in sentences, and its URL."""

    folder: Path | None = None
    server: Server | None = None
    redis: PrivateRedis | None = None
    code = ""  # of the project
    other_layer = ""  # the channel layers of a project that does not use REDIS_URL

    def __init__(self, name: str, url: str = "") -> None:
        self.name, self.url = name, url

    @cached_property
    def person(self) -> Person:
        """Who uses the site: somebody who has signed up, if it asks for a log-in. Raise Unmet if
        that fails."""
        return sign_up(self.url) if asks_for_log_in(self.url) else Person()

    def errors_in(self, printed: str) -> list[str]:
        """Return the last error that a server printed, in a few lines."""
        return evidence.of_terminal(printed, self.folder) if self.folder else []

    @property
    def local(self) -> bool:
        """Whether it is on this machine, without TLS."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


class Project(Target):
    """A copy of a project, served as long as the block lasts, with a Redis of its own if it needs
    one and none is named. Raise CheckError if it cannot be read or does not start."""

    def __init__(self, folder: Path, services: Collection[str], redis_url: str | None) -> None:
        super().__init__(folder.name)
        self.original, self.services, self.redis_url = folder, services, redis_url

    def __enter__(self) -> "Project":
        with ExitStack() as own:
            temporary = TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
            self.place = Path(own.enter_context(temporary)).resolve()
            try:
                self.folder = copy_project(self.original, self.place / self.name)
            except OSError as error:
                raise CheckError(f"{self.name} cannot be read: {error!s:.200}") from error
            if "redis" in self.services and not self.redis_url and PrivateRedis.available():
                self.redis = PrivateRedis()
                own.callback(self.redis.stop)
                self.redis_url = self.redis.url
            self.code = code(self.folder)
            self.server = own.enter_context(self.serve(self.redis_url))
            if "redis" in self.services:
                self.other_layer = self._layer_without_redis_url()
            self.url = self.server.url
            self.own = own.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self.own.close()

    @contextmanager
    def serve(
        self,
        redis_url: str | None,
        program: str = "runserver",
        debug: bool = False,
        worker: bool = False,
    ) -> Iterator[Server]:
        """Run a server of the project; raise CheckError, with likely causes, if it does not."""
        environment = {
            "REDIS_URL": redis_url,
            "DATABASE_URL": None,
            "CHAT_DATA": str(self.place / "data"),  # all servers have one database
            "DJANGO_SETTINGS_MODULE": None,  # as the project's manage.py says
            **WARNINGS,
            **(DEBUG if debug else {}),
        }
        port = free_port()
        log = self.place / f"{port}.log"
        options = {"reload": False, "program": program, "worker": worker}
        server = Server(self.folder, port, environment, log, **options)
        try:
            if not self.server:  # the first one makes the tables for all
                server.migrate()
            server.start()
        except ServeError:
            raise self._does_not_start(server.output()) from None
        try:
            yield server
        finally:
            server.stop()

    def _layer_without_redis_url(self) -> str:
        """Return the CHANNEL_LAYERS of a project that does not use REDIS_URL, else nothing."""
        command = [sys.executable, "manage.py", "shell", "--command", LAYERS]
        environment = self.server.environment | {"REDIS_URL": NOWHERE}
        options = {"cwd": self.folder, "env": environment, "capture_output": True}
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True, **options)
        layers = ["", *done.stdout.strip().splitlines()][-1]
        return "" if done.returncode or NOWHERE in layers else layers

    def _does_not_start(self, printed: str) -> CheckError:
        lines = self.errors_in(printed) or printed.strip().splitlines()[-1:]
        why = "; ".join(lines).rstrip(".,") or "it prints nothing"
        text = f"The server of {self.name} does not start: {why}"
        return CheckError(text, likely(Failure("", "does not start", printed, False, self.code)))


def site_at(url: str) -> Target:
    """Return the site that runs at a URL; raise CheckError if the URL or the site is no good."""
    parts = urlsplit(url)
    try:
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise CheckError(f"“{url}” is no address of a site. Write it as http://localhost:8000")
    site = Target(url, f"{parts.scheme}://{parts.netloc}")
    try:
        Stage(site.url, "", None, patience=PATIENCE).page("/chat/")
    except Unmet as unmet:
        seen = str(unmet).partition("; ")[2]
        raise CheckError(f"At {site.url}, {seen} Start the server there first") from None
    return site
