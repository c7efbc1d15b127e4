"""The fenced blocks of a Markdown page: code, commands and what the course draws itself."""

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

FENCE = re.compile(
    r"^(?P<indent>[ ]*)(?P<ticks>```+)[ ]*(?P<language>[\w-]*)(?P<options>[^\n`]*)\n"
    r"(?P<body>.*?)^(?P=indent)(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)

OPTION = re.compile(r' *\b(title|skip)="([^\n`"]*)"')


class Fence(NamedTuple):
    """A fenced block: its line on the page (from 1), its language, its title, why tests do not run
    it (mostly ""), its body, how far that was indented, and the whole as it is on the page."""

    line: int
    language: str
    title: str
    skip: str
    body: str
    indent: int
    text: str


def fences(page: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a page, also those inside notes and tabs, in order."""
    for match in FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        options = {"title": "", "skip": "", **dict(OPTION.findall(match["options"]))}
        body, indent = dedent(match["body"]), len(match["indent"])
        yield Fence(line, match["language"], *options.values(), body, indent, match[0])
