"""`learn.py record`: makes what is out of date of all that the course shows and does not write by
hand: the tables of the README, the diagrams, the recordings."""

from collections.abc import Iterator
from pathlib import Path

from course.chapters import CHAPTERS, ROOT
from course.record import diagrams, films, readme


def main(everything: bool = False) -> None:
    """Make what is out of date, or everything, and print a line for each thing made. Raise
    ServeError or ValueError, which say what to do, if something cannot be made."""
    made = False
    for path in _make(everything):
        print(path.relative_to(ROOT).as_posix(), "" if path.exists() else "(removed)", flush=True)
        made = True
    if not made:
        print("Nothing is out of date.")


def orphans() -> set[Path]:
    """Return the drawings and recordings that belong to no page and no chapter."""
    there = {*diagrams.DIAGRAMS.glob("*"), *films.RECORDINGS.glob("*")}
    recordings = {path for chapter in CHAPTERS for path in films.paths(chapter)}
    return there - diagrams.on_pages().keys() - recordings


def _make(everything: bool) -> Iterator[Path]:
    text = readme.README.read_text("utf-8")
    if (fresh := readme.with_tables(text)) != text:
        readme.README.write_text(fresh, "utf-8")
        yield readme.README
    sources = diagrams.on_pages()
    if due := [each for each in sources.values() if everything or diagrams.stale(each)]:
        for source, svg in zip(due, diagrams.draw(due), strict=True):
            (path := diagrams.drawing(source)).write_text(svg, "utf-8")
            yield path
    for chapter in CHAPTERS:
        if everything or films.stale(chapter):
            yield from films.record(chapter)
    for path in orphans():
        path.unlink()
        yield path
