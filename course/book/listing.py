"""Which lines a `step` fence shows: parts of a file, found by name, with what was changed there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from typing import NamedTuple

from course import chapters
from course.compare import File, Line, compare_file

NAME = re.compile(r'"(?:[^"\\]|\\.)*"|[^",\s][^",]*')
COMMENTS = ("#", "//", "/*", "<!--")
CLOSING = (")", "]", "}", "</")


class Part(NamedTuple):
    """Lines of a file, from `start` to `end` (from 1), and the line of the class around them."""

    start: int
    end: int
    inside: int | None = None


@dataclass(frozen=True)
class Listing:
    """What is shown of one file of a folder: lines, with what was removed there since the step
    before, and the numbers of the lines of the classes around them."""

    folder: Path
    file: File
    lines: list[Line]
    around: set[int]

    @property
    def changes(self) -> list[Line]:
        """Those of the lines shown that were added or removed."""
        return [line for line in self.lines if line.mark != " "]


def read(body: str) -> Listing:
    """Return what a fence names: `folder/path`, or `folder/path :: name, Class.method, "a line"`
    (`./path` is in no step). Raise ValueError for what is not there exactly once."""
    where, _, names = body.strip().partition(" :: ")
    folder, _, path = where.strip().partition("/")
    root = chapters.ROOT / folder
    if not path or not (root / path).is_file():
        raise ValueError(f"there is no file {where}")
    chapter = next((each for each in chapters.CHAPTERS if each.folder == root), None)
    old = chapters.predecessor(chapter) if chapter else root  # elsewhere, nothing has changed
    file = compare_file(old, root, path)
    if file.binary:
        raise ValueError(f"{where} is not a text")
    text = file.text()
    lines = text.splitlines()
    parts = [find(text, path, name.strip()) for name in NAME.findall(names)]
    parts = parts or [Part(1, len(lines))]
    shown = {number for part in parts for number in range(part.start, part.end + 1)}
    for before, after in pairwise(parts):
        between = range(before.end + 1, after.start)
        if after.start <= before.end:
            raise ValueError(f"{where}: name the parts in the order of the file, each once")
        if not any(lines[number - 1].strip() for number in between):
            shown.update(between)  # blank lines
    visible = [line for line in file.lines if not shown.isdisjoint(line.beside)]
    return Listing(root, file, visible, {part.inside for part in parts if part.inside})


def find(text: str, path: str, name: str) -> Part:
    """Return the part of a file's text that a name means: `imports`, `NAME`, `Class.method`,
    `class Class` (down to its first method), or `"the start of a line"` (and what is indented or
    in brackets below it). Raise ValueError if there is none, or more than one."""
    if name.startswith('"'):
        start, lines = name[1:-1].replace('\\"', '"'), text.splitlines()
        what = f'line that starts with "{start}"'
        numbers = [n for n, line in enumerate(lines, 1) if line.strip().startswith(start)]
        found = [_block(lines, number) for number in numbers]
    elif path.endswith(".py"):
        what, found = name, [part for each, part in _named(text) if each == name]
    else:
        raise ValueError(f"{path} is not Python: name the start of a line, in quotes, instead")
    if not found:
        raise ValueError(f"{path} has no {what}")
    if len(found) > 1:
        where = " and ".join(str(part.start) for part in found)
        raise ValueError(f"{path} has more than one {what}: lines {where}")
    return found[0]


def _named(text: str) -> Iterator[tuple[str, Part]]:
    """Yield the names in a Python text, each with its part."""
    lines, tree = text.splitlines(), ast.parse(text)

    def start(node: ast.stmt) -> int:
        first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
        while first > 1 and lines[first - 2].strip().startswith("#"):  # the comment above it
            first -= 1
        return first

    docstring = tree.body[: ast.get_docstring(tree) is not None]
    rest = tree.body[len(docstring) :]
    imports = takewhile(lambda each: isinstance(each, ast.Import | ast.ImportFrom), rest)
    if leading := [*docstring, *imports]:
        yield "imports", Part(1, leading[-1].end_lineno)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for owner in (tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))):
        prefix, inside = ("", None) if owner is tree else (f"{owner.name}.", owner.lineno)
        for node in owner.body:
            part = Part(start(node), node.end_lineno, inside)
            if isinstance(node, ast.ClassDef):
                above = takewhile(lambda each: not isinstance(each, definitions), node.body)
                end = [start(node.body[0]) - 1, *(each.end_lineno for each in above)][-1]
                yield f"class {prefix}{node.name}", part._replace(end=end)
            if isinstance(node, definitions):
                yield prefix + node.name, part
            else:  # what it assigns, also inside an `if`
                names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
                bound = {each.id for each in names if isinstance(each.ctx, ast.Store)}
                yield from ((prefix + name, part) for name in bound)


def _block(lines: list[str], first: int) -> Part:
    """Return the part that begins with this line: a comment carries on through the statement under
    it, and that through all that is indented deeper or closes its brackets or tags."""

    def indent(line: str) -> int:
        return len(line) - len(line.lstrip())

    end = first
    while lines[end - 1].strip().startswith(COMMENTS) and end < len(lines) and lines[end].strip():
        end += 1
    own = indent(lines[first - 1])
    for number, line in enumerate(lines[end:], end + 1):
        closing = indent(line) == own and line.lstrip().startswith(CLOSING)
        if line.strip() and indent(line) <= own and not closing:
            break
        end = number if line.strip() else end
    return Part(first, end)
