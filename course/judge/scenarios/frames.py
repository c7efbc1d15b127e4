"""What else may come through a socket, or not come at all."""

from pathlib import Path

from course.judge.scenarios.stage import TEXTS, Stage, Unmet, require

BAD_FRAMES: dict[str, str | bytes] = TEXTS["bad_frames"] | {
    "1,001 characters": '{"message": "' + "x" * 1001 + '"}',
    "a deep nest": "[" * 100_000,
    "a deep nest of objects": '{"message":' * 50_000,
    "a huge number": '{"message": ' + "9" * 10_000 + "}",
    "binary": b'{"message": "hello"}',
    "empty binary": b"",
}
IDLE = 13  # seconds: where a server reads for several sockets in turn, a turn takes 5
KEEP_STATUS = Path(__file__).with_name("keep_status.js").read_text("utf-8")


def bad_frames(stage: Stage) -> None:
    client = stage.client()
    for what, frame in BAD_FRAMES.items():
        try:
            client.send(frame)
            client.complains()
            client.echoes(f"good after {what}")
        except Unmet as unmet:
            raise Unmet(f"After a bad frame ({what}): {unmet}", unmet.symptom) from unmet
    longest = "🎉" * 1000  # emoji count like letters
    client.echoes(longest)


def bad_messages_in_a_tab(stage: Stage) -> None:
    tab = stage.joined()
    before, box = tab.lines, tab.element("#chat-message-input")
    complaint: set[str] = set()
    for length in (1001, 1_200_000):  # servers hang up at about 1 MiB
        tab.say("x" * length)
        if not complaint & tab.lines:  # some pages keep what they have said before
            complaint = tab.has("a line that says what is wrong", lambda: tab.lines - before)
        tab.has("this many characters to edit:", lambda: len(box.get_property("value")), length)
        tab.shows("connected")
        tab.say(f"mended {length}")
        tab.ends_with(f"mended {length}")
    tab.sees("mended 1001", "mended 1200000")


def foreign_origin(stage: Stage) -> None:
    for origin in ("http://evil.example", "https://evil.example:443", "null", None):
        stage.is_refused(f"A socket for the origin {origin}", origin=origin)
    stage.client().say("from our own page")


def idle(stage: Stage) -> None:
    start_idle(stage)
    stage.clients[-1].stays_silent(IDLE)
    still_connected(stage)


def start_idle(stage: Stage) -> None:
    """Open a socket, and a tab where there is a browser: they get nothing to do for IDLE seconds,
    which several stages may pass together."""
    if stage.browser:
        # The page comes back after a drop within a second, so what it said meanwhile is kept.
        stage.joined().script(KEEP_STATUS)
    stage.client(room=f"{stage.room} idle")


def still_connected(stage: Stage) -> None:
    """Raise AssertionError unless what `start_idle` opened is connected, and was all the time."""
    client = stage.clients[-1]
    client.echoes("still here")
    for tab in stage.tabs:
        said = tab.script("return window.said")
        text = f"Tab {tab.name} should stay connected while idle for {IDLE} s; it said {said}."
        require(said == ["connected"], text)
        tab.say("still here")
        tab.sees("still here")
