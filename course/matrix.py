"""The matrix: which behaviour holds in which chapter. Read from matrix.toml, drawn as Markdown."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course.chapters import CHAPTERS, Chapter

DATA = Path(__file__).with_name("matrix.toml")
NEEDS = {"server", "two servers", "redis", "no redis"}


@dataclass(frozen=True)
class Behaviour:
    """One row: an id, words for people, a mark for each chapter, what it needs beside a URL."""

    id: str
    words: str
    cells: tuple[str, ...]
    needs: frozenset[str] = frozenset()

    def mark(self, chapter: Chapter) -> str:
        """Return ✔ (it holds), ✘ (it does not hold yet) or – (the question has no meaning)."""
        return self.cells[CHAPTERS.index(chapter)]

    def layers(self, chapter: Chapter) -> tuple[str, ...]:
        """Return the channel layers on which this row is run in this chapter."""
        if "redis" in self.needs:
            return ("redis",)
        if "redis" not in chapter.services or "no redis" in self.needs:
            return ("memory",)
        return ("redis", "memory")


def load(path: Path = DATA) -> list[Behaviour]:
    """Return the rows in order; raise ValueError for one that cannot be understood."""
    rows = []
    for row in tomllib.loads(path.read_text(encoding="utf-8"))["behaviour"]:
        cells, needs = tuple(row["cells"].split()), frozenset(row.get("needs", ()))
        if len(cells) != len(CHAPTERS) or not set(cells) <= set("✔✘–"):
            raise ValueError(f"{row['id']}: one ✔, ✘ or – for each of {len(CHAPTERS)} chapters")
        if not needs <= NEEDS:
            raise ValueError(f"{row['id']}: needs {sorted(needs - NEEDS)}, which nothing offers")
        rows.append(Behaviour(row["id"], row["words"], cells, needs))
    return rows


def cells() -> Iterator[tuple[Behaviour, Chapter, str]]:
    """Yield every cell that is to be proven, as (row, chapter, layer), chapter by chapter."""
    rows = load()
    for chapter in CHAPTERS:
        for row in rows:
            if row.mark(chapter) != "–":
                for layer in row.layers(chapter):
                    yield row, chapter, layer


def markdown() -> str:
    """Return the matrix as a Markdown table."""
    lines = ["| | " + " | ".join(str(chapter.number) for chapter in CHAPTERS) + " |"]
    lines.append("| --- |" + " :-: |" * len(CHAPTERS))
    lines += [f"| {row.words} | {' | '.join(row.cells)} |" for row in load()]
    return "\n".join(lines) + "\n"
