"""Folders of the learner's own: one to type a chapter into, one with a mistake to practise on."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from course.chapters import CHAPTERS, Chapter, chapter, predecessor, provided
from course.compare import IGNORED, File, compare, compare_file
from course.judge.mistakes import Mistake, patched


def make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder and its missing parents, and `fill` it: all of it, or nothing at all.

    Raise ValueError, with what to do, for a place that is taken, OSError where none can be made."""
    place = Path(os.path.realpath(folder))
    for step in (each.folder for each in CHAPTERS):
        if step in (place, *place.parents):
            raise ValueError(f"{step.name} is the course's own: name a folder outside of it.")
    if place.is_file():
        raise ValueError(f"{folder} is a file: name a folder that is not there yet.")
    if place.is_dir() and any(place.iterdir()):
        raise ValueError(f"There is something in {folder} already: name another folder.")
    # An empty folder stays the same folder, since a terminal or an editor may be in it.
    there = next(each for each in (place, *place.parents) if each.exists())
    with TemporaryDirectory(prefix=".new-", dir=there) as temporary:
        fill(Path(temporary) / place.relative_to(there))
        for each in list(Path(temporary).iterdir()):
            each.rename(there / each.name)


def fill_to_begin(begun: Chapter, folder: Path) -> None:
    """Put into a folder what a learner begins a chapter with: the end of the one before (for the
    first: nothing) and what this one gives."""
    if before := predecessor(begun):
        _copy(before, folder)
    _copy(begun.folder, folder, provided)


def fill_with_mistake(mistake: Mistake, folder: Path) -> None:
    """Put the end of a mistake's step into a folder, with the mistake in it; raise ValueError if a
    patch is stale."""
    _copy(chapter(mistake.step).folder, folder)
    for path, (_, wrong) in patched(mistake).items():
        (folder / path).write_text(wrong, "utf-8")


def typed(mistake: Mistake) -> tuple[list[str], list[str]]:
    """Return what is typed to see a mistake: in a first terminal, and each in one of its own."""
    commands = [each.removeprefix("runs ") for each in mistake.does if each.startswith("runs ")]
    in_a_tab = [not each.startswith("runs ") for each in mistake.does]
    ended = in_a_tab.index(True) if any(in_a_tab) else 0  # so many before a server is needed
    go_on = mistake.servers + commands[ended:]
    return commands[:ended] + go_on[:1], go_on[1:]


def to_do(mine: Path, step: Path) -> list[File]:
    """Return the files that are to be written or changed until a learner's folder is like the
    step's. Raise OSError for a file that cannot be read."""
    files = (compare_file(mine, step, path) for path in _paths(step))
    return [file for file in files if file.status != "same"]


def only_in(mine: Path, step: Path) -> Iterator[str]:
    """Yield what only the learner's folder has: files, and folders, with a / at the end."""
    for each in sorted(mine.iterdir()):
        other = step / each.name
        if each.name in {*IGNORED, "db.sqlite3"}:
            continue
        if each.is_dir() and other.is_dir():
            yield from (f"{each.name}/{name}" for name in only_in(each, other))
        elif each.is_dir() or not other.exists():
            yield f"{each.name}/" if each.is_dir() else each.name


def _paths(step: Path) -> Iterator[str]:
    """Yield the path of each file of a step that is to be typed or given."""
    for file in compare(None, step):
        if file.path != "README.md":  # it is about the step's folder, with links from there
            yield file.path


def _copy(step: Path, target: Path, wanted: Callable[[str], bool] = lambda path: True) -> None:
    for path in filter(wanted, _paths(step)):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(step / path, target / path)  # without its mode: the copy can be edited
