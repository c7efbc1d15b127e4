"""One run: every configuration in turn, round after round, and what each of them did as JSON."""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.configurations import Configuration, LeftOut
from bench.load import LoadError, family_of, used
from course.chapters import ROOT
from course.run.serve import OWN_GROUP, PrivateRedis, ServeError, free_port, stop

WARM = 10  # tabs that a server has seen before anything is counted
WINDOWS = {10: 10, 100: 10, 1000: 2}  # messages under way at once: layers drop from 100 on
FIXED_RATE, BURST = 100, 20  # tabs at the fixed rate, and in a burst
SPARE = 200  # files that a program has open beside its tabs, at most
LARGE = 1000  # tabs: only where that tells something
BUSIEST = 0.15  # of a processor, taken by other programs: with more a round does not count
MOST_REPEATS = 8  # of rounds with a busy neighbour, in one run
SERVICES = ("redis", "rabbitmq")
PACKAGES = "Django channels channels-redis channels-rabbitmq daphne uvicorn websockets starlette"


class BusyError(ServeError):
    """The machine is too busy to measure."""


@dataclass(frozen=True)
class Plan:
    """What is done with each configuration, and how long."""

    rounds: int = 3
    tabs: tuple[int, ...] = (10, 100, 1000)  # from few to many: more and more come in
    seconds: float = 0.5  # of each throughput
    latency: float = 1.2  # seconds of it
    rate: float = 10.0  # messages a second meanwhile
    burst: int = 300  # messages


FULL = Plan()
QUICK = Plan(tabs=(100,), seconds=0.3, latency=0.5, burst=0)
YOURS = Plan(tabs=(10, 100))


@dataclass(frozen=True)
class Processors:
    """Where things run: the server has one processor to itself, all else shares the others."""

    server: tuple[int, ...]
    rest: tuple[int, ...]

    @classmethod
    def divided(cls) -> "Processors":
        """Return the division for this machine: none (two empty tuples) if the system cannot keep
        a process on a processor (macOS), or has one only."""
        try:
            allowed = psutil.Process().cpu_affinity()
        except AttributeError:
            return cls((), ())
        if len(allowed) == 1:
            return cls((), ())
        return cls(tuple(allowed[-1:]), tuple(allowed[:-1]))

    @contextmanager
    def of_the_server(self) -> Iterator[None]:
        """What is started inside runs on the server's processor, with all that it will start."""
        if self.server:
            psutil.Process().cpu_affinity([*self.server])
        try:
            yield
        finally:
            if self.rest:
                psutil.Process().cpu_affinity([*self.rest])


class Neighbours:
    """How much of the processors in use others take, from one moment on."""

    def __init__(self, processors: Processors) -> None:
        self.apart = [group for group in (processors.server, processors.rest) if group]
        self.together = [sum(self.apart, ()) or tuple(range(psutil.cpu_count()))]
        self.begin([], [], False)

    def begin(
        self, server: list[psutil.Process], ours: list[psutil.Process], apart: bool = True
    ) -> None:
        """Begin: with the processes of the server and the others of ours, which are kept apart on
        different processors, or are not."""
        apart = apart and bool(self.apart)
        self.groups = self.apart if apart else self.together
        self.ours = [server, ours] if apart else [server + ours]
        self.time, self.before = time.monotonic(), self._others()

    def share(self) -> float:
        """Return the share of a processor that others had since then, where it was larger."""
        elapsed = time.monotonic() - self.time
        pairs = zip(self._others(), self.before, self.groups, strict=True)
        return max(0.0, *((now - then) / elapsed / len(group) for now, then, group in pairs))

    def _others(self) -> list[float]:
        times = psutil.cpu_times(percpu=True)
        busy = [
            sum(busy_time(times[processor]) for processor in group if processor < len(times))
            for group in self.groups
        ]
        return [all_of_it - used(ours) for all_of_it, ours in zip(busy, self.ours, strict=True)]


def busy_time(times: object) -> float:
    """Return the seconds that programs had a processor, or that another machine had it (steal)."""
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "steal"))


class Load:
    """The process that opens the tabs."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            **OWN_GROUP,
        )

    def do(self, what: str, **details: object) -> dict[str, float]:
        """Have a command done; raise LoadError if the server does not do what it should."""
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": what, **details}) + "\n")
            self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "The load has ended."}')
        if "error" in answer:
            raise LoadError(answer["error"])
        return answer


@dataclass(frozen=True)
class Address:
    """A server of the learner's own, which runs already."""

    url: str
    name: str = "yours"
    label: str = "yours"


