"""One running step, as a learner runs it: a server process, a Redis of its own, a clean stop."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import psutil

from course.chapters import CourseError
from course.compare import IGNORED

T = TypeVar("T")

# A process of ours leaves Ctrl-C to us, so that things stop in order: the server, then its Redis.
OWN_GROUP = {
    "start_new_session": True,  # means nothing on Windows
    "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
}

# How a step is served: as a learner does it, and by the servers of a deployment.
PROGRAMS = {
    "runserver": "manage.py runserver {host}:{port}",
    "daphne": "-m daphne -b {host} -p {port} {site}.asgi:application",
    "uvicorn": "-m uvicorn --host {host} --port {port} {site}.asgi:application",
}
WORKER = "-m celery --app {site} worker --loglevel info --concurrency 2 --without-mingle"
WORKER += " --pool threads" * (os.name == "nt")  # Celery's processes need fork

# A proxy that the environment names is for other machines, not for our own pages.
DIRECT = build_opener(ProxyHandler({}))


class ServeError(CourseError):
    """A program or a service cannot be used."""


def wait_until(
    condition: Callable[[], T],
    what: str | Callable[[], str],
    seconds: float = 10.0,
    pause: float = 0.05,
) -> T:
    """Ask `condition` again and again, and return its first true answer. Raise TimeoutError, with
    `what` (a text, or what returns one), if there is none within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what if isinstance(what, str) else what())
        time.sleep(pause)
    return answer


def launch(
    command: Sequence[str],
    ready: Callable[[], bool],
    failure: Callable[[], str],
    seconds: float = 10.0,
    **options: object,
) -> subprocess.Popen:
    """Start a program with these options of Popen, and return it once it is ready. End it and raise
    ServeError, with what `failure` returns, if it ends before that or needs more seconds."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **OWN_GROUP, **options)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: process.poll() is not None or ready(), "", seconds, pause=0.03)
        if process.poll() is None:
            return process
    stop(process)
    raise ServeError(failure())


def free_port() -> int:
    """Return a TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_taken(port: int) -> bool:
    """Say whether somebody listens on this port of localhost, which browsers first take for ::1."""
    for address in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError):
            socket.create_connection((address, port), timeout=1).close()
            return True
    return False


def stop(process: subprocess.Popen | psutil.Process, patience: float = 5.0) -> None:
    """End a process, then what is left of all that it started: Celery ends its own children. Kill
    what is alive after `patience` seconds."""
    try:
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for members in family[:1], family[1:]:
        for member in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.resume()  # a frozen process does not notice that it should end
                member.terminate()
        killed = psutil.wait_procs(members, patience)[1]
        for member in killed:
            member.kill()
        psutil.wait_procs(killed, 1)  # until then one may still write into a folder that goes, too
    process.wait()


def stop_children() -> None:
    """End every process that this one started, the newest first."""
    children = psutil.Process().children()
    for child in sorted(children, key=psutil.Process.create_time, reverse=True):
        stop(child)


def masked(url: str) -> str:
    """Return the URL with its password, if it has one, as ***."""
    return re.sub(r"^([^:]*:(//)?[^:]*:).*@", r"\1***@", url)


