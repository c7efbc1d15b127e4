"""What the README shows of the course itself: its tables. `learn.py record` makes them anew; a test
says when that is due."""

import re
from collections.abc import Callable

from course import matrix
from course.chapters import CHAPTERS, ROOT, Chapter

README = ROOT / "README.md"


def chapters_table(link: Callable[[Chapter], str]) -> str:
    """Return the chapters as a Markdown table; `link` makes the first cell of each row."""
    lines = ["| step | the one new concept | what you see |", "| --- | --- | --- |"]
    for each in CHAPTERS:
        lines.append(f"| {link(each)} | {each.concept} | {each.sees} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str) -> str:
    """Return the README's text with its tables made anew: what stands between `<!-- name -->` and
    `<!-- end -->`."""
    chapters = chapters_table(lambda each: f"[`{each.folder.name}`]({each.folder.name}/)")
    for name, table in {"chapters": chapters, "matrix": matrix.markdown()}.items():
        places = re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", text, flags=re.DOTALL)
        if len(places) != 1:
            raise ValueError(f"README.md has {len(places)} places for the table of {name}, not one")
        text = text.replace(places[0], f"<!-- {name} -->\n{table}<!-- end -->")
    return text
