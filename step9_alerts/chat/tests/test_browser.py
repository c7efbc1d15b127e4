"""Two tabs of a real browser on a real server: slow, so only for what nothing else can prove."""

import tempfile
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from channels.testing import ChannelsLiveServerTestCase
from django.contrib.auth import get_user_model
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from chat import history
from chat.models import Message

PATIENCE = 5  # seconds to wait for what a tab should show: only a failure takes that long
PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # a GIF of 1 by 1


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

    def should(self, do, condition):
        """Wait until the condition is true. If it never is, fail with a sentence."""
        with suppress(TimeoutException):
            WebDriverWait(self.browser, PATIENCE, 0.05).until(lambda _: condition())
        assert condition(), f"The tab should {do}."


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

    def make(self, name, data):
        """Make a file that can be chosen in a tab. Return its path."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (path := Path(folder.name) / name).write_bytes(data)
        return str(path)

    def delete_files(self):
        """Delete what the server has stored: its files are where those of the chat are."""
        for message in Message.objects.exclude(file=""):
            message.file.delete(save=False)

    def test_when_somebody_sends_a_picture_then_every_tab_in_the_room_shows_it(self):
        self.addCleanup(self.delete_files)
        self.sign_up("ann")
        room = f"kitchen {uuid4()}"
        ann, bob = self.enter(room), self.enter(room)
        ann.type("chat-file-input", self.make("圖片 <b>.gif", PIXEL))
        for tab in ann, bob:
            tab.should_show("chat-log", "ann: 圖片 <b>.gif\n")
            (image,) = tab.find("chat-files").find_elements(By.TAG_NAME, "img")
            tab.should("show the picture", lambda image=image: image.get_property("naturalWidth"))
            assert image.get_property("alt") == "圖片 <b>.gif"
        ann.should_show("chat-error", "")

    def test_when_a_file_is_on_its_way_then_a_bar_shows_how_far_it_is(self):
        self.addCleanup(self.delete_files)
        self.sign_up("ann")
        tab = self.enter(f"kitchen {uuid4()}")
        self.browser.execute_script(
            "window.seen = []; new MutationObserver(() => seen.push(bar.hidden ? -1 : bar.value))"
            ".observe(bar, { attributes: true });"
        )
        tab.type("chat-file-input", self.make("big.txt", b"x" * 5 * 2**20))
        tab.should_show("chat-log", "ann: big.txt\n")
        tab.should("hide the bar", lambda: not tab.find("chat-file-progress").is_displayed())
        seen = self.browser.execute_script("return seen")
        assert seen[0] == 0 and max(seen) == 1 and seen[-1] == -1, f"The bar showed {seen}."

    def test_when_files_are_dropped_then_the_good_are_sent_and_the_bad_are_named(self):
        self.addCleanup(self.delete_files)
        self.sign_up("ann")
        tab = self.enter(f"kitchen {uuid4()}")
        self.browser.execute_script("""
            const data = new DataTransfer();
            data.items.add(new File([], "empty.txt"));
            data.items.add(new File([new Uint8Array(6 * 2 ** 20)], "big.txt"));
            data.items.add(new File(["hello"], "good.txt"));
            for (const type of ["dragover", "drop"])
              input.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true }));
        """)
        tab.should_show("chat-log", "ann: good.txt\n")
        tab.should_show(
            "chat-error", "empty.txt: This file is empty. big.txt: This file is too big."
        )

    def test_when_somebody_is_mentioned_then_every_tab_shows_it_until_it_is_seen_in_one(self):
        self.sign_up("ann")
        index = Tab(self.browser, self.live_server_url)
        room = self.enter(f"garden {uuid4()}")
        title = self.browser.title
        alert = "bob in <b>: @ann, dinner!"
        bob = get_user_model().objects.create_user("bob")
        async_to_sync(history.write)("<b>", bob, "@ann, dinner!", uuid4())
        for tab in index, room:  # the server is another process: without Redis, they have to ask
            tab.find("user-name")
            self.browser.refresh()
            tab.should_show("chat-alerts", alert)
        assert self.browser.title == f"(1) {title}"
        self.browser.refresh()
        room.should_show("chat-alerts", alert)
        room.find("chat-alerts-seen").click()
        for tab in room, index:
            tab.should_show("chat-alerts", "")
        room.find("chat-alerts")
        assert self.browser.title == title

    def test_when_a_tab_is_hidden_then_the_desktop_shows_its_alerts(self):
        """As if the user had allowed it: a headless browser asks nobody."""
        self.sign_up("ann")
        for hidden in False, True:
            tab = self.enter(f"garden {uuid4()}")
            self.browser.execute_script(
                """
                window.shown = [];
                window.Notification = class {
                  static permission = "granted";
                  constructor(title, { body }) { shown.push(body); }
                };
                Object.defineProperty(document, "hidden", { value: arguments[0] });
                showAlert({ alert: "dinner!", id: 1 });
                showAlert({ alert: "dinner!", id: 1 });
                """,
                hidden,
            )
            tab.should_show("chat-alerts", "dinner!")
            assert self.browser.execute_script("return shown") == ["dinner!"] * hidden
