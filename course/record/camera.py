"""A film: pictures of two real tabs, side by side, saved as an animation and as a still."""

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image, ImageChops, ImageDraw, ImageFont, PngImagePlugin
from selenium.webdriver.common.keys import Keys

from course.judge.browser import Tab, open_browser
from course.judge.people import Person, asks_for_log_in, sign_up
from course.judge.target import Project
from course.run.serve import ServeError

WIDTH, HEIGHT, SCALE = 340, 570, 2  # of a tab, in the page's pixels, each drawn as SCALE² dots
SIZE = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
GAP, BAR, ROW = 2, 26, 22  # between the tabs; a tab's address; a line of the caption
MARGIN = 36  # above and below what moves: a label is seen with its field
# Of the page, each with the colours around it.
SCHEMES = {
    "light": {"bar": "#dfe5e1", "ink": "#1d2420", "accent": "#0b5d3b", "caption": "#1d2420"},
    "dark": {"bar": "#2a332e", "ink": "#e7ece8", "accent": "#6fd3a0", "caption": "#2a332e"},
}
LINE = "#7c877f"  # the line between the tabs
FONT = ImageFont.load_default(13 * SCALE)
MESSAGE = "#chat-message-input"

LETTERS = 3  # typed from one picture to the next
TYPING, LOOKING, PAUSE = 110, 900, 2500  # milliseconds that a picture is seen


class Film:
    """What a scene uses: two tabs on a running step, typing in them, and pictures of both."""

    def __init__(self, project: Project) -> None:
        self.project, self.closing = project, project.own
        self.server, self.redis = project.server, project.redis
        self.people: list[Person] = []  # who uses the tabs: nobody, or ann and bob
        self.tabs: list[Tab] = []
        self.caption = ""  # the lines under the tabs
        # A tab's name: its page in each scheme, its address.
        self.views: dict[str, tuple[dict[str, Image.Image], str]] = {}
        self.shots: list[tuple[dict, str, int]] = []  # views, caption, milliseconds
        self.still = -1  # which shot

    def open(self, *paths: str, sites: Sequence[str] = ()) -> list[Tab]:
        """Open two browsers with a tab each; if the chat asks for a log-in, ann's and bob's."""
        needed = asks_for_log_in(self.server.url)
        for name, who, path in zip("AB", ("ann", "bob"), paths, strict=True):
            driver = self.closing.enter_context(open_browser())
            if not hasattr(driver, "execute_cdp_cmd"):
                text = "Recordings are made with Chrome or Chromium: install one of them."
                raise ServeError(text)
            tab, person = Tab(driver, name), Person()
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SIZE)
            driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            if needed:
                person = sign_up(self.server.url, who)
                tab.log_in(self.server.url, who, person.cookies)
            self.tabs.append(tab.open((sites or [self.server.url] * 2)[len(self.tabs)] + path))
            self.people.append(person)
        return self.tabs

    def enter(self, *rooms: str, sites: Sequence[str] = ()) -> list[Tab]:
        """Open a tab in each of these rooms, and take a picture once they are connected."""
        for tab in self.open(*(f"/chat/{room}/" for room in rooms), sites=sites):
            tab.shows("connected")
        self.look()
        return self.tabs

    def types(self, tab: Tab, css: str, text: str, *keys: str) -> None:
        """Type a text, a few letters at a time, and then these keys."""
        for start in range(0, len(text), LETTERS):
            tab.element(css).send_keys(text[start : start + LETTERS])
            self.look(TYPING, tab)
        tab.element(css).send_keys(*keys)

    def says(self, tab: Tab, text: str, seen_by: Sequence[Tab] = ()) -> None:
        """Type a message and Enter, and take a picture once these tabs have the message."""
        self.types(tab, MESSAGE, text, Keys.ENTER)
        for each in seen_by:
            each.ends_with(text if each.author == tab.author else tab.author + text)
        self.look()

    def look(self, milliseconds: int = LOOKING, *tabs: Tab, still: bool = False) -> None:
        """Take a picture of these tabs, or of all, which is seen so long."""
        for tab in tabs or self.tabs:
            tab.element("body")  # brings it to the front
            pages = {scheme: _photo(tab, scheme) for scheme in SCHEMES}
            self.views[tab.name] = pages, unquote(urlsplit(tab.driver.current_url).path)
        self.still = len(self.shots) if still else self.still
        self.shots.append((dict(self.views), self.caption, milliseconds))

    def save(self, paths: Sequence[Path], fingerprint: str) -> None:
        """Write a still (PNG, with the fingerprint) and an animation (WebP), light, then dark."""
        lines = max(len(caption.splitlines()) for _, caption, _ in self.shots)
        rows = _moving([views for views, _, _ in self.shots])
        durations = [*(milliseconds for _, _, milliseconds in self.shots[:-1]), PAUSE]
        facts = PngImagePlugin.PngInfo()
        facts.add_text("made from", fingerprint)
        for scheme, still, moving in zip(SCHEMES, paths[::2], paths[1::2], strict=True):
            first, *others = pictures = [
                _picture(scheme, views, text.splitlines(), lines, rows)
                for views, text, _ in self.shots
            ]
            frames = {"save_all": True, "append_images": others, "duration": durations, "loop": 0}
            first.save(moving, lossless=True, method=4, **frames)
            pictures[self.still].quantize(128).save(still, optimize=True, pnginfo=facts)


def _photo(tab: Tab, scheme: str) -> Image.Image:
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    return Image.open(BytesIO(tab.driver.get_screenshot_as_png())).convert("RGB")


def _moving(shots: list[dict]) -> tuple[int, int]:
    """Return the first and the last row of the pages in which something changes, with a margin."""
    boxes = [
        ImageChops.difference(before[name][0]["light"], after[name][0]["light"]).getbbox()
        for before, after in pairwise(shots)
        for name in before
    ]
    tops, bottoms = zip(*((box[1], box[3]) for box in boxes if box), strict=True)
    return max(min(tops) - MARGIN * SCALE, 0), min(max(bottoms) + MARGIN * SCALE, HEIGHT * SCALE)


def _picture(
    scheme: str, views: dict, caption: list[str], lines: int, rows: tuple[int, int]
) -> Image.Image:
    """Return these rows of both tabs, each under its address, over so many lines of caption."""
    colours = SCHEMES[scheme]
    width, gap, bar, line = (SCALE * each for each in (WIDTH, GAP, BAR, ROW))
    height = rows[1] - rows[0]
    bottom, inset = bar + height, 10 * SCALE
    below = lines * line + (bar - line if lines else 0)
    picture = Image.new("RGB", (2 * width + gap, bottom + below), LINE)
    pen = ImageDraw.Draw(picture)
    for left, name in ((0, "A"), (width + gap, "B")):
        pages, address = views[name]
        pen.rectangle((left, 0, left + width - 1, bar - 1), colours["bar"])
        picture.paste(pages[scheme].crop((0, rows[0], width, rows[1])), (left, bar))
        pen.text((left + inset, bar // 2), f"tab {name}", colours["accent"], FONT, "lm")
        pen.text((left + 62 * SCALE, bar // 2), address, colours["ink"], FONT, "lm")
    pen.rectangle((0, bottom, picture.width, picture.height), colours["caption"])
    for number, text in enumerate(caption):
        pen.text((inset, bottom + number * line + bar // 2), text, "white", FONT, "lm")
    return picture
