"""The recordings of the site: for each chapter a scene, played in two real tabs of the running step
and written as an animation and as a still. `python3 learn.py record` makes them.

Pillow is imported only where a picture is made: the site is built without it."""

import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from selenium.webdriver.common.keys import Keys

from course.chapters import CHAPTERS, ROOT, Chapter
from course.judge.browser import Tab, open_browser
from course.judge.scenarios.stage import Stage
from course.record import filming
from course.run.serve import PrivateRedis, ServeError, Server, free_port

if TYPE_CHECKING:
    from PIL.Image import Image

RECORDINGS = ROOT / "docs" / "recordings"
MOST_BYTES = 150_000  # of one picture, still or moving
SECONDS = 4, 9  # how long an animation may be

GAP = 2  # all lengths are in the page's pixels
BAR = 26
COLOURS = {"bar": "#dfe5e1", "ink": "#1d2420", "line": "#7c877f", "accent": "#0b5d3b"}

LETTERS = 3  # typed from one picture to the next
TYPING, LOOKING, PAUSE = 110, 900, 2500  # milliseconds that a picture is seen
NAME, SEND, MESSAGE = "#room-name-input", "#chat-message-submit", "#chat-message-input"


class Film:
    """Pictures of two tabs, side by side, each with how long it is seen."""

    def __init__(self) -> None:
        self.frames: list[tuple[Image, int]] = []
        self.views: dict[str, tuple[bytes, str]] = {}  # tab's name: its picture, its address
        self.caption: str | None = None  # under the tabs, in films that have one
        self.still: Image | None = None

    def show(self, milliseconds: int, still: bool = False) -> None:
        """Add a picture of what was last seen of the tabs; the still is the last one, or this."""
        self.frames.append((self._both(), milliseconds))
        if still:
            self.still = self.frames[-1][0]

    def _both(self) -> "Image":
        from PIL import Image, ImageDraw, ImageFont

        def fitting(text: str, width: float) -> str:
            while font.getlength(text) > width:
                text = text.rstrip("…")[:-1] + "…"
            return text

        scale = filming.SCALE
        width, height = filming.WIDTH * scale, filming.HEIGHT * scale
        bar, gap, middle = BAR * scale, GAP * scale, BAR * scale // 2
        font = ImageFont.load_default(13 * scale)
        below = bar if self.caption is not None else 0
        size = (2 * width + gap, bar + height + below)
        picture = Image.new("RGB", size, COLOURS["line"])
        pen = ImageDraw.Draw(picture)
        for left, name in ((0, "A"), (width + gap, "B")):
            pen.rectangle((left, 0, left + width - 1, bar - 1), COLOURS["bar"])
            address = ""
            if name in self.views:
                page, address = self.views[name]
                picture.paste(Image.open(BytesIO(page)), (left, bar))
            else:  # a tab that is not open yet
                pen.rectangle((left, bar, left + width - 1, bar + height - 1), "white")
            pen.text((left + 10 * scale, middle), f"tab {name}", COLOURS["accent"], font, "lm")
            words = fitting(address, width - 80 * scale)
            pen.text((left + 62 * scale, middle), words, COLOURS["ink"], font, "lm")
        if below:
            pen.rectangle((0, bar + height, size[0], size[1]), COLOURS["ink"])
            words = fitting(self.caption or "", size[0] - 20 * scale)
            pen.text((10 * scale, size[1] - middle), words, "white", font, "lm")
        return picture

    def save(self, path: Path) -> None:
        """Write the animation (.webp) and the still (.png) of this name."""
        pictures: list[Image] = []
        durations: list[int] = []
        for picture, milliseconds in self.frames:
            if pictures and picture.tobytes() == pictures[-1].tobytes():
                durations[-1] = max(durations[-1], milliseconds)
            else:
                pictures.append(picture)
                durations.append(milliseconds)
        durations[-1] = max(durations[-1], PAUSE)
        pictures[0].save(
            path.with_suffix(".webp"),
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            lossless=True,
            method=4,
        )
        still = (self.still or pictures[-1]).quantize(128)
        still.save(path.with_suffix(".png"), optimize=True)


