"""A RabbitMQ of our own, for `--layer rabbitmq`, and whether one answers elsewhere."""

import asyncio
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import carehare
import psutil

from course.run.serve import OWN_GROUP, ServeError, free_port, masked, port_taken, stop

# Where Debian, Fedora and RabbitMQ's own packages have the program itself. What they put on the
# PATH, and on root's only, is a wrapper: it becomes the user rabbitmq and works in /var/lib.
PACKAGED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

# The names that the learner's messages are kept under, apart from all others on this RabbitMQ.
VHOST, USER, PASSWORD = "course", "learner", "learner"

CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{port}
default_vhost = {vhost}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 1MB
"""


class PrivateRabbitMQ:
    """A rabbitmq-server of our own: a free port, a vhost and a user for the learner, its files in a
    folder of its own, and all of it gone at `stop`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{VHOST}"
        self.start()

    @staticmethod
    def available() -> bool:
        """Say whether there is a rabbitmq-server that we can start."""
        return program() is not None

    def start(self) -> None:
        """Start it, empty, and wait until it answers, which takes some seconds; raise ServeError if
        it does not within a minute."""
        self.folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self.process = subprocess.Popen(
            [str(program())],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **OWN_GROUP,
        )
        atexit.register(self.stop)  # whatever ends us before `stop`, short of a kill
        deadline = time.monotonic() + 60
        while not port_taken(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self._last_error()
                self.stop()
                raise ServeError(f"rabbitmq-server is installed but does not start.{said}")
            time.sleep(0.1)

    def _environment(self) -> dict[str, str]:
        """Write its configuration; return what leads RabbitMQ there and nowhere else."""
        folder = self.folder
        names = {"port": self.port, "vhost": VHOST, "user": USER, "password": PASSWORD}
        (folder / "rabbitmq.conf").write_text(CONFIGURATION.format(**names), encoding="utf-8")
        (folder / "enabled_plugins").write_text("[].\n", encoding="utf-8")
        (folder / "rabbitmq-env.conf").touch()
        node = f"course-{uuid.uuid4().hex[:8]}@localhost"
        # An Erlang node that takes part in no cluster: it listens to no other one, and needs no
        # epmd, which would stay behind. The port of a cluster is asked for, and never used.
        # RabbitMQ starts an Erlang once a minute to see to epmd, so all of them have to know.
        alone = f"-start_epmd false -dist_listen false -erl_epmd_port {self.port}"
        system = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        return {name: value for name in system if (value := os.environ.get(name))} | {
            "ERL_AFLAGS": alone,
            "HOME": str(folder),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_LOGS": str(folder / "log"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {node} -setcookie {uuid.uuid4().hex}",
        }

    def _last_error(self) -> str:
        """Return the last line of its log that is an error, with a space before it."""
        log = self.folder / "log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        errors = [line.partition("> ")[2] for line in text.splitlines() if "[error]" in line]
        return next((f" It says: {line}" for line in reversed(errors) if line.strip()), "")

    def freeze(self) -> None:
        """Stop it as a debugger would: its connections stay open and nothing answers on them."""
        for process in self._family():
            process.suspend()

    def thaw(self) -> None:
        """Let a frozen RabbitMQ run on."""
        for process in self._family():
            process.resume()

    def _family(self) -> list[psutil.Process]:
        """The script that started it, Erlang, and Erlang's helpers."""
        script = psutil.Process(self.process.pid)
        return [script, *script.children(recursive=True)]

    def stop(self) -> None:
        """End it, and wait until it has ended; remove its files."""
        stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)


def program() -> Path | None:
    """Return the path of the rabbitmq-server that is no wrapper, or None."""
    if sys.platform == "win32":  # its RabbitMQ is a service with a script of another kind
        return None
    if PACKAGED.is_file():
        return PACKAGED
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve() if found else None


def check(url: str) -> None:
    """Raise ServeError unless a RabbitMQ at this URL (amqp:// or amqps://) lets us in."""
    try:
        asyncio.run(_greet(url))
    except ValueError:
        raise ServeError(
            f"RABBITMQ_URL is {masked(url)}, which is not the address of a RabbitMQ. "
            "Write it as amqp://user:password@localhost:5672/vhost, or unset it."
        ) from None
    except carehare.ConnectionClosedByServer as refused:
        said = refused.reply_text.partition(" - ")[2].partition(". ")[0] or refused.reply_text
        raise ServeError(
            f"The RabbitMQ at {masked(url)} (RABBITMQ_URL) lets nobody in: {said}. "
            "Mend that, or unset RABBITMQ_URL."
        ) from None
    except (carehare.BadBytesFromServer, carehare.ConnectionClosed, OSError):
        raise ServeError(
            f"No RabbitMQ answers at {masked(url)} (RABBITMQ_URL). Start it, or unset RABBITMQ_URL."
        ) from None


async def _greet(url: str) -> None:
    """Connect and take leave."""
    async with asyncio.timeout(5):
        connection = carehare.Connection(url)
        await connection.connect()
        await connection.close()
