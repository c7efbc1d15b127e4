"""The matrix: which behaviour holds in which chapter. Read from matrix.toml, drawn as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from course.chapters import CHAPTERS, Chapter

DATA = Path(__file__).with_name("matrix.toml")
Need = Literal[
    "server", "two servers", "redis", "no redis", "uvicorn", "worker", "folder", "browser"
]


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a row on one channel layer: its mark there, and for ✘ the reason."""

    mark: Literal["✔", "✘", "–"]
    why: str = ""


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row; matrix.toml says what each field is for."""

    id: str
    words: str
    cells: str
    page: str
    after: str = ""
    slow: bool = False
    needs: frozenset[Need] = frozenset()
    layers: dict[str, Cell] = {}

    def __post_init__(self) -> None:
        marks = self.cells.split()
        if len(marks) != len(CHAPTERS) or not {*marks} <= {"✔", "✘", "–"}:
            raise ValueError(f"{self.id}: one ✔, ✘ or – for each of {len(CHAPTERS)} chapters")

    def mark(self, chapter: Chapter) -> str:
        """Return ✔ (it holds), ✘ (it does not hold yet) or – (the question has no meaning)."""
        return self.cells.split()[CHAPTERS.index(chapter)]

    def first(self) -> Chapter | None:
        """Return the chapter from which on it holds."""
        return next((each for each in CHAPTERS if self.mark(each) == "✔"), None)


def load() -> list[Behaviour]:
    """Return the rows in order; raise ValueError for one that cannot be understood."""
    return msgspec.toml.decode(DATA.read_bytes(), type=dict[str, list[Behaviour]])["behaviour"]


def markdown(head: str = "{0.number}", only: Sequence[str] = ()) -> str:
    """Return the matrix, or its rows of these ids, as a Markdown table with such heads."""
    rows = [row for row in load() if row.id in only or not only]
    heads = (head.format(each, title=each.name.replace("_", " ")) for each in CHAPTERS)
    lines = ["| | " + " | ".join(heads) + " |"]
    lines.append("| --- |" + " :-: |" * len(CHAPTERS))
    lines += [f"| {row.words} | {row.cells.replace(' ', ' | ')} |" for row in rows]
    return "\n".join(lines) + "\n"
