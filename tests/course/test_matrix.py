"""Every cell of the matrix, against a running server: ✔ holds, ✘ is proven not to hold yet."""

from pathlib import Path

import pytest

from course import matrix
from course.chapters import CHAPTERS, Chapter
from course.judge.scenarios import DOES_NOT_HOLD, IN_TABS, ON_THE_WIRE, parts
from course.judge.scenarios.stage import Stage
from course.matrix import Behaviour

CELLS = [
    pytest.param(
        row,
        chapter,
        layer,
        id=f"step{chapter.number}-{row.id}-{layer}",
        # Rows on the same server go to the same worker.
        marks=[] if row.needs else pytest.mark.xdist_group(f"step{chapter.number}-{layer}"),
    )
    for row, chapter, layer in matrix.cells()
]


@pytest.mark.parametrize(("row", "chapter", "layer"), CELLS)
def test_cell(row: Behaviour, chapter: Chapter, layer: str, stage: Stage) -> None:
    play(row, row.mark(chapter), stage)


def play(row: Behaviour, mark: str, stage: Stage) -> None:
    for part in parts(row.id) if mark == "✔" else [DOES_NOT_HOLD[row.id]]:
        part(stage)


# Of every row that has both marks, one cell with each.
OPPOSITES = {
    (cell.values[0].id, cell.values[0].mark(cell.values[1])): cell
    for cell in CELLS
    if {"✔", "✘"} <= set(cell.values[0].cells)
}.values()


@pytest.mark.parametrize(("row", "chapter", "layer"), OPPOSITES)
def test_the_opposite_of_a_cell_fails(
    row: Behaviour, chapter: Chapter, layer: str, stage: Stage
) -> None:
    """A scenario that passes wherever it is played proves nothing."""
    stage.patience = 2
    with pytest.raises(AssertionError):
        play(row, "✘" if row.mark(chapter) == "✔" else "✔", stage)


def test_every_row_has_its_scenario() -> None:
    for row in matrix.load():
        if "✔" in row.cells:
            assert parts(row.id)
        if "✘" in row.cells:
            assert row.id in DOES_NOT_HOLD
    assert {
        row.id for row in matrix.load()
    } >= ON_THE_WIRE.keys() | IN_TABS.keys() | DOES_NOT_HOLD.keys()


ROW = """
[[behaviour]]
id = "{id}"
words = "words"
page = "page.md"
cells = "{cells}"
{more}
"""
EVERY, LATER = " ".join("✔" for _ in CHAPTERS), " ".join(["–", *("✔" for _ in CHAPTERS[1:])])


@pytest.mark.parametrize(
    ("cells", "more", "problem"),
    [
        ("✔", "", "b: one ✔, ✘ or –"),
        ("x " * len(CHAPTERS), "", "b: one ✔, ✘ or –"),
        (EVERY, 'needs = ["luck"]', "b: needs ['luck']"),
        (EVERY, 'after = "c"', "b: no row above it is called c"),
        (LATER, 'after = "a"', "b: – exactly where a is not ✔"),
        (EVERY, "slw = true", "b: .*'slw'"),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused(
    tmp_path: Path, cells: str, more: str, problem: str
) -> None:
    path = tmp_path / "matrix.toml"
    first = ROW.format(id="a", cells=EVERY, more="")
    path.write_text(first + ROW.format(id="b", cells=cells, more=more), "utf-8")
    with pytest.raises(ValueError, match=problem.replace("[", r"\[")):
        matrix.load(path)
    path.write_text(first + ROW.format(id="b", cells=EVERY, more='after = "a"'), "utf-8")
    assert [row.after for row in matrix.load(path)] == ["", "a"]