class Run:
    """A run on this machine. A context manager: in the end nothing that it started is left."""

    def __init__(self, plan: Plan, busy: bool = False) -> None:
        """Take what to do, and whether to do it on a busy machine, too."""
        self.plan, self.busy = plan, busy
        self.repeats, self.busiest = 0, 0.0
        self.left_out: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self._services: list[psutil.Process] = []
        self._own = ExitStack()

    def __enter__(self) -> "Run":
        if limit := open_files(max(self.plan.tabs) + SPARE):
            reason = f"a program may have {limit} files open here (ulimit -n)"
            self.left_out[f"{max(self.plan.tabs):,} tabs"] = reason
            tabs = tuple(each for each in self.plan.tabs if each + SPARE <= limit)
            if not tabs:
                raise ServeError(f"Too few for a measurement: {reason}.")
            self.plan = replace(self.plan, tabs=tabs)
        self.processors = Processors.divided()
        self.neighbours = Neighbours(self.processors)
        if not self.busy:
            self._wait_until_quiet()
        self.folder = Path(self._own.enter_context(tempfile.TemporaryDirectory()))
        with suppress(AttributeError):
            everything = psutil.Process().cpu_affinity()
            self._own.callback(lambda: psutil.Process().cpu_affinity(everything))
        if self.processors.rest:
            psutil.Process().cpu_affinity([*self.processors.rest])
        self.load = Load()
        self._own.callback(lambda: stop(self.load.process))
        return self

    def __exit__(self, *exception: object) -> None:
        self._own.close()

    def _wait_until_quiet(self, patience: int = 5) -> None:
        for _ in range(patience):
            self.neighbours.begin([], [psutil.Process()], False)
            time.sleep(1.0)
            if (share := self.neighbours.share()) <= BUSIEST:
                return
        raise too_busy(share)

    def serve(self, names: Sequence[str | None]) -> None:
        """Start those services behind layers that are needed and can be had here."""
        for name in SERVICES:
            if name not in names:
                continue
            if name == "redis" and PrivateRedis.available():
                started = PrivateRedis()
                self._own.callback(started.stop)
                self.urls[name] = started.url
                self._services += family_of(started.process.pid)
            elif url := os.environ.get(f"{name.upper()}_URL"):
                self.urls[name] = url

    def measure(
        self,
        subjects: Sequence[Configuration | Address],
        tell: Callable[[int, str], None],
    ) -> dict[str, dict[str, list[float]]]:
        """Measure these, in rounds; return for each the values of every round. `tell` is called
        with the round and the name of what comes next. Raise BusyError if the machine is busy."""
        self.serve([getattr(each, "service", None) for each in subjects])
        found: dict[str, dict[str, list[float]]] = {}
        for turn in range(self.plan.rounds):
            first = turn * len(subjects) // self.plan.rounds  # each has been early and late
            for subject in (*subjects[first:], *subjects[:first]):
                if subject.name in self.left_out:
                    continue
                tell(turn + 1, subject.label)
                try:
                    values = self._quietly(subject)
                except (LeftOut, LoadError, ServeError) as problem:
                    if isinstance(subject, Address) or isinstance(problem, BusyError):
                        raise
                    self.left_out[subject.name] = str(problem).partition("\n")[0]
                    found.pop(subject.name, None)
                    continue
                for name, value in values.items():
                    found.setdefault(subject.name, {}).setdefault(name, []).append(value)
        return {each.name: found[each.name] for each in subjects if each.name in found}

    def _quietly(self, subject: Configuration | Address) -> dict[str, float]:
        """Measure this once, and again as long as a neighbour was busy meanwhile. `busy` allows
        that, unless the server did not do what it should: that may be the neighbour's fault."""
        while True:
            try:
                values, share = self._once(subject)
            except LoadError as error:
                if self.repeats == MOST_REPEATS or not error.beside_a_busy_neighbour:
                    raise
                self.repeats += 1
                continue
            if self.busy or share <= BUSIEST:
                self.busiest = max(self.busiest, share)
                return values
            if self.repeats == MOST_REPEATS:
                raise too_busy(share)
            self.repeats += 1

    def _once(self, subject: Configuration | Address) -> tuple[dict[str, float], float]:
        """Start the server, measure, stop it; return what was found and the neighbours' share."""
        ours = [psutil.Process(), *family_of(self.load.process.pid), *self._services]
        with ExitStack() as own:
            server = None
            if isinstance(subject, Address):
                url, family = subject.url, listening(subject.url)
            else:
                port = free_port()
                server = subject.server(port, self.urls, self.folder / f"{port}.log")
                with self.processors.of_the_server():
                    server.start()
                own.callback(lambda: stop(server.process, 0.2))  # nobody waits for its good-bye
                url, family = server.url, family_of(server.process.pid)
            self.neighbours.begin(family, ours, server is not None)
            sizes = [
                each for each in self.plan.tabs if each <= 100 or getattr(subject, "large", False)
            ]
            try:
                values = self._visit(url, family[0].pid if family else 0, sizes)
            except LoadError as error:
                with suppress(psutil.NoSuchProcess):  # the server has ended: its own fault
                    error.beside_a_busy_neighbour = self.neighbours.share() > BUSIEST
                raise
            return values, self.neighbours.share()

    def _visit(self, url: str, pid: int, sizes: Sequence[int]) -> dict[str, float]:
        """Measure one server, from few tabs to many; return the values by name and tabs."""
        plan, do = self.plan, self.load.do
        room, inside, values = f"bench{time.monotonic_ns()}", 0, {}

        def join(tabs: int) -> float:
            nonlocal inside
            inside, more = tabs, tabs - inside
            return do("join", tabs=more)["accepted"]

        do("enter", url=f"{re.sub('^http', 'ws', url)}/ws/chat/{room}/")
        with leaving(do):
            join(WARM)
            before = memory(pid) if LARGE in sizes else 0.0
            for tabs in sizes:
                if tabs > BURST > inside and plan.burst:
                    join(BURST)
                    values["burst"] = do("burst", messages=plan.burst)["burst"]
                if tabs > inside:
                    values["accept"] = join(tabs)
                if tabs == LARGE and pid:
                    values["memory"] = (memory(pid) - before) / (tabs - WARM) * 1000 / 1e6
                loop = do("throughput", seconds=plan.seconds, window=WINDOWS[tabs], server=pid)
                values |= {f"{name} {tabs}": value for name, value in loop.items()}
                if tabs == FIXED_RATE:
                    delays = do("latency", seconds=plan.latency, rate=plan.rate)
                    values |= {f"{name} {tabs}": value for name, value in delays.items()}
        return values


