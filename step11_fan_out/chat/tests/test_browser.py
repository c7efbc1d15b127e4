"""Two tabs of a real browser on a real server: slow, so only for what nothing else can prove."""

from contextlib import suppress
from uuid import uuid4

import pytest
from channels.testing import ChannelsLiveServerTestCase
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 5  # seconds to wait for what a tab should show: only a failure takes that long


class Tab:
    """A tab of the browser. It comes to the front when the test does something in it."""

    def __init__(self, browser, url):
        browser.switch_to.new_window("tab")
        browser.get(url)
        self.browser, self.window = browser, browser.current_window_handle

    def find(self, element_id):
        self.browser.switch_to.window(self.window)
        return self.browser.find_element(By.ID, element_id)

    def type(self, element_id, *keys):
        self.find(element_id).send_keys(*keys)

    def send(self, message):
        self.type("chat-message-input", message, Keys.ENTER)

    def read(self, element_id):
        element = self.find(element_id)
        value = element.get_property("value")  # the text in an <input> or a <textarea>
        return element.text if value is None else value

    def should_show(self, element_id, expected):
        """Wait until the element shows exactly this. If it never does, fail with a sentence."""
        page_changes = NoSuchElementException, StaleElementReferenceException
        with suppress(TimeoutException):
            wait = WebDriverWait(self.browser, PATIENCE, 0.05, ignored_exceptions=page_changes)
            wait.until(lambda _: self.read(element_id) == expected)
        shown = self.read(element_id)
        assert shown == expected, f"#{element_id} should show {expected!r}, but shows {shown!r}."


class BrowserTests(ChannelsLiveServerTestCase):
    @pytest.fixture(autouse=True)
    def use_browser(self, browser):
        self.browser = browser
        first, *_ = browser.window_handles
        yield
        for window in set(browser.window_handles) - {first}:
            browser.switch_to.window(window)
            browser.close()
        browser.switch_to.window(first)

    def sign_up(self, name):
        """Fill in the form as a person would. From now on, all tabs are of this user."""
        tab = Tab(self.browser, f"{self.live_server_url}/accounts/signup/")
        tab.type("id_username", name)
        for field in "id_password1", "id_password2":
            tab.type(field, "correct horse battery")
        tab.type("id_password2", Keys.ENTER)
        tab.should_show("user-name", name)
        return tab

    def enter(self, room):
        """Open a tab, choose the room as a person would, and wait for its socket."""
        tab = Tab(self.browser, self.live_server_url)
        tab.type("room-name-input", room, Keys.ENTER)
        tab.should_show("chat-status", "connected")
        return tab

    def test_when_somebody_sends_a_message_then_every_tab_in_the_room_shows_it(self):
        self.sign_up("ann")
        room = f"100% what?#1 {uuid4()}"  # a name that a URL must encode
        ann, bob = self.enter(room), self.enter(room)
        ann.send("&lt;b&gt; & <i>")
        bob.should_show("chat-log", "ann: &lt;b&gt; & <i>\n")
        bob.type("chat-message-input", "me, too")
        bob.find("chat-message-submit").click()
        for tab in ann, bob:
            tab.should_show("chat-log", "ann: &lt;b&gt; & <i>\nann: me, too\n")
            tab.should_show("chat-message-input", "")

    def test_when_tabs_are_in_two_rooms_then_each_shows_its_own_messages_only(self):
        """A message in the wrong room would arrive before the tab's next message, above it."""
        self.sign_up("ann")
        ann, bob = self.enter(f"kitchen {uuid4()}"), self.enter(f"garden {uuid4()}")
        ann.send("for the kitchen")
        ann.should_show("chat-log", "ann: for the kitchen\n")
        bob.send("for the garden")
        bob.should_show("chat-log", "ann: for the garden\n")
        ann.send("still the kitchen")
        ann.should_show("chat-log", "ann: for the kitchen\nann: still the kitchen\n")

    def test_when_a_message_is_refused_then_the_tab_says_why_and_gives_it_back(self):
        self.sign_up("ann")
        tab = self.enter(f"kitchen {uuid4()}")
        tab.send("x" * 1001)
        tab.should_show("chat-error", "1,001 characters are too many; 1,000 is the most.")
        tab.should_show("chat-message-input", "x" * 1001)
        tab.type("chat-message-input", Keys.BACKSPACE, Keys.ENTER)
        tab.should_show("chat-log", "ann: " + "x" * 1000 + "\n")
        tab.should_show("chat-error", "")

    def test_when_a_tab_enters_later_or_again_then_it_shows_what_was_sent_before(self):
        self.sign_up("ann")
        room = f"kitchen {uuid4()}"
        ann = self.enter(room)
        ann.send("hello")
        ann.should_show("chat-log", "ann: hello\n")
        bob = self.enter(room)
        bob.should_show("chat-log", "ann: hello\n")
        bob.browser.refresh()
        bob.should_show("chat-log", "ann: hello\n")

    def test_when_a_user_logs_out_then_the_other_tabs_say_so_and_lead_back(self):
        first = self.sign_up("ann")
        tab = self.enter(f"kitchen {uuid4()}")
        first.find("log-out").click()
        tab.should_show("chat-status", "logged out")
        tab.find("chat-log-in").find_element(By.TAG_NAME, "a").click()
        tab.type("id_username", "ann")
        tab.type("id_password", "correct horse battery", Keys.ENTER)
        tab.should_show("chat-status", "connected")
