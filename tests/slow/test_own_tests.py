"""What is said of a project's own tests: whether they pass, and which faults they see. Consumers
of other kinds are in tests/solutions, whose suites test_check.py runs with every fault."""

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from course.chapters import Chapter, chapter
from course.judge.scenarios import own_tests
from course.judge.scenarios.own_tests import FAULTS
from course.judge.scenarios.stage import Stage, Unmet
from course.run.serve import Server, copy_project, wait_until
from tests.course.test_suites import TESTED

SUITES = tomllib.loads(Path(__file__).with_name("suites.toml").read_text("utf-8"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of step 5 without its tests. In the end, of their runs nothing may be left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    project = copy_project(chapter(5).folder, tmp_path / "my_chat")
    (project / "conftest.py").unlink()
    for file in project.glob("chat/tests/test_*.py"):
        file.unlink()
    yield project
    assert not list(tmp_path.glob("own-tests-*")), "The copies should be gone."
    found = ((each.pid, each.info["environ"] or {}) for each in psutil.process_iter(["environ"]))
    left = [pid for pid, names in found if str(tmp_path) in names.get("PYTHONPATH", "")]
    assert not left, "All that the tests started should have ended."


def said(project: Path, suite: str, scenario: Callable[[Stage], None] = own_tests.own_tests) -> str:
    """Return what a scenario says of a project whose tests are this suite."""
    (project / "test_chat.py").write_text(suite, "utf-8")
    with pytest.raises(Unmet) as caught:
        scenario(stage_of(project))
    assert caught.value.symptom == "own tests"
    return str(caught.value)


def stage_of(project: Path) -> Stage:
    return Stage("", "", None, [Server(project, 0)])


@pytest.mark.long
@pytest.mark.parametrize("step", [TESTED[0], TESTED[-1]], ids=lambda each: each.folder.name)
def test_a_step_has_the_tests_that_its_row_asks_for(step: Chapter, tmp_path: Path) -> None:
    """Without those in a browser: tests/course/test_suites.py runs them. The last step has the
    tests of those between."""
    folder = copy_project(step.folder, tmp_path / "my_chat")
    (folder / "chat/tests/test_browser.py").unlink()
    own_tests.own_tests(stage_of(folder))


def test_a_fault_is_seen_by_the_test_of_it_alone(project: Path) -> None:
    """However the project wants its tests to be run, and whatever they write."""
    with (project / "pytest.ini").open("a", encoding="utf-8") as ini:
        ini.write("addopts = -qq --ff\nfilterwarnings = error\n")
    writes = "\n\ndef test_it_writes():\n    open('written', 'x').close()\n"
    (project / "test_chat.py").write_text(SUITES["faults"] + writes, "utf-8")
    for name in ("", *FAULTS):
        run = own_tests.run(project, fault=name)
        seen = re.findall(r"(?m)^FAILED test_chat.py::test_(\w+)", run.output)
        assert seen == ([name] if name else []), run.output
        assert run.red == bool(name)
    assert not (project / "written").exists()


def test_a_fault_that_no_test_sees_is_named(project: Path, monkeypatch) -> None:
    monkeypatch.setattr(own_tests, "FAULTS", {"any_origin": FAULTS["any_origin"]})
    text = said(project, SUITES["faults"].partition("async def test_any_origin")[0])
    red = "Your tests should go red when a page of another site is accepted"
    assert text == f"{red}; pytest says: 3 passed."


def test_a_suite_that_does_not_pass_is_red_from_the_start(project: Path) -> None:
    own_tests.no_own_tests(stage_of(project))
    assert said(project, "") == "There should be tests; pytest found none."
    for suite, says in {
        "def test():\n    assert False\n\n\ndef test_2():\n    pass": "1 failed, 1 passed",
        "import chat.nothing": "1 error",
        "import pytest\n\n\ndef test():\n    pytest.skip('another day')": "1 skipped",
    }.items():
        assert said(project, suite) == f"Your tests should pass; pytest says: {says}."
    there = said(project, "def test():\n    pass", own_tests.no_own_tests)
    assert there == "There should be no tests yet; pytest says: 1 test collected."


def test_a_fault_is_in_a_server_that_a_test_starts_anew(project: Path) -> None:
    """As everywhere but on Linux: a forked server has it from pytest itself."""
    start = "import multiprocessing\n\nmultiprocessing.set_start_method('spawn')\n"
    (project / "conftest.py").write_text(start, "utf-8")
    (project / "test_chat.py").write_text(SUITES["live"], "utf-8")
    for fault, summary in ("", "1 passed"), ("any_origin", "1 failed"):
        run = own_tests.run(project, fault=fault)
        assert run.summary == summary, run.output


def test_a_suite_that_hangs_is_ended_and_shows_where(project: Path, monkeypatch) -> None:
    def communicate(process: subprocess.Popen, _: object, timeout: float) -> None:
        """Wait until it hangs, however long it takes to start, and say that the time is over."""
        [log] = project.parent.glob("own-tests-*/log")
        wait_until(lambda: "in test_something" in log.read_text("utf-8"), "to hang", 60)
        raise subprocess.TimeoutExpired("pytest", timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)
    monkeypatch.setattr(own_tests, "SECONDS", 2)
    assert (
        said(project, SUITES["hangs"])
        == "Your tests should pass; they had not ended after 2 seconds."
    )
