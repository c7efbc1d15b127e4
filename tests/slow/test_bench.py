"""The measurements: they measure what they say, they refuse what cannot be measured, nothing of
them stays behind, and the pages say what the results say."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from bs4 import BeautifulSoup
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench import load, plots, run
from bench.configurations import BARE, BASE, CONFIGURATIONS, LeftOut
from bench.results import MEASURES, ResultError, Results, claims
from course.chapters import CHAPTERS, ROOT
from course.run.serve import free_port, stop
from tests.helpers import CLI, POSIX, REDIS, environment, one_line, typed

BY_NAME = {each.name: each for each in CONFIGURATIONS}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = Results(
    {
        "rounds": 3,
        "labels": {"websockets": "bare websockets", "step4-redis-daphne": "step 4 <b>&"},
        "configurations": {
            "websockets": {
                "throughput 10": [900.0, 1000.0, 1100.0],
                "throughput 100": [1000.0, 3000.0, 2000.0],
                "burst": [0.0, 0.0, 0.0],
            },
            "step4-redis-daphne": {
                "throughput 10": [90.0, 100.0, 110.0],
                "throughput 100": [100.0, 600.0, 200.0],
                "latency_p99 100": [70.0, 60.0, 65.0],
                "burst": [199.0, 190.0, 195.0],
            },
        },
    }
)


# What a run found, read back


def test_the_median_of_the_rounds_counts():
    assert SMALL.median("throughput 100", "websockets") == 2000
    assert SMALL.median("latency_p99", "step4-redis-daphne") == 65


def test_a_ratio_compares_round_with_round():
    """0.1, 0.2 and 0.1: not 200 / 2000 by chance, but the middle one of the pairs."""
    assert SMALL.ratio("throughput 100", "step4-redis-daphne", "websockets") == 0.1
    assert SMALL.ratio("throughput 100", "websockets", "step4-redis-daphne") == 10


def test_a_cell_shows_the_spread_unless_there_is_none():
    assert SMALL.cell("throughput 100", "websockets") == "2,000<br><small>1,000–3,000</small>"
    assert (
        SMALL.cell("latency_p99 100", "step4-redis-daphne")
        == "65\N{NO-BREAK SPACE}ms<br><small>60–70</small>"
    )
    assert SMALL.cell("burst", "websockets") == "0"
    ratio = SMALL.cell("throughput 100 / websockets", "step4-redis-daphne")
    assert ratio == "0.10<br><small>0.10–0.20</small>"
    assert SMALL.cell("memory", "websockets") == "–"


@pytest.mark.parametrize(
    "question, says",
    [
        ("throughput 100 nobody", "there is no nobody in the results"),
        ("throughput websockets", "there is no throughput of websockets: there"),
        ("memory websockets", "there is no memory of websockets"),
        ("burst step4-redis-daphne / websockets", "nothing is a multiple of it"),
    ],
)
def test_what_the_results_do_not_have_is_told(question, says):
    with pytest.raises(ResultError, match=says):
        SMALL.ask(question)


# The numbers on pages

RATIO = "throughput 100 websockets / step4-redis-daphne"  # 10
SHARE = "throughput 100 step4-redis-daphne / websockets"  # 0.1
DELAY = "latency_p99 100 step4-redis-daphne"  # 65


@pytest.mark.parametrize(
    "words, question",
    [
        ("about 9 times", RATIO),
        ("**ten times**", RATIO),
        ("more than 9.5 times as many", RATIO),
        ("At least 10 times", RATIO),
        ("a tenth", SHARE),
        ("at most a tenth", SHARE),
        ("10 %", SHARE),
        ("less than half of what it was", SHARE),
        ("65 ms", DELAY),
        ("about 0.06 s", DELAY),
        ("about 2,100 messages each second", "throughput 100 websockets"),
        ("with 100 tabs 65 ms", DELAY),
        ("195", "burst step4-redis-daphne"),
        ("it loses none", "burst websockets"),
    ],
)
def test_a_number_that_the_results_bear_out_is_let_through(words, question):
    [claim] = claims(f"It is {words}<!-- bench: {question} --> here.")
    assert claim.problem(SMALL) is None


@pytest.mark.parametrize(
    "words, question, says",
    [
        ("about 8 times", RATIO, "“about 8 times”, but throughput 100"),
        ("9 times", RATIO, "is 10"),
        ("more than 10 times", RATIO, "is 10"),
        ("at most a fifth", RATIO, "is 10"),
        ("a fifth", SHARE, "is 0.1"),
        ("less than 65 ms", DELAY, "is 65"),
        ("64 ms", DELAY, "is 65"),
        ("none", "burst step4-redis-daphne", "is 195"),
        ("much faster", RATIO, "no number before this comment"),
        ("about 9 times", "throughput 100", "has no answer"),
        ("about 9 times", "throughput 100 step9", "there is no step9"),
    ],
)
def test_a_number_that_they_do_not_is_named_with_its_line(words, question, says):
    [claim] = claims(f"First.\n\nIt is {words}<!-- bench:\n{question} -->.")
    assert claim.problem(SMALL).startswith("line 3: ")
    assert says in claim.problem(SMALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_of_speed_is_what_was_measured(page: Path):
    results = Results.read()
    problems = [each.problem(results) for each in claims(page.read_text("utf-8"))]
    assert not any(problems), "\n".join(filter(None, problems))


def test_the_results_are_those_of_a_full_run_of_what_there_is():
    data = Results.read().data
    known = {each.name for each in CONFIGURATIONS}
    assert set(data["configurations"]) | set(data["left out"]) >= known, (
        "measure again: python3 learn.py bench --json bench/results.json"
    )
    assert set(data["labels"]) == set(data["configurations"]) <= known
    for name, found in data["configurations"].items():
        large = set() if BY_NAME[name].large else {"memory"}
        assert {key.split()[0] for key in found} == set(MEASURES) - large, name
        assert {len(values) for values in found.values()} == {data["rounds"]}, name
    assert data["rounds"] >= 3


# Plots and tables


def test_a_plot_says_in_words_what_it_shows():
    is_html, text = plots.drawn("plot throughput 100", SMALL)
    svg = BeautifulSoup(text, "html.parser").svg
    assert is_html and svg["role"] == "img"
    assert svg.desc.text == "bare websockets: 2,000. step 4 <b>&: 200."
    assert svg.title.text == "Messages delivered in a second, 100 tabs in one room"
    assert svg.select("text")[2].text == "step 4 <b>&"
    widths = [each["width"] for each in svg.select("rect")]
    assert widths == ["66.67%", "6.67%"]  # of the largest round


def test_lines_show_how_it_grows():
    _, text = plots.drawn("lines throughput\nwebsockets", SMALL)
    svg = BeautifulSoup(text, "html.parser").svg
    assert svg.desc.text == "bare websockets: 1,000 with 10 tabs, 2,000 with 100 tabs."
    [first, second] = svg.select("circle.series-0")[:2]
    assert float(first["cy"]) > float(second["cy"]), "more is higher up"


def test_a_table_has_a_row_for_each_that_was_measured():
    is_html, text = plots.drawn("table throughput 100, latency_p99 100\nwebsockets", SMALL)
    assert not is_html
    assert text.splitlines()[2:] == [
        "| bare websockets | 2,000<br><small>1,000–3,000</small> | – |"
    ]


@pytest.mark.parametrize(
    "body, says",
    [
        ("plot throughput 100\nnothing", "nothing is called nothing"),
        ("table throughput 100 / node-ws", "there is no node-ws in the results"),
        ("plot speed 100", "speed is none of throughput"),
        ("plot memory", "there is no memory"),
        ("bar throughput", "“bar throughput” is none of plot"),
        ("lines burst", "with several numbers of tabs"),
    ],
)
def test_a_fence_that_cannot_be_drawn_is_refused(body, says):
    with pytest.raises(ResultError, match=says):
        plots.drawn(body, SMALL)


# The load


@pytest.fixture(autouse=True)
def quiet_servers(caplog: pytest.LogCaptureFixture) -> None:
    """A tab that goes without a word is no news here."""
    caplog.set_level(logging.CRITICAL, "websockets")


@contextmanager
def loaded(answer: str) -> Iterator["Loaded"]:
    """The load, in one room of a server that treats each message as `answer` says."""
    loop = asyncio.new_event_loop()
    sockets: set[ServerConnection] = set()

    waiting: list[str] = []

    def wave() -> None:
        for turn, frame in enumerate(waiting):
            loop.call_later(turn * 0.01, broadcast, sockets, frame)
        waiting.clear()

    async def chat(socket: ServerConnection) -> None:
        sockets.add(socket)
        heard, frames = 0, []
        async for frame in socket:
            heard += 1
            if answer == "refuses":
                await socket.send('{"error": "no"}')
            elif answer == "repeats":
                late, frames = frames[-3:], [*frames, frame]
                for tab in sockets:
                    for each in (frame, *late):
                        await tab.send(each)
            elif answer == "waves":
                waiting.append(frame)
                if len(waiting) == 1:
                    loop.call_later(0.05, wave)
            elif answer == "hangs up" and heard == 5:
                await socket.close()
            elif answer == "drops" and heard % 3 == 0:
                pass
            else:
                for tab in sockets if answer != "is deaf" else {socket}:
                    await tab.send(frame)

    async def begin() -> object:
        return await serve(chat, "127.0.0.1", 0, compression=None)

    server = loop.run_until_complete(begin())
    port = server.sockets[0].getsockname()[1]
    room = load.Room(f"ws://127.0.0.1:{port}/ws/chat/room/")
    try:
        yield Loaded(loop, room)
    finally:
        loop.run_until_complete(room.leave())
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


class Loaded:
    """It, to be told what to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, room: load.Room) -> None:
        self.loop, self.room = loop, room

    def do(self, what: str, **details: object) -> dict[str, float]:
        return self.loop.run_until_complete(getattr(self.room, what)(**details))


