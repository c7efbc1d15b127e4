"""Two folders compared: which files are new, removed, changed or the same, and in which lines."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

IGNORED = {"__pycache__", ".pytest_cache", ".ruff_cache", ".git", ".venv", "venv", ".DS_Store"}


@dataclass(frozen=True)
class Line:
    """One line of a hunk: " " (in both), "-" (in the old file) or "+" (in the new one)."""

    mark: Literal[" ", "-", "+"]
    text: str


@dataclass(frozen=True)
class Hunk:
    """Neighbouring changes and the lines around them; where they start, counted from 1."""

    old_start: int
    new_start: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class File:
    """One file's path within both folders, what became of it, and its hunks (none if binary)."""

    path: str
    status: Literal["new", "removed", "changed", "same"]
    binary: bool
    hunks: tuple[Hunk, ...]

    def count(self, mark: Literal["-", "+"]) -> int:
        """Return how many lines were removed or added."""
        return sum(line.mark == mark for hunk in self.hunks for line in hunk.lines)


def compare(old: Path, new: Path, context: int = 3) -> list[File]:
    """Return every file that is in either folder, in order of path, with `context` unchanged lines
    around each change. Line ends (Windows or not) do not count. Raise OSError for a folder or a
    file that cannot be read."""
    return [_file(old, new, path, context) for path in sorted({*_paths(old), *_paths(new)})]


def _paths(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in names:
            if name not in IGNORED:
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _file(old: Path, new: Path, path: str, context: int) -> File:
    before, after = _content(old / path), _content(new / path)
    if before == after:
        status = "same"
    else:
        status = "new" if before is None else "removed" if after is None else "changed"
    binary = isinstance(before, bytes) or isinstance(after, bytes)
    hunks = () if binary else _hunks(before or [], after or [], context)
    return File(path, status, binary, tuple(hunks))


def _content(path: Path) -> list[str] | bytes | None:
    """Return a text's lines, the bytes of what is no text, None for what is not there."""
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.removesuffix("\n") for line in file]
    except UnicodeDecodeError:
        return path.read_bytes()
    return path.read_bytes() if any("\0" in line for line in lines) else lines


def _hunks(old: list[str], new: list[str], context: int) -> Iterator[Hunk]:
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context):
        lines: list[Line] = []
        for kind, i, i_end, j, j_end in group:
            lines += [Line(" " if kind == "equal" else "-", text) for text in old[i:i_end]]
            lines += [Line("+", text) for text in new[j:j_end] if kind != "equal"]
        yield Hunk(group[0][1] + 1, group[0][3] + 1, tuple(lines))
