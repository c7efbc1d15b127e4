"""HTML of listings, whole files and terminals, in the colours of their language. What changed is in
<ins> and <del>, and the changed words of a line in <mark>."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from html import escape
from itertools import groupby, pairwise
from pathlib import Path, PurePath

from jinja2 import Template
from markupsafe import Markup
from pygments import lexers
from pygments.token import STANDARD_TYPES, _TokenType

from course import chapters
from course.book.listing import Listing
from course.compare import File, Line, Spans

GAP = '<span class="line gap">⋮\n</span>'  # for lines that are left out
# Where the name of a file does not say it.
LEXERS = {".html": lexers.HtmlDjangoLexer, ".conf": lexers.NginxConfLexer}

_parts = Path(__file__).with_name("parts.html").read_text("utf-8")
HTML = Template(_parts, autoescape=True, trim_blocks=True, lstrip_blocks=True).module  # its macros


def render(listing: Listing) -> str:
    """Return a listing: its path, what became of the file, a button that copies the new code, and
    its lines."""
    file, folder, shown = listing.file, listing.folder, set(listing.lines)
    runs = groupby(file.lines, lambda line: line in shown or line.new in listing.around)
    rows = [
        _rows(file, (line if line in shown else replace(line, mark=" ") for line in lines))
        for visible, lines in runs
        if visible
    ]
    is_later_step = any(each.folder == folder for each in chapters.CHAPTERS[1:])
    where = "" if folder == chapters.ROOT else f"{folder.name}/"
    return HTML.listing(where, file, is_later_step, listing.code, Markup(GAP.join(rows)))


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
    lexer = LEXERS.get(PurePath(path).suffix) or lexers.find_lexer_class_for_filename(path)
    lines: list[list[tuple[_TokenType, str]]] = [[]]
    for kind, value in (lexer or lexers.TextLexer)(stripnl=False, ensurenl=False).get_tokens(text):
        first, *others = value.split("\n")
        lines[-1].append((kind, first))
        lines += [[(kind, each)] for each in others]
    return lines
