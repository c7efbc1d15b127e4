"""Every cell of course/layers.toml: a step on each channel layer, with settings of layers/."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, Chapter
from course.judge.scenarios import IN_TABS, ON_THE_WIRE
from course.judge.scenarios.stage import Client, Stage, Unmet
from course.run import layers
from course.run.layers import LAYERS, Layer, Row
from course.run.rabbitmq import PrivateRabbitMQ
from course.run.serve import PrivateRedis, Server, free_port, port_taken

SERVICES = {"redis": PrivateRedis, "rabbitmq": PrivateRabbitMQ}
MANY = [f"message {number}" for number in range(1, 301)]
KEPT = {"redis": {100, 101}, "rabbitmq": {200}}  # of MANY, for a process that stands still

# The steps' own layers, on which tests/test_matrix.py plays its rows.
OWN = ("memory", "redis")
IN_THE_MATRIX = {row.id for row in matrix.load()}

# A service takes seconds to start, and rows stop it: what a layer needs is in one worker.
CELLS = [
    pytest.param(
        chapter,
        row,
        LAYERS[name],
        id=f"step{chapter.number}-{row.id}-{name}",
        marks=pytest.mark.xdist_group(f"layer {name}"),
    )
    for chapter in layers.steps()
    for name in LAYERS
    for row in layers.load()
    if row.cells[name] != "–" and not (name in OWN and row.id in IN_THE_MATRIX)
]


class Site:
    """Servers of one step on one layer, and the service behind the layer."""

    def __init__(self, chapter: Chapter, layer: Layer, logs: Path) -> None:
        self.service = SERVICES[layer.service]() if layer.service else None
        environment = layer.environment(self.service.url if self.service else None)
        self.servers = []
        for number in (1, 2):
            log = logs / f"{layer.name}-{number}.log"
            server = Server(chapter.folder, free_port(), environment, log, reload=False)
            server.start()
            self.servers.append(server)

    def healthy(self) -> bool:
        """Say whether a row has left all of it as it was. On Redis, a restart costs each process
        the next tab that joins, and the next one that speaks: they come from here."""
        running = [server.process.poll() is None for server in self.servers]
        if not all(running) or (self.service and not port_taken(self.service.port)):
            return False
        return all(any(works(server) for _ in range(4)) for server in self.servers)

    def stop(self) -> None:
        """End all of it, the servers first."""
        for part in [*self.servers, *([self.service] if self.service else [])]:
            part.stop()


def works(server: Server) -> bool:
    """Say whether a tab could join a room just now and hear itself."""
    stage = Stage(server.url, "anybody there?", None, patience=5)
    try:
        client = stage.client()
        client.say("hello")
        client.hears("hello")
    except Unmet:
        return False
    finally:
        stage.leave()
    return True


@pytest.fixture(scope="session")
def sites(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Chapter, Layer], Site]]:
    """Returns a step on a layer: as the test before has left it, if it has survived that."""
    running: dict[tuple[int, str], Site] = {}

    def get(chapter: Chapter, layer: Layer) -> Site:
        if request.config.getoption("--compose"):
            pytest.skip("native only: it needs the service to itself")
        if layer.service and not SERVICES[layer.service].available():
            pytest.skip(f"no {layer.service}-server is found")
        key = chapter.number, layer.name
        if key in running and not running[key].healthy():
            running.pop(key).stop()
        if key not in running:
            running[key] = Site(chapter, layer, tmp_path_factory.mktemp("site"))
        return running[key]

    yield get
    for site in running.values():
        site.stop()


@pytest.fixture
def stage(
    chapter: Chapter,
    row: Row,
    layer: Layer,
    sites: Callable[[Chapter, Layer], Site],
    browser: Callable[[], WebDriver],
) -> Iterator[Stage]:
    """The site on which a row is played."""
    site = sites(chapter, layer)
    with ExitStack() as own:
        servers = site.servers if row.id in TWO_SERVERS else site.servers[:1]
        room = f"room-{uuid.uuid4().hex[:8]}"
        # Tabs cost seconds. They are for the rows that only a page can show.
        tabs = None if row.id in WIRE else browser
        stage = Stage(servers[0].url, room, tabs, servers, site.service)
        own.callback(stage.leave)
        yield stage


@pytest.mark.parametrize(("chapter", "row", "layer"), CELLS)
def test_cell(chapter: Chapter, row: Row, layer: Layer, stage: Stage) -> None:
    play(row, row.cells[layer.name], layer, stage)


def play(row: Row, mark: str, layer: Layer, stage: Stage) -> None:
    if mark == "✔":
        (WIRE.get(row.id) or IN_TABS[row.id])(stage)
    elif row.id == "standstill":
        only_some_wait_for_a_process_at_a_standstill(stage, KEPT.get(layer.name, set()))
    else:
        BROKEN[row.id](stage)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(layer, marks=pytest.mark.xdist_group(f"layer {name}"), id=name)
        for name, layer in LAYERS.items()
    ],
)
def test_the_other_steps_run_on_it_too(
    layer: Layer, sites: Callable[[Chapter, Layer], Site], tmp_path: Path
) -> None:
    played = layers.steps()
    service = sites(played[0], layer).service
    environment = layer.environment(service.url if service else None)
    for chapter in CHAPTERS:
        if "redis" in chapter.services and chapter not in played:
            log = tmp_path / f"step{chapter.number}.log"
            with Server(chapter.folder, free_port(), environment, log, reload=False) as server:
                stage = Stage(server.url, "lobby", None, [server])
                ON_THE_WIRE["second_tab"](stage)
                stage.leave()


# Not those in which RabbitMQ restarts, which takes long.
OPPOSITES = [
    cell
    for cell in CELLS
    if {"✔", "✘"} <= set(cell.values[1].cells.values())
    and cell.values[1].id != "redis_restart"
    and (cell.values[1].id != "listener_stays" or cell.values[2].service == "redis")
]


@pytest.mark.parametrize(("chapter", "row", "layer"), OPPOSITES)
def test_the_opposite_of_a_cell_fails(
    chapter: Chapter, row: Row, layer: Layer, stage: Stage
) -> None:
    """A scenario that passes on whatever layer it is played proves nothing."""
    stage.patience = 2
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        play(row, "✘" if row.cells[layer.name] == "✔" else "✔", layer, stage)


# What is not in the matrix: rows that make sense for layers only.


def listener_stays(stage: Stage) -> None:
    listener = _listener_while_the_service_restarts(stage)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            stage.client().say("hello again")
            listener.receive(seconds=1)
            return
        except Unmet as unmet:
            if "dropped" in unmet.symptom:
                raise
    raise Unmet("The listener should hear the room again; it hears nothing.")


def listener_is_dropped(stage: Stage) -> None:
    listener = _listener_while_the_service_restarts(stage)
    with pytest.raises(Unmet) as dropped:
        listener.receive()
    assert dropped.value.symptom == "dropped 1011"


def _listener_while_the_service_restarts(stage: Stage) -> Client:
    listener, speaker = stage.client(), stage.client()
    speaker.say("hello")
    listener.hears("hello")
    stage.redis.stop()
    stage.redis.start()
    return listener


def one_speaker(stage: Stage) -> None:
    clients = [stage.client() for _ in range(20)]
    clients[0].say(*MANY)
    for client in clients:
        client.patience = 30
        client.hears(*MANY)


def all_wait_for_a_process_at_a_standstill(stage: Stage) -> None:
    _said_while_the_second_server_stands_still(stage).hears(*MANY)


def only_some_wait_for_a_process_at_a_standstill(stage: Stage, kept: set[int]) -> None:
    listener = _said_while_the_second_server_stands_still(stage)
    heard = []
    with pytest.raises(Unmet) as end:
        while True:
            heard.append(listener.receive(seconds=2)["message"])
    assert end.value.symptom == "silent", "and the socket is still open"
    assert len(heard) in kept
    assert heard == MANY[: len(heard)], "the first ones, in order"


def _said_while_the_second_server_stands_still(stage: Stage) -> Client:
    speaker, listener = (stage.client(site=server.url) for server in stage.servers)
    speaker.patience = 30  # however busy the machine is
    listener.say("ready")
    speaker.hears("ready")
    listener.hears("ready")
    second = psutil.Process(stage.servers[1].process.pid)
    second.suspend()
    try:
        speaker.say(*MANY)
        speaker.hears(*MANY)  # the barrier: all of them have been through the layer
    finally:
        second.resume()
    return listener


# How a ✘ is proven.


def processes_hear_only_themselves(stage: Stage) -> None:
    a, b = (stage.client(site=server.url) for server in stage.servers)
    for speaker, message in ((a, "from A"), (b, "from B"), (a, "from A again")):
        speaker.say(message)
        speaker.hears(message)  # and nothing from the other before it


def an_impatient_tab_ends_the_layer(stage: Stage) -> None:
    (server,) = stage.servers
    witness = stage.client()
    witness.say("before")
    witness.hears("before")
    stage.redis.stop()
    stage.patience = 1
    with pytest.raises(Unmet):
        stage.client()  # nobody answers its handshake, so it leaves
    _until(lambda: "took too long to shut down and was killed" in server.output())
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


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "what is waited for does not happen"
        time.sleep(0.1)


WIRE = ON_THE_WIRE | {
    "listener_stays": listener_stays,
    "one_speaker": one_speaker,
    "standstill": all_wait_for_a_process_at_a_standstill,
}
BROKEN = {
    "two_servers": processes_hear_only_themselves,
    "redis_restart": an_impatient_tab_ends_the_layer,
    "listener_stays": listener_is_dropped,
}
TWO_SERVERS = {"two_servers", "standstill"}


def test_every_row_that_holds_on_the_steps_own_layer_is_there_in_its_order() -> None:
    (chapter,) = layers.steps()
    hold = [
        row.id
        for row in matrix.load()
        if row.mark(chapter) == "✔" and not row.needs & {"no redis", "folder"}
    ]
    rows = [row.id for row in layers.load()]
    assert rows[: len(hold)] == hold
    assert not IN_THE_MATRIX & set(rows[len(hold) :])
    assert all(row in WIRE or row in IN_TABS for row in rows)


ROW = """
[[row]]
id = "{id}"
cells = "{cells}"
{more}
"""
HOLD = " ".join("✔" for _ in LAYERS)
FAILS = " ".join(["✘", *HOLD.split()[1:]])
WHY = 'why.memory = "It forgets."'


@pytest.mark.parametrize(
    ("name", "cells", "more", "problem"),
    [
        ("idle", "✔ ✔", "", "idle: one ✔, ✘ or – for each of"),
        ("idle", HOLD.replace("✔", "x"), "", "idle: one ✔, ✘ or – for each of"),
        ("idle", FAILS, "", "idle: a reason for each ✘"),
        ("idle", HOLD, WHY, "idle: a reason for each ✘, and for nothing else"),
        ("of_ours", HOLD, "", "of_ours is no row of matrix.toml, so it needs words"),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused(
    tmp_path: Path, name: str, cells: str, more: str, problem: str
) -> None:
    path = tmp_path / "layers.toml"
    path.write_text(ROW.format(id=name, cells=cells, more=more), "utf-8")
    with pytest.raises(ValueError, match=problem):
        layers.load(path)
    path.write_text(ROW.format(id="idle", cells=FAILS, more=WHY), "utf-8")
    [row] = layers.load(path)
    assert row.words.startswith("a tab idle")
    assert row.why == {"memory": "It forgets."}


def test_the_table_numbers_each_cross_and_gives_its_reason() -> None:
    table, reasons = layers.markdown().split("\n\n")
    numbers = re.findall(r"✘<sup>(\d+)</sup>", table)
    assert numbers == re.findall(r"^(\d+)\. \*\*", reasons, re.MULTILINE)
    assert len(numbers) == table.count("✘") == sum(len(row.why) for row in layers.load())
