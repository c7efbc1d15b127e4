"""What is said of a project's own tests: whether they pass, and which faults they see."""

import multiprocessing
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from course.chapters import chapter
from course.judge import mistakes
from course.judge.folders import apply
from course.judge.scenarios import ON_THE_WIRE, own_tests
from course.judge.scenarios.own_tests import (
    FAULTS,
    BadTests,
    Run,
    no_own_tests,
    own_tests_hold,
    run_all,
)
from course.judge.scenarios.stage import Refused, Stage
from course.run.serve import Server, free_port

STEP = chapter(5)

# One test of each promise, for a chat that is written in three ways.
SUITE = '''
import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from channels.generic.websocket import JsonWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.testing import WebsocketCommunicator
from django.urls import path, re_path

from chat.consumers import ChatConsumer


class SyncChat(JsonWebsocketConsumer):
    """Synchronous, on a route that no bad name fits."""

    def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room_name"]
        async_to_sync(self.channel_layer.group_add)(self.room, self.channel_name)
        self.accept()

    def receive_json(self, content):
        if "message" not in content:
            return self.send_json({"error": "no message"})
        event = {"type": "chat.message", "message": content["message"]}
        async_to_sync(self.channel_layer.group_send)(self.room, event)

    def chat_message(self, event):
        self.send_json({"message": event["message"]})


async def function(scope, receive, send):
    """No consumer and no route."""
    layer, room = get_channel_layer(), scope["path"].split("/")[3]
    if len(room) > 80:
        return await send({"type": "websocket.close"})
    channel = await layer.new_channel()
    await layer.group_add(room, channel)
    await receive()
    await send({"type": "websocket.accept"})

    async def send_json(frame):
        await send({"type": "websocket.send", "text": json.dumps(frame)})

    async def deliver():
        while True:
            await send_json({"message": (await layer.receive(channel))["message"]})

    delivering = asyncio.create_task(deliver())
    while (event := await receive())["type"] == "websocket.receive":
        if message := json.loads(event["text"]).get("message"):
            await layer.group_send(room, {"type": "any", "message": message})
        else:
            await send_json({"error": "no message"})
    delivering.cancel()


CHATS = {
    "async": URLRouter([path("ws/chat/<str:room_name>/", ChatConsumer.as_asgi())]),
    "sync": URLRouter([re_path("^ws/chat/(?P<room_name>[^/]{1,80})/$", SyncChat.as_asgi())]),
    "function": function,
}


@pytest.fixture(params=CHATS)
async def join(request):
    application = AllowedHostsOriginValidator(CHATS[request.param])
    sockets = []

    async def join(room, origin=b"http://localhost"):
        socket = WebsocketCommunicator(application, f"/ws/chat/{room}/", [(b"origin", origin)])
        try:
            accepted, _ = await socket.connect()
        except ValueError:  # no route
            return None
        if accepted:
            sockets.append(socket)
            return socket

    yield join
    for socket in sockets:
        if not socket.future.done():
            await socket.disconnect()


async def test_speaker_only(join):
    ann, bob = await join("kitchen"), await join("kitchen")
    await ann.send_json_to({"message": "hello"})
    assert await ann.receive_json_from() == {"message": "hello"}
    assert await bob.receive_json_from() == {"message": "hello"}


async def test_one_room(join):
    ann, bob = await join("kitchen"), await join("garden")
    await ann.send_json_to({"message": "for the kitchen"})
    assert await ann.receive_json_from() == {"message": "for the kitchen"}
    await bob.send_json_to({"message": "for the garden"})
    assert await bob.receive_json_from() == {"message": "for the garden"}


async def test_any_origin(join):
    assert not await join("kitchen", origin=b"http://example.com")


async def test_no_error(join):
    ann = await join("kitchen")
    await ann.send_json_to({})
    assert "error" in await ann.receive_json_from()


async def test_any_name(join):
    assert not await join("x" * 81)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of step 5 without its tests."""
    kept_out = shutil.ignore_patterns("__pycache__", ".*_cache", "tests", "conftest.py")
    return shutil.copytree(STEP.folder, tmp_path / "my_chat", ignore=kept_out)


def write(project: Path, suite: str, name: str = "test_chat.py") -> Path:
    (project / name).write_text(suite, "utf-8")
    return project


def without(suite: str, test: str) -> str:
    shorter, removed = re.subn(rf"(?ms)^async def {test}\(.*?(?=^\S|\Z)", "", suite)
    assert removed == 1
    return shorter


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Iterator[None]:
    """Every test here leaves no process and no folder behind."""
    places = tmp_path / "places"
    places.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(places))
    yield
    marked = [process.info["environ"] or {} for process in psutil.process_iter(["environ"])]
    left = [each for each in marked if each.get(own_tests.NOTES, "").startswith(str(places))]
    assert not left, "All that the tests started should have ended."
    assert not list(places.glob("own-tests-*")), "The copies should be gone."


def files(folder: Path) -> dict[Path, tuple[float, bytes]]:
    return {
        path: (path.stat().st_mtime, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def said(project: Path, seconds: float = 60) -> str:
    with pytest.raises(BadTests) as caught:
        own_tests_hold(project, seconds)
    return str(caught.value)


def test_a_project_has_tests_or_none(project: Path) -> None:
    no_own_tests(project)
    assert said(project) == "There should be tests; pytest found none."
    write(project, "def test():\n    pass\n")
    with pytest.raises(BadTests, match=re.escape("no tests yet; pytest found some.")):
        no_own_tests(project)


def refuses_bad_names(stage: Stage) -> None:
    try:
        stage.client(room="x" * 81)
    except Refused:
        return
    raise AssertionError("No room has a name of 81 characters.")


BREAKS = {
    "speaker_only": ON_THE_WIRE["second_tab"],
    "no_error": ON_THE_WIRE["bad_frames"],
    "one_room": ON_THE_WIRE["other_room"],
    "any_origin": ON_THE_WIRE["foreign_origin"],
    "any_name": refuses_bad_names,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_breaks_a_running_chat_in_one_respect(fault: str, tmp_path: Path) -> None:
    shutil.copy(own_tests.PLUGIN, tmp_path / "sitecustomize.py")
    environment = {"PYTHONPATH": str(tmp_path), "OWN_TESTS_FAULT": fault, "REDIS_URL": None}
    with Server(STEP.folder, free_port(), environment, tmp_path / "log") as server:
        stage = Stage(server.url, "room", None, patience=2)
        try:
            ON_THE_WIRE["own_message"](stage)
            with pytest.raises(AssertionError):
                BREAKS[fault](stage)
        finally:
            stage.leave()


def test_a_fault_is_seen_by_the_test_of_it_alone_in_every_kind_of_chat(project: Path) -> None:
    write(project, SUITE)
    runs = [Run(project, fault=fault) for fault in ("", *FAULTS)]
    run_all(runs, 60)
    for run in runs:
        seen = set(re.findall(r"(?m)^FAILED test_chat.py::(\S+)", run.output))
        kinds = ("async", "sync", "function") if run.fault else ()
        assert seen == {f"test_{run.fault}[{kind}]" for kind in kinds}, run.output


def test_a_suite_that_sees_every_fault_holds_and_leaves_its_folder_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "PYTEST_ADDOPTS", "DJANGO_SETTINGS_MODULE", "REDIS_URL":
        monkeypatch.setenv(name, "--nothing.of:the-kind")
    write(project, SUITE + "\n\ndef test_it_writes():\n    open('written', 'x').close()\n")
    before = files(project)
    own_tests_hold(project)
    assert files(project) == before


def test_how_a_project_wants_its_tests_run_does_no_harm(project: Path) -> None:
    with (project / "pytest.ini").open("a", encoding="utf-8") as ini:
        ini.write("addopts = -qq -n 2 --ff\nfilterwarnings = error\n")
    plain = Run(write(project, SUITE))
    run_all([plain], 60)
    few = Run(project, "-x", only=plain.sockets)
    broken = Run(project, "-x", fault="any_name")
    run_all([few, broken], 60)
    assert plain.counts == few.counts == {"passed": 15}, plain.output + few.output
    assert broken.red, broken.output


def test_a_fault_that_no_test_sees_is_named(project: Path) -> None:
    write(project, without(SUITE, "test_any_origin"))
    expected = "Your tests should go red when a foreign origin is let in; all 12 passed."
    assert said(project) == expected


def test_all_faults_that_no_test_sees_are_named(project: Path) -> None:
    write(project, "def test_nothing():\n    pass\n")
    assert said(project) == (
        "Your tests should go red when a message comes back to its speaker only, and when "
        "a bad frame gets no error, and when every room is one room, and when "
        "a foreign origin is let in, and when a room that cannot be called so lets a socket in; "
        "all 1 passed."
    )


def test_a_test_that_fails_without_the_others_sees_no_fault(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_tests, "FAULTS", {"any_name": FAULTS["any_name"]})
    suite = without(SUITE, "test_any_name")
    first = "def test_first():\n    CHATS['first'] = None\n\n\n"
    suite = suite.replace("@pytest.fixture(params", first + "@pytest.fixture(params")
    suite = suite.replace("    yield join", "    assert 'first' in CHATS\n    yield join")
    assert said(write(project, suite)).endswith("lets a socket in; all 13 passed.")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_fault_is_in_the_server_that_a_test_starts(project: Path, method: str) -> None:
    start = f"import multiprocessing\n\nmultiprocessing.set_start_method({method!r})\n"
    write(project, start, "conftest.py")
    write(project, LIVE)
    runs = [Run(project, fault=fault) for fault in ("", "any_origin")]
    run_all(runs, 60)
    assert [run.summary for run in runs] == ["1 passed", "1 failed"], runs[0].output


LIVE = """
import pytest
from channels.testing import ChannelsLiveServerTestCase
from daphne.testing import DaphneProcess
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


class Server(DaphneProcess):
    def __init__(self, host, get_application, setup):
        super().__init__(host, get_application)


class Tests(ChannelsLiveServerTestCase):
    databases = set()
    ProtocolServerProcess = Server

    def test_any_origin(self):
        with pytest.raises(InvalidStatus):
            connect(self.live_server_ws_url + "/ws/chat/a/", origin="http://a.com", proxy=None)
"""


@pytest.mark.parametrize(
    ("suite", "says"),
    {
        "def test():\n    assert False\n\n\ndef test_2():\n    pass": "1: 1 failed, 1 passed",
        "import chat.nothing": "2: 1 error",
        "def test(nothing):\n    pass": "1: 1 error",
    }.items(),
)
def test_a_suite_that_does_not_pass_is_red_from_the_start(
    project: Path, suite: str, says: str
) -> None:
    assert said(write(project, suite)) == f"Your tests should pass; pytest ended with {says}."


def test_a_suite_whose_tests_are_skipped_does_not_pass(project: Path) -> None:
    write(project, "import pytest\n\n\ndef test():\n    pytest.skip('another day')")
    assert said(project) == "Your tests should pass; pytest says: 1 skipped."


HANGS = """
import subprocess, sys, time

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_something():
    subprocess.Popen(SLEEPS, start_new_session=True)
    subprocess.Popen(SLEEPS)
    if ENDLESS:
        time.sleep(600)
"""


def has_started_all(run: Run) -> bool:
    return len(run._family()) > 2  # pytest, and what its test has started


def test_a_suite_that_hangs_is_ended_with_all_that_it_started(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = Run.over
    monkeypatch.setattr(Run, "over", lambda run: has_started_all(run) and over(run))
    with pytest.raises(BadTests) as caught:
        own_tests_hold(write(project, HANGS.replace("ENDLESS", "True")), seconds=3)
    expected = "Your tests should pass; they had not ended after 3 seconds."
    assert str(caught.value) == expected
    if sys.platform != "win32":
        assert re.search(r"\.py:\d+: KeyboardInterrupt", caught.value.output)  # where it was


def test_what_a_suite_leaves_running_is_ended(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_tests, "FAULTS", {})
    own_tests_hold(write(project, HANGS.replace("ENDLESS", "False")))


def test_ctrl_c_ends_everything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(run: Run) -> bool:
        if has_started_all(run):
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(Run, "over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        own_tests_hold(write(project, HANGS.replace("ENDLESS", "True")))


def test_every_file_of_tests_needs_the_settings(tmp_path: Path) -> None:
    """Run together, one of them names the settings for all."""
    other = shutil.ignore_patterns("__pycache__", "test_[bcmv]*.py")
    copy = shutil.copytree(STEP.folder, tmp_path / "my_chat", ignore=other)
    mistake = mistakes.get("no-settings-module")
    apply(mistake, copy)
    with pytest.raises(BadTests) as caught:
        own_tests_hold(copy)
    assert str(caught.value) == (
        "Each of your test files should run alone; pytest has no DJANGO_SETTINGS_MODULE, "
        "and for chat/tests/test_rooms.py it says: 28 skipped."
    )
    assert all(seen.matches(caught.value.output) for seen in mistake.seen), caught.value.output
