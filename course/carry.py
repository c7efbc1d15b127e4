"""Edits of one step, carried to the later steps: `learn.py carry`. In a file that differs there,
each edited place is found by its old lines, with as many lines around them as are there."""

import subprocess
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from course.chapters import CHAPTERS, ROOT, Chapter, CourseError

NEIGHBOURS = ((3, 3), (2, 2), (1, 1), (1, 0), (0, 1), (0, 0))  # lines before and after a place
SHORTEST = 8  # characters: where a shorter line is, such as `return`, does not matter


class Edit(NamedTuple):
    """An edited file of a step: its path there, its lines before and after (None: no file)."""

    path: str
    old: list[str] | None
    new: list[str] | None


class Outcome(NamedTuple):
    """What became of an edited file in a later step: its path, what was done, and each place that
    was not found: the lines of the edit, marked - and +, and what is there instead, marked !."""

    path: str
    done: str
    conflicts: Sequence[str] = ()


def edits(chapter: Chapter) -> list[Edit]:
    """Return the uncommitted edits of a chapter; raise CourseError if none can be carried."""
    if chapter == CHAPTERS[-1]:
        raise CourseError(f"Step {chapter.number} is the last one: there is no later step.")
    name, found = chapter.folder.name, []
    listed = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", name)
    for entry in listed.split("\0")[:-1]:
        state, path = entry[0], entry[3:]  # of a file that is not in HEAD: A or ?
        old = None if state in "A?" else _git("show", f"HEAD:{path}").splitlines(keepends=True)
        found.append(Edit(path.removeprefix(f"{name}/"), old, _read(ROOT / path)))
    if not found:
        raise CourseError(f"{name} has no edits that are not committed yet.")
    return found


def leftovers(edited: Sequence[Edit]) -> list[str]:
    """Return where lines that the edits replaced are still in a file, as `path:line:text`."""
    gone, kept = ({line.strip() for each in edited for line in each[i] or ()} for i in (1, 2))
    patterns = [option for line in gone - kept if len(line) >= SHORTEST for option in ("-e", line)]
    found = _git("grep", "-nIF", "--untracked", *patterns, allowed=(0, 1)) if patterns else ""
    # An old line may be a part of the new one, which is where it should be.
    return [each for each in found.splitlines() if each.split(":", 2)[2].strip() not in kept]


def _git(*arguments: str, allowed: Sequence[int] = (0,)) -> str:
    options = {"cwd": ROOT, "capture_output": True, "encoding": "utf-8", "errors": "replace"}
    try:
        result = subprocess.run(["git", *arguments], **options)
    except FileNotFoundError:
        raise CourseError("git is not on the PATH: install it, then type the same again.") from None
    if result.returncode not in allowed:
        raise CourseError(f"git: {result.stderr.strip()}")
    return result.stdout


def _read(file: Path) -> list[str] | None:
    return file.read_text("utf-8").splitlines(keepends=True) if file.is_file() else None


def carry(edit: Edit, folder: Path) -> Outcome:
    """Make an edit in the folder of a later step; return what became of it."""
    target, path = folder / edit.path, f"{folder.name}/{edit.path}"
    there = _read(target)
    if there == edit.new:
        return Outcome(path, "has the edit already")
    if there == edit.old and edit.new is None:
        target.unlink()
        return Outcome(path, "removed")
    if there == edit.old:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(edit.new), "utf-8")
        return Outcome(path, "carried")
    if there is None:
        return Outcome(path, "is not in this step")
    if edit.old is None or edit.new is None:
        return Outcome(path, "is another file in this step", ["! Make the edit by hand."])
    lines, conflicts = _merge(there, edit.old, edit.new)
    target.write_text("".join(lines), "utf-8")
    if conflicts:
        return Outcome(path, "differs in this step: edit these places by hand", conflicts)
    return Outcome(path, "has the edit already" if lines == there else "merged")


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
