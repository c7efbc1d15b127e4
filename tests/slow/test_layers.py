"""Step 4 on every channel layer, with the settings of layers/: what docs/layers.md shows. The rows
on a step's own layers, in memory and Redis (core), are those of the matrix, which plays them."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, Chapter
from course.judge.scenarios import IN_TABS, ON_THE_WIRE
from course.judge.scenarios.stage import Client, Stage, Unmet, new_room
from course.matrix import Behaviour
from course.run import layers
from course.run.layers import LAYERS, STEP, Layer
from course.run.serve import PrivateRedis, Server, free_port, wait_until
from tests.helpers import tabs_talk
from tests.slow import rabbitmq

OTHERS = ("redis-pubsub", "rabbitmq")
MANY = [f"message {number}" for number in range(1, 301)]
Site = tuple[list[Server], PrivateRedis | None]


def on(name: str, *values: object, id: str = "") -> object:
    """Return a case on the layer with this name. All cases of a layer are in one worker, since its
    service takes seconds to start."""
    there = {"redis": PrivateRedis.available(), "rabbitmq": rabbitmq.PROGRAM.is_file()}
    service = LAYERS[name].service
    missing = pytest.mark.skipif(not there.get(service, True), reason=f"no {service}-server")
    marks = [pytest.mark.xdist_group(f"layer {name}"), missing]
    return pytest.param(LAYERS[name], *values, id=f"{name}-{id}".strip("-"), marks=marks)


def serve(layer: Layer, service: PrivateRedis | None, logs: Path, step: Chapter = STEP) -> Server:
    port, environment = free_port(), layer.environment(service.url if service else None)
    environment["CHAT_DATA"] = str(logs / step.name)
    server = Server(step.folder, port, environment, logs / f"{port}.log", reload=False)
    server.migrate()
    return server


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Layer], Site]]:
    """Returns two servers on a layer and the service behind it, started when first asked for."""
    with ExitStack() as own:

        @cache
        def site(layer: Layer) -> Site:
            service, logs = None, tmp_path_factory.mktemp("site")
            if layer.service:
                kind = PrivateRedis if layer.service == "redis" else rabbitmq.PrivateRabbitMQ
                service = own.enter_context(kind())
            return [own.enter_context(serve(layer, service, logs)) for _ in range(2)], service

        yield site


@pytest.fixture
def restarts() -> bool:
    """Whether a case restarts the service. It has a server of its own, and comes last: the two
    servers that the other cases share are of no use after that."""
    return False


@pytest.fixture
def stage(
    layer: Layer,
    restarts: bool,
    sites: Callable[[Layer], Site],
    browser: Callable[[], WebDriver],
    tmp_path: Path,
) -> Iterator[Stage]:
    servers, service = sites(layer)
    with ExitStack() as own:
        if restarts:
            servers = [own.enter_context(serve(layer, service, tmp_path))]
        stage = Stage(servers[0].url, new_room(), browser, servers, service)
        own.callback(stage.leave)
        yield stage


def test_every_cross_has_a_proof_and_a_reason() -> None:
    marks = {
        (row.id, name): layers.cell(row, LAYERS[name]).mark
        for row in layers.rows()
        for name in LAYERS
    }
    # The matrix proves the first (as two_servers_in_memory), a test below the second.
    proven = [("two_servers", "memory"), ("redis_restart", "rabbitmq")]
    assert [cell for cell, mark in marks.items() if mark == "✘"] == proven
    assert all(row.layers.keys() <= LAYERS.keys() for row in matrix.load())
    table, reasons = layers.markdown().split("\n\n")
    assert re.findall(r"✘<sup>(\d+)</sup>", table) == re.findall(
        r"^(\d+)\. ", reasons, re.MULTILINE
    )


@pytest.mark.parametrize("layer", [on(name) for name in OTHERS])
def test_the_sync_consumer_and_the_last_step_run_on_it(layer, sites, tmp_path):
    """The last step has what the steps after the fourth add."""
    for chapter in (CHAPTERS[CHAPTERS.index(STEP) - 1], CHAPTERS[-1]):
        with serve(layer, sites(layer)[1], tmp_path, chapter) as server:
            tabs_talk(server.url)


# What makes sense for layers only: the second table of docs/layers.md.


@pytest.mark.parametrize("layer", [on(name) for name in LAYERS])
def test_300_messages_of_one_tab_reach_20_tabs_in_order(layer: Layer, stage: Stage) -> None:
    clients = [stage.client() for _ in range(20)]
    clients[0].say(*MANY)
    for client in clients:
        client.patience = 30
        client.hears(*MANY)


@pytest.mark.parametrize(
    ("layer", "kept"), [on("redis", {100, 101}), on("redis-pubsub", {300}), on("rabbitmq", {200})]
)
def test_of_300_messages_a_frozen_process_gets(layer: Layer, kept: set[int], stage: Stage) -> None:
    speaker, listener = (stage.client(site=server.url) for server in stage.servers)
    speaker.patience = 30  # however busy the machine is
    listener.say("ready")
    speaker.hears("ready")
    listener.hears("ready")
    frozen = psutil.Process(stage.servers[1].process.pid)
    frozen.suspend()
    try:
        speaker.say(*MANY)
        speaker.hears(*MANY)  # the barrier: all of them have been through the layer
    finally:
        frozen.resume()
    received = []
    with pytest.raises(Unmet) as end:
        while True:
            received.append(listener.receive(seconds=2)["message"])
    assert end.value.symptom == "silent", "the socket should still be open"
    assert len(received) in kept
    assert received == MANY[: len(received)], "the first ones, in order"


@pytest.mark.parametrize(
    ("layer", "row", "restarts"),
    [
        on(name, row, row.id == "redis_restart", id=row.id)
        for name in OTHERS
        for row in sorted(layers.rows(), key=lambda row: row.id == "redis_restart")
        if layers.cell(row, LAYERS[name]).mark == "✔"
    ],
)
def test_row(layer: Layer, row: Behaviour, stage: Stage) -> None:
    if "two servers" not in row.needs:
        stage.servers = stage.servers[:1]
    (ON_THE_WIRE.get(row.id) or IN_TABS[row.id])(stage)


def listener_while_the_service_restarts(stage: Stage) -> Client:
    listener, speaker = stage.client(), stage.client()
    speaker.say("hello")
    listener.hears("hello")
    stage.redis.stop()
    stage.redis.start()
    return listener


@pytest.mark.parametrize(("layer", "restarts"), [on("redis", True)])
def test_a_restart_closes_the_socket_of_a_tab_that_listens(layer: Layer, stage: Stage) -> None:
    with pytest.raises(Unmet) as dropped:
        listener_while_the_service_restarts(stage).receive()
    assert dropped.value.symptom == "dropped 1011"


@pytest.mark.parametrize(("layer", "restarts"), [on(name, True) for name in OTHERS])
def test_a_tab_that_listens_survives_a_restart(layer: Layer, stage: Stage) -> None:
    listener = listener_while_the_service_restarts(stage)

    def receives() -> bool:
        with suppress(Unmet):
            stage.client().say("hello again")
        try:
            return bool(listener.receive(seconds=1))
        except Unmet as unmet:
            assert "dropped" not in unmet.symptom
            return False

    wait_until(receives, "The listener should receive what is said in the room again.", 20)


@pytest.mark.parametrize(("layer", "restarts"), [on("rabbitmq", True)])
def test_a_tab_that_gives_up_while_rabbitmq_is_down_ends_the_layer(layer, stage):
    (server,) = stage.servers
    witness = stage.client()
    witness.say("before")
    witness.hears("before")
    stage.redis.stop()
    stage.patience = 1
    with pytest.raises(Unmet):
        stage.client()  # no answer to its handshake, so it leaves
    killed = "took too long to shut down and was killed"
    wait_until(lambda: killed in server.output(), f"The log should say: {killed}", 30)
    stage.redis.start()
    stage.patience = 5  # the layer tries to connect once a second
    with pytest.raises(Unmet):
        stage.client()
    with pytest.raises(Unmet):
        witness.say("after")
        witness.hears("after")
    server.stop()
    server.start()
    again = stage.client()
    again.say("after")
    again.hears("after")
