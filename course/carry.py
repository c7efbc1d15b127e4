"""Edits of one step, carried to the later steps: `learn.py carry`, for contributors. A file that is
the same in a later step becomes the edited file. In a file that differs there, each edited place is
found by its old lines, together with as many lines around them as are there."""

import subprocess
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from course.chapters import CHAPTERS, ROOT, Chapter, CourseError

NEIGHBOURS = ((3, 3), (2, 2), (1, 1), (1, 0), (0, 1), (0, 0))  # lines before and after a place
SHORTEST = 8  # characters: where a shorter line is, such as `return`, does not matter


class Outcome(NamedTuple):
    """What became of an edited file in a later step: its path, what was done, and each place that
    was not found: the lines of the edit, marked - and +, and what is there instead, marked !."""

    path: str
    done: str
    conflicts: Sequence[str] = ()


def carry(chapter: Chapter) -> list[Outcome]:
    """Carry the uncommitted edits of a chapter's folder to every later chapter; return what became
    of each file. Raise CourseError if there is nothing to carry, or no git."""
    later = [each.folder for each in CHAPTERS if each.number > chapter.number]
    if not later:
        raise CourseError(f"Step {chapter.number} is the last one: there is no later step.")
    edits = list(_edits(chapter.folder))
    if not edits:
        raise CourseError(f"{chapter.folder.name} has no edits that are not committed yet.")
    return [_carry(folder, path, old, new) for path, old, new in edits for folder in later]


def leftovers(chapter: Chapter) -> list[str]:
    """Return where lines that the edits replaced are still in a file, as `path:line:text`."""
    edits = list(_edits(chapter.folder))
    gone = {line.strip() for _, old, _ in edits for line in _lines(old)}
    kept = {line.strip() for _, _, new in edits for line in _lines(new)}
    patterns = [option for line in gone - kept if len(line) >= SHORTEST for option in ("-e", line)]
    if not patterns:
        return []
    found = _git("grep", "-nIF", "--untracked", *patterns, allowed=(0, 1)).decode(errors="replace")
    # An old line may be a part of the new one, which is where it should be.
    return [each for each in found.splitlines() if each.split(":", 2)[2].strip() not in kept]


def _git(*arguments: str, allowed: Sequence[int] = (0,)) -> bytes:
    try:
        result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    except FileNotFoundError:
        raise CourseError("git is not on the PATH: install it, then type the same again.") from None
    if result.returncode not in allowed:
        raise CourseError(f"git: {result.stderr.decode(errors='replace').strip()}")
    return result.stdout


def _edits(folder: Path) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    """Yield the path of each edited file in a folder, and its content before and after the edit
    (None: the file is not there)."""
    place = ["--", folder.name]
    names = _git("diff", "--name-only", "-z", "HEAD", *place)
    names += _git("ls-files", "-z", "--others", "--exclude-standard", *place)
    for name in sorted(names.decode().split("\0")[:-1]):
        known = _git("ls-tree", "--name-only", "HEAD", "--", name)
        old = _git("show", f"HEAD:{name}") if known else None
        yield name.removeprefix(f"{folder.name}/"), old, _content(ROOT / name)


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "surrogateescape").splitlines(keepends=True)


def _carry(folder: Path, name: str, old: bytes | None, new: bytes | None) -> Outcome:
    target, path = folder / name, f"{folder.name}/{name}"
    there = _content(target)
    if there == new:
        return Outcome(path, "has the edit already")
    if there == old and new is None:
        target.unlink()
        return Outcome(path, "removed")
    if there == old:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(new)
        return Outcome(path, "carried")
    if there is None:
        return Outcome(path, "is not in this step")
    if old is None or new is None:
        return Outcome(path, "is another file in this step", ["! Make the edit by hand."])
    before = _lines(there)
    lines, conflicts = _merge(before, _lines(old), _lines(new))
    target.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    if conflicts:
        return Outcome(path, "differs in this step: edit these places by hand", conflicts)
    return Outcome(path, "has the edit already" if lines == before else "merged")


def _merge(lines: list[str], old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Make each edit (old to new) whose place is in these lines exactly once. Return the lines
    then, and a report of the edits that have no place and are not there already."""
    lines, conflicts = [*lines], []
    for kind, i, end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed, added = old[i:end], new[j:j_end]
        if kind == "equal":
            continue
        for count_above, count_below in NEIGHBOURS:
            above, below = old[max(0, i - count_above) : i], old[end : end + count_below]
            if places := _places(lines, [*above, *removed, *below]):
                break
        if len(places) == 1:
            start = places[0] + len(above)
            lines[start : start + len(removed)] = added
        elif not _places(lines, added):
            sides = {"-": removed, "+": added, "!": _counterpart(lines, old, i, end)}
            conflicts += [f"{mark} {line.rstrip()}" for mark in sides for line in sides[mark]]
    return lines, conflicts


def _places(lines: list[str], wanted: list[str]) -> list[int]:
    """Return each index at which these lines begin; none for nothing but blank lines."""
    if not any(line.strip() for line in wanted):
        return []
    starts = range(len(lines) - len(wanted) + 1)
    return [start for start in starts if lines[start : start + len(wanted)] == wanted]


def _counterpart(lines: list[str], old: list[str], start: int, end: int) -> list[str]:
    """Return the lines that a later step has where old[start:end] is in the old file."""
    blocks = SequenceMatcher(None, old, lines, autojunk=False).get_matching_blocks()
    pairs = [(a + offset, b + offset) for a, b, size in blocks for offset in range(size)]
    first = max((there + 1 for here, there in pairs if here < start), default=0)
    last = min((there for here, there in pairs if here >= end), default=len(lines))
    return lines[first:last]
