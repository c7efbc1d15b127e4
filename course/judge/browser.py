"""A real browser and its tabs, driven by Selenium the way a person would use them."""

import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import quote, unquote_plus

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from course.run.install import find_browser

T = TypeVar("T")
PATIENCE = 10.0  # seconds to wait for what should be seen; only a failure takes that long

# What a room's page says of its connection.
STATUSES = {"connecting…", "connected", "reconnecting…"}


def open_browser(*logs: str) -> WebDriver:
    """Open a headless browser: the one at SELENIUM_REMOTE_URL if that is set, else the one that
    install.find_browser finds. Chrome keeps these logs beside its console's ("performance").
    Raise WebDriverException, with the reason, if it does not start."""
    if remote := os.environ.get("SELENIUM_REMOTE_URL"):
        return webdriver.Remote(remote, options=chrome_options(*logs))
    binary = find_browser() or ""
    if "firefox" in binary.lower():
        options = webdriver.FirefoxOptions()
        options.binary_location = binary
        options.add_argument("-headless")
        return webdriver.Firefox(options)
    options = chrome_options(*logs)
    options.binary_location = binary
    # Debian's Chromium comes with its driver; for Chrome, Selenium knows which one fits.
    driver = shutil.which("chromedriver") if "chromium" in binary.lower() else None
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def chrome_options(*logs: str) -> webdriver.ChromeOptions:
    """Return the options of a headless Chrome that talks to our pages and to nobody else, and keeps
    these logs beside its console's."""
    options = webdriver.ChromeOptions()
    options.add_argument("--headless=new")
    options.add_argument("--no-first-run")
    options.add_argument("--disable-background-networking")
    options.add_argument("--disable-gpu")  # there is none to be expected: do not emulate one
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chrome's sandbox refuses to run as root
    options.add_argument("--disable-dev-shm-usage")  # 64 MB in a container, too little for Chrome
    options.accept_insecure_certs = True  # of our own gate, on this machine
    options.set_capability("goog:loggingPrefs", dict.fromkeys(("browser", *logs), "ALL"))
    return options


def console(driver: WebDriver) -> list[str]:
    """Return what the console says since this was last asked; of Firefox, which tells nobody,
    nothing."""
    if not hasattr(driver, "get_log"):
        return []
    # Each starts with its file, or "network", and its line: the console itself has them apart.
    return [re.sub(r"^\S+ [\d:]+ ", "", each["message"]) for each in driver.get_log("browser")]


def typeable(text: str) -> bool:
    """Say whether a driver has keys for this, and not too many of them."""
    return len(text) <= 100 and all(ord(character) <= 0xFFFF for character in text)


