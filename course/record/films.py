"""The recordings of the chapters: where each is, whether it is out of date, how it is made."""

import inspect
from pathlib import Path

from course.chapters import ROOT, Chapter
from course.judge.target import CheckError, Project
from course.record import fingerprint as prints
from course.record.camera import Film
from course.record.scenes import SCENES
from course.run.serve import PrivateRedis, ServeError

RECORDINGS = ROOT / "docs" / "recordings"


def paths(chapter: Chapter) -> list[Path]:
    """Return where a chapter's recording is: the still and the animation, then both in dark."""
    kinds = (".png", ".webp", "-dark.png", "-dark.webp")
    return [RECORDINGS / f"{chapter.name}{kind}" for kind in kinds]


def fingerprint(chapter: Chapter) -> str:
    """Return a hash of what a recording shows: the scene and the step's code, with its tests only
    if the scene names them. Raise ValueError if the chapter has no scene."""
    if chapter.name not in SCENES:
        raise ValueError(f"{chapter.name} has no scene yet: write it in course/record/scenes.py")
    scene = inspect.getsource(SCENES[chapter.name])
    parts = [prints.without_comments(scene, ".py")]
    for file in sorted(chapter.folder.rglob("*"), key=Path.as_posix):
        name = file.relative_to(chapter.folder).as_posix()
        is_shown = "/tests/" in scene or not ("/tests/" in name or name == "conftest.py")
        if file.suffix in prints.LEXERS and is_shown:
            parts += [name, prints.without_comments(file.read_text("utf-8"), file.suffix)]
    return prints.fingerprint(*parts)


def stale(chapter: Chapter) -> bool:
    """Return whether its recording is to be made; raise ValueError if there is no scene."""
    still, wanted = paths(chapter)[0], fingerprint(chapter).encode()
    there = all(path.is_file() for path in paths(chapter))
    return not (there and wanted in still.read_bytes())


def record(chapter: Chapter) -> list[Path]:
    """Make the recording of a chapter, return where it is; raise ServeError if its scene fails."""
    wanted = fingerprint(chapter)
    if "redis" in chapter.services and not PrivateRedis.available():
        raise ServeError(f"{chapter.folder.name} is recorded on Redis: install it first.")
    try:
        with Project(chapter.folder, chapter.services, redis_url=None) as project:
            film = Film(project)
            SCENES[chapter.name](film)
    except (AssertionError, CheckError) as error:
        raise ServeError(f"{chapter.folder.name} does not play its scene: {error}") from error
    RECORDINGS.mkdir(exist_ok=True)
    film.save(paths(chapter), wanted)
    return paths(chapter)
