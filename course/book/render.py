"""HTML of listings, whole files and terminals, in the colours of their language."""

import re
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

GAP = Markup('<span class="line gap">⋮\n</span>')  # for lines that are left out
# Where the name of a file does not say it.
LEXERS = {".html": lexers.HtmlDjangoLexer, ".conf": lexers.NginxConfLexer}

_parts = Path(__file__).with_name("parts.html").read_text("utf-8")
HTML = Template(_parts, autoescape=True, trim_blocks=True, lstrip_blocks=True).module  # its macros


def render(listing: Listing, copies: bool = True) -> str:
    """Return a listing: its path, what became of the file, its lines, and a button that copies the
    new code. Where lines are left out, each piece has its own; without `copies`, none."""
    file, folder, shown = listing.file, listing.folder, set(listing.lines)
    parts: list[tuple[Markup, str]] = []  # lines, and what of them a button copies

    def role(line: Line) -> str:
        return "piece" if line in shown else "around" if line.new in listing.around else "gap"

    for kind, lines in ((kind, tuple(lines)) for kind, lines in groupby(file.lines, role)):
        if kind == "piece":
            parts.append((_rows(file, lines), copies * replace(file, lines=lines).text()))
        elif kind == "around":
            parts.append((_rows(file, (replace(line, mark=" ") for line in lines)), ""))
        elif parts and lines[-1] is not file.lines[-1]:
            parts.append((GAP, ""))
    is_later_step = any(each.folder == folder for each in chapters.CHAPTERS[1:])
    where = "" if folder == chapters.ROOT else f"{folder.name}/"
    return HTML.listing(where, file, is_later_step, parts)


def render_file(file: File, opens: bool = False) -> str:
    """Return a whole file with a button that copies it, folded unless it changed and `opens`."""
    return HTML.whole_file(file, chapters.provided(file.path), opens, _rows(file, file.lines))


def render_terminal(title: str, text: str) -> str:
    """Return what is typed ("$ ...") and printed in a terminal; commands have copy buttons."""
    lines = text.splitlines()
    tokens = _tokens("x.sh-session", "".join(f"{line}\n" for line in lines))
    rows = [(line, Markup(_code(each))) for line, each in zip(lines, tokens, strict=False)]
    return HTML.terminal(title or "Terminal", rows)


def _rows(file: File, lines: Iterable[Line]) -> Markup:
    rows, old, new = [], file.text("-"), file.text()
    for line in lines:
        text, number = (old, line.old) if line.mark == "-" else (new, line.new)
        tag = {"+": "ins", "-": "del", " ": "span"}[line.mark if file.status != "new" else " "]
        numbers = f'data-old="{line.old or ""}" data-new="{line.new or ""}"'
        width = f"--in: {len(line.text) - len(line.text.lstrip())}"  # a long line goes on below
        code = _line(file.path, text, number, line.words)
        rows.append(f'<{tag} class="line" {numbers} style="{width}">{code}\n</{tag}>')
    return Markup("".join(rows))


@cache
def _line(path: str, text: str, number: int, words: Spans) -> str:
    """Return a line of a file."""
    return _code(_tokens(path, text)[number - 1], words)


def _code(tokens: list[tuple[_TokenType, str]], words: Spans = ()) -> str:
    """Return one line in the colours of its language, with these words marked. Where it is too
    long, it can be broken after the dots and brackets of names, and not inside an option."""
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
    code = "".join(pieces).replace("</mark><mark>", "")
    code = re.sub(r"(?<=>)--?[a-z][a-z-]+", r'<span class="option">\g<0></span>', code)
    return re.sub(r"(?<=[.(])</span>|(?<=\w)[./](?=\w)", r"\g<0><wbr>", code)


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
