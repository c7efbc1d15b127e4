"""The sequence diagrams of the site: what a page says in mermaid's language, drawn beforehand as an
SVG that follows the page's colours and brings no script. `python3 learn.py record` draws them."""

import base64
import hashlib
import io
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING
from urllib.request import urlopen
from xml.etree import ElementTree

from course.chapters import ROOT
from course.markdown import fences
from course.run.serve import ServeError

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

DOCS = ROOT / "docs"
DIAGRAMS = DOCS / "diagrams"

# Mermaid is needed for drawing only, so it is neither in the repository nor on a page.
MERMAID = "12.3.0"
INTEGRITY = (  # what the registry says of it: base64 of a SHA-512
    "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="
)
TARBALL = f"https://registry.npmjs.org/mermaid/-/mermaid-{MERMAID}.tgz"
KEPT = Path(sys.prefix) / f"mermaid-{MERMAID}.tgz"

# Boxes are measured with wide letters, so that a narrower font of a reader's system fits as well.
SETTINGS = {
    "startOnLoad": False,
    "securityLevel": "strict",
    "theme": "base",
    "look": "classic",
    "fontFamily": "DejaVu Sans, Verdana, sans-serif",
    "fontSize": 14,
    "sequence": {
        "activationWidth": 10,
        "actorMargin": 8,
        "boxMargin": 6,
        "boxTextMargin": 4,
        "diagramMarginX": 2,
        "diagramMarginY": 2,
        "height": 44,
        "labelBoxHeight": 18,
        "labelBoxWidth": 40,
        "messageMargin": 30,
        "mirrorActors": False,
        "noteMargin": 8,
        "useMaxWidth": False,
        "width": 84,
        "wrapPadding": 6,
    },
}

# Of what mermaid draws, only the shapes are kept. These are their looks; the page may set the
# colours, in light and in dark, and the font.
STYLE = """
.sequence { font: 14px var(--md-text-font-family, system-ui, sans-serif); }
.sequence text, .sequence marker * { fill: var(--diagram-ink, #1d2420); }
.sequence text.actor, .sequence .sequenceNumber { text-anchor: middle; }
.sequence .messageText { paint-order: stroke; stroke: var(--diagram-paper, #fff);
  stroke-width: 4px; stroke-linejoin: round; }
.sequence :is(rect, circle, polygon) { stroke: var(--diagram-line, #56605a); }
.sequence :is(.actor, .labelBox, .activation0, .activation1, .activation2, .actor-man *) {
  fill: var(--diagram-accent, #e3efe8); }
.sequence text.actor { fill: var(--diagram-ink, #1d2420); }
.sequence .note { fill: var(--diagram-note, #fdf3d7); }
.sequence .rect { fill: var(--diagram-accent, #e3efe8); fill-opacity: 0.5; stroke: none; }
.sequence :is(.actor-line, .loopLine, .actor-man line) { stroke: var(--diagram-line, #56605a); }
.sequence .loopLine { stroke-dasharray: 2 3; }
.sequence :is(.messageLine0, .messageLine1) { fill: none; stroke: var(--diagram-ink, #1d2420);
  stroke-width: 1.5; }
.sequence .messageLine1 { stroke-dasharray: 5 3; }
.sequence marker path { stroke: var(--diagram-ink, #1d2420); }
.sequence .sequenceNumber { fill: var(--diagram-paper, #fff); font-size: 10px; }
"""
# Mermaid lets a long note run over its box, and cuts off what stands out: mend both.
PADDING = 8
DRAW = """
const [name, source, padding, done] = arguments;
const paper = document.body;

function roomy(svg) {
  for (const note of svg.querySelectorAll("rect.note")) {
    const words = [...note.parentNode.querySelectorAll("text")].map((text) => text.getBBox());
    const wide = Math.ceil(Math.max(...words.map((box) => box.width))) + 2 * padding;
    const { x, width } = note.getBBox();
    if (wide > width) {
      note.setAttribute("x", x - (wide - width) / 2);
      note.setAttribute("width", wide);
    }
  }
  let { x: left, y: top, width, height } = svg.viewBox.baseVal;
  let [right, bottom] = [left + width, top + height];
  for (const shape of svg.querySelectorAll("rect, text, circle, path, polygon")) {
    if (shape.closest("defs")) continue;
    const box = shape.getBBox();
    left = Math.min(left, Math.floor(box.x) - 2);
    top = Math.min(top, Math.floor(box.y) - 2);
    right = Math.max(right, Math.ceil(box.x + box.width) + 2);
    bottom = Math.max(bottom, Math.ceil(box.y + box.height) + 2);
  }
  svg.setAttribute("viewBox", [left, top, right - left, bottom - top].join(" "));
  return svg;
}

mermaid.render(name, source).then(
  (result) => {
    paper.innerHTML = result.svg;
    done({ svg: new XMLSerializer().serializeToString(roomy(paper.firstElementChild)) });
  },
  (error) => done({ error: `${error}` }),
);
"""
ELEMENTS = {"circle", "defs", "g", "line", "marker", "path", "polygon", "rect", "text", "tspan"}
ATTRIBUTES = re.compile(
    r"class|c[xy]|d|d[xy]|dominant-baseline|height|marker-(start|end)|marker(Height|Units|Width)|"
    r"orient|points|r|ref[XY]|r[xy]|text-anchor|transform|width|[xy][12]?"
)
SVG = "{http://www.w3.org/2000/svg}"


