"""The measurements count what they say and end cleanly; pages show what was measured."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO

import psutil
import pytest
from bs4 import BeautifulSoup
from websockets.asyncio.server import Server, ServerConnection, serve

from bench import load, plots, run, show
from bench.configurations import BARE, BASE, BY_NAME, CONFIGURATIONS, QUICK
from bench.results import MEASURES, Results, fill_in
from course.chapters import CourseError
from course.run.serve import ServeError, free_port, wait_until
from tests.helpers import POSIX, REDIS, one_line, started, typed

FOUND = {
    BARE: {"throughput 100": [1000.0, 3000.0, 2000.0], "burst": [0.0, 0.0, 0.0]},
    BASE: {"throughput 100": [100.0, 600.0, 200.0], "latency_p99 100": [70.0, 60.0, 65.0]},
}
SMALL = Results(Results.read().data | {"configurations": FOUND, "left out": {"node-ws": "no Node"}})


def test_numbers_are_put_into_sentences_and_ratios_compare_round_with_round():
    assert SMALL.spread(f"throughput 100 / {BARE}", BASE) == (0.1, 0.1, 0.2)
    page = """{{ room }}: {{ bench throughput 100 websockets }} or {{ bench burst websockets }},
        {{ bench throughput 100 websockets / async-redis-daphne | rounded }} times,
        {{ bench throughput 100 async-redis-daphne
        / websockets | percent }}"""
    assert " ".join(fill_in(page, SMALL).split()) == "{{ room }}: 2,000 or 0, 10 times, 10 %"


@pytest.mark.parametrize(
    "draw, text, says",
    [
        (fill_in, "{{ bench throughput 100 nobody }}", "there is no throughput 100 of nobody"),
        (fill_in, "{{ bench burst websockets / websockets }}", "nothing is a multiple of it"),
        (fill_in, "{{ bench burst websockets | about }}", "“about” is none of rounded, percent"),
        (fill_in, "{{ bench burst websockets and no end", "this is not MEASURE NAME, or"),
        (plots.drawn, "plot throughput 100\nnobody", "nothing is called nobody"),
        (plots.drawn, "plot throughput 101", "there is no throughput 101 in the results"),
        (plots.drawn, "table burst / node-ws", "there is no burst / node-ws in the results"),
        (plots.drawn, "bar throughput", "“bar throughput” is none of plot, table, machine"),
    ],
)
def test_what_the_results_do_not_have_is_refused(draw, text, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        draw(text, SMALL)


def test_each_fence_is_drawn():
    svg = BeautifulSoup(plots.drawn("plot throughput 100", SMALL)[1], "html.parser").svg
    assert svg["aria-label"].endswith(": bare websockets: 2,000; step 4, Redis, Daphne: 200.")
    assert [each["width"] for each in svg.select("rect")] == ["66.67%", "6.67%"]
    keys = f"throughput 100, latency_p99 100, throughput 100 / {BARE}"
    assert plots.drawn(f"table {keys}\n{BASE}\n{BARE}", SMALL)[1].splitlines() == [
        "| | deliveries in a second | delay, p99 | deliveries in a second, times bare websockets |",
        "| --- | --: | --: | --: |",
        "| step 4, Redis, Daphne | 200<br><small>100–600</small> | "
        "65\N{NO-BREAK SPACE}ms<br><small>60–70</small> | 0.10<br><small>0.10–0.20</small> |",
        "| bare websockets | 2,000<br><small>1,000–3,000</small> | – | 1 |",
    ]
    assert "| not measured | node-ws (no Node) |" in plots.drawn("machine", SMALL)[1]


def test_the_results_are_those_of_a_full_run_of_every_configuration():
    data = Results.read().data
    assert {*data["configurations"], *data["left out"]} == {*BY_NAME} >= {*QUICK}, "measure again"
    for name, found in data["configurations"].items():
        large = {"memory"} if BY_NAME[name].large else set()
        assert {key.split()[0] for key in found} == {*MEASURES} - {"memory"} | large, name
        assert {len(values) for values in found.values()} == {data["rounds"]} == {3}, name
    assert len(BY_NAME) == len(CONFIGURATIONS), "two have one name"


@contextmanager
def room(answer: str = "to all") -> Iterator[tuple[load.Room, Callable]]:
    """A room of a server that treats each message as `answer` says; what runs a coroutine."""
    sockets = set()

    async def chat(socket: ServerConnection) -> None:
        sockets.add(socket)
        received = []
        async for frame in socket:
            late, received = received[-3:], [*received, frame]
            if answer == "hangs up" and len(received) == 5:
                await socket.close()
            elif not (answer == "drops" and len(received) % 3 == 0):
                for tab in {socket} if answer == "to one" else sockets:
                    for each in (frame, *(late if answer == "repeats" else ())):
                        await tab.send('{"error": "no"}' if answer == "refuses" else each)

    async def start() -> Server:
        return await serve(chat, "127.0.0.1", 0, compression=None)

    with asyncio.Runner() as runner:
        port = runner.run(start()).sockets[0].getsockname()[1]
        yield load.Room(f"ws://127.0.0.1:{port}/ws/", {}), runner.run


def test_the_load_counts_what_arrives():
    with room() as (it, do):
        assert do(it.join(4)) > 0 < do(it.throughput(0.1, 2))["throughput"]
        assert it.delivered == 4 * len(it.sent), "all that was sent has arrived"
        delays = do(it.latency(0.1, 100))
        assert 0 < delays["latency_p50"] <= delays["latency_p99"] and len(it.delays) == 4 * 10
        assert do(it.burst(30)) == 0


def test_the_load_counts_what_is_lost_and_not_what_comes_late():
    with room("drops") as (it, do):
        do(it.join(2))
        assert 9 <= do(it.burst(30)) <= 11
    with room("repeats") as (it, do):
        do(it.join(2))
        do(it.burst(1))
        assert do(it.burst(1)) == 0 and it.delivered == 2


def test_a_server_that_cannot_be_measured_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(load, "JOIN_TIMEOUT", 0.1)
    for answer, says in {
        "to one": "Only 1 of 3 tabs in one room receive a message.",
        "refuses": 'The server answers a message with {"error": "no"}',
        "hangs up": "A tab lost its socket.",
    }.items():
        with room(answer) as (it, do), pytest.raises(CourseError, match=re.escape(says)):
            do(it.join(3))
            do(it.throughput(5, 2))


def test_what_others_used_does_not_contain_what_the_run_used(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 100.0)
    for run_id in (0, psutil.Process().pid):
        with room() as (it, do):
            found = do(load.measure(it.url, {}, {"tabs": [10], "seconds": 0.1}, run_id, 0))
        assert found["others"] < 1 if run_id else found["others"] == 1


def test_rounds_begin_with_another_server_and_what_fails_is_left_out(monkeypatch):
    visits = []

    def visit(subject, *_: object) -> dict[str, float]:
        visits.append(subject.name)
        if subject.name == "node-ws":
            raise ServeError("no Node\nand more")
        return {"throughput 100": float(len(visits)), "others": len(visits) / 10}

    monkeypatch.setattr(run, "visit", visit)
    subjects = [BY_NAME[name] for name in (BARE, "node-ws", BASE)]
    data = run.bench(subjects, run.PLANS["quick"], lambda line: None)
    assert visits == [BARE, "node-ws", BASE, BASE, BARE, BASE, BARE]
    assert data["configurations"][BARE] == {"throughput 100": [1.0, 5.0, 7.0]}
    assert (data["left out"], data["machine"]["others at most"]) == ({"node-ws": "no Node"}, 0.7)


def test_what_a_configuration_needs_and_is_not_here_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, reason in {
        "async-rabbitmq-daphne": "RABBITMQ_URL is not set",
        BASE: "REDIS_URL is not set",
        "node-ws": "Node and its npm are not on the PATH",
    }.items():
        with pytest.raises(ServeError, match=reason):
            BY_NAME[name].server(free_port(), {"redis": None, "rabbitmq": None}, "")


@REDIS
def test_a_quick_run_measures_real_servers_and_writes_what_it_found(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(run, "ROUNDS", 1)  # two more find the same
    before = psutil.Process().children()
    show.main(quick=True, url="", file=(file := StringIO()))
    left = [each for each in psutil.Process().children() if each not in before]
    assert not left, "every server, and its Redis, should have been stopped"
    printed, results = capsys.readouterr().out, Results(json.loads(file.getvalue()))
    for name in QUICK:
        for key in ("throughput 100", "cpu 100", "latency_p50 100", "latency_p99 100"):
            assert len(results.values(key, name)) == 1 and results.values(key, name)[0] > 0
        assert BY_NAME[name].label in printed
    assert "Other programs used at most" in printed
    assert max(map(len, printed.splitlines())) <= 80 and "…" not in printed, printed


@POSIX
def test_ctrl_c_ends_all_of_it_with_one_line():
    with started("bench", "--quick") as process:
        own = psutil.Process(process.pid).children
        wait_until(lambda: any("bench.load" in each.cmdline() for each in own()), "no load", 30)
        family = own(recursive=True)
        process.send_signal(signal.SIGINT)
        printed = "".join(process.communicate(timeout=20))
    assert printed.strip() == "Stopped." and process.returncode == 130
    assert len(family) >= 2 and not any(each.is_running() for each in family)


def test_what_cannot_be_done_gets_one_line():
    result = typed("bench", "--url", f"http://localhost:{free_port()}")
    assert "Start the server there first" in one_line(result) and result.returncode == 1
