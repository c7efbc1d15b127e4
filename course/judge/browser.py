"""A real browser and its tabs, driven by Selenium the way a person would use them."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import NamedTuple, TypeVar
from urllib.parse import quote, unquote_plus, urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from course.chapters import CourseError
from course.run.install import find_browser
from course.run.serve import wait_until

T = TypeVar("T")
PATIENCE = 10.0  # seconds to wait for what should be seen; only a failure takes that long
CHROME = (
    "--headless=new",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-gpu",  # do not emulate one
    "--disable-dev-shm-usage",  # 64 MB in a container, too little for Chrome
)
STATUSES = {"connecting…", "connected", "reconnecting…"}  # what a page shows of its connection


class Unmet(AssertionError):
    """What was expected did not come true. The text says what should be; what was seen instead.
    To look for the cause, `symptom` says the latter in a word or two, and `output` is what a
    program printed."""

    def __init__(self, text: str, symptom: str = "", output: str = "") -> None:
        super().__init__(text)
        self.symptom, self.output = symptom, output


def open_browser(*arguments: str, logs: Sequence[str] = ()) -> WebDriver:
    """Open a headless browser: the one at SELENIUM_REMOTE_URL if that is set, else the one that
    install.find_browser finds. Chrome gets these arguments, and keeps these logs beside that of
    its console ("performance"). Raise WebDriverException if it does not start."""
    remote = os.environ.get("SELENIUM_REMOTE_URL")
    binary = "" if remote else find_browser() or ""
    if "firefox" in binary.lower():
        options = webdriver.FirefoxOptions()
        options.binary_location = binary
        options.add_argument("-headless")
        options.set_preference("browser.download.start_downloads_in_tmp_dir", True)
        return webdriver.Firefox(options)
    options = webdriver.ChromeOptions()
    for argument in (*CHROME, *arguments):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chrome's sandbox refuses to run as root
    options.add_experimental_option("prefs", {"download_restrictions": 3})  # it saves no file
    options.accept_insecure_certs = True  # of our own gate, on this machine
    options.set_capability("goog:loggingPrefs", dict.fromkeys(("browser", *logs), "ALL"))
    if remote:
        return webdriver.Remote(remote, options=options)
    options.binary_location = binary
    # Debian's Chromium comes with its driver; for Chrome, Selenium knows which one fits.
    driver = shutil.which("chromedriver") if "chromium" in binary.lower() else None
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


@contextmanager
def lazy_browser(*arguments: str) -> Iterator[Callable[[], WebDriver]]:
    """Yield what opens a browser with these arguments when it is first called, or else raises
    CourseError; end the browser in the end."""

    @cache
    def browser() -> WebDriver:
        try:
            return open_browser(*arguments)
        except WebDriverException as error:
            problem = (error.msg or "").strip().split("\n")[0]
            raise CourseError(f"The browser does not start: {problem}") from error

    try:
        yield browser
    finally:
        if browser.cache_info().currsize:
            with suppress(Exception):  # Ctrl-C may have ended it already
                browser().quit()


class Printed(NamedTuple):
    """A line in the console: its text, the file or the address that it is about, whether it is an
    error."""

    text: str
    place: str
    error: bool

    @property
    def shown(self) -> str:
        """The text with its place."""
        return f"{self.text} ({self.place})" if self.place else self.text


def console(driver: WebDriver) -> list[Printed]:
    """Return what the console has printed since the last call; of Firefox, nothing."""
    lines = []
    for each in driver.get_log("browser") if hasattr(driver, "get_log") else []:
        # Each starts with its address and its line, or with "-": the console has them apart.
        where, line, text = re.match(r"(\S+) (?:([\d:]+)|-) (.*)", each["message"], re.S).groups()
        place = urlsplit(where).path + (f", line {line.partition(':')[0]}" if line else "")
        lines.append(Printed(text, place, each["level"] == "SEVERE"))
    return lines


def typeable(text: str) -> bool:
    """Say whether a driver has keys for all of this, and not too many for a line."""
    return max(text, default="") < "\U00010000" and max(map(len, text.split(Keys.ENTER))) <= 100


class Tab:
    """One tab on the chat. What does not come true raises Unmet, in a person's words."""

    def __init__(self, driver: WebDriver, name: str, patience: float | None = None) -> None:
        """Open a new tab in this browser. Its name is what failures call it; `patience` is how many
        seconds it waits for what should happen (None: PATIENCE)."""
        self.driver, self.name, self.patience = driver, name, patience or PATIENCE
        self.author = ""  # what is before each message of its person, if somebody is logged in
        driver.switch_to.new_window("tab")
        self.handle = driver.front = driver.current_window_handle

    def open(self, url: str) -> "Tab":
        """Go to an address."""
        self._front().get(url)
        return self

    def log_in(self, site: str, author: str, cookies: dict[str, str]) -> None:
        """Go on as this person, with the cookies that the person has from the site."""
        self.open(f"{site}/accounts/login/")
        for name, value in cookies.items():
            self.driver.add_cookie({"name": name, "value": value, "path": "/"})
        self.author = f"{author}: "

    def join(self, site: str, room: str) -> "Tab":
        """Open a room's page and wait until it says that it is connected."""
        self.open(f"{site}/chat/{quote(room, safe='')}/")
        self.shows("connected")
        return self

    def element(self, css: str) -> WebElement:
        """Return the first element that this selector finds, once the page has it."""
        return self.has(f"the element {css}", partial(self.elements, css))[0]

    def script(self, code: str, *arguments: object) -> object:
        """Run JavaScript in the page, and return what it returns."""
        return self._front().execute_script(code, *arguments)

    def elements(self, css: str) -> list[WebElement]:
        """Return the elements that this selector finds now."""
        return self._front().find_elements(By.CSS_SELECTOR, css)

    def type(self, css: str, text: str) -> None:
        """Put text into an element, in place of what is in it: typed, or pasted if there are too
        many keys for that, or a driver has none for it. Keys.ENTER is always typed."""
        box = self.element(css)
        box.clear()
        pasted = "" if typeable(text) else text.rstrip(Keys.ENTER)
        if pasted:
            self.driver.execute_script("arguments[0].value = arguments[1]", box, pasted)
        box.send_keys(text[len(pasted) :])

    def say(self, *messages: str) -> None:
        """Type messages, each with Enter after it, without a pause between them."""
        lines = [text + Keys.ENTER for text in messages]
        for text in ["".join(lines)] if typeable("".join(lines)) else lines:
            self.type("#chat-message-input", text)

    @property
    def log(self) -> list[str]:
        """The messages in the tab, in order; its own person's without the name."""
        lines = self.element("#chat-log").get_property("value").splitlines()
        return [line.removeprefix(self.author) for line in lines]

    @property
    def status(self) -> str:
        """What the tab says of its connection."""
        return self.element("#chat-status").text

    @property
    def focus(self) -> str | None:
        """The id of the element that has the focus."""
        return self._front().switch_to.active_element.get_attribute("id")

    @property
    def text(self) -> str:
        """What a person can read on the page, without what is in its fields."""
        return self.script("return document.body?.innerText ?? ''")

    @property
    def lines(self) -> set[str]:
        """The lines of that text, but for messages and those that say how the connection is."""
        logs = (box.get_property("value") for box in self.elements("#chat-log"))
        messages = {line for log in logs for line in log.splitlines()}
        return {line.strip() for line in self.text.splitlines()} - STATUSES - messages - {""}

    def has(self, what: str, look: Callable[[], T], *expected: T) -> T:
        """Wait until what `look` returns is one of the expected or, if none are named, is anything
        at all, and return it. Raise Unmet if that does not come true."""

        def found() -> list[T] | None:
            with suppress(StaleElementReferenceException):  # the page has just changed: look again
                seen = look()
                return [seen] if seen in expected or (seen and not expected) else None

        def problem() -> str:
            wish = " ".join([what, " or ".join(map(repr, expected))]).strip()
            seen = look() or f"none, at {self.driver.current_url}"
            return f"Tab {self.name} should have {wish}; it has {seen!s:.500}."

        try:
            return wait_until(found, problem, self.patience)[0]
        except TimeoutError as error:
            raise Unmet(str(error)) from None

    def sees(self, *messages: str) -> None:
        """Wait until the tab's messages are exactly these, in this order."""
        self.has("the messages", lambda: self.log, list(messages))

    def ends_with(self, *messages: str) -> None:
        """Wait until the tab's last messages are these."""
        self.has("as last messages", lambda: self.log[-len(messages) :], list(messages))

    def counts(self, messages: int) -> None:
        """Wait until the tab has so many messages."""
        self.has("this many messages:", lambda: len(self.log), messages)

    def shows(self, *statuses: str) -> None:
        """Wait until the tab says this, or one of these, of its connection."""
        self.has("the status", lambda: self.status, *statuses)

    def shows_error(self, css: str) -> str:
        """Wait until this element says what was wrong, and return what it says."""
        return self.has(f"an error in {css}", lambda: self.element(css).text)

    def arrives(self, path: str) -> None:
        """Wait until the tab is at an address that ends so, once its percent signs are resolved."""
        driver = self._front()
        self.has("as its path", lambda: unquote_plus(driver.current_url)[-len(path) :], path)

    def close(self) -> None:
        """Close the tab; the browser stays."""
        self._front().close()
        self.driver.front = self.driver.window_handles[0]
        self.driver.switch_to.window(self.driver.front)

    def _front(self) -> WebDriver:
        """Bring the tab to the front, and return its driver."""
        if self.driver.front != self.handle:
            self.driver.switch_to.window(self.handle)
            self.driver.front = self.handle
        return self.driver
