"""Who sees which message."""

from course.judge.gate import Gate
from course.judge.scenarios import does_not_hold, in_tabs, on_the_wire
from course.judge.scenarios.stage import Client, Stage, Unmet

FIFTY = [f"message {number}" for number in range(1, 51)]
RAW = [
    "&lt;b&gt; & <i>",
    "<script>document.title = 'run'</script>",
    "</textarea>",
    '{{ "x" }} \\n %s',
]
ALIKE = (" one", " ONE", "_one")  # rooms that a careless group name would throw together


@on_the_wire("own_message")
def own_message(stage: Stage) -> None:
    client = stage.client()
    client.say("hello", "how are you? 🎉")
    client.hears("hello", "how are you? 🎉")


@in_tabs("own_message")
def own_message_in_a_tab(stage: Stage) -> None:
    tab = stage.joined()
    tab.focuses("chat-message-input")
    tab.say("hello", "how are you? 🎉")
    tab.sees("hello", "how are you? 🎉")
    tab.type("#chat-message-input", "  by the button  ")
    tab.element("#chat-message-submit").click()
    tab.sees("hello", "how are you? 🎉", "by the button")


@on_the_wire("second_tab")
def second_socket(stage: Stage) -> None:
    a, b = stage.client(), stage.client()
    a.say(*FIFTY)
    b.hears(*FIFTY)
    a.hears(*FIFTY)
    b.say("and back")
    a.hears("and back")
    b.hears("and back")


@in_tabs("second_tab")
def second_tab(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say(*FIFTY[:10])
    b.sees(*FIFTY[:10])
    a.sees(*FIFTY[:10])
    b.say("and back")
    a.sees(*FIFTY[:10], "and back")
    b.sees(*FIFTY[:10], "and back")


@does_not_hold("second_tab")
def second_tab_hears_nothing(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say("from A")
    a.sees("from A")
    b.say("from B")
    b.sees("from B")
    a.sees("from A")


@on_the_wire("burst")
def burst(stage: Stage) -> None:
    clients, said = _all_speak_at_once(stage)
    for name, client in clients.items():
        missing = set(said)
        while missing:
            try:
                missing.discard(client.receive()["message"])
            except Unmet as unmet:
                text = f"Each of {len(said)} messages should reach every tab"
                symptom = unmet.symptom if "dropped" in unmet.symptom else "burst lost"
                raise Unmet(f"{text}; tab {name} lacks {len(missing)} of them.", symptom) from None


@does_not_hold("burst")
def burst_is_not_complete(stage: Stage) -> None:
    clients, said = _all_speak_at_once(stage)
    heard: dict[str, set[str]] = {name: set() for name in clients}

    def all_hear(word: str) -> bool:
        for name, client in clients.items():
            while word not in heard[name]:
                try:
                    heard[name].add(client.receive(1)["message"])
                except Unmet:
                    return False
        return True

    # The barrier: each speaker's last word has come to each tab, and what has not come before it
    # never will. That word may be lost itself, as long as the others are still on their way.
    for name, client in clients.items():
        for attempt in range(10):
            client.say(word := f"the last word of {name}, {attempt}")
            if all_hear(word):
                break
        else:
            raise Unmet(f"Every tab should hear the last word of tab {name}.")
    if all(said <= each for each in heard.values()):
        raise Unmet(f"Some of {len(said)} messages should be lost; every tab has all of them.")


def _all_speak_at_once(stage: Stage) -> tuple[dict[str, Client], set[str]]:
    """Open twenty sockets, and let each say fifteen messages; return them, and what was said."""
    clients = {f"{number}": stage.client() for number in range(20)}
    said = {name: [f"{number} from {name}" for number in range(15)] for name in clients}
    for name, client in clients.items():
        client.say(*said[name])
    return clients, {word for words in said.values() for word in words}


@on_the_wire("other_room")
def other_room(stage: Stage) -> None:
    rooms = [[stage.client(room=stage.room + end) for _ in range(2)] for end in ALIKE]
    for end, (speaker, listener) in zip(ALIKE, rooms, strict=True):
        speaker.say(f"for {end} only")
        # Both must hear this first: nothing of the rooms that have spoken before.
        speaker.hears(f"for {end} only")
        listener.hears(f"for {end} only")
    for speaker, listener in rooms:
        speaker.say("the last word")
        speaker.hears("the last word")
        listener.hears("the last word")


@in_tabs("other_room")
def other_room_in_tabs(stage: Stage) -> None:
    a, b = (stage.joined(room=stage.room + end) for end in ALIKE[:2])
    a.say("for A's room only")
    a.sees("for A's room only")
    b.say("for B's room only")
    b.sees("for B's room only")
    a.sees("for A's room only")


@on_the_wire("as_typed")
def as_typed(stage: Stage) -> None:
    client = stage.client()
    client.say(*RAW)
    client.hears(*RAW)


@in_tabs("as_typed")
def as_typed_in_a_tab(stage: Stage) -> None:
    tab = stage.joined()
    tab.say(*RAW)
    tab.sees(*RAW)
    if tab.driver.title == "run":
        raise Unmet("A message should be shown; this one was run as a script.")


@in_tabs("before_open")
def before_open(stage: Stage) -> None:
    with Gate(stage.url, held=True) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.say("first", "second", "third")
        tab.shows("connecting…")
        tab.sees()
        gate.release()
        tab.sees("first", "second", "third")
        tab.shows("connected")
