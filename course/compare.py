"""Two folders compared: which files are new, removed, changed or the same, in which lines, and in
which words of them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

IGNORED = {"__pycache__", ".pytest_cache", ".ruff_cache", ".git", ".venv", "venv", ".DS_Store"}


@dataclass(frozen=True)
class Line:
    """One line: " " (in both files), "-" (in the old one only) or "+" (in the new one only); its
    number in each file that has it, from 1; where in its text the words that changed stand."""

    mark: Literal[" ", "-", "+"]
    text: str
    old: int | None
    new: int | None
    words: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class File:
    """One file's path within both folders, what became of it, and all its lines, those of the old
    file and those of the new one (none if it is binary)."""

    path: str
    status: Literal["new", "removed", "changed", "same"]
    binary: bool
    lines: tuple[Line, ...]

    def count(self, mark: Literal["-", "+"]) -> int:
        """Return how many lines were removed or added."""
        return sum(line.mark == mark for line in self.lines)

    def text(self, mark: Literal["-", "+"] = "+") -> str:
        """Return the text of the new file, or of the old one ("-")."""
        return "".join(line.text + "\n" for line in self.lines if line.mark in (" ", mark))

    def hunks(self, context: int = 3) -> Iterator[tuple[Line, ...]]:
        """Yield the changes, each with at most `context` unchanged lines around it."""
        changed = [index for index, line in enumerate(self.lines) if line.mark != " "]
        while changed:
            start = end = changed.pop(0)
            while changed and changed[0] - end <= 2 * context + 1:
                end = changed.pop(0)
            yield self.lines[max(0, start - context) : end + context + 1]


def compare(old: Path | None, new: Path) -> list[File]:
    """Return every file that is in either folder (None: in a folder with nothing in it), in order
    of path. Line ends (Windows or not) do not count. Raise OSError for a folder or a file that
    cannot be read."""
    paths = {*(_paths(old) if old else ()), *_paths(new)}
    return [compare_file(old, new, path) for path in sorted(paths)]


def compare_file(old: Path | None, new: Path, path: str) -> File:
    """Return what became of one file, which is in at least one of the folders."""
    before, after = _content(old / path) if old else None, _content(new / path)
    if before == after:
        status = "same"
    else:
        status = "new" if before is None else "removed" if after is None else "changed"
    binary = isinstance(before, bytes) or isinstance(after, bytes)
    return File(path, status, binary, () if binary else tuple(_lines(before or [], after or [])))


def _paths(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in names:
            if name not in IGNORED:
                yield (Path(parent) / name).relative_to(folder).as_posix()


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


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            for offset, text in enumerate(old[i:i_end]):
                yield Line(" ", text, i + offset + 1, j + offset + 1)
            continue
        spans = _changed_words(old[i:i_end], new[j:j_end])
        for number, text in enumerate(old[i:i_end], i + 1):
            yield Line("-", text, number, None, spans.get(("-", number - i - 1), ()))
        for number, text in enumerate(new[j:j_end], j + 1):
            yield Line("+", text, None, number, spans.get(("+", number - j - 1), ()))


def _changed_words(old: list[str], new: list[str]) -> dict[tuple[str, int], tuple]:
    """Pair the removed lines with the added ones most like them; return, by mark and index, the
    (start, end) of what differs within a pair. A line without a partner has changed as a whole."""
    spans: dict[tuple[str, int], tuple] = {}
    pairs = {(i, j): _words(a, b) for i, a in enumerate(old) for j, b in enumerate(new)}
    for i, j in sorted(pairs, key=lambda pair: -pairs[pair].ratio()):
        if pairs[i, j].ratio() < ALIKE or ("-", i) in spans or ("+", j) in spans:
            continue
        changes = [code for code in pairs[i, j].get_opcodes() if code[0] != "equal"]
        spans["-", i] = _spans(old[i], [(change[1], change[2]) for change in changes])
        spans["+", j] = _spans(new[j], [(change[3], change[4]) for change in changes])
    return spans


WORD = re.compile(r"\w+|\s+|[^\w\s]")
ALIKE = 0.6  # how much of two lines is the same (1.0: all of it) where one becomes the other


def _words(old: str, new: str) -> SequenceMatcher:
    return SequenceMatcher(None, WORD.findall(old), WORD.findall(new), autojunk=False)


def _spans(text: str, changes: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Turn ranges of words into ranges of characters."""
    at = [0, *(match.end() for match in WORD.finditer(text))]
    return tuple((at[start], at[end]) for start, end in changes if start != end)
