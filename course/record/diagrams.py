"""The sequence diagrams of the site. A page has one in mermaid's language. It is drawn beforehand,
by `mermaid.js` in a browser, as an SVG that follows the page's colours and brings no script."""

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from course.chapters import ROOT
from course.judge.browser import open_browser
from course.markdown import fences
from course.record.fingerprint import fingerprint, without_comments
from course.run.serve import ServeError

DIAGRAMS = ROOT / "docs" / "diagrams"

# Mermaid is needed for drawing only, so it is neither in the repository nor on a page.
MERMAID = "12.3.0"
KEPT = Path(sys.prefix) / f"mermaid-{MERMAID}.tgz"
LOAD = "document.head.append(Object.assign(document.createElement('script'), {text: arguments[0]}))"
DRAW = Path(__file__).with_name("mermaid.js").read_text("utf-8")
STYLE = without_comments(Path(__file__).with_name("diagram.css").read_text("utf-8"), ".css")

ElementTree.register_namespace("", "http://www.w3.org/2000/svg")


def drawing(source: str) -> Path:
    """Return where the drawing of a diagram is, or will be; raise ValueError if it has no title."""
    slug = re.sub(r"[^a-z0-9]+", "-", _said(source, "accTitle").lower()).strip("-")
    return DIAGRAMS / f"{slug}.svg"


def stale(source: str) -> bool:
    """Return whether a diagram is to be drawn; raise ValueError without a title or description."""
    path, wanted = drawing(source), f'data-source="{_fingerprint(source)}"'
    return not (_said(source, "accDescr") and path.is_file() and wanted in path.read_text("utf-8"))


def on_pages(docs: Path = ROOT / "docs") -> dict[Path, str]:
    """Return the sources of all diagrams by their drawings; raise ValueError for a title twice."""
    found: dict[Path, str] = {}
    for page in sorted(docs.rglob("*.md")):
        for fence in fences(page.read_text("utf-8")):
            if fence.language == "mermaid":
                if (path := drawing(fence.body)) in found:
                    raise ValueError(f"{page.name}: another diagram has the title of {path.stem}")
                found[path] = fence.body
    return found


def draw(sources: list[str]) -> Iterator[str]:
    """Yield the SVG of each diagram. Raise ServeError without mermaid, ValueError, in mermaid's
    words, for what it cannot draw."""
    script = _mermaid()
    with open_browser() as driver:
        driver.get("data:text/html,<!doctype html><meta charset=utf-8><title>Diagrams</title>")
        driver.execute_script(LOAD, script)
        for source in sources:
            name = drawing(source).stem
            words = (_said(source, key) for key in ("accTitle", "accDescr"))
            task = (f"diagram-{name}", source.strip(), *words, STYLE, _fingerprint(source))
            drawn = driver.execute_async_script(DRAW, *task)
            if "error" in drawn:
                raise ValueError(f"the diagram {name}: {drawn['error'].splitlines()[0]}")
            svg = ElementTree.fromstring(drawn["svg"])
            ElementTree.indent(svg, "")
            yield ElementTree.tostring(svg, encoding="unicode") + "\n"


def _mermaid() -> str:
    """Return mermaid's script, which npm brings once, into .venv; raise ServeError if it cannot."""
    if not KEPT.is_file():
        npm = shutil.which("npm") or "npm"
        command = [npm, "pack", f"mermaid@{MERMAID}", "--pack-destination", str(KEPT.parent)]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ServeError(f"Diagrams need npm, which comes with Node.js: {error}") from error
    with tarfile.open(KEPT) as archive:
        return archive.extractfile("package/dist/mermaid.min.js").read().decode()


def _fingerprint(source: str) -> str:
    return fingerprint(source.strip(), MERMAID, STYLE, without_comments(DRAW, ".js"))


def _said(source: str, key: str) -> str:
    found = re.search(rf"^ *{key}: *(\S.*?) *$", source, re.MULTILINE)
    if not found:
        raise ValueError(f"a diagram needs a line `{key}: …`")
    return found[1]
