"""What the README shows of the course itself: its tables and its picture of two tabs talking.

`python -m course.readme` makes them anew; a test says when that is due."""

import base64
import hashlib
import os
import re
from pathlib import Path

from course import matrix
from course.browser import Tab, open_browser
from course.chapters import CHAPTERS, ROOT, Chapter, chapter
from course.serve import Server, free_port

README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "two-tabs.png"
FINGERPRINT = PICTURE.with_suffix(".sha256")
SHOWN = chapter(3)  # the first chapter in which two tabs talk


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


def fingerprint(shown: Chapter = SHOWN) -> str:
    """Return a hash of everything that the picture is drawn from."""
    digest = hashlib.sha256()
    for path in sorted((shown.folder / "chat").glob("[st]*/chat/*")):  # static, templates
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def draw(picture: Path) -> None:
    """Take a picture of two tabs in one room of step 3, side by side."""
    server = Server(SHOWN.folder, free_port(), {"REDIS_URL": None}, log=Path(os.devnull))
    with server:
        driver = open_browser()
        try:
            driver.set_window_size(480, 800)
            a, b = (Tab(driver, name).join(server.url, "lobby") for name in "AB")
            a.say("Hello from the tab on the left!")
            b.sees("Hello from the tab on the left!")
            b.say("And hello from the one on the right.")
            halves = []
            for tab in (a, b):
                tab.ends_with("And hello from the one on the right.")
                tab.element("body")  # makes it the tab that the driver looks at
                halves.append(driver.get_screenshot_as_base64())
            images = "".join(f'<img src="data:image/png;base64,{half}">' for half in halves)
            page = f'<div style="display:inline-flex;gap:2px;background:#7c877f">{images}</div>'
            driver.set_window_size(1000, 860)
            both = Tab(driver, "both").open(f"data:text/html;base64,{_base64(page)}")
            picture.write_bytes(both.element("div").screenshot_as_png)
        finally:
            driver.quit()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
    draw(PICTURE)
    FINGERPRINT.write_text(f"{fingerprint()}\n", "utf-8")
    print(f"Made anew: the tables in {README.name} and {PICTURE.relative_to(ROOT)}.")
