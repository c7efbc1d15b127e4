"""The matrix: which behaviour holds in which chapter. Read from matrix.toml, drawn as Markdown."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course.chapters import CHAPTERS, Chapter

DATA = Path(__file__).with_name("matrix.toml")
NEEDS = {"server", "two servers", "redis", "no redis", "uvicorn", "folder"}


@dataclass(frozen=True)
class Behaviour:
    """One row; matrix.toml says what each field is for."""

    id: str
    words: str
    cells: tuple[str, ...]
    page: str
    after: str = ""
    slow: bool = False
    needs: frozenset[str] = frozenset()
    on_layers: dict[str, dict[str, str]] = field(default_factory=dict, hash=False)

    def mark(self, chapter: Chapter) -> str:
        """Return ✔ (it holds), ✘ (it does not hold yet) or – (the question has no meaning)."""
        return self.cells[CHAPTERS.index(chapter)]

    def first(self) -> Chapter | None:
        """Return the chapter from which on it holds."""
        return next((each for each in CHAPTERS if self.mark(each) == "✔"), None)

    def layers(self, chapter: Chapter) -> tuple[str, ...]:
        """Return the channel layers on which this row is run in this chapter."""
        if "redis" in self.needs:
            return ("redis",)
        if "redis" not in chapter.services or self.needs & {"no redis", "folder"}:
            return ("memory",)
        return ("redis", "memory")


def load(path: Path = DATA) -> list[Behaviour]:
    """Return the rows in order; raise ValueError for one that cannot be understood."""
    rows: dict[str, Behaviour] = {}
    for row in tomllib.loads(path.read_text(encoding="utf-8"))["behaviour"]:
        name = row["id"]
        try:
            found = Behaviour(
                **{key: value for key, value in row.items() if key != "layers"}
                | {"cells": tuple(row["cells"].split()), "needs": frozenset(row.get("needs", ()))}
                | {"on_layers": row.get("layers", {})}
            )
        except TypeError as error:  # a field too many, or one too few
            raise ValueError(f"{name}: {str(error).partition(' ')[2]}") from None
        if len(found.cells) != len(CHAPTERS) or not set(found.cells) <= set("✔✘–"):
            raise ValueError(f"{name}: one ✔, ✘ or – for each of {len(CHAPTERS)} chapters")
        if not found.needs <= NEEDS:
            raise ValueError(f"{name}: needs {sorted(found.needs - NEEDS)}, which nothing offers")
        for layer, cell in found.on_layers.items():
            if cell.keys() != ({"mark", "why"} if cell.get("mark") == "✘" else {"mark"}):
                raise ValueError(f"{name}: on {layer}, a mark, and a why if that is ✘")
        if found.after:
            if found.after not in rows:
                raise ValueError(f"{name}: no row above it is called {found.after}")
            for mark, before in zip(found.cells, rows[found.after].cells, strict=True):
                if (mark == "–") != (before != "✔"):
                    raise ValueError(f"{name}: – exactly where {found.after} is not ✔")
        rows[name] = found
    return list(rows.values())


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
