"""What several tests use: the command line, typed as a person would, and what it prints."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from course.chapters import ROOT
from course.judge.scenarios import ON_THE_WIRE, own_tests
from course.judge.scenarios.stage import Stage, new_room
from course.judge.target import Target
from course.run.serve import PrivateRedis, stop

CLI = [sys.executable, "-m", "course.cli"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and scripts as POSIX has them")
REDIS = pytest.mark.skipif(not PrivateRedis.available(), reason="no redis-server on the PATH")


def environment(**changes: str) -> dict[str, str]:
    services = {"REDIS_URL", "RABBITMQ_URL", "DATABASE_URL", "CHAT_DATA"}
    kept = {name: text for name, text in os.environ.items() if name not in services}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **changes}


@contextmanager
def started(
    *words: str, command: list[str] = CLI, cwd: Path = ROOT, **changes: str
) -> Iterator[subprocess.Popen]:
    """Start a command that Ctrl-C can end, also where these tests ignore it (a shell that starts
    them with & sees to that); in the end, stop it and what it started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        process = subprocess.Popen([*command, *words], cwd=cwd, env=environment(**changes), **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        stop(process)


def typed(*words: str, timeout: float = 120, **options) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return its exit status and what it printed."""
    with started(*words, **options) as process:
        printed = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(words, process.returncode, *printed)


def interruptible() -> None:
    """Let Ctrl-C end a child (as its `preexec_fn`): a shell's `&` may have it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def one_line(result: subprocess.CompletedProcess) -> str:
    """Return the only line that it printed."""
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def tabs_talk(url: str) -> None:
    """Prove that two sockets of one room at this address receive what each of them sends."""
    stage = Stage(url, new_room(), None)
    stage.log_in = lambda: Target("", url).person
    ON_THE_WIRE["second_tab"](stage)
    stage.leave()


# How Python starts a process: Linux forks, macOS and Windows spawn, Python 3.14 has a fork server.
METHODS = multiprocessing.get_all_start_methods()
ALL_PASSED, SOME_FAILED = 0, 1  # pytest's exit statuses; the others mean that it could not run
SUITE_OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:anyio", "-p", "no:xdist"]


def run_suite(
    folder: Path, *words: str, method: str = METHODS[0], **addresses: str
) -> tuple[int, str]:
    """Run pytest in a folder as a person would there, with these arguments, this way to start
    processes and these addresses of services. Return its exit status and its output."""
    start = "import multiprocessing, pytest, sys; multiprocessing.set_start_method(sys.argv[1]); "
    start += "sys.exit(pytest.main(sys.argv[2:]))"
    rest = {
        name: text for name, text in os.environ.items() if not name.startswith(own_tests.OTHERS)
    }
    child = subprocess.Popen(
        [sys.executable, "-c", start, method, *SUITE_OPTIONS, *words],
        cwd=folder,
        env=rest | addresses,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        output, _ = child.communicate(timeout=240)
    finally:
        stop(child)  # the browser and the live server, too
    return child.returncode, output
