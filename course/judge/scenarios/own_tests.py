"""Whether the tests in a project's folder are any good: they pass, and go red for a broken chat."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import psutil

from course.judge.scenarios import does_not_hold, on_the_wire
from course.judge.scenarios.stage import Stage, Unmet
from course.run.serve import OWN_GROUP, copy_project

PLUGIN = Path(__file__).with_name("faults.py")
FAULTS = {  # its functions, in words for people
    "speaker_only": "a message comes back to its speaker only",
    "no_error": "a bad frame gets no error",
    "one_room": "every room is one room",
    "any_origin": "a foreign origin is let in",
    "any_name": "a room that cannot be called so lets a socket in",
}
PASSED, FAILED, NO_TESTS = 0, 1, 5  # pytest's exit statuses; the others say that it could not run
AT_ONCE = 3  # runs at a time: with a fault, a run mostly waits for what does not come
OTHERS = ("PYTEST_", "DJANGO_", "REDIS_")  # what these tell others is not for a learner's tests
NOTES = "OWN_TESTS_NOTES"  # where the plugin writes; whoever has this was started by these tests


class BadTests(Unmet):
    """Tests that are not as they should be; `output` is what pytest printed."""

    def __init__(self, text: str, runs: "Iterable[Run]") -> None:
        super().__init__(text, "own tests")
        self.output = "\n".join(run.output for run in runs)


@on_the_wire("own_tests")
def own_tests(stage: Stage) -> None:
    own_tests_hold(stage.servers[0].folder)


@does_not_hold("own_tests")
def none_yet(stage: Stage) -> None:
    no_own_tests(stage.servers[0].folder)


def own_tests_hold(folder: Path, seconds: float = 120) -> None:
    """Run the tests in a project's folder as they are, and then with each fault, each time for so
    many seconds at most. Raise BadTests unless they pass, and go red for every fault."""
    plain = Run(folder)
    run_all([plain], seconds)
    if plain.status == NO_TESTS:
        raise BadTests("There should be tests; pytest found none.", [plain])
    if plain.status != PASSED:
        raise BadTests(f"Your tests should pass; {plain.says}.", [plain])
    _each_file_alone(folder, plain.files, seconds)
    if not plain.counts.get("passed"):
        raise BadTests(f"Your tests should pass; pytest says: {plain.summary}.", [plain])
    unseen = list(FAULTS)
    if plain.sockets:
        # First the tests that play the far end of a socket: they are quick, and see most. Unless
        # they pass without the others, though, their going red says nothing about a fault.
        quick = [Run(folder, "-x", fault=fault, only=plain.sockets) for fault in ("", *FAULTS)]
        run_all(quick, seconds)
        if quick[0].status == PASSED:
            unseen = [run.fault for run in quick[1:] if not run.red]
    runs = [Run(folder, "-x", fault=fault) for fault in unseen]
    run_all(runs, seconds)
    if runs := [run for run in runs if not run.red]:
        runs = [run for run in runs if run.says == runs[0].says]
        faults = ", and when ".join(FAULTS[run.fault] for run in runs)
        raise BadTests(f"Your tests should go red when {faults}; {runs[0].says}.", runs)


def no_own_tests(folder: Path, seconds: float = 120) -> None:
    """Raise BadTests if pytest finds tests in a project's folder, or cannot look for them."""
    run = Run(folder, "--collect-only")
    run_all([run], seconds)
    if run.status != NO_TESTS:
        says = "pytest found some" if run.status == PASSED else run.says
        raise BadTests(f"There should be no tests yet; {says}.", [run])


def _each_file_alone(folder: Path, files: list[str], seconds: float) -> None:
    """Raise BadTests if one of these files of tests needs what another one imports."""
    runs = [Run(folder, file) for file in files]
    run_all(runs, seconds)
    for file, run in zip(files, runs, strict=True):
        if run.status != PASSED or "no Django settings" in run.skipped:
            raise BadTests(
                "Each of your test files should run alone; pytest has no DJANGO_SETTINGS_MODULE, "
                f"and for {file} it says: {run.summary or run.says}.",
                runs,
            )


