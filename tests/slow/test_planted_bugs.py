"""A suite is worth what it catches: each planted bug has to turn its step's own tests red."""

import multiprocessing
import os
import re
import sys
import tomllib
from pathlib import Path

import psutil
import pytest

from course.chapters import Chapter, chapter
from course.judge.scenarios import own_tests
from course.run.serve import PrivateRedis, copy_project, stop
from tests.course.test_suites import TESTED
from tests.helpers import ALL_PASSED, METHODS, REDIS, SOME_FAILED, SUITE_OPTIONS, run_suite

BUGS = tomllib.loads(Path(__file__).with_name("planted_bugs.toml").read_text(encoding="utf-8"))
TESTS = "chat/tests"
FIRST, LAST = TESTED[0], TESTED[-1]  # the last has the tests of those between
SECONDS = 120

# Most of the time of a short run is what it imports. So the bugs' runs are forks of a process that
# has imported this already.
PRELOADED = ["pytest_asyncio.plugin", "pytest_django.plugin", "channels.testing"]
PRELOADED += ["selenium.webdriver", "autobahn.twisted.websocket", "twisted.web.http"]
if os.name != "nt":
    FORKS = multiprocessing.get_context("forkserver")
    FORKS.set_forkserver_preload(PRELOADED)


def named(it: object) -> str:
    return f"step{it.number}" if isinstance(it, Chapter) else str(it)


@REDIS
@pytest.mark.parametrize("chapter", [FIRST, LAST], ids=named)
def test_without_a_bug_the_suite_is_green_on_redis(chapter: Chapter, tmp_path: Path) -> None:
    """In memory, tests/course/test_suites.py runs it."""
    folder = copy_project(chapter.folder, tmp_path / chapter.folder.name)
    set_patience(folder, 20)  # also on a busy machine
    with PrivateRedis() as redis:
        status, output = run_suite(folder, REDIS_URL=redis.url)
    assert status == ALL_PASSED, f"Its tests should pass:\n{output}"


@pytest.mark.parametrize("method", METHODS[1:])
def test_the_browser_tests_pass_however_a_process_starts(method: str, tmp_path: Path) -> None:
    """Later steps start it in one way on every system."""
    folder = copy_project(FIRST.folder, tmp_path / FIRST.folder.name)
    status, output = run_suite(folder, f"{TESTS}/test_browser.py", method=method)
    assert status == ALL_PASSED, output


@pytest.mark.skipif(os.name == "nt", reason="there are no forks")
@pytest.mark.parametrize(
    "chapter, name",
    [(chapter(bug.get("step", FIRST.number)), name) for name, bug in BUGS.items()],
    ids=named,
)
def test_the_suite_goes_red_for(chapter: Chapter, name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    folder = copy_project(chapter.folder, tmp_path / chapter.folder.name)
    plant(folder / bug["file"], bug["old"], bug["new"])
    set_patience(folder, 1)  # for what, because of the bug, never comes
    test = f"{TESTS}/{bug['caught_by']}"
    status, output = run_one(folder, test)
    assert status == SOME_FAILED, f"{bug['wrong']} Yet {test} ended with {status}:\n{output}"
    assert f"FAILED {test}" in output, f"{bug['wrong']} Yet {test} did not fail:\n{output}"


def plant(file: Path, old: str, new: str) -> None:
    """Put new in the place of old, which the file has exactly once."""
    code = file.read_text(encoding="utf-8")
    assert code.count(old) == 1, f"{file.name} should have this once, to plant a bug there: {old}"
    file.write_text(code.replace(old, new), encoding="utf-8")


def set_patience(folder: Path, seconds: int) -> None:
    """Let tests wait so long at most for what should happen."""
    for file in folder / "conftest.py", *(folder / TESTS).glob("test_*.py"):
        code = file.read_text("utf-8")
        assert "PATIENCE = " in code or file.name != "conftest.py"
        file.write_text(re.sub(r"(?m)^PATIENCE = \d+", f"PATIENCE = {seconds}", code), "utf-8")


def run_one(folder: Path, test: str) -> tuple[int | None, str]:
    """Run one test in a folder, in a fork; return pytest's exit status and its output."""
    log = folder.with_name("printed.txt")
    process = FORKS.Process(target=run_in_a_fork, args=(folder, test, log))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        stop(psutil.Process(process.pid))  # the browser and the live server, too
    return process.exitcode, log.read_text("utf-8", errors="replace")


def run_in_a_fork(folder: Path, test: str, log: Path) -> None:
    """In a process of its own, do what a person does in this folder to run a test."""
    with log.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for name in [name for name in os.environ if name.startswith(own_tests.OTHERS)]:
        del os.environ[name]
    multiprocessing.set_start_method(METHODS[0], force=True)  # for the live server
    sys.exit(pytest.main([*SUITE_OPTIONS, "-x", test]))
