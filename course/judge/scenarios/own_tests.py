"""Whether the tests in a project's folder are any good: they pass, and go red for a broken chat."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from course.judge.scenarios import does_not_hold, on_the_wire, pytest_faults
from course.judge.scenarios.pytest_faults import NO_SETTINGS
from course.judge.scenarios.stage import Stage, Unmet
from course.run.serve import OWN_GROUP, copy_project

PLUGIN = Path(pytest_faults.__file__)
FAULTS = {  # those of the plugin, in words for people
    "speaker_only": "a message comes back to its speaker only",
    "no_error": "a bad frame gets no error",
    "one_room": "every room is one room",
    "any_origin": "a foreign origin is let in",
    "any_name": "a room with a bad name lets a socket in",
}
PASSED, FAILED, NO_TESTS = 0, 1, 5  # pytest's exit statuses; the others say that it could not run
AT_ONCE = 3  # runs at a time: with a fault, a run mostly waits for what does not come
OTHERS = ("PYTEST_", "DJANGO_", "REDIS_")  # settings from outside are not for a learner's tests


class BadTests(Unmet):
    """Tests that are not as they should be; `output` is what pytest printed."""

    def __init__(self, text: str, *runs: "Run") -> None:
        super().__init__(text, "own tests")
        self.output = "\n".join(run.output for run in runs)


@on_the_wire("own_tests")
def own_tests(stage: Stage) -> None:
    own_tests_hold(stage.servers[0].folder)


@does_not_hold("own_tests")
def none_yet(stage: Stage) -> None:
    no_own_tests(stage.servers[0].folder)


def own_tests_hold(folder: Path, seconds: float = 120) -> None:
    """Run the tests in a project's folder as they are, then with each fault, each time for at most
    `seconds`. Raise BadTests unless they pass, and go red for every fault."""
    [plain] = run_all([Run(folder, seconds)])
    if plain.status == NO_TESTS:
        raise BadTests("There should be tests; pytest found none.", plain)
    if plain.status != PASSED or "passed" not in plain.summary:
        raise BadTests(f"Your tests should pass; {plain.says}.", plain)
    files = re.findall(rf"^{NO_SETTINGS}(.+)", plain.output, re.M)
    for run in run_all([Run(folder, seconds, file) for file in files]):
        if run.status != PASSED or "no Django settings" in run.output:
            text = "Each of your test files should run alone; pytest has no DJANGO_SETTINGS_MODULE"
            raise BadTests(f"{text}, and for {run.options[-1]} {run.says}.", run)
    runs = run_all([Run(folder, seconds, "-x", fault=fault) for fault in FAULTS])
    if unseen := [run for run in runs if not run.red]:
        faults = ", and when ".join(FAULTS[run.fault] for run in unseen)
        raise BadTests(f"Your tests should go red when {faults}; {unseen[0].says}.", *unseen)


def no_own_tests(folder: Path, seconds: float = 120) -> None:
    """Raise BadTests if pytest finds tests in a project's folder, or cannot look for them."""
    [run] = run_all([Run(folder, seconds, "--collect-only")])
    if run.status != NO_TESTS:
        raise BadTests(f"There should be no tests yet; {run.says}.", run)


class Run:
    """A run of pytest in a copy of a project, where its tests may write what they like."""

    def __init__(self, folder: Path, seconds: float, *options: str, fault: str = "") -> None:
        """Take the project's folder, how long it may last, options for pytest, and a fault."""
        self.folder, self.seconds, self.options, self.fault = folder, seconds, options, fault
        self.status: int | None = None  # pytest's exit status; None: it had to be ended

    def __enter__(self) -> "Run":
        """Start it."""
        self.place = TemporaryDirectory(prefix="own-tests-", ignore_cleanup_errors=True)
        self.plugins, self.log = Path(self.place.name, "plugins"), Path(self.place.name, "log")
        self.plugins.mkdir()
        shutil.copy(PLUGIN, self.plugins)
        project = copy_project(self.folder, Path(self.place.name, self.folder.resolve().name))
        options = ["--color=no", "--verbosity=0", "-rfEs", *self.options]
        if self.fault:
            options.append(f"--fault={self.fault}")
            for asgi in project.glob("*/asgi.py"):  # for servers in other processes
                with asgi.open("a", encoding="utf-8") as code:
                    code.write(f"\n\nimport {PLUGIN.stem}\n\n{PLUGIN.stem}.plant({self.fault!r})\n")
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(OTHERS)}
        path = os.pathsep.join(filter(None, [str(self.plugins), kept.get("PYTHONPATH")]))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", PLUGIN.stem, *options],
                cwd=project,
                env=kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )
        self.ends = time.monotonic() + self.seconds
        return self

    def wait(self) -> None:
        """Wait until it ends, or should have ended."""
        with suppress(subprocess.TimeoutExpired):
            self.status = self.process.wait(max(0, self.ends - time.monotonic()))

    def __exit__(self, *exception: object) -> None:
        """End all that it started, keep what it printed, and remove the copy."""
        while left := self.left():
            for process in left:
                process.kill()
            psutil.wait_procs(left, 5)
        self.process.wait()
        self.output = self.log.read_text("utf-8", "replace")
        self.summary = (re.findall(r"^=+ (.+) in [\d.]+s\b.*=$", self.output, re.M) or [""])[-1]
        self.place.cleanup()

    def left(self) -> list[psutil.Process]:
        """Return the processes of this run: all that know its folder of plugins."""
        every = psutil.process_iter(["environ"])
        path = str(self.plugins)
        return [
            each for each in every if path in (each.info["environ"] or {}).get("PYTHONPATH", "")
        ]

    @property
    def red(self) -> bool:
        """Whether a test has failed. (With -x and pytest-xdist, the status is that of Ctrl-C.)"""
        return self.status == FAILED or "failed" in self.summary

    @property
    def says(self) -> str:
        """What was seen, for the second half of a sentence."""
        if self.status is None:
            return f"they had not ended after {self.seconds:g} seconds"
        return f"pytest says: {self.summary or f'exit status {self.status}'}"


def run_all(runs: list[Run]) -> list[Run]:
    """Play these runs, a few at a time, and return them. After Ctrl-C, too, nothing is left."""
    for first in range(0, len(runs), AT_ONCE):
        with ExitStack() as started:
            for run in [started.enter_context(run) for run in runs[first : first + AT_ONCE]]:
                run.wait()
    return runs
