"""Whether the tests in a project's folder are any good: they pass, and go red for a broken chat."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from course.judge.scenarios import pytest_faults
from course.judge.scenarios.stage import Stage, require
from course.run.serve import OWN_GROUP, copy_project, stop

PLUGIN = Path(pytest_faults.__file__)
FAULTS = {  # those of the plugin, in words for people
    "speaker_only": "a message comes back to its sender only",
    "no_error": "a bad frame gets no error",
    "one_room": "every room is one room",
    "any_origin": "a page of another site is accepted",
    "any_name": "a room with a bad name is accepted",
}
PASSED, FAILED, NO_TESTS = 0, 1, 5  # pytest's exit statuses; the others say that it could not run
AT_ONCE = 3  # runs at a time: with a fault, a run mostly waits for what does not come
SECONDS = 120  # that a run may take
OTHERS = (
    "PYTEST_",
    "DJANGO_",
    "REDIS_",
    "DATABASE_",
    "CHAT_",
)  # settings from outside are not for a learner's tests
SYMPTOM = "own tests"


class Run(NamedTuple):
    """A run of pytest: its exit status (None: it had to be ended), and what it printed."""

    status: int | None
    output: str

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


def own_tests(stage: Stage) -> None:
    """Run the tests in the project's folder as they are, each file alone if pytest has no settings,
    and then with each fault. Raise Unmet unless they pass, and go red for every fault."""
    folder = stage.servers[0].folder
    plain = run(folder)
    none = "There should be tests; pytest found none."
    require(plain.status != NO_TESTS, none, SYMPTOM, plain.output)
    passed = plain.status == PASSED and "passed" in plain.summary
    require(passed, f"Your tests should pass; {plain.says}.", SYMPTOM, plain.output)
    for file in re.findall(rf"^{pytest_faults.NO_SETTINGS}(.+)", plain.output, re.M):
        alone = run(folder, file)
        works = alone.status == PASSED and "no Django settings" not in alone.output
        text = "Each of your test files should run alone; pytest has no DJANGO_SETTINGS_MODULE"
        require(works, f"{text}, and for {file} {alone.says}.", SYMPTOM, alone.output)
    pool = ThreadPoolExecutor(AT_ONCE)
    broken = pool.map(lambda fault: run(folder, "-x", fault=fault), FAULTS)
    pool.shutdown(wait=False)  # after Ctrl-C, learn.py ends what still runs
    for words, each in zip(FAULTS.values(), broken, strict=True):
        text = f"Your tests should go red when {words}; {each.says}."
        require(each.red, text, SYMPTOM, each.output)


def no_own_tests(stage: Stage) -> None:
    """Raise Unmet if pytest finds tests in the project's folder, or cannot look for them."""
    found = run(stage.servers[0].folder, "--collect-only")
    text = f"There should be no tests yet; {found.says}."
    require(found.status == NO_TESTS, text, SYMPTOM, found.output)


def run(folder: Path, *options: str, fault: str = "") -> Run:
    """Run pytest in a copy of a project, where its tests may write what they like, with this fault
    of the plugin, if any; then end whatever it started."""
    with TemporaryDirectory(prefix="own-tests-", ignore_cleanup_errors=True) as place:
        project, log = copy_project(folder, Path(place, "project")), Path(place, "log")
        shutil.copy(PLUGIN, place)
        command = [sys.executable, "-m", "pytest", "-p", PLUGIN.stem, *options]
        command += ["--color=no", "--verbosity=0", "-rfEs"]
        command += ["-o", f"faulthandler_timeout={SECONDS / 4}"]  # print where a test hangs
        if fault:
            command.append(f"--fault={fault}")
            for asgi in project.glob("*/asgi.py"):  # for servers that the tests start
                with asgi.open("a", encoding="utf-8") as code:
                    code.write(f"\n\n__import__({PLUGIN.stem!r}).plant({fault!r})\n")
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(OTHERS)}
        path = os.pathsep.join(filter(None, [place, kept.get("PYTHONPATH")]))
        kept |= {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        status, pipes = None, {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        try:
            with log.open("wb") as out, suppress(subprocess.TimeoutExpired):
                options = {"cwd": project, "env": kept, "timeout": SECONDS, **pipes, **OWN_GROUP}
                status = subprocess.run(command, stdout=out, **options).returncode
        finally:
            for each in psutil.process_iter(["environ"]):
                if place in (each.info["environ"] or {}).get("PYTHONPATH", ""):
                    stop(each)
        return Run(status, log.read_text("utf-8", "replace"))
