"""The suites of the steps that bring one pass, as a learner runs them. Browser tests take most of
the time: a file of them that several steps have, byte for byte, is run in the last of these.
With --step, every file is."""

from pathlib import Path

import pytest

from course.chapters import CHAPTERS, Chapter
from course.run.serve import copy_project
from tests.helpers import ALL_PASSED, run_suite

TESTED = [each for each in CHAPTERS if (each.folder / "pytest.ini").is_file()]
BROWSER = "chat/tests/test_browser.py"
LAST_WITH = {(each.folder / BROWSER).read_bytes(): each for each in TESTED}


@pytest.mark.parametrize("chapter", TESTED, ids=lambda each: each.folder.name)
def test_the_suite_of_a_step_passes(
    chapter: Chapter, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    folder = copy_project(chapter.folder, tmp_path / chapter.folder.name)
    if pytestconfig.getoption("--step") is None and chapter not in LAST_WITH.values():
        (folder / BROWSER).unlink()
    status, output = run_suite(folder)
    assert status == ALL_PASSED, f"Its tests should pass:\n{output}"
