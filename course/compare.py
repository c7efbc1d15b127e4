"""Two folders compared: file by file, line by line, word by word."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from fnmatch import fnmatch
from itertools import accumulate, groupby
from pathlib import Path
from typing import Literal

# What programs leave behind.
IGNORED = {"__pycache__", ".pytest_cache", ".ruff_cache", ".git", ".venv", "venv", ".DS_Store"}
IGNORED.add("*.sqlite3*")
WORD = re.compile(r"\w+|\s+|[^\w\s]")
ALIKE = 0.6  # two lines with this share of words in common (1.0: all) are one line that has changed

Spans = tuple[tuple[int, int], ...]  # (start, end) of pieces of a line


@dataclass(frozen=True)
class Line:
    """One line: " " (in both files), "-" (in the old one only) or "+" (in the new one only); its
    number in each file that has it, from 1; where its changed words are; and the lines of the new
    file to show it with: itself, what replaces it, or both neighbours of the gap that it leaves."""

    mark: Literal[" ", "-", "+"]
    text: str
    old: int | None
    new: int | None
    words: Spans = ()
    beside: tuple[int, ...] = ()


@dataclass(frozen=True)
class File:
    """One file's path within both folders, what became of it, and all its lines, those of the old
    file and those of the new one (none if it is binary)."""

    path: str
    status: Literal["new", "removed", "changed", "same"]
    binary: bool
    lines: tuple[Line, ...]

    def text(self, mark: Literal["-", "+"] = "+") -> str:
        """Return the text of the new file, or of the old one ("-")."""
        return "".join(line.text + "\n" for line in self.lines if line.mark in (" ", mark))

    def hunks(self) -> Iterator[tuple[Line, ...]]:
        """Yield the changes, each with at most three unchanged lines around it."""
        changed = [index for index, line in enumerate(self.lines) if line.mark != " "]
        near = {number for index in changed for number in range(index - 3, index + 4)}
        for is_near, group in groupby(enumerate(self.lines), lambda each: each[0] in near):
            if is_near:
                yield tuple(line for _, line in group)


def compare(old: Path | None, new: Path) -> list[File]:
    """Return every file that is in either folder (None: an empty one), in order of path. Windows'
    line ends do not count. Raise OSError for what cannot be read."""
    paths = {*(_paths(old) if old else ()), *_paths(new)}
    return [compare_file(old, new, path) for path in sorted(paths)]


def compare_file(old: Path | None, new: Path, path: str) -> File:
    """Return what became of one file, which is in at least one of the folders."""
    before, after = _content(old / path) if old else None, _content(new / path)
    status = "new" if before is None else "removed" if after is None else "changed"
    status = "same" if before == after else status
    binary = isinstance(before, bytes) or isinstance(after, bytes)
    return File(path, status, binary, () if binary else tuple(_lines(before or [], after or [])))


def compare_texts(path: str, old: str, new: str) -> File:
    """Return the file whose text was `old` and is `new`."""
    return File(path, "changed", False, tuple(_lines(old.splitlines(), new.splitlines())))


def _paths(folder: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        if any(fnmatch(entry.name, pattern) for pattern in IGNORED):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from (f"{entry.name}/{path}" for path in _paths(Path(entry)))
        elif entry.is_file():
            yield entry.name


def _content(path: Path) -> list[str] | bytes | None:
    """Return a text's lines, the bytes of what is no text, None for what is not there."""
    if not path.is_file():
        return None
    with suppress(UnicodeDecodeError):
        if "\0" not in (text := path.read_text("utf-8")):
            return text.removesuffix("\n").split("\n") if text else []
    return path.read_bytes()


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    for kind, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            for n, text in enumerate(old[i:i_end], 1):
                yield Line(" ", text, i + n, j + n, beside=(j + n,))
            continue
        removed, added = _changed_words(old[i:i_end], new[j:j_end])
        replaced_by = [n for n, text in enumerate(new[j:j_end], j + 1) if text.strip()]
        beside = tuple(replaced_by[:1]) or (j, j_end + 1)
        for n, text in enumerate(old[i:i_end]):
            yield Line("-", text, i + n + 1, None, removed.get(n, ()), beside)
        for n, text in enumerate(new[j:j_end]):
            yield Line("+", text, None, j + n + 1, added.get(n, ()), (j + n + 1,))


def _changed_words(old: list[str], new: list[str]) -> tuple[dict[int, Spans], dict[int, Spans]]:
    """Pair the removed lines with the added ones most like them. Return for each side, by index,
    where the lines of a pair differ; a line without a partner has changed as a whole."""
    removed, added = {}, {}
    pairs = [
        (SequenceMatcher(None, WORD.findall(a), WORD.findall(b), autojunk=False), i, j)
        for i, a in enumerate(old)
        for j, b in enumerate(new)
    ]
    for pair, i, j in sorted(pairs, key=lambda each: -each[0].ratio()):
        if pair.ratio() >= ALIKE and i not in removed and j not in added:
            changes = [code for code in pair.get_opcodes() if code[0] != "equal"]
            removed[i] = _spans(pair.a, [code[1:3] for code in changes])
            added[j] = _spans(pair.b, [code[3:5] for code in changes])
    return removed, added


def _spans(words: list[str], changes: list[tuple[int, int]]) -> Spans:
    """Turn ranges of words into ranges of characters."""
    at = [0, *accumulate(map(len, words))]
    return tuple((at[start], at[end]) for start, end in changes if start != end)
