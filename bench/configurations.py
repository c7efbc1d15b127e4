"""What is measured: chapters on their channel layers and servers, and peers to compare with."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import devnull
from pathlib import Path

from course.chapters import CHAPTERS
from course.run.layers import LAYERS
from course.run.serve import ServeError, Server

PEERS = Path(__file__).resolve().parent / "peers"
NODE_WS = "ws@8.23.0"  # the package, as npm takes it

# No server logs a line for each socket, and all use Python's own event loop.
COMMANDS = {
    "daphne": "-m daphne -v 0 -b 127.0.0.1 -p {port} {site}",
    "uvicorn": "-m uvicorn --log-level warning --loop asyncio --port {port} {site}",
    "websockets": "websockets_server.py {port}",
}


@dataclass(frozen=True)
class Configuration:
    """One server that is measured: its name in the results, and its label for people."""

    name: str
    label: str
    program: str
    site: str = "mysite.asgi:application"
    folder: Path = PEERS
    services: tuple[str, ...] = ()  # the programs behind its layer and its database
    variables: Mapping[str, str] = field(default_factory=dict)
    large: bool = True  # also measured with 1,000 tabs
    url: str = ""  # where it runs already; empty: it is started

    def server(self, port: int, urls: Mapping[str, str | None], data: str) -> Server:
        """Return the server, not yet started; `urls` has the addresses of the services, `data` is a
        folder for a database. Raise ServeError if something is missing here."""
        environment = {"DJANGO_DEBUG": "false", "REDIS_URL": None, "DATABASE_URL": None}
        environment |= {"CHAT_DATA": data, **self.variables}
        for service in self.services:
            variable = f"{service.upper()}_URL"
            if not urls[service]:
                raise ServeError(f"no {service} is found, and {variable} is not set")
            environment[variable] = urls[service]
        if self.program == "node":
            command = ["node", "node_ws.mjs", str(port), node_ws().as_uri()]
        else:
            words = COMMANDS[self.program].format(port=port, site=self.site).split()
            command = [sys.executable, *words]
        return Server(self.folder, port, environment, Path(devnull), command=command)


def node_ws() -> Path:
    """Return the module of Node's `ws`, which npm installs once into the virtual environment;
    raise ServeError if it cannot."""
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        raise ServeError("Node and its npm are not on the PATH")
    folder = Path(sys.prefix) / NODE_WS.replace("@", "-")
    module = folder / "node_modules" / "ws" / "wrapper.mjs"
    if not module.is_file():
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), NODE_WS]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise ServeError(f"npm install {NODE_WS} fails: {done.stderr.strip()}")
    return module


def step(name: str, layer: str, program: str, large=True, database=False) -> Configuration:
    """Return a chapter on this layer and server; with `database`, on the one of DATABASE_URL."""
    [chapter] = [each for each in CHAPTERS if each.name == name]
    title = LAYERS[layer].title.removesuffix(", core").replace(",", "")
    return Configuration(
        name=f"{name}-{layer.removeprefix('redis-')}-{program}{'-database' * database}",
        label=f"step {chapter.number}, {title}, {program.title()}{', PostgreSQL' * database}",
        program=program,
        folder=chapter.folder,
        services=tuple(filter(None, [LAYERS[layer].service, "database" * database])),
        variables=LAYERS[layer].environment(),
        large=large,
    )


def tutorial(name: str, consumer: str) -> Configuration:
    """Return the chat of the official tutorial, with its sync or its async consumer."""
    text, site = f"tutorial, {consumer}, Redis, Daphne", f"tutorial:with_{consumer}"
    return Configuration(name, text, "daphne", site, services=("redis",), large=False)


BARE, BASE = "websockets", "async-redis-daphne"  # what everything else is compared with
CONFIGURATIONS = (
    Configuration(BARE, "bare websockets", "websockets"),
    Configuration("node-ws", "Node, ws", "node"),
    Configuration("starlette-uvicorn", "Starlette, Uvicorn", "uvicorn", "starlette_server:app"),
    tutorial("tutorial-sync-redis-daphne", "sync"),
    tutorial("tutorial-redis-daphne", "async"),
    step("channel_layer", "redis", "daphne", large=False),
    step("async", "redis", "daphne"),
    step("async", "memory", "daphne", large=False),
    step("async", "redis-pubsub", "daphne"),
    step("async", "rabbitmq", "daphne", large=False),
    step("async", "redis-pubsub", "uvicorn"),
    step("history", "redis", "daphne", large=False),
    step("history", "redis", "daphne", large=False, database=True),
    step("accounts", "redis", "daphne", large=False),
    step("accounts", "redis-pubsub", "daphne"),
    step("fan_out", "redis-pubsub", "daphne"),
    step("fan_out", "redis-pubsub", "uvicorn"),
    step("fan_out", "redis", "uvicorn"),
)
BY_NAME = {each.name: each for each in CONFIGURATIONS}
QUICK = (BARE, BASE, "async-pubsub-daphne", "fan_out-pubsub-uvicorn")
LABELS = {each.name: each.label for each in CONFIGURATIONS} | {"yours": "yours"}
