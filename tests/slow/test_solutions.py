"""`learn.py check` judges what a chat does: every correct solution passes, and the chat of the
chapter before passes none that is new."""

import shutil
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, ROOT, Chapter, chapter
from course.judge.check import Check, noticed, rows
from course.judge.target import Project
from course.matrix import Behaviour
from course.run.serve import copy_project
from tests.helpers import REDIS

SOLUTIONS = sorted(each for each in (ROOT / "tests/solutions").glob("step*/*") if each.is_dir())
LAST = CHAPTERS[-1]
PROJECTS = [
    pytest.param(LAST, None, id=LAST.folder.name),  # the others are judged as the next one, below
    *(
        pytest.param(chapter(int(each.parent.name[4:])), each, id=f"{each.parent.name}-{each.name}")
        for each in SOLUTIONS
    ),
]
ALWAYS_IN_TABS = {"own_message", "second_tab", "own_tests"}  # even where no page is different
PATIENCE = 20  # seconds: what is right may take its time on a busy machine


def fails(
    check: Check, judged: list[Behaviour], browser: Callable, in_tabs: Collection[str]
) -> dict[str, str]:
    """Play rows, some also in tabs; return what was expected and seen of those that fail."""
    found = {}
    for row in judged:
        check.browser = browser if row.id in in_tabs else None
        verdict = check.verdict(row)
        if verdict.holds is False:
            found[row.id] = f"{verdict.expected}; {verdict.seen} {verdict.reason}"
    return found


@REDIS
@pytest.mark.long
@pytest.mark.parametrize(("chapter", "overlay"), PROJECTS)
def test_a_correct_chat_passes(chapter, overlay, browser, tmp_path):
    folder = copy_project(chapter.folder, tmp_path / "my_chat")
    changed = lay(overlay or chapter.folder, folder)
    # What takes seconds is judged in the chapter that adds it; the matrix plays it in each.
    slow = {row.id for row in matrix.load() if overlay and row.first() == chapter} - {"idle"}
    if overlay and any(path.endswith("settings.py") for path in changed):
        slow.add("idle")  # settings are what makes idle sockets close
    judged = [
        row for row in rows(chapter, True)[0] if not (row.slow or row.needs) or row.id in slow
    ]
    drawn = any(path.endswith((".html", ".js")) for path in changed)
    pages = overlay and (drawn or chapter == CHAPTERS[0])
    in_tabs = {row.id for row in judged if pages or row.id in ALWAYS_IN_TABS}
    if all("test" in path for path in changed):
        judged = [row for row in judged if "browser" in row.needs]
    with Project(folder, chapter.services, None) as target:
        check = Check(target, chapter, None, patience=PATIENCE)
        # What fails is played again: in the moment in which a tab leaves, the core layer of
        # Channels can lose a message, so the best of chats may fail a row by chance.
        if first := fails(check, judged, browser, in_tabs):
            check.failed.clear()
            again = [row for row in judged if row.id in first]
            assert fails(check, again, browser, in_tabs) == {}
        check.browser = browser if pages else None
        assert noticed(check) == []


def lay(overlay: Path, folder: Path) -> list[str]:
    """Lay a solution over a copy of its chapter; return the paths of the code in it."""
    without = overlay / "without.txt"
    for path in without.read_text("utf-8").split() if without.is_file() else []:
        (folder / path).unlink()
    shutil.copytree(overlay, folder, dirs_exist_ok=True)
    code = [each for each in overlay.rglob("*") if each.suffix in (".py", ".html", ".js")]
    return [each.relative_to(overlay).as_posix() for each in code]


@REDIS
@pytest.mark.parametrize(
    ("before", "chapter"), list(pairwise(CHAPTERS)), ids=lambda each: each.folder.name
)
def test_the_end_of_a_chapter_passes_no_row_that_is_new_in_the_next(
    before: Chapter, chapter: Chapter, browser: Callable[[], WebDriver]
) -> None:
    """That the other rows pass, tests/course/test_matrix.py proves."""
    new = [row for row in rows(chapter, True)[0] if row.first() == chapter]
    with Project(before.folder, chapter.services, None) as target:
        check = Check(target, chapter, browser)
        holds = {row.id: check.verdict(row).holds for row in new}
    assert False in holds.values(), holds
    assert True not in holds.values(), holds  # None: it needs a Redis that the chat does not use


def test_each_chapter_has_three_other_solutions() -> None:
    for each in CHAPTERS:
        found = [path for path in SOLUTIONS if path.parent.name == f"step{each.number}"]
        assert len(found) >= 3, each