class Tab:
    """One tab on the chat. What does not come true raises AssertionError, in a person's words."""

    def __init__(self, driver: WebDriver, name: str, patience: float | None = None) -> None:
        """Open a new tab in this browser. Its name is what failures call it; `patience` is how many
        seconds it waits for what should happen (None: PATIENCE)."""
        self.driver, self.name, self.patience = driver, name, patience or PATIENCE
        driver.switch_to.new_window("tab")
        self.handle = driver.front = driver.current_window_handle

    def open(self, url: str) -> "Tab":
        """Go to an address."""
        self._here().get(url)
        return self

    def join(self, site: str, room: str) -> "Tab":
        """Open a room's page and wait until it says that it is connected."""
        self.open(f"{site}/chat/{quote(room, safe='')}/")
        self.shows("connected")
        return self

    def element(self, css: str) -> WebElement:
        """Return the first element that this selector finds, once the page has it."""
        return self._wait(
            lambda: next(iter(self._here().find_elements(By.CSS_SELECTOR, css)), None),
            lambda: f"have {css}; it is at {self._here().current_url}",
        )

    def type(self, css: str, text: str) -> None:
        """Type text into an element, in place of what is in it."""
        box = self.element(css)
        box.clear()
        if not all(typeable(line) for line in text.split(Keys.ENTER)):
            # As pasted: keys would take long, and a driver has none for emoji.
            typed = text.rstrip(Keys.ENTER)
            self.driver.execute_script("arguments[0].value = arguments[1]", box, typed)
            text = text[len(typed) :]
        box.send_keys(text)

    def say(self, *messages: str) -> None:
        """Type messages, each with Enter after it, without a pause between them."""
        if all(typeable(message) for message in messages):
            self.type("#chat-message-input", "".join(text + Keys.ENTER for text in messages))
            return
        for message in messages:
            self.type("#chat-message-input", message + Keys.ENTER)

    @property
    def log(self) -> list[str]:
        """The messages in the tab, in order."""
        return self.element("#chat-log").get_property("value").splitlines()

    @property
    def status(self) -> str:
        """What the tab says of its connection."""
        return self.element("#chat-status").text

    @property
    def focus(self) -> str | None:
        """The id of the element that has the focus."""
        return self._here().switch_to.active_element.get_attribute("id")

    def sees(self, *messages: str) -> None:
        """Wait until the tab's messages are exactly these, in this order."""
        expected = list(messages)
        self._wait(lambda: self.log == expected, lambda: f"see {expected}; it saw {self.log}")

    def ends_with(self, *messages: str) -> None:
        """Wait until the tab's last messages are these."""
        expected = list(messages)
        self._wait(
            lambda: self.log[-len(expected) :] == expected,
            lambda: f"see {expected} last; it saw {self.log}",
        )

    def counts(self, messages: int) -> None:
        """Wait until the tab has so many messages."""
        self._wait(
            lambda: len(self.log) == messages,
            lambda: f"have {messages} messages; it has {len(self.log)}",
        )

    def shows(self, *statuses: str) -> None:
        """Wait until the tab says this, or one of these, of its connection."""
        wish = "” or “".join(statuses)
        self._wait(
            lambda: self.status in statuses, lambda: f"say “{wish}”; it said “{self.status}”"
        )

    def focuses(self, element_id: str) -> None:
        """Wait until what a person types goes into this element."""
        self._wait(
            lambda: self.focus == element_id,
            lambda: f"have its focus on #{element_id}; it is on #{self.focus}",
        )

    @property
    def text(self) -> str:
        """What a person can read on the page, without what stands in its fields."""
        return self._here().execute_script("return document.body.innerText")

    @property
    def lines(self) -> set[str]:
        """The lines of that text, but for those that say how the connection is."""
        return {line.strip() for line in self.text.splitlines() if line.strip()} - STATUSES

    def reads(self, text: str) -> None:
        """Wait until the page's text has this in it, in small or in capital letters."""
        self._wait(
            lambda: text.casefold() in self.text.casefold(),
            lambda: f"show {text!r}; its page says {self.text!r:.300}",
        )

    def complains(self, before: set[str]) -> set[str]:
        """Wait until the page says more than these lines, and return what it says."""
        return self._wait(
            lambda: self.lines - before, lambda: "say what is wrong; the page says nothing new"
        )

    def keeps(self, length: int) -> None:
        """Wait until so many characters are there for a person to mend."""
        box = self.element("#chat-message-input")
        self._wait(
            lambda: len(box.get_property("value")) == length,
            lambda: (
                f"keep {length:,} characters for mending; "
                f"{len(box.get_property('value')):,} are kept"
            ),
        )

    def shows_error(self, css: str) -> str:
        """Wait until this element says what was wrong, and return what it says."""
        self._wait(
            lambda: self.element(css).text != "", lambda: f"show an error in {css}; there is none"
        )
        return self.element(css).text

    def arrives(self, path: str) -> None:
        """Wait until the tab is at an address that ends so, once its percent signs are resolved."""
        self._wait(
            lambda: unquote_plus(self._here().current_url).endswith(path),
            lambda: f"arrive at …{path}; it is at {self._here().current_url}",
        )

    def close(self) -> None:
        """Close the tab; the browser stays."""
        self._here().close()
        self.driver.front = self.driver.window_handles[0]
        self.driver.switch_to.window(self.driver.front)

    def _here(self) -> WebDriver:
        if self.driver.front != self.handle:
            self.driver.switch_to.window(self.handle)
            self.driver.front = self.handle
        return self.driver

    def _wait(self, happened: Callable[[], T], wish: Callable[[], str]) -> T:
        deadline = time.monotonic() + self.patience
        while True:
            with suppress(StaleElementReferenceException):  # the page has just changed: look again
                if outcome := happened():
                    return outcome
            if time.monotonic() > deadline:
                raise AssertionError(f"Tab {self.name} should {wish()}.")
            time.sleep(0.05)
