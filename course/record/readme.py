"""The tables of the README. `learn.py record` makes them anew."""

import re

from course import matrix
from course.chapters import CHAPTERS, ROOT

README = ROOT / "README.md"


def chapters_table(link: str) -> str:
    """Return the chapters as a Markdown table, with a link from each, formatted like this."""
    lines = ["| step | the one new concept | what you see |", "| --- | --- | --- |"]
    for each in CHAPTERS:
        cell = link.format(each, title=each.name.replace("_", " "))
        lines.append(f"| {cell} | {each.concept} | {each.sees} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str) -> str:
    """Return the README's text with its tables made anew: what is between `<!-- name -->` and
    `<!-- end -->`. Raise ValueError if a table has no place there, or two."""
    chapters = chapters_table("[`{0.folder.name}`]({0.folder.name}/)")
    for name, table in {"chapters": chapters, "matrix": matrix.markdown()}.items():
        place = rf"(?s)(<!-- {name} -->\n).*?(?=<!-- end -->)"
        text, places = re.subn(place, lambda found, table=table: found[1] + table, text)
        if places != 1:
            raise ValueError(f"README.md has {places} places for the table of {name}, not one")
    return text
