"""What is wrong with a page as a lesson: changes that it leaves out, too much code at once."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

from course.book.listing import Listing, read
from course.chapters import Chapter, predecessor, provided
from course.compare import compare
from course.markdown import FENCE, fences

MOST_CHANGES = 30  # changed lines in one fence, so that the words stay beside what they explain
# A heading, or the head of a note, is not yet a sentence about the code.
WORDS = re.compile(r"^(?! *(#|\?\?\?|!!!)) *\S", re.MULTILINE)


def problems(page: str, chapter: Chapter | None = None, tests: str = "") -> Iterator[str]:
    """Yield what is wrong with a page, a line each; with the chapter that it teaches, also which
    changes neither this page shows nor the page about its tests."""
    for before, after in pairwise(FENCE.finditer(page)):
        if not WORDS.search(page[before.end() : after.start()]):
            line = page.count("\n", 0, after.start()) + 1
            yield f"line {line}: two blocks of code without a word between them"
    listings = list(_listings(page))
    for line, listing in listings:
        changes = 0 if provided(listing.file.path) else len(listing.changes)
        if changes > MOST_CHANGES:
            yield f"line {line}: {changes} changed lines, {MOST_CHANGES} is the most in one fence"
    if chapter:
        listings += _listings(tests)
        yield from _not_shown(page + tests, [listing for _, listing in listings], chapter)


def _listings(page: str) -> Iterator[tuple[int, Listing]]:
    for fence in fences(page):
        if fence.language == "step":
            with suppress(ValueError):  # whoever draws the fence reports it
                yield fence.line, read(fence.body)


def _not_shown(page: str, listings: list[Listing], chapter: Chapter) -> Iterator[str]:
    """Yield the changes of the chapter that its pages, by their text and listings, do not show."""
    folder = chapter.folder
    own = [each for each in listings if each.folder == folder]
    shown = {(each.file.path, line) for each in own for line in each.changes}
    for file in compare(predecessor(chapter), folder):
        if file.status == "removed" or (file.status != "same" and not file.lines):
            if f"`{file.path}`" not in page:  # it is gone, or empty, or not a text
                yield f"{folder.name}/{file.path} is {file.status}, and the page does not name it"
            continue
        for line in file.lines:
            if line.mark != " " and line.text.strip() and (file.path, line) not in shown:
                place = f"{folder.name}/{file.path}:{line.new or line.old}"
                yield f"no step fence shows {place}: {line.mark} {line.text}"