class Run:
    """One run of pytest, in a copy of a project: so its tests may write what they like, and runs
    at the same time do not meet. The attributes that are empty at first say how it was."""

    def __init__(
        self, folder: Path, *options: str, fault: str = "", only: Iterable[str] = ()
    ) -> None:
        """Take the project's folder, options for pytest, the name of a fault, and the ids of the
        tests that are to run (of none: all)."""
        self.folder, self.options, self.fault, self.only = folder, options, fault, only
        self.process: subprocess.Popen | None = None
        self.status: int | None = None  # None: it came to no end
        self.output = self.skipped = ""
        self.counts: dict[str, int] = {}
        self.sockets: list[str] = []  # the ids of the tests that play the far end of a socket
        self.files: list[str] = []  # the files of tests, if pytest knows no settings

    def start(self, seconds: float) -> None:
        """Start it; it may last so many seconds."""
        self.seconds = seconds
        self.place = TemporaryDirectory(prefix="own-tests-", ignore_cleanup_errors=True)
        project = Path(self.place.name) / self.folder.resolve().name
        copy_project(self.folder, project)
        self.notes = Path(self.place.name) / ".notes"
        self.notes.mkdir()
        shutil.copy(PLUGIN, self.notes / "sitecustomize.py")
        if self.only:
            lines = "".join(f"{json.dumps(test)}\n" for test in self.only)
            (self.notes / "only").write_text(lines, "utf-8")
        environment = {name: os.environ[name] for name in os.environ if not name.startswith(OTHERS)}
        environment |= {
            NOTES: str(self.notes),
            "OWN_TESTS_FAULT": self.fault,
            "PYTHONPATH": os.pathsep.join(
                [str(self.notes), *filter(None, [environment.get("PYTHONPATH")])]
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        report = f"--junit-xml={self.notes / 'report.xml'}"
        command = [sys.executable, "-m", "pytest", "-p", "sitecustomize", "--color=no", "-rfEs"]
        with (self.notes / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*command, report, *self.options],
                cwd=project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )
        self.started = time.monotonic()

    def over(self) -> bool:
        """Say whether it has ended, or should have."""
        return self.process.poll() is not None or time.monotonic() > self.started + self.seconds

    def finish(self) -> None:
        """End it and all that it has started, and keep what is known about it."""
        if self.process:
            self.status = self.process.poll()
            if self.status is None and sys.platform != "win32":
                self.process.send_signal(signal.SIGINT)  # pytest tidies up, and says where it was
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)
            deadline = time.monotonic() + 5
            while (family := self._family()) and time.monotonic() < deadline:
                for process in family:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                time.sleep(0.02)
            self.process.kill()
            self.process.wait()
            self.output = (self.notes / "output").read_text("utf-8", "replace")
            if self.status is not None:
                self._read()
        self.place.cleanup()

    def _family(self) -> list[psutil.Process]:
        """Return what runs of it, also what was started by a process that has ended since."""
        running = psutil.process_iter(["environ"])
        notes = str(self.notes)
        return [each for each in running if (each.info["environ"] or {}).get(NOTES) == notes]

    def _read(self) -> None:
        """Keep what the plugin and pytest itself have written for us."""
        for name in "sockets", "files":
            if (file := self.notes / name).exists():
                lines = file.read_text(encoding="utf-8").splitlines()
                setattr(self, name, [json.loads(line) for line in lines])
        if (report := self.notes / "report.xml").exists():
            (suite,) = ElementTree.parse(report).getroot()
            self.skipped = " ".join(each.get("message", "") for each in suite.iter("skipped"))
            failed, errors, skipped, tests = (
                int(suite.get(name, 0)) for name in ("failures", "errors", "skipped", "tests")
            )
            passed = tests - failed - errors - skipped
            counts = {"failed": failed, "passed": passed, "skipped": skipped}
            counts["error" if errors == 1 else "errors"] = errors
            self.counts = {word: count for word, count in counts.items() if count}

    @property
    def red(self) -> bool:
        """Whether a test has failed. (With -x and pytest-xdist, the status is that of Ctrl-C.)"""
        return self.status == FAILED or "failed" in self.counts

    @property
    def summary(self) -> str:
        """How many tests had which end."""
        return ", ".join(f"{count} {word}" for word, count in self.counts.items())

    @property
    def says(self) -> str:
        """What was seen, for the second half of a sentence."""
        if self.status is None:
            return f"they had not ended after {self.seconds:g} seconds"
        if self.status == PASSED:
            return f"all {self.summary}" if list(self.counts) == ["passed"] else self.summary
        return f"pytest ended with {self.status}" + (self.summary and f": {self.summary}")


def run_all(runs: list[Run], seconds: float) -> None:
    """Start these runs, a few at a time, and wait until all are over; end what lasts longer than
    so many seconds, and, when the wait is broken off, everything."""
    waiting, started = list(runs), list[Run]()
    try:
        while waiting or started:
            while waiting and len(started) < AT_ONCE:
                started.append(waiting.pop(0))
                started[-1].start(seconds)
            time.sleep(0.02)
            for run in [run for run in started if run.over()]:
                run.finish()
                started.remove(run)
    finally:
        for run in started:
            run.finish()