@contextmanager
def leaving(do: Callable[..., object]) -> Iterator[None]:
    """Close all tabs at the end, but not after Ctrl-C: then the load has not answered yet."""
    try:
        yield
    except LoadError:
        do("leave")
        raise
    do("leave")


def too_busy(share: float) -> BusyError:
    """Return the error that says so."""
    return BusyError(
        f"The machine is too busy to measure: other programs take {share:.0%} of a processor, and "
        f"{BUSIEST:.0%} is the most. Stop them, or add --busy to measure all the same."
    )


def open_files(needed: int) -> int:
    """See to it that we, and what we start, may have so many files and sockets open. Return 0, or
    how many there may be if that is fewer."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return 0 if most == needed else most
    return 0


def memory(pid: int) -> float:
    """Return the bytes that a process and all that it started have for themselves."""
    return sum(process.memory_full_info().uss for process in family_of(pid))


def listening(url: str) -> list[psutil.Process]:
    """Return who listens at the port of this URL, so that it does not count as a neighbour, if the
    system tells."""
    port = urlsplit(url).port
    with suppress(psutil.Error):
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid:
                family = family_of(each.pid)
                used(family)  # not everybody may look at every process
                return family
    return []


def report(
    run: Run, found: Mapping[str, Mapping[str, list[float]]], seconds: float, labels: dict[str, str]
) -> dict[str, object]:
    """Return what is written down of a run."""
    versions = {name: version(name) for name in PACKAGES.split()}
    versions |= {"Python": platform.python_version(), "picows": version("picows")}
    for name, command in {"Redis": "redis-server", "Node": "node"}.items():
        with suppress(OSError):
            said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
            versions[name] = re.search(r"\d+(\.\d+)+", said)[0]
    return {
        "measured": date.today().isoformat(),
        "seconds": round(seconds),
        "rounds": run.plan.rounds,
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": processor_name(),
            "processors": psutil.cpu_count(),
            "server on one of its own": bool(run.processors.server),
            "busy": run.busy,
            "others at most": round(run.busiest, 3),
            "repeated for a busy neighbour": run.repeats,
        },
        "versions": dict(sorted(versions.items(), key=lambda pair: pair[0].lower())),
        "left out": run.left_out,
        "labels": labels,
        "configurations": {
            name: {key: [float(f"{value:.4g}") for value in row] for key, row in values.items()}
            for name, values in found.items()
        },
    }


def processor_name() -> str:
    """Return what the processor calls itself, where the system says so."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def written(results: Mapping[str, object]) -> str:
    """Return results as JSON, with the values of the rounds side by side."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\]\[{}]*\]", lambda row: " ".join(row[0].split()), text) + "\n"
