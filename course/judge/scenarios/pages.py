"""Choosing and entering a room."""

from contextlib import suppress
from urllib.parse import quote, urlencode, urljoin

from selenium.webdriver.common.keys import Keys

from course.judge.gate import Gate
from course.judge.scenarios.stage import TEXTS, Page, Stage, Unmet, require

TOO_LONG = "x" * 81
BAD_NAMES = (*TEXTS["bad_rooms"], TOO_LONG)
GOOD_NAMES = (*TEXTS["rooms"], "🎉" * 80)
NOBODY = "nobody is listening yet"
INPUT, SUBMIT = "#room-name-input", "#room-name-submit"
ROOM = ("#chat-log", "#chat-message-input", "#chat-message-submit", "#chat-status")


def submit(stage: Stage, index: Page, name: str) -> Page:
    """Send the form of the index page, as a browser without JavaScript would."""
    box = index.element(INPUT)
    form = box.find_parent("form")
    if not form or form.get("method", "get").lower() != "get" or not box.get("name"):
        raise Unmet(f"{INPUT} should have a name and be in a form with the method GET; it is not.")
    action = urljoin(quote(index.path), form.get("action", ""))
    return stage.page(f"{action}?{urlencode({box['name']: name})}")


def choose_room(stage: Stage) -> None:
    index = stage.page("/")
    leads = f"it leads to {index.path}" if not index.symptom else index.seen
    require(index.path == "/chat/", f"/ should redirect to /chat/; {leads}.", index.symptom)
    index.element(SUBMIT)
    for name in BAD_NAMES:
        page = submit(stage, index, name)
        new = page.lines - index.lines
        require(new, f"The room name {name!r} should get a message; the page says nothing new.")
        kept = page.element(INPUT).get("value", "")
        require(kept == name, f"{name!r} should be kept for editing; there is {kept!r}.")
    room = submit(stage, index, f" {stage.room} ")
    path = f"/chat/{stage.room}/"
    require(room.path == path, f"{stage.room!r} should lead to {path}; it led to {room.path}.")
    for css in ROOM:
        room.element(css)
    for name in (TOO_LONG, "..", ".", " ", f" {stage.room}", "\x07", "a\nb"):
        status = stage.page(f"/chat/{quote(name)}/").status
        text = f"No room is called {name!r}: its page should be 404; it is {status}."
        require(status == 404, text)


def choose_room_in_a_tab(stage: Stage) -> None:
    tab = stage.tab().open(f"{stage.url}/")
    tab.arrives("/chat/")
    tab.has("its focus on", lambda: tab.focus, INPUT.removeprefix("#"))
    before = tab.lines
    for name in ("a/b", ".."):
        tab.open(f"{stage.url}/chat/")  # without what the last name was told
        tab.type(INPUT, name)
        tab.element(SUBMIT).click()
        tab.has("a line that says what is wrong", lambda: tab.lines - before)
        tab.has("to edit", lambda: tab.element(INPUT).get_property("value"), name)
    tab.type(INPUT, stage.room + Keys.ENTER)
    tab.arrives(f"/chat/{stage.room}/")
    for css in ROOM:
        shown = tab.element(css).is_displayed()
        require(shown, f"The room should show {css}; it is hidden.")


def any_name(stage: Stage) -> None:
    index = stage.page("/chat/")
    # Where no socket opens at all, it is not for the name of the room.
    sockets = NOBODY not in submit(stage, index, stage.room).text and opens(stage)
    for name in GOOD_NAMES:
        room = submit(stage, index, name)
        is_there = room.path == f"/chat/{name}/"
        require(is_there, f"{name!r} should lead to its room; it led to {room.path}.")
        shown = room.status == 200 and name in room.text
        require(shown, f"The page of {name!r} should show the name; {room.seen}.", room.symptom)
        if sockets:
            try:
                stage.client(room=name)
            except Unmet as unmet:
                raise Unmet(f"In the room {name!r}: {unmet}", unmet.symptom) from unmet
    if sockets:
        bad_names_have_no_socket(stage)


def any_name_without_pages(stage: Stage) -> None:
    for name in GOOD_NAMES:
        stage.client(room=name)
    bad_names_have_no_socket(stage)


def bad_names_have_no_socket(stage: Stage) -> None:
    for name in (TOO_LONG, "..", f" {stage.room}"):
        stage.is_refused(f"A socket for the room {name!r}, which cannot be,", room=name)


def asgi(stage: Stage) -> None:
    greeting = stage.servers[0].greeting
    text = "runserver should be that of Daphne, so that the project is an ASGI application"
    require("Starting ASGI/Daphne" in greeting, f"{text}; it is Django's own.")


def opens(stage: Stage) -> bool:
    """Say whether a socket opens in a room with a plain name."""
    with suppress(Unmet):
        return bool(stage.client())
    return False


def any_name_in_a_tab(stage: Stage) -> None:
    tab = stage.tab()
    for name in ("大家 好 100% what?#1", '<b>"&amp;"'):
        tab.open(f"{stage.url}/chat/")
        tab.type(INPUT, name + Keys.ENTER)
        tab.arrives(f"/chat/{name}/")
        tab.has("the name of the room", lambda name=name: name.casefold() in tab.text.casefold())
        if tab.status != NOBODY:
            tab.shows("connected")


def socket_opens_in_a_tab(stage: Stage) -> None:
    with Gate(stage.url) as gate:
        stage.joined(gate.url)
        require(gate.sockets == 1, f"The page should open one socket; it opened {gate.sockets}.")


def no_socket(stage: Stage) -> None:
    require(not opens(stage), "There should be no socket yet; the server opened one.")
    with Gate(stage.url) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.shows(NOBODY)
        typing = tab.element("#chat-message-input").is_enabled()
        require(not typing, "Nobody listens, so there should be no typing yet; one can type.")
        tab.open(f"{gate.url}/chat/")  # the barrier: whatever the page did, it did before this
        require(gate.sockets == 0, f"The page should open no socket; it opened {gate.sockets}.")