class Play(Film):
    """A film of two tabs that a scene plays on a running step."""

    def __init__(self, server: Server, redis: PrivateRedis | None, closing: ExitStack) -> None:
        super().__init__()
        self.server, self.redis, self.closing = server, redis, closing
        self.tabs: list[Tab] = []

    def open(self, *paths: str) -> list[Tab]:
        """Open a browser, with a tab at each of these paths."""
        driver = open_browser()
        self.closing.callback(driver.quit)
        if not hasattr(driver, "execute_cdp_cmd"):
            raise ServeError("Recordings are made with Chrome or Chromium: install one of them.")
        for path in paths:
            tab = Tab(driver, "AB"[len(self.tabs)])
            self.tabs.append(tab)
            filming.resize(driver)
            tab.open(self.server.url + path)
        return self.tabs

    def types(self, tab: Tab, css: str, text: str) -> None:
        """Type a text, a few letters at a time."""
        for start in range(0, len(text), LETTERS):
            tab.element(css).send_keys(text[start : start + LETTERS])
            self.look(TYPING, tab)

    def says(self, tab: Tab, text: str) -> None:
        """Type a message, and Enter."""
        self.types(tab, MESSAGE, text)
        tab.element(MESSAGE).send_keys(Keys.ENTER)

    def look(self, milliseconds: int = LOOKING, *tabs: Tab, still: bool = False) -> None:
        """Take a picture of these tabs, or of all."""
        for tab in tabs or self.tabs:
            tab.element("body")  # makes it the tab that the driver looks at
            address = unquote(urlsplit(tab.driver.current_url).path)
            self.views[tab.name] = tab.driver.get_screenshot_as_png(), address
        self.show(milliseconds, still)


Scene = Callable[[Play], None]


def choose_a_room(film: Play) -> None:
    a, b = film.open("/chat/", "/chat/")
    film.look()
    film.types(a, NAME, "tea/coffee")
    a.element(NAME).send_keys(Keys.ENTER)
    a.shows_error("#room-name-error")
    film.look(1500)
    a.element(NAME).clear()
    for tab in (a, b):
        film.types(tab, NAME, "lobby")
        tab.element(NAME).send_keys(Keys.ENTER)
        tab.arrives("/chat/lobby/")
        tab.shows("nobody is listening yet")
        film.look()


def hear_yourself(film: Play) -> None:
    a, b = film.open("/chat/lobby/", "/chat/lobby/")
    for tab in (a, b):
        tab.shows("connected")
    film.look()
    film.says(a, "Hello from tab A")
    a.sees("Hello from tab A")
    film.look(1200)
    film.says(b, "And from tab B")
    b.sees("And from tab B")
    film.look()
    a.sees("Hello from tab A")


def hear_each_other(film: Play) -> None:
    a, b = film.open("/chat/lobby/", "/chat/lobby/")
    for tab in (a, b):
        tab.shows("connected")
    film.look()
    film.says(a, "Hello from tab A")
    for tab in (a, b):
        tab.sees("Hello from tab A")
    film.look(1200)
    film.says(b, "And from tab B")
    for tab in (a, b):
        tab.sees("Hello from tab A", "And from tab B")
    film.look()


def freeze_redis(film: Play) -> None:
    assert film.redis
    film.caption = "Redis runs."
    a, b = film.open("/chat/lobby/", "/chat/kitchen/")
    for tab in (a, b):
        tab.shows("connected")
    film.look()
    film.redis.freeze()
    film.caption = "Redis is frozen: it does not answer."
    film.look()
    film.says(a, "Hello, lobby")
    film.look(700)
    b.element(SEND).click()  # with nothing typed
    b.shows_error("#chat-error")
    a.sees()  # its message does hang
    film.look(2000, still=True)
    film.redis.thaw()
    a.sees("Hello, lobby")
    film.caption = "Redis runs again."
    film.look()


def speak_at_once(film: Play) -> None:
    assert film.redis
    film.caption = "Two tabs and eighteen more sockets are in the lobby."
    tabs = film.open("/chat/lobby/", "/chat/lobby/")
    for tab in tabs:
        tab.shows("connected")
    film.look(1500)
    stage = Stage(film.server.url, "lobby", None)
    film.closing.callback(stage.leave)
    clients = [stage.client() for _ in range(18)]
    film.says(tabs[0], "Ready?")
    for tab in tabs:
        tab.sees("Ready?")
    film.look()
    for number, client in enumerate(clients, 1):
        client.say(*(f"socket {number} says {turn}" for turn in range(1, 18)))
    for tab in tabs:
        tab.counts(1 + 18 * 17)
    film.caption = "All eighteen said seventeen messages at once. Each tab has all 306 of them."
    film.look(2500, still=True)


