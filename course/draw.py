"""Code drawn as HTML, as a diff against the step before."""

from html import escape
from itertools import pairwise

from pygments.token import STANDARD_TYPES, _TokenType

from course.chapters import CHAPTERS
from course.compare import File, Line
from course.listing import Listing, highlight, within


def draw(listing: Listing) -> str:
    """Return a listing as HTML: its path, what became of the file, a button that copies the new
    code, and its lines."""
    folder, path = listing.folder.name, listing.file.path
    chapter = any(each.folder == listing.folder for each in CHAPTERS)
    badge = BADGES.get(listing.file.status, "") if chapter and folder != _first() else ""
    rows, shown, header = [], 0, None
    for part in listing.parts:
        if part.inside and part.inside != header and not _shows(listing, part.inside):
            rows.append(_gap(shown, part.inside))
            rows.append(_row(listing.file, _line(listing.file, part.inside), "outside"))
            shown = part.inside
        header = part.inside or header
        rows.append(_gap(shown, part.start, listing.file))
        rows += [_row(listing.file, line) for line in within(listing.file, part)]
        shown = part.end
    return _figure(
        folder=f"{folder}/",
        path=path,
        badge=badge,
        status=listing.file.status,
        copied=listing.code,
        what="Copy the new code" if badge else "Copy the code",
        rows=rows,
    )


def draw_file(file: File, was_given: bool = False) -> str:
    """Return a whole file as HTML, folded: its path, badges, all its lines, and a button that
    copies the whole new file."""
    badges = [file.status] + ["given"] * was_given
    shown = "".join(f' <span class="badge badge-{each}">{each}</span>' for each in badges)
    if file.binary:
        body = "<p>This file is not a text.</p>"
    elif not file.lines:
        body = "<p>This file is empty: it is there so that Python takes the folder for code.</p>"
    else:
        body = _figure(
            folder="",
            path=file.path,
            badge="",
            status=file.status,
            copied=file.text(),
            what="Copy the whole file",
            rows=[_row(file, line) for line in file.lines],
        )
    return (
        f'<details class="file" data-path="{escape(file.path)}" data-status="{file.status}">'
        f"<summary><code>{escape(file.path)}</code>{shown}</summary>{body}</details>"
    )


BADGES = {"new": "new file", "changed": "changed", "same": "unchanged"}


def _first() -> str:
    return CHAPTERS[0].folder.name  # where everything is new, it need not be said


def _shows(listing: Listing, number: int) -> bool:
    return any(part.start <= number <= part.end for part in listing.parts)


def _line(file: File, number: int) -> Line:
    return next(line for line in file.lines if line.new == number)


def _gap(shown: int, start: int, file: File | None = None) -> str:
    """Return the mark of lines left out between two lines shown; blank ones are shown instead."""
    between = range(shown + 1, start)
    if not shown or not between:
        return ""
    if file and not any(_line(file, number).text.strip() for number in between):
        return "".join(_row(file, _line(file, number)) for number in between)
    return '<span class="line gap">⋮\n</span>'


def _row(file: File, line: Line, kind: str = "") -> str:
    """Return one line as HTML: <ins> or <del> if it was added or removed, and in it <mark> around
    the words that changed, where the rest of the line did not."""
    code = _tokens(file, line)
    numbers = f'data-old="{line.old or ""}" data-new="{line.new or ""}"'
    if line.mark == " " or file.status == "new" or kind:
        return f'<span class="line {kind}" {numbers}>{code}\n</span>'
    tag = "ins" if line.mark == "+" else "del"
    return f'<{tag} class="line" {numbers}>{code}\n</{tag}>'


def _tokens(file: File, line: Line) -> str:
    side = "-" if line.mark == "-" else "+"
    number = line.old if side == "-" else line.new
    pieces, position = [], 0
    for kind, value in highlight(file.path, file.text(side))[number - 1]:
        end = position + len(value)
        cuts = {position, end}
        cuts |= {at for span in line.words for at in span if position < at < end}
        ordered = sorted(cuts)
        for a, b in pairwise(ordered):
            piece = escape(value[a - position : b - position], quote=False)
            if name := _css_class(kind):
                piece = f'<span class="{name}">{piece}</span>'
            if any(start <= a < stop for start, stop in line.words):
                piece = f"<mark>{piece}</mark>"
            pieces.append(piece)
        position = end
    return "".join(pieces).replace("</mark><mark>", "")


def _css_class(kind: _TokenType | None) -> str:
    while kind is not None and kind not in STANDARD_TYPES:
        kind = kind.parent
    return STANDARD_TYPES.get(kind, "")


def _figure(
    folder: str, path: str, badge: str, status: str, copied: str, what: str, rows: list[str]
) -> str:
    shown = f'<span class="badge badge-{status}">{badge}</span>' if badge else ""
    label = escape(f"{folder}{path} {badge}".strip())
    # Material's script copies what stands in data-clipboard-text, and says that it did.
    button = (
        f'<button class="listing-copy" type="button" title="{what}" '
        f'aria-label="{what}: {label}" data-clipboard-text="{escape(copied)}"></button>'
    )
    return (
        f'<figure class="listing no-copy" data-name="{escape(folder + path)}"><figcaption><code>'
        f'<span class="folder">{folder}</span>{escape(path)}</code> {shown}{button}</figcaption>'
        f'<div class="listing-code highlight" tabindex="0" role="group" aria-label="{label}">'
        f"<pre><code>{''.join(rows)}</code></pre></div></figure>"
    )
