"""The suites of the steps that bring one pass, as a learner runs them."""

from pathlib import Path

import pytest

from course.chapters import CHAPTERS, Chapter
from course.run.serve import copy_project
from tests.helpers import ALL_PASSED, run_suite

TESTED = [each for each in CHAPTERS if (each.folder / "pytest.ini").is_file()]


@pytest.mark.parametrize("chapter", TESTED, ids=lambda each: each.folder.name)
def test_the_suite_of_a_step_passes(chapter: Chapter, tmp_path: Path) -> None:
    status, output = run_suite(copy_project(chapter.folder, tmp_path / chapter.folder.name))
    assert status == ALL_PASSED, f"Its tests should pass:\n{output}"
