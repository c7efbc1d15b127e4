"""Whether the tests in a project's folder are any good: they pass, and go red for a broken chat."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from course.judge.scenarios import pytest_faults
from course.judge.scenarios.stage import Unmet
from course.run.serve import OWN_GROUP, copy_project, stop

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
SECONDS = 120  # that a run may take
OTHERS = ("PYTEST_", "DJANGO_", "REDIS_")  # settings from outside are not for a learner's tests


class BadTests(Unmet):
    """Tests that are not as they should be; `output` is what pytest printed."""

    def __init__(self, text: str, *runs: "Run") -> None:
        super().__init__(text, "own tests")
        self.output = "\n".join(run.output for run in runs)


def own_tests_hold(folder: Path) -> None:
    """Run the tests in a project's folder as they are, then with each fault. Raise BadTests unless
    they pass, and go red for every fault."""
    [plain] = run_all([Run(folder)])
    if plain.status == NO_TESTS:
        raise BadTests("There should be tests; pytest found none.", plain)
    if plain.status != PASSED or "passed" not in plain.summary:
        raise BadTests(f"Your tests should pass; {plain.says}.", plain)
    files = re.findall(rf"^{pytest_faults.NO_SETTINGS}(.+)", plain.output, re.M)
    for run in run_all([Run(folder, file) for file in files]):
        if run.status != PASSED or "no Django settings" in run.output:
            text = "Each of your test files should run alone; pytest has no DJANGO_SETTINGS_MODULE"
            raise BadTests(f"{text}, and for {run.options[0]} {run.says}.", run)
    runs = run_all([Run(folder, "-x", fault=fault) for fault in FAULTS])
    if unseen := [run for run in runs if not run.red]:
        faults = ", and when ".join(FAULTS[run.fault] for run in unseen)
        raise BadTests(f"Your tests should go red when {faults}; {unseen[0].says}.", *unseen)


def no_own_tests(folder: Path) -> None:
    """Raise BadTests if pytest finds tests in a project's folder, or cannot look for them."""
    [run] = run_all([Run(folder, "--collect-only")])
    if run.status != NO_TESTS:
        raise BadTests(f"There should be no tests yet; {run.says}.", run)


class Run:
    """A run of pytest in a copy of a project, where its tests may write what they like. After it,
    `status` is pytest's exit status (None: it had to be ended) and `output` what it printed."""

    def __init__(self, folder: Path, *options: str, fault: str = "") -> None:
        """Take the project's folder, options for pytest, and the name of a fault."""
        self.folder, self.options, self.fault = folder, options, fault
        self.status: int | None = None
        self.output = ""

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run it for the time of a with block; then end whatever it started."""
        with TemporaryDirectory(prefix="own-tests-", ignore_cleanup_errors=True) as place:
            process = self._start(copy_project(self.folder, Path(place, "project")))
            ends = time.monotonic() + SECONDS
            try:
                yield
                with suppress(subprocess.TimeoutExpired):
                    self.status = process.wait(max(0, ends - time.monotonic()))
            finally:
                for each in psutil.process_iter(["environ"]):
                    if place in (each.info["environ"] or {}).get("PYTHONPATH", ""):
                        stop(each)
                self.output = Path(place, "log").read_text("utf-8", "replace")

    def _start(self, project: Path) -> subprocess.Popen:
        plugins = project.with_name("plugins")
        plugins.mkdir()
        shutil.copy(PLUGIN, plugins)
        options = ["-p", PLUGIN.stem, "--color=no", "--verbosity=0", "-rfEs", *self.options]
        options += ["-o", f"faulthandler_timeout={SECONDS / 4}"]  # print where a test hangs
        if self.fault:
            options.append(f"--fault={self.fault}")
            for asgi in project.glob("*/asgi.py"):  # for servers that the tests start
                code = f"\n\n__import__({PLUGIN.stem!r}).plant({self.fault!r})\n"
                asgi.write_text(asgi.read_text("utf-8") + code, "utf-8")
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(OTHERS)}
        path = os.pathsep.join(filter(None, [str(plugins), kept.get("PYTHONPATH")]))
        with project.with_name("log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", *options],
                cwd=project,
                env=kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )

    @property
    def summary(self) -> str:
        """How many tests had which end, as pytest says in its last line."""
        return (re.findall(r"^=+ (.+) in [\d.]+s\b.*=$", self.output, re.M) or [""])[-1]

    @property
    def red(self) -> bool:
        """Whether a test has failed. (With -x and pytest-xdist, the status is that of Ctrl-C.)"""
        return self.status == FAILED or "failed" in self.summary

    @property
    def says(self) -> str:
        """What was seen, for the second half of a sentence."""
        if self.status is None:
            return f"they had not ended after {SECONDS} seconds"
        return f"pytest says: {self.summary or f'exit status {self.status}'}"


def run_all(runs: list[Run]) -> list[Run]:
    """Play these runs, a few at a time, and return them."""
    for first in range(0, len(runs), AT_ONCE):
        with ExitStack() as together:
            for run in runs[first : first + AT_ONCE]:
                together.enter_context(run.started())
    return runs
