"""HTML of listings, whole files and terminals, in the colours of their language. What changed is in
<ins> and <del>, and the changed words of a line in <mark>."""

from dataclasses import replace
from functools import cache
from html import escape
from itertools import pairwise

from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from course import chapters
from course.book.listing import Listing, within
from course.compare import File, Line, Spans

BADGES = {"new": "new file", "changed": "changed", "same": "unchanged"}
LEXERS = {"html": "html+django", "conf": "nginx"}  # where the file's name does not say it


def render(listing: Listing) -> str:
    """Return a listing: its path, what became of the file, a button that copies the new code, and
    its lines."""
    file, folder = listing.file, listing.folder
    is_later_step = any(each.folder == folder for each in chapters.CHAPTERS[1:])
    badge = BADGES.get(file.status, "") if is_later_step else ""
    shown = {line.new for line in listing.lines}
    rows, last = [], 0
    for part in listing.parts:
        if part.inside and part.inside not in shown:
            shown.add(part.inside)
            header = next(line for line in file.lines if line.new == part.inside)
            rows += [_gap(last, part.inside), _row(file, replace(header, mark=" "))]
            last = part.inside
        rows += [_gap(last, part.start), *(_row(file, line) for line in within(file, part))]
        last = part.end
    where = "" if folder == chapters.ROOT else f"{folder.name}/"
    what = "Copy the new code" if badge else "Copy the code"
    return _figure(where, file, badge, what, listing.code, rows)


def render_file(file: File, is_provided: bool = False) -> str:
    """Return a whole file, folded: its path, badges, all its lines, and a button that copies the
    whole new file."""
    badges = [file.status] + ["provided"] * is_provided
    shown = "".join(f' <span class="badge badge-{each}">{each}</span>' for each in badges)
    body = "<p>This file is empty: it is there so that Python takes the folder for code.</p>"
    if file.binary:
        body = "<p>This file is not a text.</p>"
    elif file.lines:
        rows = [_row(file, line) for line in file.lines]
        body = _figure("", file, "", "Copy the whole file", file.text(), rows)
    return (
        f'<details class="file" data-path="{escape(file.path)}" data-status="{file.status}">'
        f"<summary><code>{escape(file.path)}</code>{shown}</summary>{body}</details>"
    )


def render_terminal(title: str, text: str) -> str:
    """Return what is typed ("$ ...") and printed in a terminal, with a button that copies what is
    typed."""
    lines = text.splitlines()
    commands = "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
    tokens = _tokens("x.sh-session", "".join(f"{line}\n" for line in lines))
    rows = "\n".join(_code(tokens[number]) for number in range(len(lines)))
    return (
        f'<figure class="listing terminal"><figcaption>{escape(title or "Terminal")}'
        f"{_button('Copy the command', '', commands)}</figcaption>"
        f'<div class="highlight"><pre><code>{rows}</code></pre></div></figure>'
    )


def _figure(folder: str, file: File, badge: str, what: str, copied: str, rows: list[str]) -> str:
    path, status = escape(file.path), file.status
    shown = f'<span class="badge badge-{status}">{badge}</span>' if badge else ""
    label = f"{folder}{path} {badge}".strip()
    return (
        f'<figure class="listing" data-name="{folder}{path}"><figcaption><code>'
        f'<span class="folder">{folder}</span>{path}</code> {shown}'
        f"{_button(what, f': {label}', copied)}</figcaption>"
        f'<div class="listing-code highlight" tabindex="0" role="group" aria-label="{label}">'
        f"<pre><code>{''.join(rows)}</code></pre></div></figure>"
    )


def _button(what: str, which: str, copied: str) -> str:
    # Material's script copies data-clipboard-text, and tells the reader that it did.
    return (
        f'<button class="listing-copy" type="button" title="{what}" '
        f'aria-label="{what}{which}" data-clipboard-text="{escape(copied)}"></button>'
    )


def _gap(last: int, start: int) -> str:
    """Return the mark of lines left out between two lines shown, if there are any."""
    return '<span class="line gap">⋮\n</span>' if last and start > last + 1 else ""


def _row(file: File, line: Line) -> str:
    number = line.old if line.mark == "-" else line.new
    tokens = _tokens(file.path, file.text("-" if line.mark == "-" else "+"))[number - 1]
    tag = {"+": "ins", "-": "del", " ": "span"}[line.mark if file.status != "new" else " "]
    numbers = f'data-old="{line.old or ""}" data-new="{line.new or ""}"'
    return f'<{tag} class="line" {numbers}>{_code(tokens, line.words)}\n</{tag}>'


def _code(tokens: list[tuple[_TokenType, str]], words: Spans = ()) -> str:
    """Return one line in the colours of its language, with these words marked."""
    pieces, position = [], 0
    for kind, value in tokens:
        end = position + len(value)
        cuts = {position, end, *(at for span in words for at in span if position < at < end)}
        while kind not in STANDARD_TYPES:
            kind = kind.parent
        for a, b in pairwise(sorted(cuts)):
            piece = escape(value[a - position : b - position], quote=False)
            if name := STANDARD_TYPES[kind]:
                piece = f'<span class="{name}">{piece}</span>'
            is_marked = any(start <= a < stop for start, stop in words)
            pieces.append(f"<mark>{piece}</mark>" if is_marked else piece)
        position = end
    return "".join(pieces).replace("</mark><mark>", "")


@cache
def _tokens(path: str, text: str) -> list[list[tuple[_TokenType, str]]]:
    """Return the tokens of each line of a file, by the lexer that its name asks for."""
    options = {"stripnl": False, "ensurenl": False}
    ending = path.rpartition(".")[2]
    try:
        if ending in LEXERS:
            lexer = get_lexer_by_name(LEXERS[ending], **options)
        else:
            lexer = get_lexer_for_filename(path, **options)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", **options)
    lines: list[list[tuple[_TokenType, str]]] = [[]]
    for kind, value in lexer.get_tokens(text):
        first, *others = value.split("\n")
        lines[-1].append((kind, first))
        lines += [[(kind, each)] for each in others]
    return lines