SCENES: dict[int, Scene] = {
    1: choose_a_room,
    2: hear_yourself,
    3: hear_each_other,
    4: freeze_redis,
    6: speak_at_once,
}
FILMED = {5: "test_when_somebody_speaks_then_every_tab_in_the_room_shows_it"}  # a step's own test


def record(chapter: Chapter) -> None:
    """Make the recording of a chapter anew; raise ServeError if its scene does not come true."""
    if chapter.number not in SCENES | FILMED:
        raise ServeError(f"{chapter.folder.name} has no scene yet: write one in films.py.")
    RECORDINGS.mkdir(exist_ok=True)
    path = RECORDINGS / chapter.folder.name
    try:
        if chapter.number in SCENES:
            with _stage(chapter) as film:
                SCENES[chapter.number](film)
        else:
            film = _film_of_a_test(chapter)
    except AssertionError as error:
        raise ServeError(f"{chapter.folder.name} does not play its scene: {error}") from error
    film.save(path)
    path.with_suffix(".sha256").write_text(f"{fingerprint(chapter)}\n", "utf-8")


@contextmanager
def _stage(chapter: Chapter) -> Iterator[Play]:
    with ExitStack() as stack:
        redis = None
        if "redis" in chapter.services:
            if not PrivateRedis.available():
                raise ServeError(f"{chapter.folder.name} is recorded on Redis: install it first.")
            redis = PrivateRedis()
            stack.callback(redis.stop)
        environment = {"REDIS_URL": redis.url if redis else None}
        server = Server(chapter.folder, free_port(), environment, log=Path(os.devnull))
        yield Play(stack.enter_context(server), redis, stack)


def _film_of_a_test(chapter: Chapter) -> Film:
    """Return the film of what one of the chapter's own tests does in its tabs."""
    test, name = FILMED[chapter.number], chapter.folder.name
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary, name)
        shutil.copytree(chapter.folder, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        options = ["-p", "course.record.filming", "-p", "no:cacheprovider", "-k", test]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "chat/tests/test_browser.py"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FILM": temporary, "REDIS_URL": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        passed = re.search(r"^=+ (1 passed)\b", result.stdout, re.MULTILINE)
        if result.returncode or not passed:
            raise ServeError(f"{result.stdout}\n{test} in {name} has to pass to be recorded.")
        film = Film()
        film.caption = f"pytest: {test}"
        for number, view in enumerate(json.loads(Path(temporary, "views.json").read_text("utf-8"))):
            page = Path(temporary, f"{number}.png").read_bytes()
            film.views[view["tab"]] = page, unquote(urlsplit(view["url"]).path)
            film.show(TYPING if view["typing"] else LOOKING // 2)
        film.caption += f": {passed[1]}"
        film.show(PAUSE)
        return film


def fingerprint(chapter: Chapter) -> str:
    """Return a hash of everything that a recording shows: the step, and the scene."""
    digest = hashlib.sha256()
    for path in drawn_from(chapter):
        digest.update(path.relative_to(chapter.folder).as_posix().encode())
        digest.update(path.read_bytes())
    digest.update(FILMED.get(chapter.number, "").encode())
    digest.update(inspect.getsource(SCENES.get(chapter.number, filming)).encode())
    return digest.hexdigest()


def drawn_from(chapter: Chapter) -> list[Path]:
    """Return the files of a step that its recording depends on."""
    files = [
        path
        for kind in ("py", "html", "js", "css")
        for path in chapter.folder.rglob(f"*.{kind}")
        if chapter.number not in SCENES or "tests" not in path.parts
    ]
    return sorted(files, key=lambda path: path.relative_to(chapter.folder).as_posix())


def stale(chapter: Chapter) -> str | None:
    """Return what is wrong with the recording of a chapter, or None if nothing is."""
    path, name = RECORDINGS / chapter.folder.name, chapter.folder.name
    files = [path.with_suffix(end) for end in (".sha256", ".png", ".webp")]
    if not all(file.is_file() for file in files):
        return f"there is no recording of {name}: run `python3 learn.py record`"
    if files[0].read_text("utf-8").strip() != fingerprint(chapter):
        return f"{name} has changed since it was recorded: run `python3 learn.py record`"
    return None


def orphans() -> list[Path]:
    """Return the recordings of chapters that are no more."""
    names = {chapter.folder.name for chapter in CHAPTERS}
    return sorted(path for path in RECORDINGS.glob("*") if path.stem not in names)
