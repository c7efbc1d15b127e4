"""A suite is worth what it catches: each planted bug has to turn its step's own tests red."""

import multiprocessing
import os
import re
import sys
import tomllib
from pathlib import Path

import psutil
import pytest

from course import matrix
from course.chapters import CHAPTERS, Chapter, chapter
from course.judge.scenarios import parts
from course.run.serve import PrivateRedis, copy_project, stop
from tests.helpers import ALL_PASSED, METHODS, NOT_FOR_SUITES, SOME_FAILED, run_suite

BUGS = tomllib.loads(Path(__file__).with_name("planted_bugs.toml").read_text(encoding="utf-8"))
TESTS = "chat/tests"
WAITING = {"conftest.py", "test_browser.py", "test_hub.py"}  # these say how long their tests wait

SECONDS = 120  # for one test

# Most of the time of a short run is what it imports. So the bugs' runs are forks of a process that
# has imported these already.
FORKS = multiprocessing.get_context("fork" if sys.platform == "win32" else "forkserver")
FORKS.set_forkserver_preload(
    [
        "pytest_asyncio.plugin",
        "pytest_django.plugin",
        "channels.testing",
        "selenium.webdriver",
        "autobahn.twisted.websocket",
        "twisted.internet.asyncioreactor",
        "twisted.web.http",
    ]
)

FIRST = chapter(5)  # the first step with tests of its own; the next ones have them, too
TESTED = [each for each in CHAPTERS if each.number >= FIRST.number]


def each_case(names: str, cases: list[tuple]) -> pytest.MarkDecorator:
    ids = [
        "-".join(f"step{one.number}" if one in TESTED else one for one in case) for case in cases
    ]
    return pytest.mark.parametrize(names.split(", "), cases, ids=ids)


@pytest.fixture
def copy(chapter: Chapter, tmp_path: Path) -> Path:
    """Return a copy of the step, without what earlier runs left in it."""
    return copy_project(chapter.folder, tmp_path / chapter.folder.name)


# How the server of the tests is started is the same in every step: all ways in the first one only.
@each_case(
    "chapter, method",
    [(each, method) for each in TESTED for method in (METHODS if each == FIRST else METHODS[:1])],
)
def test_without_a_bug_the_suite_is_green(copy: Path, method: str) -> None:
    status, output = run_suite(copy, method=method)
    assert status == ALL_PASSED, f"Its tests should pass:\n{output}"


@each_case("chapter", [(each,) for each in TESTED])
def test_the_suite_sees_what_the_row_of_the_matrix_asks_for(chapter: Chapter, stage_for) -> None:
    row = next(each for each in matrix.load() if each.id == "own_tests")
    stage = stage_for(row, chapter, "memory")
    for scenario in parts(row.id):
        scenario(stage)


@each_case("chapter", [(each,) for each in TESTED])
@pytest.mark.skipif(not PrivateRedis.available(), reason="no redis-server on the PATH")
def test_without_a_bug_the_suite_is_green_on_redis(copy: Path) -> None:
    redis = PrivateRedis()
    try:
        status, output = run_suite(copy, redis_url=redis.url)
    finally:
        redis.stop()
    assert status == ALL_PASSED, f"Its tests should pass on Redis:\n{output}"


@each_case(
    "chapter, name", [(chapter(bug.get("step", FIRST.number)), name) for name, bug in BUGS.items()]
)
def test_the_suite_goes_red_for(copy: Path, name: str) -> None:
    bug = BUGS[name]
    plant(copy / bug["file"], bug["old"], bug["new"])
    hurry(copy)
    test = f"{TESTS}/{bug['caught_by']}"
    log = copy.with_name("printed.txt")
    process = FORKS.Process(target=run_in_a_fork, args=(copy, test, log))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        stop(psutil.Process(process.pid))
    status, output = process.exitcode, log.read_text("utf-8", errors="replace")
    assert status == SOME_FAILED, f"{bug['wrong']} Yet {test} ended with {status}:\n{output}"
    assert f"FAILED {test}" in output, f"{bug['wrong']} Yet {test} did not fail:\n{output}"


def plant(file: Path, old: str, new: str) -> None:
    """Put new in the place of old, which the file has exactly once."""
    code = file.read_text(encoding="utf-8")
    assert code.count(old) == 1, f"{file.name} should have this once, to plant a bug there: {old}"
    file.write_text(code.replace(old, new), encoding="utf-8")


def hurry(copy: Path) -> None:
    """Let tests wait one second at most for what, because of the bug, never comes."""
    for file in copy / "conftest.py", *(copy / TESTS).glob("test_*.py"):
        code, changes = re.subn(r"(?m)^PATIENCE = \d+", "PATIENCE = 1", file.read_text("utf-8"))
        assert changes == (file.name in WAITING), f"{file.name} says {changes} times how long."
        file.write_text(code, encoding="utf-8")


def run_in_a_fork(folder: Path, test: str, log: Path) -> None:
    """In a process of its own, run a test as a person would in this folder, and exit as pytest."""
    with log.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for name in [name for name in os.environ if name.startswith(NOT_FOR_SUITES)]:
        del os.environ[name]
    multiprocessing.set_start_method(METHODS[0], force=True)  # for the live server
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-x", test]))
