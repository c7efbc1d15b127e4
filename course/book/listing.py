"""Which lines a `step` fence shows: parts of a file, found by name, with what the step changed in
them. `render` makes HTML of them."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise, takewhile
from pathlib import Path

from course import chapters
from course.compare import File, Line, compare_file

NAME = re.compile(r'"(?:[^"\\]|\\.)*"|[^",\s][^",]*')
COMMENTS = ("#", "//", "/*", "<!--")
CLOSING = (")", "]", "}", "</")


@dataclass(frozen=True)
class Part:
    """The lines of a file from `start` to `end` (from 1, both included), and the line of the class
    around them, if they do not show it themselves."""

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
        """The new text of the parts, to be copied."""
        return "".join(line.text + "\n" for line in self.lines if line.mark != "-")


def read(body: str) -> Listing:
    """Take what a fence says: `folder/path`, or `folder/path :: name, Class.method, "first line"`.
    `./path` is a file that is in no folder of the course.
    Return what it names. Raise ValueError for what is not there exactly once."""
    where, _, names = body.strip().partition(" :: ")
    folder, _, path = where.strip().partition("/")
    root = chapters.ROOT / folder
    if not path or not (root / path).is_file():
        files = chapters.ROOT.glob(f"{folder if root.is_dir() else 'step*'}/**/*.*")
        near = _nearest(where, (file.relative_to(chapters.ROOT).as_posix() for file in files))
        raise ValueError(f"there is no file {where}{near}")
    chapter = next((each for each in chapters.CHAPTERS if each.folder == root), None)
    old = chapters.predecessor(chapter) if chapter else root  # elsewhere, nothing has changed
    file = compare_file(old, root, path)
    if file.binary:
        raise ValueError(f"{where} is not a text")
    text = file.text()
    parts = [find(text, path, name.strip()) for name in NAME.findall(names)]
    lines = text.splitlines()
    for index, (before, after) in enumerate(pairwise(parts), 1):
        if after.start <= before.end:
            raise ValueError(f"{where}: name the parts in the order of the file, each once")
        if not any(line.strip() for line in lines[before.end : after.start - 1]):
            parts[index] = replace(after, start=before.end + 1)  # with the blank lines between them
    return Listing(root, file, tuple(parts) or (Part(1, len(lines)),))


def _nearest(name: str, every: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(set(every)), n=3, cutoff=0.3)
    return f"; the nearest is {' or '.join(close)}" if close else ""


def find(text: str, path: str, name: str) -> Part:
    """Return the part of a file's text that a name means: `imports`, `NAME`, `Class.method`,
    `class Class` (down to its first method), or `"the start of a line"` (and what is indented or
    in brackets below it). Raise ValueError if there is none, or more than one."""
    lines = text.splitlines()
    if name.startswith('"'):
        start = name[1:-1].replace('\\"', '"')
        what = f'line that starts with "{start}"'
        texts = [line.strip() for line in lines]
        found = [_block(lines, n) for n, text in enumerate(texts, 1) if text.startswith(start)]
        near = _nearest(start, filter(None, texts))
    elif path.endswith(".py"):
        what, named = name, list(_named(text))
        found = [part for each, part in named if each == name]
        near = _nearest(name, (each for each, _ in named))
    else:
        raise ValueError(f"{path} is not Python: name the start of a line, in quotes, instead")
    if not found:
        raise ValueError(f"{path} has no {what}{near}")
    if len(found) > 1:
        where = " and ".join(str(part.start) for part in found)
        raise ValueError(f"{path} has more than one {what}: lines {where}")
    return found[0]


def _named(text: str) -> Iterator[tuple[str, Part]]:
    """Yield the names in a Python text, each with its part."""
    lines, tree = text.splitlines(), ast.parse(text)

    def start(node: ast.stmt) -> int:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        while first > 1 and lines[first - 2].strip().startswith("#"):  # the comment above it
            first -= 1
        return first

    def walk(body: list[ast.stmt], prefix: str, inside: int | None) -> Iterator[tuple[str, Part]]:
        for node in body:
            part = Part(start(node), node.end_lineno, inside)
            if isinstance(node, ast.ClassDef):
                methods = [each for each in node.body if isinstance(each, definitions)]
                end = start(methods[0]) - 1 if methods else node.end_lineno
                while not lines[end - 1].strip():
                    end -= 1
                yield f"class {prefix}{node.name}", replace(part, end=end)
                yield from walk(node.body, f"{prefix}{node.name}.", node.lineno)
            if isinstance(node, definitions):
                yield prefix + node.name, part
            else:  # what it assigns, also inside an `if`
                names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
                bound = {each.id for each in names if isinstance(each.ctx, ast.Store)}
                yield from ((prefix + name, part) for name in bound)

    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    imports = list(takewhile(lambda each: isinstance(each, ast.Import | ast.ImportFrom), body))
    if leading := imports or tree.body[: len(tree.body) - len(body)]:
        yield "imports", Part(1, leading[-1].end_lineno)
    yield from walk(tree.body, "", None)


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


def within(file: File, part: Part) -> Iterator[Line]:
    """Yield the lines of a part, each with what was removed right before it; what was removed
    behind the last one without anything in its place belongs to the part, too."""
    removed: list[Line] = []
    behind = 0  # the last line of the new file so far
    for line in file.lines:
        inside = line.new and part.start <= line.new <= part.end
        if line.mark == "-":
            removed.append(line)
        elif line.mark == "+" and not line.text.strip():  # a blank line replaces nothing
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
