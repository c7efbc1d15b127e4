"""HTML of listings, whole files and terminals, in the colours of their language. What changed is in
<ins> and <del>, and the changed words of a line in <mark>."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from html import escape
from itertools import groupby, pairwise
from pathlib import Path, PurePath

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from pygments.lexers import (
    HtmlDjangoLexer,
    NginxConfLexer,
    TextLexer,
    find_lexer_class_for_filename,
)
from pygments.token import STANDARD_TYPES, _TokenType

from course import chapters
from course.book.listing import Listing
from course.compare import File, Line, Spans

BADGES = {"new": "new file", "changed": "changed", "same": "unchanged"}
GAP = '<span class="line gap">⋮\n</span>'  # for lines that are left out
LEXERS = {".html": HtmlDjangoLexer, ".conf": NginxConfLexer}  # where the name does not say it

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
HTML = templates.get_template("parts.html").module  # its macros


def render(listing: Listing) -> str:
    """Return a listing: its path, what became of the file, a button that copies the new code, and
    its lines."""
    file, folder, shown = listing.file, listing.folder, set(listing.lines)
    runs = [
        [line if line in shown else replace(line, mark=" ") for line in lines]
        for is_shown, lines in groupby(
            file.lines, lambda line: line in shown or line.new in listing.around
        )
        if is_shown
    ]
    is_later_step = any(each.folder == folder for each in chapters.CHAPTERS[1:])
    badge = BADGES[file.status] if is_later_step else ""
    where = "" if folder == chapters.ROOT else f"{folder.name}/"
    rows = Markup(GAP.join(_rows(file, run) for run in runs))
    return HTML.listing(where, file, badge, listing.code, rows)


def render_file(file: File, is_provided: bool = False) -> str:
    """Return a whole file, folded: its path, badges, all its lines, and a button that copies the
    whole new file."""
    return HTML.whole_file(file, is_provided, Markup(_rows(file, file.lines)))


def render_terminal(title: str, text: str) -> str:
    """Return what is typed ("$ ...") and printed in a terminal, with a button that copies what is
    typed."""
    lines = text.splitlines()
    commands = "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
    tokens = _tokens("x.sh-session", "".join(f"{line}\n" for line in lines))
    rows = "\n".join(_code(each) for each in tokens[: len(lines)])
    return HTML.terminal(title or "Terminal", commands, Markup(rows))


def _rows(file: File, lines: Iterable[Line]) -> str:
    rows = []
    for line in lines:
        number = line.old if line.mark == "-" else line.new
        tokens = _tokens(file.path, file.text("-" if line.mark == "-" else "+"))[number - 1]
        tag = {"+": "ins", "-": "del", " ": "span"}[line.mark if file.status != "new" else " "]
        numbers = f'data-old="{line.old or ""}" data-new="{line.new or ""}"'
        rows.append(f'<{tag} class="line" {numbers}>{_code(tokens, line.words)}\n</{tag}>')
    return "".join(rows)


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
    lexer = LEXERS.get(PurePath(path).suffix) or find_lexer_class_for_filename(path) or TextLexer
    lines: list[list[tuple[_TokenType, str]]] = [[]]
    for kind, value in lexer(stripnl=False, ensurenl=False).get_tokens(text):
        first, *others = value.split("\n")
        lines[-1].append((kind, first))
        lines += [[(kind, each)] for each in others]
    return lines
