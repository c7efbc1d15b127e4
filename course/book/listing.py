"""Code found by its name, with what the step changes in it."""

import ast
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, String, _TokenType
from pygments.util import ClassNotFound

from course import chapters
from course.chapters import CHAPTERS, predecessor
from course.compare import File, Line, compare_file

NAME = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+?))\s*(?:,|$)')
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
COMMENTS = ("#", "//", "/*", "<!--")


class ListingError(ValueError):
    """A listing names what is not there, or is there twice; the text says what, in one line."""


@dataclass(frozen=True)
class Part:
    """The lines of a file from `start` to `end` (from 1, both included), and the line of the class
    that they stand in, if they do not show it themselves."""

    start: int
    end: int
    inside: int | None = None


@dataclass(frozen=True)
class Listing:
    """Parts of one file of a folder, and what became of that file since the step before."""

    folder: Path
    file: File
    parts: tuple[Part, ...]

    @property
    def lines(self) -> list[Line]:
        """The lines shown: those of the parts, and with them what was removed there."""
        return [line for part in self.parts for line in within(self.file, part)]

    @property
    def changes(self) -> list[Line]:
        """Those of the lines shown that were added or removed."""
        return [line for line in self.lines if line.mark != " "]

    @property
    def code(self) -> str:
        """The text of the parts as it now is in the file, to be copied."""
        return "".join(line.text + "\n" for line in self.lines if line.mark != "-")


def read(body: str) -> Listing:
    """Take what a fence says: `folder/path`, or `folder/path :: name, Class.method, "first line"`.
    `./path` is a file that is in no folder of the course.
    Return what it names. Raise ListingError for what is not there exactly once."""
    where, _, names = body.strip().partition(" :: ")
    folder, _, path = where.strip().partition("/")
    root = chapters.ROOT / folder
    if not (root / path).is_file() or not path:
        every = [each.relative_to(chapters.ROOT).as_posix() for each in _files(root)]
        raise ListingError(f"there is no file {where}{_nearest(where, every)}")
    chapter = next((each for each in CHAPTERS if each.folder == root), None)
    old = predecessor(chapter) if chapter else root  # what is no step is drawn as unchanged
    file = compare_file(old, root, path)
    if file.binary:
        raise ListingError(f"{where} is not a text")
    text = file.text()
    parts = [find(text, path, name) for name in _names(names)]
    if not parts:
        parts = [Part(1, text.count("\n"))]
    lines = text.splitlines()
    for index, (before, after) in enumerate(pairwise(parts), 1):
        if after.start <= before.end:
            raise ListingError(f"{where}: name the parts in the order of the file, each once")
        if not any(line.strip() for line in lines[before.end : after.start - 1]):
            parts[index] = replace(after, start=before.end + 1)  # neighbours, up to blank lines
    return Listing(root, file, tuple(parts))


def _files(root: Path) -> Iterator[Path]:
    places = [root] if root.is_dir() else [chapter.folder for chapter in CHAPTERS]
    for place in places:
        yield from (each for each in place.rglob("*") if each.is_file())


