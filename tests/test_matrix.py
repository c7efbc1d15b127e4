"""Every cell of the matrix, against a running server: ✔ holds, ✘ is proven not to hold yet."""

import pytest

from course import matrix
from course.chapters import CHAPTERS, Chapter
from course.matrix import Behaviour
from course.scenarios import DOES_NOT_HOLD, HOLDS
from course.scenarios.stage import Stage

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
    (HOLDS if row.mark(chapter) == "✔" else DOES_NOT_HOLD)[row.id](stage)


OPPOSITES = [cell for cell in CELLS if {"✔", "✘"} <= set(cell.values[0].cells)]


@pytest.mark.parametrize(("row", "chapter", "layer"), OPPOSITES)
def test_the_opposite_of_a_cell_fails(
    row: Behaviour, chapter: Chapter, layer: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scenario that passes wherever it is played proves nothing."""
    monkeypatch.setattr("course.browser.PATIENCE", 2)
    with pytest.raises(AssertionError):
        (DOES_NOT_HOLD if row.mark(chapter) == "✔" else HOLDS)[row.id](stage)


def test_every_row_has_its_scenario() -> None:
    for row in matrix.load():
        if "✔" in row.cells:
            assert row.id in HOLDS
        if "✘" in row.cells:
            assert row.id in DOES_NOT_HOLD
    assert {row.id for row in matrix.load()} >= HOLDS.keys() | DOES_NOT_HOLD.keys()


def test_a_row_that_cannot_be_understood_is_refused(tmp_path) -> None:
    path = tmp_path / "matrix.toml"
    for cells in ("✔", "x " * len(CHAPTERS)):
        path.write_text(f'[[behaviour]]\nid = "a"\nwords = "b"\ncells = "{cells}"\n', "utf-8")
        with pytest.raises(ValueError, match="a: one ✔, ✘ or –"):
            matrix.load(path)
