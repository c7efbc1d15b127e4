"""The fenced blocks of a Markdown page: code, commands and what the course draws itself."""

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

FENCE = re.compile(
    r"^(?P<indent>[ ]*)(?P<ticks>```+)[ ]*(?P<language>[\w-]*)"
    r"[^\n`]*?(?:title=\"(?P<title>[^\n`\"]*)\"[^\n`]*)?\n"
    r"(?P<body>.*?)^(?P=indent)(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


class Fence(NamedTuple):
    """A fenced block: the page's line that it starts in (from 1), its language, its title, its body
    without its indentation, that indentation, and the whole of it as it is on the page."""

    line: int
    language: str
    title: str
    body: str
    indent: int
    text: str


def fences(page: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a page, also those inside notes and tabs, in order."""
    for match in FENCE.finditer(page):
        line, title = page.count("\n", 0, match.start()) + 1, match["title"] or ""
        body, indent = dedent(match["body"]), len(match["indent"])
        yield Fence(line, match["language"], title, body, indent, match[0])
