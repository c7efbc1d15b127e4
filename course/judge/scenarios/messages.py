"""Who sees which message."""

from course.judge.browser import Tab
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
    talk(stage.client(), stage.client(), FIFTY)


@on_the_wire("two_servers")
@on_the_wire("two_servers_in_memory")
def two_servers(stage: Stage) -> None:
    a, b = (stage.client(site=server.url) for server in stage.servers)
    talk(a, b, ["from A"])


def talk(a: Client, b: Client, messages: list[str]) -> None:
    """Have A say these messages and B one more; both receive them all, in order."""
    a.say(*messages)
    b.hears(*messages)
    a.hears(*messages)
    b.say("and back")
    a.hears("and back")
    b.hears("and back")


@in_tabs("second_tab")
def second_tab(stage: Stage) -> None:
    talk_in_tabs(stage.joined(), stage.joined(), FIFTY[:10])


@in_tabs("two_servers")
def two_servers_in_tabs(stage: Stage) -> None:
    a, b = (stage.joined(server.url) for server in stage.servers)
    talk_in_tabs(a, b, ["from A"])


def talk_in_tabs(a: Tab, b: Tab, messages: list[str]) -> None:
    """Have A say these messages and B one more; both show them all, in order."""
    a.say(*messages)
    b.sees(*messages)
    a.sees(*messages)
    b.say("and back")
    for tab in (a, b):
        tab.sees(*messages, "and back")


@does_not_hold("second_tab")
def second_tab_hears_nothing(stage: Stage) -> None:
    hear_only_themselves(stage.joined(), stage.joined())


@does_not_hold("two_servers")
@does_not_hold("two_servers_in_memory")
def two_servers_hear_only_themselves(stage: Stage) -> None:
    hear_only_themselves(*(stage.joined(server.url) for server in stage.servers))


@in_tabs("other_room")
def other_room_in_tabs(stage: Stage) -> None:
    hear_only_themselves(*(stage.joined(room=stage.room + end) for end in ALIKE[:2]))


def hear_only_themselves(a: Tab, b: Tab) -> None:
    """Have both tabs speak; each shows what it says itself, and nothing of what came before."""
    a.say("from A")
    a.sees("from A")
    b.say("from B")
    b.sees("from B")
    a.say("from A again")
    a.sees("from A", "from A again")


@on_the_wire("other_room")
def other_room(stage: Stage) -> None:
    rooms = [[stage.client(room=stage.room + end) for _ in range(2)] for end in ALIKE]
    for end, room in zip(ALIKE, rooms, strict=True):
        room[0].say(f"for {end} only")
        for client in room:  # this first: nothing of the rooms that have spoken before
            client.hears(f"for {end} only")
    for room in rooms:
        room[0].say("the last word")
        for client in room:
            client.hears("the last word")


@on_the_wire("burst")
def burst(stage: Stage) -> None:
    if lost := lost_in_a_burst(stage):
        text = "Each of 300 messages should reach every tab"
        raise Unmet(f"{text}; {lost} of 6,000 deliveries are missing.", "burst lost")


@does_not_hold("burst")
def burst_is_not_complete(stage: Stage) -> None:
    if not lost_in_a_burst(stage):
        raise Unmet("Some of 300 messages should be lost; every tab has all of them.")


def lost_in_a_burst(stage: Stage) -> int:
    """Have twenty tabs say fifteen messages each at once; return how many did not come, of 300 for
    each tab. Raise Unmet if a socket is dropped."""
    clients = [stage.client() for _ in range(20)]
    said = {f"{number} from {name}" for name in range(20) for number in range(15)}
    heard: list[set[str]] = [set() for _ in clients]

    def all_hear(word: str) -> bool:
        for client, words in zip(clients, heard, strict=True):
            while word not in words:
                try:
                    words.add(client.receive(1).get("message", ""))
                except Unmet as unmet:
                    if unmet.symptom != "silent":
                        raise
                    return False
        return True

    for name, client in enumerate(clients):
        client.say(*(f"{number} from {name}" for number in range(15)))
    # The barrier: once each tab has the last word of each, what has not come before it never will.
    # That word may be lost itself, as long as the others are still on their way.
    for name, client in enumerate(clients):
        for attempt in range(10):
            client.say(word := f"the last word of {name}, {attempt}")
            if all_hear(word):
                break
        else:
            raise Unmet(f"Every tab should hear the last word of tab {name}.")
    return sum(len(said - words) for words in heard)


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
