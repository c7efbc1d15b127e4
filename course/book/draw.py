"""Code drawn as HTML, as a diff against the step before."""

from html import escape
from itertools import pairwise

from pygments.token import STANDARD_TYPES, _TokenType

from course import chapters
from course.book.listing import Listing, highlight, within
from course.chapters import CHAPTERS
from course.compare import File, Line


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
        rows.append(_gap(shown, part.start))
        rows += [_row(listing.file, line) for line in within(listing.file, part)]
        shown = part.end
    return _figure(
        folder="" if listing.folder == chapters.ROOT else f"{folder}/",
        path=path,
        badge=badge,
        status=listing.file.status,
        copied=listing.code,
        what="Copy the new code" if badge else "Copy the code",
        rows=rows,
    )


def draw_file(file: File, is_provided: bool = False) -> str:
    """Return a whole file as HTML, folded: its path, badges, all its lines, and a button that
    copies the whole new file."""
    badges = [file.status] + ["provided"] * is_provided
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


def draw_terminal(title: str, text: str) -> str:
    """Return what is typed ("$ ...") and printed in a terminal as HTML, with a button that copies
    what is typed."""
    text = text.rstrip("\n") + "\n"
    lines = text.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    rows = [_highlighted("x.sh-session", text, number) for number in range(1, len(lines) + 1)]
    return (
        f'<figure class="listing terminal"><figcaption>{escape(title or "Terminal")}'
        f"{_button('Copy the command', '', chr(10).join(commands))}</figcaption>"
        f'<div class="highlight"><pre><code>{chr(10).join(rows)}</code></pre></div></figure>'
    )


BADGES = {"new": "new file", "changed": "changed", "same": "unchanged"}


def _first() -> str:
    return CHAPTERS[0].folder.name  # where everything is new, it need not be said


def _shows(listing: Listing, number: int) -> bool:
    return any(part.start <= number <= part.end for part in listing.parts)


def _line(file: File, number: int) -> Line:
    return next(line for line in file.lines if line.new == number)


def _gap(shown: int, start: int) -> str:
    """Return the mark of lines left out between two lines shown, if there are any."""
    return '<span class="line gap">⋮\n</span>' if shown and start > shown + 1 else ""


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
    return _highlighted(file.path, file.text(side), number, line.words)


def _highlighted(path: str, text: str, number: int, words: tuple[tuple[int, int], ...] = ()) -> str:
    """Return one line of a text in the colours of its language, with these words marked."""
    pieces, position = [], 0
    for kind, value in highlight(path, text)[number - 1]:
        end = position + len(value)
        cuts = {position, end}
        cuts |= {at for span in words for at in span if position < at < end}
        for a, b in pairwise(sorted(cuts)):
            piece = escape(value[a - position : b - position], quote=False)
            if name := _css_class(kind):
                piece = f'<span class="{name}">{piece}</span>'
            if any(start <= a < stop for start, stop in words):
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
    button = _button(what, f": {label}", copied)
    return (
        f'<figure class="listing" data-name="{escape(folder + path)}"><figcaption><code>'
        f'<span class="folder">{folder}</span>{escape(path)}</code> {shown}{button}</figcaption>'
        f'<div class="listing-code highlight" tabindex="0" role="group" aria-label="{label}">'
        f"<pre><code>{''.join(rows)}</code></pre></div></figure>"
    )


def _button(what: str, which: str, copied: str) -> str:
    # Material's script copies what stands in data-clipboard-text, and says that it did.
    return (
        f'<button class="listing-copy" type="button" title="{what}" '
        f'aria-label="{what}{which}" data-clipboard-text="{escape(copied)}"></button>'
    )
