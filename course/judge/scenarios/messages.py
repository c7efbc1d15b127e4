"""Who sees which message."""

from contextlib import suppress

from course.judge.browser import Tab
from course.judge.gate import Gate
from course.judge.scenarios.stage import TEXTS, Client, Silent, Stage, require

FIFTY = [f"message {number}" for number in range(1, 51)]
RAW = TEXTS["messages"]
ALIKE = (" one", " ONE", "_one")  # rooms that a careless group name would throw together


def own_message(stage: Stage) -> None:
    client = stage.client()
    client.echoes("hello", "how are you? 🎉")


def own_message_in_a_tab(stage: Stage) -> None:
    tab = stage.joined()
    tab.has("its focus on", lambda: tab.focus, "chat-message-input")
    tab.say("hello", "how are you? 🎉")
    tab.sees("hello", "how are you? 🎉")
    tab.type("#chat-message-input", "by the button")
    tab.element("#chat-message-submit").click()
    tab.sees("hello", "how are you? 🎉", "by the button")


def trimmed(stage: Stage) -> None:
    client = stage.client()
    client.say("  with spaces around  ")
    client.hears("with spaces around")


def second_tab(stage: Stage) -> None:
    talk(FIFTY, *map(stage.client, stage.urls))


def second_tab_in_tabs(stage: Stage) -> None:
    talk(FIFTY[:10], *map(stage.joined, stage.urls))


def talk(messages: list[str], *tabs: Tab | Client) -> None:
    """Have the first of two tabs say these messages, and the second one more: both see them all."""
    tabs[0].say(*messages)
    for tab in tabs:
        tab.sees(*messages)
    tabs[1].say("and back")
    for tab in tabs:
        tab.sees(*messages, "and back")


def not_shared(stage: Stage) -> None:
    """Where there is a database, a tab could read there, but nothing makes it look."""
    a, b = map(stage.client, stage.urls)
    b.stays_silent(0.5)  # while it opens, it does look
    a.echoes("from A")
    b.stays_silent(2)


def no_second_tab(stage: Stage) -> None:
    hear_only_themselves(*map(stage.joined, stage.urls))


def other_room_in_tabs(stage: Stage) -> None:
    hear_only_themselves(*(stage.joined(room=stage.room + end) for end in ALIKE[:2]))


def hear_only_themselves(a: Tab, b: Tab) -> None:
    """Have both tabs speak: each sees what it says itself, and nothing of what came before."""
    a.say("from A")
    a.sees("from A")
    b.say("from B")
    b.sees("from B")
    a.say("from A again")
    a.sees("from A", "from A again")


def other_room(stage: Stage) -> None:
    rooms = {end: [stage.client(room=stage.room + end) for _ in range(2)] for end in ALIKE}
    for word in ("first", "last"):
        for end, room in rooms.items():
            room[0].say(f"the {word} word for {end}")
            for client in room:  # and nothing of the rooms that have spoken before
                client.hears(f"the {word} word for {end}")


def burst(stage: Stage) -> None:
    lost = lost_in_a_burst(stage)
    text = f"Each of 300 messages should reach each of twenty tabs; {lost} did not, of 6,000."
    require(not lost, text, "burst lost")


def burst_is_not_complete(stage: Stage) -> None:
    lost = lost_in_a_burst(stage)
    require(lost, "Some of 300 messages should be lost; every tab has all of them.")


def lost_in_a_burst(stage: Stage) -> int:
    """Have twenty tabs say fifteen messages each at once; return how many did not come, of 300 for
    each tab. Raise Unmet if a socket is dropped."""
    clients = [stage.client() for _ in range(20)]
    said = {f"{number} from {name}" for name in range(20) for number in range(15)}
    heard: list[set[str]] = [set() for _ in clients]

    def all_hear(speaker: Client, word: str) -> bool:
        speaker.say(word)
        with suppress(Silent):
            for client, words in zip(clients, heard, strict=True):
                while word not in words:
                    words.add(client.receive(stage.patience / 5).get("message", ""))
            return True
        return False

    for name, client in enumerate(clients):
        client.say(*(f"{number} from {name}" for number in range(15)))
    # The barrier: once each tab has the last word of each, what has not come before it never will.
    # That word may be lost itself, as long as the others are still on their way.
    for name, client in enumerate(clients):
        arrived = any(all_hear(client, f"the last word of {name}, {n}") for n in range(10))
        require(arrived, f"Every tab should receive the last word of tab {name}.")
    return sum(len(said - words) for words in heard)


def as_typed(stage: Stage) -> None:
    client = stage.client()
    client.echoes(*RAW)


def as_typed_in_a_tab(stage: Stage) -> None:
    tab = stage.joined()
    tab.say(*RAW)
    tab.sees(*RAW)
    was_run = tab.driver.title == "run"
    require(not was_run, "A message should be shown; this one was run as a script.")


def before_open(stage: Stage) -> None:
    with Gate(stage.url, held=True) as gate:
        tab = stage.tab().open(f"{gate.url}/chat/{stage.room}/")
        tab.say("first", "second", "third")
        tab.shows("connecting…")
        tab.sees()
        gate.release()
        tab.sees("first", "second", "third")
        tab.shows("connected")
