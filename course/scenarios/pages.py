"""Choosing and entering a room."""

from urllib.parse import quote

from selenium.webdriver.common.keys import Keys

from course.gate import Gate
from course.scenarios import does_not_hold, holds
from course.scenarios.stage import Refused, Stage

TOO_LONG = "x" * 81
BAD_NAMES = ("", "   ", "a/b", "/", ".", "..", TOO_LONG)
GOOD_NAMES = (
    "大家 好",
    "Привет, мир",
    "مرحبا",
    "party 🎉👩‍👩‍👧",
    "100%",
    "%2e%2e",
    "what?#1",
    "back\\slash",
    '<b>"&amp;"',
    "🎉" * 80,
)
NOBODY = "nobody is listening yet"


@holds("choose_room")
def choose_room(stage: Stage) -> None:
    tab = stage.tab().open(f"{stage.url}/")
    tab.arrives("/chat/")
    tab.focuses("room-name-input")
    for name in BAD_NAMES:
        tab.type("#room-name-input", name)
        tab.element("#room-name-submit").click()
        tab.arrives(f"?room={name}")
        kept = tab.element("#room-name-input").get_property("value")
        assert tab.shows_error("#room-name-error"), f"{name!r} should get a message."
        assert kept == name, f"{name!r} should be kept for mending; there is {kept!r}."
    tab.type("#room-name-input", stage.room + Keys.ENTER)
    tab.arrives(f"/chat/{stage.room}/")
    for css in ("#chat-log", "#chat-message-input", "#chat-message-submit", "#chat-status"):
        assert tab.element(css).is_displayed(), f"The room should show {css}."

    # Without a browser, so without JavaScript.
    assert stage.get(f"/chat/?room=+{stage.room}+") == (302, f"/chat/{stage.room}/")
    for name in (TOO_LONG, "..", ".", " ", f" {stage.room}", "\x07", "a\nb"):
        status, _ = stage.get(f"/chat/{quote(name)}/")
        assert status == 404, f"No room is called {name!r}: its page should be 404, not {status}."


@holds("any_name")
def any_name(stage: Stage) -> None:
    tab = stage.tab()
    for name in GOOD_NAMES:
        tab.open(f"{stage.url}/chat/")
        tab.type("#room-name-input", name + Keys.ENTER)
        tab.arrives(f"/chat/{name}/")
        shown = tab.element("h1").text
        assert shown == name, f"The page should show the name {name!r}; it shows {shown!r}."
        if tab.status != NOBODY:  # where a page has a socket, it opens for this name, too
            tab.shows("connected")


@holds("socket_opens")
def socket_opens(stage: Stage) -> None:
    stage.client()
    with Gate(stage.url) as gate:
        stage.joined(gate.url)
        assert gate.sockets == 1, f"The page should open one socket; it opened {gate.sockets}."


@does_not_hold("socket_opens")
def no_socket(stage: Stage) -> None:
    try:
        stage.client()
    except Refused:
        pass
    else:
        raise AssertionError("There should be no socket yet, but the server opened one.")
    with Gate(stage.url) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.shows(NOBODY)
        assert not tab.element("#chat-message-input").is_enabled(), "Nobody listens: no typing yet."
        tab.open(f"{gate.url}/chat/")  # the barrier: whatever the page did, it did before this
        assert gate.sockets == 0, f"The page should open no socket; it opened {gate.sockets}."
