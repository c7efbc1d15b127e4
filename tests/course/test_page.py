"""What the page of a room does with several messages at once, offline, and after a sleep."""

import pytest

from course import matrix
from course.chapters import CHAPTERS, predecessor
from course.compare import compare
from course.judge.scenarios.frames import KEEP_STATUS

SCRIPT = "chat/static/chat/socket.js"
NEW = [
    pytest.param(each, id=each.name)
    for each in CHAPTERS
    if any(f.path == SCRIPT and f.status != "same" for f in compare(predecessor(each), each.folder))
]
OFFLINE = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
# A clock that can be put forward, and a page that looks at it 100 times as often.
CLOCK = """
const {now} = Date, every = setInterval;
window.slept = window.looks = 0;
Date.now = () => now() + slept;
setInterval = (look, pause) => every(() => (look(), looks++), pause / 100);
"""


AT_ONCE = """
const [field, form] = ["chat-message-input", "chat-form"].map((id) => document.getElementById(id));
for (const text of arguments) {
  field.value = text;
  form.requestSubmit();
}
"""


def stage_of(chapter, stage_for):
    row = next(each for each in matrix.load() if each.id == "own_message")
    return stage_for(row, chapter, "memory")


@pytest.mark.parametrize("chapter", NEW)
def test_of_several_messages_at_once_the_bad_one_comes_back(chapter, stage_for):
    tab, bad = stage_of(chapter, stage_for).joined(), "x" * 1001
    tab.driver.execute_script(AT_ONCE, "first", bad, "last")
    tab.sees("first", "last")
    box = tab.element("#chat-message-input")
    tab.has("to edit", lambda: box.get_property("value"), bad)
    news = tab.element("#chat-news[aria-live=polite]")  # for screen readers, not to be seen
    assert news.get_property("textContent") == f"{tab.author}last"
    assert news.size["height"] <= 1


@pytest.mark.parametrize("chapter", NEW)
def test_the_page_opens_a_new_socket_after_offline_and_after_sleep(chapter, stage_for):
    stage = stage_of(chapter, stage_for)
    tab = stage.tab()
    if not hasattr(tab.driver, "execute_cdp_cmd"):
        pytest.skip("only Chrome and Chromium can be put offline")

    def chrome(command: str, **options: object) -> None:
        tab.driver.execute_cdp_cmd(command, options)

    chrome("Page.addScriptToEvaluateOnNewDocument", source=CLOCK)
    tab.join(stage.url, stage.room)
    chrome("Network.enable")
    chrome("Network.emulateNetworkConditions", offline=True, **OFFLINE)
    tab.shows("reconnecting…")
    chrome("Network.emulateNetworkConditions", offline=False, **OFFLINE)
    tab.shows("connected")
    tab.driver.execute_script(KEEP_STATUS)
    for seconds, seen in ((60, []), (180, ["reconnecting…", "connected"])):
        tab.driver.execute_script("looks = 0; slept += arguments[0] * 1000", seconds)
        tab.has("looked at the clock", lambda: tab.driver.execute_script("return looks > 1"))
        tab.shows("connected")
        assert tab.driver.execute_script("return window.said") == ["connected", *seen]
