"""Choosing and entering a room."""

from contextlib import suppress
from urllib.parse import quote, urlencode, urljoin

from selenium.webdriver.common.keys import Keys

from course.judge.gate import Gate
from course.judge.scenarios import does_not_hold, in_tabs, on_the_wire
from course.judge.scenarios.stage import Page, Stage, Unmet

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
INPUT, SUBMIT = "#room-name-input", "#room-name-submit"
ROOM = ("#chat-log", "#chat-message-input", "#chat-message-submit", "#chat-status")


def submit(stage: Stage, index: Page, name: str) -> Page:
    """Send the form of the index page, as a browser without JavaScript would."""
    box = index.element(INPUT)
    form = box.find_parent("form")
    if "form" in box.attrs:
        form = index.element(f"form[id='{box['form']}']")
    if not form or form.get("method", "get").lower() != "get" or not box.get("name"):
        raise Unmet(f"{INPUT} should have a name and be in a GET form; it is not so.")
    action = urljoin(quote(index.path), form.get("action", ""))
    return stage.page(f"{action}?{urlencode({box['name']: name})}")


def require_kept(name: str, kept: str) -> None:
    """Raise Unmet unless a bad room name is still there to be edited."""
    if kept != name:
        raise Unmet(f"{name!r} should be kept for mending; there is {kept!r}.")


@on_the_wire("choose_room")
def choose_room(stage: Stage) -> None:
    index = stage.page("/")
    index.element(SUBMIT)
    if index.path != "/chat/":
        raise Unmet(f"/ should redirect to /chat/; it leads to {index.path}.")
    for name in BAD_NAMES:
        page = submit(stage, index, name)
        require_kept(name, page.element(INPUT).get("value", ""))
        if not page.lines - index.lines:
            raise Unmet(f"The room name {name!r} should get a message; the page says nothing new.")
    room = submit(stage, index, f" {stage.room} ")
    if room.path != f"/chat/{stage.room}/":
        raise Unmet(f"{stage.room!r} should lead to /chat/{stage.room}/; it led to {room.path}.")
    for css in ROOM:
        room.element(css)
    for name in (TOO_LONG, "..", ".", " ", f" {stage.room}", "\x07", "a\nb"):
        status = stage.page(f"/chat/{quote(name)}/").status
        if status != 404:
            raise Unmet(f"No room is called {name!r}: its page should be 404; it is {status}.")


@in_tabs("choose_room")
def choose_room_in_a_tab(stage: Stage) -> None:
    tab = stage.tab().open(f"{stage.url}/")
    tab.arrives("/chat/")
    tab.focuses(INPUT.removeprefix("#"))
    before = tab.lines
    for name in ("a/b", ".."):
        tab.open(f"{stage.url}/chat/")  # without what the last name was told
        tab.type(INPUT, name)
        tab.element(SUBMIT).click()
        tab.complains(before)
        require_kept(name, tab.element(INPUT).get_property("value"))
    tab.type(INPUT, stage.room + Keys.ENTER)
    tab.arrives(f"/chat/{stage.room}/")
    for css in ROOM:
        if not tab.element(css).is_displayed():
            raise Unmet(f"The room should show {css}; it is hidden.")


@on_the_wire("any_name")
def any_name(stage: Stage) -> None:
    index = stage.page("/chat/")
    # Where no socket opens at all, it is not for the name of the room.
    sockets = submit(stage, index, stage.room).status_line != NOBODY and opens(stage)
    for name in GOOD_NAMES:
        room = submit(stage, index, name)
        if room.path != f"/chat/{name}/":
            raise Unmet(f"{name!r} should lead to its room; it led to {room.path}.")
        if room.status != 200 or name not in room.text:
            raise Unmet(f"The page of {name!r} should show the name; {room.seen}.", room.symptom)
        if sockets:
            try:
                stage.client(room=name)
            except Unmet as unmet:
                raise Unmet(f"In the room {name!r}: {unmet}", unmet.symptom) from unmet
    for name in (TOO_LONG, "..", f" {stage.room}") if sockets else ():
        stage.is_refused(f"A socket for the room {name!r}, which cannot be,", room=name)


def opens(stage: Stage) -> bool:
    """Say whether a socket opens in a room with a plain name."""
    with suppress(Unmet):
        return bool(stage.client())
    return False


@in_tabs("any_name")
def any_name_in_a_tab(stage: Stage) -> None:
    tab = stage.tab()
    for name in ("大家 好 100% what?#1", '<b>"&amp;"'):
        tab.open(f"{stage.url}/chat/")
        tab.type(INPUT, name + Keys.ENTER)
        tab.arrives(f"/chat/{name}/")
        tab.reads(name)
        if tab.status != NOBODY:
            tab.shows("connected")


@on_the_wire("socket_opens")
def socket_opens(stage: Stage) -> None:
    stage.client()


@in_tabs("socket_opens")
def socket_opens_in_a_tab(stage: Stage) -> None:
    with Gate(stage.url) as gate:
        stage.joined(gate.url)
        require_sockets(gate, 1)


@does_not_hold("socket_opens")
def no_socket(stage: Stage) -> None:
    if opens(stage):
        raise Unmet("There should be no socket yet; the server opened one.")
    with Gate(stage.url) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.shows(NOBODY)
        if tab.element("#chat-message-input").is_enabled():
            raise Unmet("Nobody listens, so there should be no typing yet; one can type.")
        tab.open(f"{gate.url}/chat/")  # the barrier: whatever the page did, it did before this
        require_sockets(gate, 0)


def require_sockets(gate: Gate, count: int) -> None:
    """Raise Unmet unless a page has opened so many sockets."""
    if gate.sockets != count:
        raise Unmet(f"The page should open {count} sockets; it opened {gate.sockets}.")
