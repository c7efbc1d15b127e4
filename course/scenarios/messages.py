"""Who sees which message."""

from course.gate import Gate
from course.scenarios import does_not_hold, holds
from course.scenarios.stage import Stage

FIFTY = [f"message {number}" for number in range(1, 51)]
RAW = [
    "&lt;b&gt; & <i>",
    "<script>document.title = 'run'</script>",
    "</textarea>",
    '{{ "x" }} \\n %s',
]


@holds("own_message")
def own_message(stage: Stage) -> None:
    tab = stage.joined()
    tab.focuses("chat-message-input")
    tab.say("hello", "how are you? 🎉")
    tab.sees("hello", "how are you? 🎉")
    tab.type("#chat-message-input", "  by the button  ")
    tab.element("#chat-message-submit").click()
    tab.sees("hello", "how are you? 🎉", "by the button")


@holds("second_tab")
def second_tab(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say(*FIFTY)
    b.sees(*FIFTY)
    a.sees(*FIFTY)
    b.say("and back")
    a.sees(*FIFTY, "and back")
    b.sees(*FIFTY, "and back")


@does_not_hold("second_tab")
def second_tab_hears_nothing(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say("from A")
    a.sees("from A")
    b.say("from B")
    b.sees("from B")
    a.sees("from A")


@holds("other_room")
def other_room(stage: Stage) -> None:
    # Rooms that a careless group name would throw together.
    a, b, c = (stage.joined(room=stage.room + end) for end in (" one", " ONE", "_one"))
    a.say("for A's room only")
    a.sees("for A's room only")
    b.say("for B's room only")
    b.sees("for B's room only")
    c.say("for C's room only")
    c.sees("for C's room only")
    a.sees("for A's room only")


@holds("as_typed")
def as_typed(stage: Stage) -> None:
    tab = stage.joined()
    tab.say(*RAW)
    tab.sees(*RAW)
    assert tab.driver.title != "run", "A message was run as a script."


@holds("before_open")
def before_open(stage: Stage) -> None:
    with Gate(stage.url, held=True) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.say("first", "second", "third")
        tab.shows("connecting…")
        tab.sees()
        gate.release()
        tab.sees("first", "second", "third")
        tab.shows("connected")