def test_the_load_counts_what_arrives():
    with loaded("echoes to all") as it:
        assert it.do("join", tabs=4)["accepted"] > 0
        assert it.do("throughput", seconds=0.1, window=2)["throughput"] > 0
        assert it.room.delivered == 4 * len(it.room.sent), "all that was sent has arrived"
        delays = it.do("latency", seconds=0.1, rate=100)
        assert 0 < delays["latency_p50"] <= delays["latency_p99"] < 5000
        assert len(it.room.delays) == 4 * 10
        assert it.do("burst", messages=30) == {"burst": 0}


def test_what_comes_late_or_twice_from_an_earlier_measurement_does_not_count():
    with loaded("repeats") as it:
        it.do("join", tabs=2)
        it.do("burst", messages=1)
        it.room.begin()
        assert it.do("burst", messages=1) == {"burst": 0}
        assert it.room.delivered == 2


def test_the_load_never_has_more_under_way_than_the_window():
    with loaded("echoes to all") as it:
        it.do("join", tabs=3)
        most, say = 0, it.room.say

        def counted() -> None:
            nonlocal most
            say()
            most = max(most, len(it.room.sent) - len(it.room.everywhere))

        it.room.say = counted
        it.do("throughput", seconds=0.1, window=2)
        assert most == 2


