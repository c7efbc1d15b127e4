"""The fenced blocks of a Markdown page: code, commands and what the course draws itself."""

import re
from dataclasses import dataclass
from textwrap import dedent

FENCE = re.compile(
    r"^(?P<indent>[ ]*)(?P<ticks>```+)[ ]*(?P<language>[\w-]*)"
    r"[^\n`]*?(?:title=\"(?P<title>[^\n`\"]*)\"[^\n`]*)?\n"
    r"(?P<body>.*?)^(?P=indent)(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Fence:
    """A fenced block: the page's line that it starts in (from 1), its language, its title, its body
    without its indentation, that indentation, and the whole of it as it is on the page."""

    line: int
    language: str
    title: str
    body: str
    indent: int
    text: str


def fences(page: str) -> list[Fence]:
    """Return the fenced blocks of a page, also those inside notes and tabs, in order."""
    found = []
    for match in FENCE.finditer(page):
        line, title = page.count("\n", 0, match.start()) + 1, match["title"] or ""
        body, indent = dedent(match["body"]), len(match["indent"])
        found.append(Fence(line, match["language"], title, body, indent, match[0]))
    return found
