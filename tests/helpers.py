"""What several tests use: the command line, typed as a person would, and what it prints."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from course.chapters import ROOT
from course.run.rabbitmq import PrivateRabbitMQ
from course.run.serve import PrivateRedis, stop

CLI = [sys.executable, "-m", "course.cli"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and scripts as POSIX has them")
REDIS = pytest.mark.skipif(not PrivateRedis.available(), reason="no redis-server on the PATH")
RABBITMQ = pytest.mark.skipif(not PrivateRabbitMQ.available(), reason="no rabbitmq-server")


def environment(**changes: str) -> dict[str, str]:
    services = {"REDIS_URL", "RABBITMQ_URL"}
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


def one_line(result: subprocess.CompletedProcess) -> str:
    """Return the only line that it printed."""
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]