def test_what_comes_in_waves_is_measured_in_whole_waves():
    """Two messages under way come 50 ms after the first of them was sent, the second a moment after
    the first. To end between them, after 40 ms, would be to count one message and not two."""
    with loaded("waves") as it:
        it.do("join", tabs=2)
        found = it.do("throughput", seconds=0.04, window=2)["throughput"] / 2
        times = it.room.everywhere
        assert found == pytest.approx(2 / (times[3] - times[1]))


def test_the_load_counts_what_is_lost_in_a_burst(monkeypatch):
    monkeypatch.setattr(load, "QUIET", 0.2)
    with loaded("drops") as it:
        it.do("join", tabs=2)
        lost = it.do("burst", messages=30)["burst"]
        assert 9 <= lost <= 11


@pytest.mark.parametrize(
    "answer, says",
    [
        ("is deaf", "1 of 3 tabs in one room hear what one of them says."),
        ("refuses", 'The server answers a message with {"error": "no"}'),
        ("hangs up", "tabs lost their socket"),
    ],
)
def test_a_server_that_cannot_be_measured_is_told_in_one_line(answer, says, monkeypatch):
    monkeypatch.setattr(load, "HEARING", 0.1)
    with loaded(answer) as it, pytest.raises(load.LoadError) as error:
        it.do("join", tabs=3)
        it.do("throughput", seconds=5, window=2)
    assert says in str(error.value)


