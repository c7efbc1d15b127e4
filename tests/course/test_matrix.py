"""Every cell of the matrix, against a running server: ✔ holds, ✘ is proven not to hold yet.

What cannot differ from the chapter before is not played again: `plays` says what is."""

import time
from collections.abc import Callable, Iterator

import pytest

from course import matrix
from course.chapters import CHAPTERS, Chapter, predecessor
from course.compare import compare
from course.judge.scenarios import DOES_NOT_HOLD, IN_TABS, ON_THE_WIRE, Scenario, parts
from course.judge.scenarios.frames import IDLE, start_idle, still_connected
from course.judge.scenarios.stage import Stage
from course.matrix import Behaviour

NOT_RUNNING = ("README.md", "chat/tests/", "conftest.py", "pytest.ini")  # no part of the chat
PAGE = ("chat/templates/", "chat/static/", "mysite/asgi.py")  # a change here may change any tab
IN_EVERY_CHAPTER = {"second_tab", "other_room"}  # in real tabs, whatever has changed
TOGETHER = "idle"  # is played in all chapters at once: waiting is what takes its time
IN_SLOW_TESTS = "own_tests"  # if it holds: tests/slow/test_own_tests.py plays it

StageFor = Callable[[Behaviour, Chapter, str], Stage]


def changed(chapter: Chapter) -> set[str]:
    """Return the files of the running chat that differ from the chapter before."""
    files = compare(predecessor(chapter), chapter.folder)
    return {f.path for f in files if f.status != "same" and not f.path.startswith(NOT_RUNNING)}


def layers(row: Behaviour, chapter: Chapter) -> tuple[str, ...]:
    """Return the channel layers on which a row is played in a chapter."""
    if "redis" in row.needs:
        return ("redis",)
    if "redis" not in chapter.services or row.needs & {"no redis", "folder"}:
        return ("memory",)
    return ("redis", "memory")


def plays(row: Behaviour, chapter: Chapter, layer: str) -> list[Scenario]:
    """Return the scenarios that prove a cell on a channel layer: none if the chat is, byte for
    byte, that of the chapter before. Tabs are left out where sockets prove the row as well, neither
    the page nor the row is new, and on a second layer, which a page cannot see."""
    change, mark = changed(chapter), row.mark(chapter)
    if mark == "–" or (not change and row.id not in IN_EVERY_CHAPTER and "folder" not in row.needs):
        return []
    if mark == "✘":
        return [DOES_NOT_HOLD[row.id]]
    if row.id == IN_SLOW_TESTS:
        return []
    wire, tabs = ON_THE_WIRE.get(row.id), IN_TABS.get(row.id)
    new = row.first() == chapter or any(path.startswith(PAGE) for path in change)
    if wire and not new and row.id not in IN_EVERY_CHAPTER:
        tabs = None
    if layer != layers(row, chapter)[0]:
        tabs = None
    return [each for each in (wire, tabs) if each]


def cells() -> Iterator[pytest.param]:
    """Yield the cells that are played; those that share a server go to the same worker."""
    for chapter in CHAPTERS:
        for row in matrix.load():
            for layer in layers(row, chapter):
                if row.id != TOGETHER and (played := plays(row, chapter, layer)):
                    group = f"step{chapter.number}-{layer}"
                    yield pytest.param(
                        row,
                        chapter,
                        layer,
                        played,
                        id=f"step{chapter.number}-{row.id}-{layer}",
                        marks=pytest.mark.xdist_group(group),
                    )


@pytest.mark.parametrize(("row", "chapter", "layer", "played"), list(cells()))
def test_cell(row, chapter, layer, played, stage_for):
    stage = stage_for(row, chapter, layer)
    for scenario in played:
        stage.play(scenario)


@pytest.mark.every_step
def test_idle_tabs_stay_connected(request: pytest.FixtureRequest, stage_for: StageFor) -> None:
    """In all chapters at once: waiting is what takes the time."""
    row = next(each for each in matrix.load() if each.id == TOGETHER)
    only = request.config.getoption("--step")
    stages = [
        stage_for(row, each, layers(row, each)[0])
        for each in CHAPTERS
        if row.mark(each) == "✔" and (changed(each) if only is None else each.number == only)
    ]
    for stage in stages:
        stage.play(start_idle)
    time.sleep(IDLE)
    for stage in stages:
        still_connected(stage)


def test_every_row_has_its_scenarios() -> None:
    rows = matrix.load()
    assert {row.id for row in rows} >= ON_THE_WIRE.keys() | IN_TABS.keys() | DOES_NOT_HOLD.keys()
    for row in rows:
        assert parts(row.id) or "✔" not in row.cells, row.id
        assert row.id in DOES_NOT_HOLD or "✘" not in row.cells, row.id