def diagram(source: str) -> Path:
    """Return where the drawing of a diagram is, or will be; raise ValueError if it has no name."""
    return DIAGRAMS / f"{_slug(_said(source, 'accTitle'))}.svg"


def stale(source: str) -> str | None:
    """Return what is wrong with the drawing of a diagram, or None if nothing is."""
    try:
        _said(source, "accDescr")
        path = diagram(source)
    except ValueError as error:
        return str(error)
    if not path.is_file():
        return f"the diagram {path.stem} is not drawn yet: run `python3 learn.py record`"
    if f'data-source="{fingerprint(source)}"' not in path.read_text("utf-8"):
        return (
            f"the diagram {path.stem} is drawn from another source: run `python3 learn.py record`"
        )
    return None


def fingerprint(source: str) -> str:
    """Return a hash of everything that a diagram's drawing depends on."""
    parts = (_normal(source), MERMAID, json.dumps(SETTINGS), STYLE, DRAW)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def on_pages(docs: Path = DOCS) -> list[str]:
    """Return the sources of all diagrams on the pages; raise ValueError if two have one name."""
    sources = [
        fence.body
        for page in sorted(docs.rglob("*.md"))
        for fence in fences(page.read_text("utf-8"))
        if fence.language == "mermaid"
    ]
    names = [diagram(source).stem for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two diagrams have the accTitle of {', '.join(sorted(twice))}")
    return sources


def orphans(sources: list[str]) -> list[Path]:
    """Return the drawings that belong to none of these diagrams."""
    return sorted(set(DIAGRAMS.glob("*")) - {diagram(source) for source in sources})


@contextmanager
def pen() -> Iterator["Pen"]:
    """Open a browser with mermaid in it, to draw with; raise ServeError if there is no mermaid."""
    script = mermaid()
    from course.judge.browser import open_browser

    driver = open_browser()
    try:
        yield Pen(driver, script)
    finally:
        driver.quit()


class Pen:
    """Mermaid in a browser."""

    def __init__(self, driver: "WebDriver", script: str) -> None:
        self.driver = driver
        driver.get("data:text/html,<!doctype html><meta charset=utf-8><title>pen</title>")
        driver.execute_script(
            """const script = document.createElement("script");
            script.textContent = arguments[0];
            document.head.append(script);
            mermaid.initialize(arguments[1]);""",
            script,
            SETTINGS,
        )

    def draw(self, source: str) -> str:
        """Return the SVG of a diagram; raise ValueError, in mermaid's words, if it has none."""
        name = diagram(source).stem
        drawn = self.driver.execute_async_script(DRAW, f"diagram-{name}", _normal(source), PADDING)
        if "error" in drawn:
            raise ValueError(f"the diagram {name}: {drawn['error'].splitlines()[0]}")
        return cleaned(drawn["svg"], source)


def cleaned(svg: str, source: str) -> str:
    """Return mermaid's SVG with nothing but shapes, classes and names, in our own style."""
    name = f"diagram-{diagram(source).stem}"
    drawn = ElementTree.fromstring(svg)
    if drawn.get("aria-roledescription") != "sequence":
        raise ValueError(f"the diagram {diagram(source).stem} is no sequence diagram")
    used = set(re.findall(r'marker-(?:start|end)="url\(#([^)]+)\)"', svg))
    left, top, width, height = map(float, drawn.get("viewBox", "").split())

    root = ElementTree.Element("svg", xmlns=SVG[1:-1])
    root.set("class", "sequence")
    root.set("viewBox", f"{left:g} {top:g} {width:g} {height:g}")
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    root.set("role", "img")
    for attribute, tag, key in (
        ("aria-labelledby", "title", "accTitle"),
        ("aria-describedby", "desc", "accDescr"),
    ):
        ElementTree.SubElement(root, tag, id=f"{name}-{tag}").text = _said(source, key)
        root.set(attribute, f"{name}-{tag}")
    root.set("data-source", fingerprint(source))
    ElementTree.SubElement(root, "style").text = STYLE
    for element in drawn:
        _copy(element, root, used)
    for line in root.iter("line"):  # mermaid draws them down to 2000 and lets the edge cut them off
        if "actor-line" in line.get("class", ""):
            line.set("y2", f"{top + height:g}")
    ElementTree.indent(root, "")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _copy(element: ElementTree.Element, parent: ElementTree.Element, markers: set[str]) -> None:
    tag = element.tag.removeprefix(SVG)
    if tag not in ELEMENTS or (tag == "marker" and element.get("id") not in markers):
        return
    attributes = {key: value for key, value in element.items() if ATTRIBUTES.fullmatch(key)}
    if tag == "marker":
        attributes["id"] = element.get("id", "")
    children = list(element)
    text = element.text
    if tag == "text" and len(children) == 1:  # one line: it needs no tspan of its own
        text = children[0].text
        if shift := children[0].get("dy"):
            attributes["y"] = f"{float(attributes['y']) + float(shift):g}"
        children = []
    copy = ElementTree.Element(tag, attributes)
    copy.text = text
    for child in children:
        _copy(child, copy, markers)
    if len(copy) or tag not in ("defs", "g"):
        parent.append(copy)


def mermaid() -> str:
    """Return mermaid's script, from the registry's tarball, which is kept in the virtual
    environment; raise ServeError if it cannot be had, or is not the one that we know."""
    if not KEPT.is_file() or not _known(KEPT.read_bytes()):
        try:
            with urlopen(TARBALL, timeout=60) as answer:
                tarball = answer.read()
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ServeError(f"Diagrams are drawn with {TARBALL}: {reason}.") from error
        if not _known(tarball):
            raise ServeError(f"{TARBALL} is not what it was: its SHA-512 is another one.")
        KEPT.write_bytes(tarball)
    with tarfile.open(fileobj=io.BytesIO(KEPT.read_bytes())) as archive:
        return archive.extractfile("package/dist/mermaid.min.js").read().decode()


def _known(tarball: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(tarball).digest()).decode() == INTEGRITY


def _said(source: str, key: str) -> str:
    found = re.search(rf"^ *{key}: *(\S.*?) *$", source, re.MULTILINE)
    if not found:
        raise ValueError(f"a diagram needs a line `{key}: …`")
    return found[1]


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _normal(source: str) -> str:
    return "\n".join(line.rstrip() for line in dedent(source).strip().splitlines())