# A run


class Scripted(run.Run):
    """A run whose visits take no time: each finds the next of `shares` taken by neighbours."""

    def __init__(self, plan: run.Plan, shares: list[float], busy: bool = False) -> None:
        super().__init__(plan, busy)
        self.shares, self.visits = shares, []

    def _once(self, subject) -> tuple[dict[str, float], float]:
        if subject.name in ("node-ws",):
            raise LeftOut("Node is not on the PATH")
        self.visits.append(subject.name)
        return {"throughput 100": float(len(self.visits))}, self.shares.pop(0)


def subjects(*names: str):
    return [BY_NAME[name] for name in names]


def test_rounds_are_interleaved_and_each_is_early_once():
    run = Scripted(Plan3, [0.0] * 6)
    found = run.measure(subjects("websockets", "starlette-uvicorn"), lambda *_: None)
    assert run.visits[:2] == ["websockets", "starlette-uvicorn"]
    assert run.visits[-2:] == ["starlette-uvicorn", "websockets"]
    assert list(found) == ["websockets", "starlette-uvicorn"]
    assert found["websockets"]["throughput 100"] == [1.0, 3.0, 6.0]


Plan3 = run.Plan(rounds=3)


def test_a_round_with_a_busy_neighbour_is_repeated_and_does_not_count():
    run = Scripted(Plan3, [0.0, 0.9, 0.1, 0.0])
    found = run.measure(subjects("websockets"), lambda *_: None)
    assert found["websockets"]["throughput 100"] == [1.0, 3.0, 4.0]
    assert (run.repeats, run.busiest) == (1, 0.1)


def test_a_neighbour_that_stays_busy_ends_the_run_with_one_line():
    scripted = Scripted(Plan3, [0.9] * 20)
    with pytest.raises(run.BusyError) as error:
        scripted.measure(subjects("websockets"), lambda *_: None)
    assert str(error.value).startswith(
        "The machine is too busy to measure: other programs take 90% of a processor"
    )
    assert len(scripted.visits) == run.MOST_REPEATS + 1


def test_on_demand_a_busy_machine_is_measured_and_that_is_written_down():
    run = Scripted(Plan3, [0.9, 0.5, 0.1], busy=True)
    run.measure(subjects("websockets"), lambda *_: None)
    assert (run.repeats, run.busiest) == (0, 0.9)


@pytest.mark.parametrize("share, repeated", [(0.9, 1), (0.0, 0)])
def test_a_server_that_fails_beside_a_busy_neighbour_gets_another_chance(
    share, repeated, monkeypatch
):
    do, failures = run.Load.do, [load.LoadError("1 of 10 tabs lost their socket.")]

    def fails_once(self: run.Load, what: str, **details: object) -> dict[str, float]:
        if what == "throughput" and failures:
            raise failures.pop()
        return do(self, what, **details)

    monkeypatch.setattr(run.Load, "do", fails_once)
    monkeypatch.setattr(run.Neighbours, "share", lambda self: share)
    plan = run.Plan(rounds=1, tabs=(10,), seconds=0.1, burst=0)
    with run.Run(plan, busy=True) as it:
        found = it.measure(subjects("websockets"), lambda *_: None)
        assert it.repeats == repeated
    assert bool(found) == bool(repeated)
    assert it.left_out == ({} if repeated else {"websockets": "1 of 10 tabs lost their socket."})


def test_what_cannot_be_measured_here_is_left_out_with_its_reason():
    run = Scripted(Plan3, [0.0] * 3)
    found = run.measure(subjects("node-ws", "websockets"), lambda *_: None)
    assert list(found) == ["websockets"]
    assert run.left_out == {"node-ws": "Node is not on the PATH"}


def test_a_busy_neighbour_is_seen_and_our_own_work_is_not():
    worker = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        seen, ours = (run.Neighbours(run.Processors((), ())) for _ in range(2))
        seen.begin([], [])
        ours.begin([], [psutil.Process(worker.pid)])
        before = load.used([psutil.Process(worker.pid)])
        time.sleep(0.5)
        difference = seen.share() - ours.share()
        used = load.used([psutil.Process(worker.pid)]) - before
    finally:
        stop(worker)
    assert used > 0
    assert difference == pytest.approx(used / 0.5 / psutil.cpu_count(), rel=0.3)


