"""What the README shows of the course itself: its tables. `learn.py record` makes them anew; a test
says when that is due."""

import re

from course import matrix
from course.chapters import CHAPTERS, ROOT

README = ROOT / "README.md"


def chapters_table() -> str:
    """Return the chapters as a Markdown table."""
    lines = ["| step | the one new concept | what you see |", "| --- | --- | --- |"]
    for each in CHAPTERS:
        folder = each.folder.name
        lines.append(f"| [`{folder}`]({folder}/) | {each.concept} | {each.sees} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str) -> str:
    """Return the README's text with its tables made anew: what stands between `<!-- name -->` and
    `<!-- end -->`."""
    for name, table in {"chapters": chapters_table(), "matrix": matrix.markdown()}.items():
        places = re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", text, flags=re.DOTALL)
        if len(places) != 1:
            raise ValueError(f"README.md has {len(places)} places for the table of {name}, not one")
        text = text.replace(places[0], f"<!-- {name} -->\n{table}<!-- end -->")
    return text
