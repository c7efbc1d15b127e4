"""`learn.py record`: makes the README's tables, diagrams and recordings that are out of date."""

import re
from collections.abc import Iterator
from pathlib import Path

from course import chapters, matrix
from course.chapters import CHAPTERS, ROOT
from course.record import diagrams, films

README = ROOT / "README.md"


def main(everything: bool = False) -> None:
    """Make what is out of date, or everything, and print what is made. Raise ServeError or
    ValueError, which say what to do, if something cannot be made."""
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


def with_tables(text: str) -> str:
    """Return the README's text with its tables made anew: what is between `<!-- name -->` and
    `<!-- end -->`. Raise ValueError if a table has no place there, or two."""
    steps = chapters.markdown("[`{0.folder.name}`]({0.folder.name}/)")
    for name, table in {"chapters": steps, "matrix": matrix.markdown()}.items():
        place = rf"(?s)(<!-- {name} -->\n).*?(?=<!-- end -->)"
        text, places = re.subn(place, lambda found, table=table: found[1] + table, text)
        if places != 1:
            raise ValueError(f"README.md has {places} places for the table of {name}, not one")
    return text


def _make(everything: bool) -> Iterator[Path]:
    text = README.read_text("utf-8")
    if (fresh := with_tables(text)) != text:
        README.write_text(fresh, "utf-8")
        yield README
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
