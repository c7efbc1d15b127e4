"""The recordings of the chapters: where each is kept, whether it is out of date, how it is made.
What is played is in `scenes`, how that becomes pictures in `camera`."""

import inspect
import os
from contextlib import ExitStack
from pathlib import Path

from course.chapters import CHAPTERS, ROOT, Chapter
from course.record import fingerprint as prints
from course.record.camera import Film
from course.record.scenes import SCENES
from course.run.serve import PrivateRedis, ServeError, Server, free_port

RECORDINGS = ROOT / "docs" / "recordings"


def paths(chapter: Chapter) -> tuple[Path, Path]:
    """Return where a chapter's recording is, or will be: the still and the animation."""
    return RECORDINGS / f"{chapter.name}.png", RECORDINGS / f"{chapter.name}.webp"


def fingerprint(chapter: Chapter) -> str:
    """Return a hash of what a recording shows: the scene and the step's code, with its tests only
    if the scene names them. Raise ValueError if the chapter has no scene."""
    if chapter.name not in SCENES:
        raise ValueError(f"{chapter.name} has no scene yet: write it in course/record/scenes.py")
    scene = inspect.getsource(SCENES[chapter.name])
    parts = [prints.without_comments(scene, ".py")]
    files = (each for each in chapter.folder.rglob("*") if each.suffix in prints.LEXERS)
    for name, file in sorted((each.relative_to(chapter.folder).as_posix(), each) for each in files):
        if "/tests/" in scene or not ("/tests/" in name or name == "conftest.py"):
            parts += [name, prints.without_comments(file.read_text("utf-8"), file.suffix)]
    return prints.fingerprint(*parts)


def stale(chapter: Chapter) -> bool:
    """Return whether a chapter has no recording, or has changed since it was made; raise ValueError
    if there is no scene for it."""
    still, moving = paths(chapter)
    wanted = fingerprint(chapter).encode()
    return not (moving.is_file() and still.is_file() and wanted in still.read_bytes())


def orphans() -> set[Path]:
    """Return the recordings that belong to no chapter."""
    return set(RECORDINGS.glob("*")) - {path for chapter in CHAPTERS for path in paths(chapter)}


def record(chapter: Chapter) -> tuple[Path, Path]:
    """Make the recording of a chapter, and return where it is; raise ServeError if its scene does
    not come true."""
    wanted = fingerprint(chapter)
    with ExitStack() as stack:
        redis = None
        if "redis" in chapter.services:
            if not PrivateRedis.available():
                raise ServeError(f"{chapter.folder.name} is recorded on Redis: install it first.")
            redis = PrivateRedis()
            stack.callback(redis.stop)
        environment = {"REDIS_URL": redis.url if redis else None}
        log = Path(os.devnull)
        server = Server(chapter.folder, free_port(), environment, log=log, reload=False)
        film = Film(stack.enter_context(server), redis, stack)
        try:
            SCENES[chapter.name](film)
        except AssertionError as error:
            raise ServeError(f"{chapter.folder.name} does not play its scene: {error}") from error
    RECORDINGS.mkdir(exist_ok=True)
    film.save(*paths(chapter), wanted)
    return paths(chapter)