def check_redis(url: str) -> None:
    """Raise ServeError unless the Redis at this URL can be used."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
        return
    except ValueError:  # whose text may have a part of the password
        problem = "an address is written as redis://localhost:6379/0"
    except redis.RedisError as error:
        problem = str(error).rstrip(".")
    text = f"The Redis at {masked(url)} cannot be used: {problem}"
    raise ServeError(f"{text}. Start it, or correct or unset REDIS_URL.")


def copy_project(folder: Path, to: Path) -> Path:
    """Copy a project without its virtual environment and what programs leave behind."""
    ignore = shutil.ignore_patterns(*IGNORED, "env", "node_modules")
    return shutil.copytree(folder, to, ignore=ignore, ignore_dangling_symlinks=True)


def has_database(folder: Path) -> bool:
    """Say whether the settings of a project name a database."""
    settings = (each.read_text("utf-8", "replace") for each in folder.glob("*/settings.py"))
    return any("DATABASES" in text for text in settings)


class Service:
    """A program that runs until `stop`; as a context manager, while that lasts."""

    process: subprocess.Popen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        stop(self.process)


class PrivateRedis(Service):
    """A redis-server of our own: started at once, on a free port, with nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    @staticmethod
    def available() -> bool:
        """Say whether there is a redis-server on the PATH."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Start it and wait until it answers; raise ServeError if it does not within 10 seconds."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir()]
        self.process = launch(
            command,
            ready=lambda: port_taken(self.port),
            failure=lambda: "redis-server is on the PATH but does not start.",
            stdout=subprocess.DEVNULL,
        )

    def freeze(self) -> None:
        """Stop it as a debugger would: its connections stay open and nothing answers on them."""
        redis = psutil.Process(self.process.pid)
        redis.suspend()
        wait_until(lambda: redis.status() == psutil.STATUS_STOPPED, "Redis is not frozen")

    def thaw(self) -> None:
        """Let a frozen Redis run on."""
        psutil.Process(self.process.pid).resume()


class Server(Service):
    """A step's server, one of PROGRAMS, in its folder. A context manager starts it."""

    def __init__(
        self,
        folder: Path,
        port: int,
        environment: Mapping[str, str | None] = {},
        log: Path | None = None,
        reload: bool = True,
        program: str = "runserver",
        command: Sequence[str] | None = None,
        worker: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        """Take variables to set (None: to unset), a file for the output (None: the terminal),
        whether an edit reloads it (if not, runserver starts in half the time), one of PROGRAMS, or
        a whole command in place of it, whether a Celery worker runs beside it, with Redis, and the
        address of this computer where it is to be reached."""
        self.folder, self.port, self.log = folder, port, log
        site = next((each.parent.name for each in folder.glob("*/asgi.py")), "mysite")
        words = PROGRAMS[program].format(host=host, port=port, site=site).split()
        words += ["--noreload"] if program == "runserver" and not reload else []
        self.command = command or [sys.executable, *words]
        self.host = host
        self.url = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}"
        self.greeting = ""  # what it printed into its log until it answered
        ours = {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "mysite.settings"}
        environment = {**os.environ, **ours, **environment}
        self.environment = {name: text for name, text in environment.items() if text is not None}
        has_worker = worker and self.environment.get("REDIS_URL")
        self.work = [sys.executable, *WORKER.format(site=site).split()] if has_worker else []
        self.worker: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project's manage.py in the environment of this server."""
        options = {"cwd": self.folder, "env": self.environment, "stdin": subprocess.DEVNULL}
        options |= {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
        return subprocess.run([sys.executable, "manage.py", *words], **options)

    def migrate(self) -> None:
        """Make the tables of the database, if there is one; raise ServeError if that fails."""
        if not has_database(self.folder):
            return
        done = self.manage("migrate", "--no-input", "--verbosity=0")
        if done.returncode:
            if self.log:
                self.log.write_text(done.stderr, encoding="utf-8")
            last = [line for line in done.stderr.splitlines() if line[:1].strip()][-1:]
            reason = "".join(last).rstrip(".") or "it prints nothing"
            raise ServeError(f"manage.py migrate fails in {self.folder.name}: {reason}.")

    def start(self, patience: float = 30.0) -> None:
        """Start it; return once it answers. Raise ServeError, with the end of what it printed, if
        it ends before that or needs more than `patience` seconds."""
        begins = len(self.output())
        with self.log.open("ab") if self.log else contextlib.nullcontext() as output:
            options = {"cwd": self.folder, "env": self.environment, "stdout": output}
            options["stderr"] = subprocess.STDOUT if output else None
            self.process = launch(
                self.command,
                ready=self.answers,
                failure=lambda: f"The server of {self.folder.name} does not start.{self.printed()}",
                seconds=patience,
                **options,
            )
            if self.work:  # what is to be done before it is ready waits in Redis
                self.worker = subprocess.Popen(
                    self.work, stdin=subprocess.DEVNULL, **OWN_GROUP, **options
                )
        self.greeting = self.output()[begins:]

    def answers(self) -> bool:
        """Say whether it answers HTTP, whatever it answers."""
        try:
            DIRECT.open(f"http://{self.host}:{self.port}/chat/", timeout=5).close()
        except OSError as error:
            return isinstance(error, HTTPError)
        return True

    def output(self) -> str:
        """Return all that it printed into its log."""
        if not self.log or not self.log.exists():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def printed(self, lines: int = 40) -> str:
        """Return the last lines that it printed into its log."""
        return "".join("\n" + line for line in self.output().splitlines()[-lines:])

    def stop(self) -> None:
        """End it and its worker, and wait until they have ended."""
        if self.worker:
            stop(self.worker)
        super().stop()
