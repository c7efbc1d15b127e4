"""One run: every configuration in turn, round after round, and the results as JSON."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.configurations import Configuration
from course.chapters import ROOT
from course.judge.people import asks_for_log_in, sign_up
from course.run.serve import OWN_GROUP, PrivateRedis, ServeError, free_port, stop

ROUNDS = 3
FILES = 1200  # open at once in a process: a socket for each tab, and some more
PACKAGES = "Django channels channels-redis channels-rabbitmq daphne uvicorn websockets starlette"
# What bench.load measures of each server: with so many tabs, for so many seconds.
PLANS = {
    "full": {"tabs": [10, 100, 1000], "seconds": 0.5, "latency": 1.2, "burst": 300},
    "yours": {"tabs": [10, 100], "seconds": 0.5, "latency": 1.2, "burst": 300},
    "quick": {"tabs": [100], "seconds": 0.3, "latency": 0.5, "burst": 0},
}


def bench(subjects: Sequence[Configuration], plan: dict, tell: Callable[[str], None]) -> dict:
    """Measure these in rounds; return the results as they are written down. `tell` is called with
    a line that says what comes next."""
    begun, others, left_out = time.monotonic(), 0.0, {}
    found = defaultdict(lambda: defaultdict(list))
    allow_files()
    server_cpu, other_cpus = processors()
    with ExitStack() as own:
        pin(other_cpus)
        own.callback(pin, server_cpu + other_cpus)
        services = ("redis", "rabbitmq", "database")
        urls = {name: os.environ.get(f"{name.upper()}_URL") for name in services}
        if PrivateRedis.available():
            urls["redis"] = own.enter_context(PrivateRedis()).url
        for turn in range(ROUNDS):
            first = turn * len(subjects) // ROUNDS  # each comes early and late
            for subject in (*subjects[first:], *subjects[:first]):
                if subject.name in left_out:
                    continue
                tell(f"round {turn + 1} of {ROUNDS}: {subject.label}")
                try:
                    values = visit(subject, plan, urls, (server_cpu, other_cpus))
                except ServeError as problem:
                    if subject.url:
                        raise
                    left_out[subject.name] = str(problem).partition("\n")[0]
                    found.pop(subject.name, None)
                    continue
                others = max(others, values.pop("others"))
                for key, value in values.items():
                    found[subject.name][key].append(float(f"{value:.4g}"))
    return {
        "measured": date.today().isoformat(),
        "seconds": round(time.monotonic() - begun),
        "rounds": ROUNDS,
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": processor(),
            "processors": psutil.cpu_count(),
            "server on one of its own": bool(server_cpu),
            "others at most": round(others, 3),
        },
        "versions": versions(),
        "left out": left_out,
        "configurations": {each.name: found[each.name] for each in subjects if each.name in found},
    }


def visit(subject: Configuration, plan: dict, urls: dict, cpus: tuple) -> dict[str, float]:
    """Start a server on the first of the processors, measure it and stop it; return the values by
    name and tabs. Raise ServeError if it cannot be measured."""
    with ExitStack() as own:
        url, pid = subject.url, 0  # its process is not known
        if not url:
            server = subject.server(free_port(), urls, own.enter_context(TemporaryDirectory()))
            server.migrate()
            pin(cpus[0])  # the server inherits it
            own.callback(pin, cpus[1])
            server.start()
            own.callback(stop, server.process, 0.2)
            pin(cpus[1])
            url, pid = server.url, server.process.pid
        tabs = [each for each in plan["tabs"] if each <= 100 or subject.large]
        room = f"ws{url.removeprefix('http')}/ws/chat/bench{time.monotonic_ns()}/"
        task = {"url": room, "plan": plan | {"tabs": tabs}, "bench": os.getpid(), "server": pid}
        task["headers"] = sign_up(url).headers if asks_for_log_in(url) else {}
        command = [sys.executable, "-m", "bench.load", json.dumps(task)]
        options = {"cwd": ROOT, "capture_output": True, "encoding": "utf-8", **OWN_GROUP}
        done = subprocess.run(command, **options)
    if done.returncode:
        raise ServeError((done.stderr.strip() or "The load has ended.").splitlines()[-1])
    return json.loads(done.stdout)


def processors() -> tuple[list[int], list[int]]:
    """Return the processor for the server, and those for all else: none if the system cannot keep
    a process on a processor (macOS), or has one only."""
    with suppress(AttributeError):
        *rest, last = psutil.Process().cpu_affinity()
        if rest:
            return [last], rest
    return [], []


def pin(cpus: list[int]) -> None:
    """Keep this process, and what it starts from now on, on these processors; none: no change."""
    if cpus:
        psutil.Process().cpu_affinity(cpus)


def allow_files() -> None:
    """Let this process, and what it starts, open as many files and sockets as 1,000 tabs need."""
    with suppress(ImportError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(FILES, hard)), hard))


def processor() -> str:
    """Return what the processor calls itself, where the system says so."""
    file = Path("/proc/cpuinfo")
    named = file.exists() and re.search(r"model name\s*: (.*)", file.read_text())
    return named[1] if named else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of all that takes part, by name."""
    found = {name: version(name) for name in [*PACKAGES.split(), "picows"]}
    found["Python"] = platform.python_version()
    for name, command in {"Redis": "redis-server", "Node": "node"}.items():
        with suppress(OSError):
            said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
            found[name] = re.search(r"\d+(\.\d+)+", said)[0]
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def written(results: Mapping[str, object]) -> str:
    """Return results as JSON, with the values of the rounds side by side."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\]\[{}]*\]", lambda row: " ".join(row[0].split()), text) + "\n"
