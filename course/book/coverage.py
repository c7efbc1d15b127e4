"""What a Markdown page of the site says of the code, and what is wrong with it: fences that name
code which is not there, changed lines that no fence shows, code without words."""

import re
from collections.abc import Iterator

from course.book.listing import Listing, ListingError, read
from course.chapters import Chapter, predecessor, provided
from course.compare import compare
from course.markdown import FENCE, fences

MOST_CHANGES = 30  # changed lines in one fence, so that the words stay beside what they explain


def problems(page: str, chapter: Chapter | None = None) -> list[str]:
    """Return what is wrong with a page, a line each, with the line of the page where there is one.
    Given the chapter that the page teaches, also say what of the chapter it does not show."""
    found, listings = [], []
    for fence in fences(page):
        if fence.language != "step":
            continue
        try:
            listing = read(fence.body)
        except ListingError as error:
            found.append(f"line {fence.line}: {error}")
            continue
        listings.append(listing)
        changes = 0 if provided(listing.file.path) else len(listing.changes)
        if changes > MOST_CHANGES:
            found.append(
                f"line {fence.line}: this fence shows {changes} changed lines, and {MOST_CHANGES} "
                "is the most: show them in several fences, with words between them"
            )
    found += _silent_code(page)
    if chapter:
        found += _not_shown(page, chapter, listings)
    return found


def _silent_code(page: str) -> Iterator[str]:
    """Say where a block of code follows another one without a word between them."""
    end = None
    for match in FENCE.finditer(page):
        if end is not None:
            between = page[end : match.start()]
            # A heading, or the head of a note, is not yet a sentence about the code.
            if not re.search(r"^(?! *(#|\?\?\?|!!!)) *\S", between, re.MULTILINE):
                line = page.count("\n", 0, match.start()) + 1
                yield f"line {line}: two blocks of code without a word between them"
        end = match.end()


def _not_shown(page: str, chapter: Chapter, listings: list[Listing]) -> Iterator[str]:
    """Say which changes of the chapter the page does not show."""
    folder = chapter.folder.name
    shown = {
        (listing.file.path, line.mark, line.old, line.new)
        for listing in listings
        if listing.folder == chapter.folder
        for line in listing.changes
    }
    for file in compare(predecessor(chapter), chapter.folder):
        if file.status == "removed":
            if file.path not in page:
                yield f"{folder}/{file.path} is removed, and the page does not name it"
        elif file.status != "same" and not file.lines:  # empty, or binary
            if f"`{file.path}`" not in page:
                yield f"{folder}/{file.path} is {file.status}, and the page does not name it"
        else:
            for line in file.lines:
                seen = (file.path, line.mark, line.old, line.new) in shown
                if line.mark != " " and line.text.strip() and not seen:
                    place = f"{folder}/{file.path}:{line.new or line.old}"
                    yield f"no step fence shows {place}: {line.mark} {line.text}"
