"""Folders of the learner's own: one to type a chapter into, one with a mistake to practise on."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from course.chapters import (
    CHAPTERS,
    Chapter,
    CourseError,
    chapter,
    is_migration,
    predecessor,
    provided,
)
from course.compare import File, compare, compare_file
from course.judge.mistakes import Mistake, patched


def make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder and its missing parents, and `fill` it. Raise CourseError, with what to do, if
    the place is taken or no folder can be made there."""
    place = Path(os.path.realpath(folder))
    for step in (each.folder for each in CHAPTERS):
        if step in (place, *place.parents):
            raise CourseError(f"{step.name} is the course's own: name a folder outside of it.", 2)
    try:
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise CourseError(f"There is something in {folder} already: name another folder.", 2)
        fill(place)
    except (OSError, ValueError) as error:
        raise CourseError(f"{folder} cannot be made: {error}") from None


def fill_to_begin(begun: Chapter, folder: Path) -> None:
    """Put into a folder what a learner begins a chapter with: the end of the one before (for the
    first: nothing) and the new files that this one provides, but no migrations: makemigrations
    writes them. A provided file that changes is replaced when the page comes to it: until then, the
    rest of the folder needs the old one."""

    def is_new(path: str) -> bool:
        return provided(path) and not is_migration(path) and not (folder / path).exists()

    if before := predecessor(begun):
        _copy(before, folder)
    _copy(begun.folder, folder, is_new)


def fill_with_mistake(mistake: Mistake, folder: Path) -> None:
    """Put the end of a mistake's step into a folder, with the mistake in it; raise ValueError if a
    patch is stale."""
    files = patched(mistake)
    _copy(chapter(mistake.step).folder, folder)
    for path, (_, wrong) in files.items():
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
    files = (compare_file(mine, step, path) for path in _paths(step) if not is_migration(path))
    return [file for file in files if file.status != "same"]


def only_in(mine: Path, step: Path) -> set[str]:
    """Return the files that only the learner's folder has."""
    return {*_paths(mine)} - {*_paths(step), "db.sqlite3"}


def _paths(step: Path) -> Iterator[str]:
    """Yield the path of each file of a step that is to be typed or given."""
    for file in compare(None, step):
        if file.path != "README.md":  # it is about the step's folder, with links from there
            yield file.path


def _copy(step: Path, target: Path, wanted: Callable[[str], bool] = lambda path: True) -> None:
    for path in filter(wanted, _paths(step)):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(step / path, target / path)  # without its mode: the copy can be edited