def _names(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        match = NAME.match(text, position)
        if not match:
            raise ListingError(f"this cannot be read as names with commas between them: {text}")
        yield f'"{match[1]}' if match[1] is not None else match[2]
        position = match.end()


def _nearest(name: str, every: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(set(every)), n=3, cutoff=0.3)
    return f"; the nearest is {' or '.join(close)}" if close else ""


def find(text: str, path: str, name: str) -> Part:
    """Return the part of a file's text that a name means: `imports`, `NAME`, `Class.method`,
    `class Class` (down to its first method), or `"` and the start of a line (its end is found by
    tag, bracket or indentation). Raise ListingError if there is none, or more than one."""
    if name.startswith('"'):
        return _by_first_line(text, path, name[1:].replace('\\"', '"'))
    if not path.endswith(".py"):
        raise ListingError(
            f'{path} is not Python: name the start of a line, in quotes ("), instead'
        )
    named = _python_names(text)
    if name not in named:
        raise ListingError(f"{path} has no {name}{_nearest(name, named)}")
    if len(named[name]) > 1:
        lines = " and ".join(str(part.start) for part in named[name])
        raise ListingError(f"{path} has more than one {name}, in lines {lines}")
    return named[name][0]


@cache
def _python_names(text: str) -> dict[str, list[Part]]:
    lines, tree = text.splitlines(), ast.parse(text)
    named: dict[str, list[Part]] = {}

    def start(node: ast.stmt) -> int:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        while first > 1 and lines[first - 2].strip().startswith("#"):  # the comment above it
            first -= 1
        return first

    def note(name: str, part: Part) -> None:
        named.setdefault(name, []).append(part)

    def collect(body: list[ast.stmt], prefix: str = "", inside: int | None = None) -> None:
        for node in body:
            part = Part(start(node), node.end_lineno, inside)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                note(prefix + node.name, part)
                if isinstance(node, ast.ClassDef):
                    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
                    methods = [each for each in node.body if isinstance(each, functions)]
                    end = start(methods[0]) - 1 if methods else node.end_lineno
                    while not lines[end - 1].strip():
                        end -= 1
                    note(f"class {prefix}{node.name}", Part(part.start, end, inside))
                    collect(node.body, f"{prefix}{node.name}.", node.lineno)
            else:
                for bound in sorted(_bound(node)):
                    note(prefix + bound, part)

    leading = 0
    for index, node in enumerate(tree.body):
        docstring = index == 0 and ast.get_docstring(tree) is not None
        if not docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            break
        leading = node.end_lineno
    if leading:
        note("imports", Part(1, leading))
    collect(tree.body)
    return named


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement assigns, also inside an `if`."""
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _by_first_line(text: str, path: str, start: str) -> Part:
    lines = text.splitlines()
    found = [number for number, line in enumerate(lines, 1) if line.strip().startswith(start)]
    if not found:
        near = _nearest(start, [line.strip() for line in lines if line.strip()])
        raise ListingError(f'{path} has no line that starts with "{start}"{near}')
    if len(found) > 1:
        where = " and ".join(map(str, found))
        raise ListingError(f'{path} has more than one line that starts with "{start}": {where}')
    end = first = found[0]
    # A comment carries on through the statement under it.
    while lines[end - 1].strip().startswith(COMMENTS) and end < len(lines) and lines[end].strip():
        end += 1
    if path.endswith(".html"):
        return Part(first, _end_of_element(text, end))
    end = _end_of_brackets(path, text, end)
    indent = _indent(lines[first - 1])
    for number in range(end + 1, len(lines) + 1):
        if lines[number - 1].strip():
            if _indent(lines[number - 1]) <= indent:
                break
            end = number
    return Part(first, end)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _end_of_brackets(path: str, text: str, first: int) -> int:
    """Return the line in which the brackets that open in line `first` are closed."""
    depth = 0
    tokens = highlight(path, text)
    for number, line in enumerate(tokens[first - 1 :], first):
        for kind, value in line:
            if kind not in Comment and kind not in String:
                depth += sum(map(value.count, "([{")) - sum(map(value.count, ")]}"))
        if depth <= 0:
            return number
    return len(tokens)


class _Elements(HTMLParser):
    """The HTML elements of a text: (line that it starts in, line that it ends in), by start."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.ends: dict[int, int] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        line = self.getpos()[0]
        self.ends.setdefault(line, line + (self.get_starttag_text() or "").count("\n"))
        if tag not in VOID:
            self.open.append((tag, line))

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            name, line = self.open.pop()
            if name == tag:
                self.ends[line] = self.getpos()[0]
                return


def _end_of_element(text: str, first: int) -> int:
    return _Elements(text).ends.get(first, first)


def within(file: File, part: Part) -> Iterator[Line]:
    """Yield the lines of a part, each with what was removed right before it; what was removed
    behind the last one without anything in its place belongs to the part, too."""
    removed: list[Line] = []
    behind = 0  # the last line of the new file so far
    for line in file.lines:
        inside = line.new and part.start <= line.new <= part.end
        if line.mark == "-":
            removed.append(line)
        elif line.mark == "+" and not line.text.strip():  # in no line's place
            if inside:
                yield line
        else:
            if inside or (line.mark == " " and behind == part.end):
                yield from removed
            if inside:
                yield line
            removed, behind = [], line.new
    if behind == part.end:
        yield from removed


@cache
def highlight(path: str, text: str) -> list[list[tuple[_TokenType, str]]]:
    """Return the tokens of each line of a file, by the lexer that its name asks for."""
    try:
        if path.endswith(".html"):
            lexer = get_lexer_by_name("html+django", stripnl=False, ensurenl=False)
        elif path.endswith(".conf"):
            lexer = get_lexer_by_name("nginx", stripnl=False, ensurenl=False)
        else:
            lexer = get_lexer_for_filename(path, text, stripnl=False, ensurenl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", stripnl=False, ensurenl=False)
    lines: list[list[tuple[_TokenType, str]]] = [[]]
    for kind, value in lexer.get_tokens(text):
        for index, piece in enumerate(value.split("\n")):
            if index:
                lines.append([])
            if piece:
                lines[-1].append((kind, piece))
    return lines
