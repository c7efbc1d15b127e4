"""What is measured: steps of the course on their layers and servers, and peers to compare with."""

import base64
import hashlib
import io
import shutil
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from course.chapters import CHAPTERS
from course.run.layers import LAYERS
from course.run.serve import Server

PEERS = Path(__file__).resolve().parent / "peers"
NODE_WS = "8.23.0"
NODE_WS_INTEGRITY = (  # what the registry says of it: base64 of a SHA-512
    "wCkmX8QMOrKjgO8HW2WyDbTSGeqkocxgDzS9iR79rEAexty6/2qzilx3Ag8Tqf9ykop3irLKle0MtVn5qjVnoQ=="
)

# No server writes a line for each socket, and all use the event loop that Python brings.
COMMANDS = {
    "daphne": "-m daphne -v 0 -b 127.0.0.1 -p {port} {site}",
    "uvicorn": "-m uvicorn --log-level warning --loop asyncio --port {port} {site}",
    "websockets": "websockets_server.py {port}",
}


class LeftOut(Exception):
    """This configuration cannot be measured here; the text says why, in a few words."""


@dataclass(frozen=True)
class Configuration:
    """One server that is measured: its name in the results, and its name for people."""

    name: str
    label: str
    folder: Path
    service: str | None = None  # the program behind its layer
    layer: str | None = None
    program: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    large: bool = True  # also with 1,000 tabs
    site: str = "mysite.asgi:application"

    def server(self, port: int, services: Mapping[str, str], log: Path) -> Server:
        """Return the server, not yet started; raise LeftOut if it cannot be had here. `services`
        says where those are that run."""
        url = services.get(self.service) if self.service else None
        if self.service and not url:
            raise LeftOut(f"there is no {self.service}-server here")
        environment = {"DJANGO_DEBUG": "false", "REDIS_URL": None, **dict(self.variables)}
        if self.layer:
            environment |= LAYERS[self.layer].environment(url)
        elif url:
            environment[f"{self.service.upper()}_URL"] = url
        return Server(self.folder, port, environment, log, command=self.command(port))

    def command(self, port: int) -> list[str]:
        """Return the command that starts it; raise LeftOut if it needs what is not here."""
        if self.program == "node":
            node = shutil.which("node")
            if not node:
                raise LeftOut("Node is not on the PATH")
            return [node, "node_ws.mjs", str(port), node_ws().as_uri()]
        return [sys.executable, *COMMANDS[self.program].format(port=port, site=self.site).split()]


def step(number: int, layer: str, program: str) -> list[Configuration]:
    """Return a step on this layer and server: nothing, if the course has no such step."""
    short = layer.removeprefix("redis-")
    return [
        Configuration(
            f"step{number}-{short}-{program}",
            f"step {number}, {LAYER_WORDS[layer]}, {program.title()}",
            chapter.folder,
            LAYERS[layer].service,
            layer,
            program,
            large=number > 3 and layer in ("redis", "redis-pubsub"),
        )
        for chapter in CHAPTERS
        if chapter.number == number
    ]


def tutorial(name: str, words: str, consumer: str) -> Configuration:
    """Return the official tutorial's design, with one of its consumers."""
    variables = (("CONSUMER", consumer), ("DJANGO_SETTINGS_MODULE", "mysite.settings"))
    label = f"tutorial, {words}, Redis, Daphne"
    folder = PEERS / "tutorial"
    return Configuration(name, label, folder, "redis", None, "daphne", variables, False)


LAYER_WORDS = {
    "memory": "in memory",
    "redis": "Redis",
    "redis-pubsub": "Redis pub/sub",
    "rabbitmq": "RabbitMQ",
}
BARE, BASE = "websockets", "step4-redis-daphne"  # what everything else is compared with
CONFIGURATIONS = (
    Configuration(BARE, "bare websockets", PEERS, program="websockets"),
    Configuration("node-ws", "Node, ws", PEERS, program="node"),
    Configuration(
        "starlette-uvicorn",
        "Starlette, Uvicorn",
        PEERS,
        program="uvicorn",
        site="starlette_server:app",
    ),
    tutorial("tutorial-sync-redis-daphne", "sync", "ChatConsumer"),
    tutorial("tutorial-redis-daphne", "async", "AsyncChatConsumer"),
    *step(3, "redis", "daphne"),
    *step(4, "redis", "daphne"),
    *step(4, "memory", "daphne"),
    *step(4, "redis-pubsub", "daphne"),
    *step(4, "rabbitmq", "daphne"),
    *step(4, "redis-pubsub", "uvicorn"),
    *step(6, "redis-pubsub", "daphne"),
    *step(6, "redis-pubsub", "uvicorn"),
    *step(6, "redis", "uvicorn"),
)
QUICK = (BARE, BASE, "step4-pubsub-daphne", "step6-pubsub-uvicorn")


def node_ws() -> Path:
    """Return the module of Node's `ws`, from the registry's tarball, which is kept in the virtual
    environment; raise LeftOut if it cannot be had."""
    folder = Path(sys.prefix) / f"ws-{NODE_WS}"
    module = folder / "package" / "wrapper.mjs"
    if not module.is_file():
        url = f"https://registry.npmjs.org/ws/-/ws-{NODE_WS}.tgz"
        try:
            with urlopen(url, timeout=20) as answer:
                tarball = answer.read()
            if base64.b64encode(hashlib.sha512(tarball).digest()).decode() != NODE_WS_INTEGRITY:
                raise LeftOut(f"{url} is not what it was: its SHA-512 is another one")
            with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
                archive.extractall(folder)
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise LeftOut(f"Node's ws is fetched from {url}: {reason}") from None
    return module