@POSIX
@pytest.mark.parametrize(
    "limit, says",
    [
        (5000, "(10, 100, 1000) {}"),
        (300, "(10, 100) {'1,000 tabs': 'a program may have 300 files open here (ulimit -n)'}"),
        (100, "Too few for a measurement: a program may have 100 files open here (ulimit -n)."),
    ],
)
def test_the_limit_of_open_files_is_raised_or_told(limit, says):
    code = f"""
import resource
from bench import run
resource.setrlimit(resource.RLIMIT_NOFILE, (min({limit}, 256), {limit}))
try:
    with run.Run(run.FULL, busy=True) as it:
        print(it.plan.tabs, it.left_out)
except run.ServeError as error:
    print(error)
"""
    command = [sys.executable, "-c", code]
    printed = subprocess.check_output(command, cwd=ROOT, encoding="utf-8", timeout=30)
    assert printed.strip() == says


@pytest.mark.parametrize("name", ["node-ws", "step4-redis-daphne", "step4-rabbitmq-daphne"])
def test_without_its_program_a_configuration_is_left_out(name, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        LeftOut, match=r"Node is not on the PATH|no redis-server|no rabbitmq-server"
    ):
        BY_NAME[name].server(free_port(), {}, tmp_path / "log")


def test_no_configuration_is_missing_and_none_is_there_twice():
    names = [each.name for each in CONFIGURATIONS]
    assert len(names) == len(set(names))
    assert {BARE, BASE} <= set(names)
    last = CHAPTERS[-1].number
    assert any(name.startswith("step3") for name in names)
    assert last < 6 or any(name.startswith("step6") for name in names)


def test_results_are_written_with_the_rounds_side_by_side():
    text = run.written({"a": {"throughput 100": [1.0, 2.5]}, "b": []})
    assert '"throughput 100": [ 1.0, 2.5 ]' in text
    assert json.loads(text) == {"a": {"throughput 100": [1.0, 2.5]}, "b": []}


# The command


def left_of(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


@REDIS
def test_a_quick_run_measures_real_servers_and_writes_what_it_found(tmp_path):
    file = tmp_path / "found.json"
    process = subprocess.run(
        [*CLI, "bench", "--quick", "--busy", "--json", file],
        cwd=ROOT,
        env=environment(COLUMNS="80"),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    results = Results.read(file)
    assert {BARE, BASE, "step4-pubsub-daphne"} <= set(results.names()), results.data["left out"]
    for name in results.names():
        assert len(results.values("throughput 100", name)) == 3
        assert results.median("throughput 100", name) > 0
        assert results.median("cpu 100", name) > 0
        assert 0 < results.median("latency_p50", name) <= results.median("latency_p99", name)
        assert results.data["labels"][name] in process.stdout
    assert "×" in process.stdout and "…" not in process.stdout, process.stdout
    assert max(map(len, process.stdout.splitlines())) <= 80


@POSIX
def test_ctrl_c_ends_all_of_it_with_one_line(tmp_path):
    file = tmp_path / "found.json"
    command = [*CLI, "bench", "--quick", "--busy", "--json", str(file)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes)
    it = psutil.Process(process.pid)
    try:
        deadline = time.monotonic() + 30
        while not any("websockets_server.py" in " ".join(each.cmdline()) for each in left_of(it)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        family = left_of(it)
        assert len(family) >= 2, "the load and a server"
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=20)[0]
    finally:
        stop(process)
    assert printed.strip() == "Stopped."
    assert process.returncode == 130
    assert not [each for each in family if each.is_running()]
    assert not file.exists()


def test_a_url_that_nobody_answers_gets_one_line():
    result = typed("bench", "--url", f"http://localhost:{free_port()}")
    assert "Start the server there first" in one_line(result)
    assert result.returncode == 1


def test_a_file_that_cannot_be_written_gets_one_line_before_anything_is_measured(tmp_path):
    result = typed("bench", "--quick", "--json", str(tmp_path / "no" / "found.json"))
    assert one_line(result).endswith("found.json cannot be written: No such file or directory.")
    assert result.returncode == 1
