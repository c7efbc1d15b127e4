"""Servers and Redis that go and come back, and a tab that stops reading."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from course.judge.browser import Tab
from course.judge.gate import Gate
from course.judge.scenarios.stage import Client, Silent, Stage, Unmet, require
from course.run.serve import wait_until

BAD = "not JSON"
MANY = 1500  # messages of a thousand emoji: 6 to 18 MB, of which the sockets themselves hold 3
LOSES = "A tab that stops reading should lose its socket"
NOTICED = 10  # seconds after a message without an answer
WINDOW = 50  # said at once: fewer than any channel layer's capacity


def server_restart(stage: Stage) -> None:
    (server,), tab = stage.servers, stage.joined()
    tab.say("before")
    tab.sees("before")
    server.stop()
    tab.shows("reconnecting…")
    tab.say("meanwhile")
    server.start()
    tab.shows("connected")
    tab.sees("before", "meanwhile")
    tab.say("after")
    tab.sees("before", "meanwhile", "after")


def half_open(stage: Stage) -> None:
    with Gate(stage.url) as gate:
        tab = stage.joined(gate.url)
        tab.say("before")
        tab.sees("before")
        tab.patience = max(tab.patience, NOTICED)
        gate.hold()
        tab.say("on its way")
        tab.shows("reconnecting…")
        gate.release()
        tab.shows("connected")
        box = tab.element("#chat-message-input")
        tab.has(
            "“on its way” in the log or in the field",
            lambda: "on its way" in (*tab.log, box.get_property("value")),
        )
        tab.say("after")
        tab.ends_with("after")


def redis_restart(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say("before")
    b.sees("before")
    stage.redis.stop()
    c = stage.tab().open(f"{stage.url}/chat/{stage.room}/")
    # The barrier: the server has answered C, by a refusal or not, so C came while Redis was down.
    c.shows("reconnecting…", "connected")
    stage.redis.start()
    word = talk_until_heard(a, b, c)
    a.say("after, from A")
    b.ends_with(word, "after, from A")
    b.say("after, from B")
    for tab in (a, b, c):
        tab.ends_with(word, "after, from A", "after, from B")


def talk_until_heard(*tabs: Tab) -> str:
    """Send a word a second from the first tab until all show the same one last, and return it: what
    is sent while a tab is away is gone."""
    for word in (f"ping {number}" for number in range(30)):
        tabs[0].say(word)
        with suppress(TimeoutError):
            return wait_until(lambda w=word: all(t.log[-1:] == [w] for t in tabs) and w, "", 1)
    logs = ", ".join(f"{tab.name} saw {tab.log[-3:]}" for tab in tabs)
    raise Unmet(f"Once Redis is back, every tab should receive each message; {logs}.")


def frozen_redis(stage: Stage) -> None:
    with bad_frame_while_a_message_hangs(stage) as (a, b):
        b.complains(seconds=2)
        a.stays_silent(seconds=0.5)  # its message does hang


def frozen_redis_blocks_every_room(stage: Stage) -> None:
    with bad_frame_while_a_message_hangs(stage) as (_, b):
        b.stays_silent(seconds=2)
    b.complains()  # once Redis is back, the answer arrives


@contextmanager
def bad_frame_while_a_message_hangs(stage: Stage) -> Iterator[tuple[Client, Client]]:
    """Freeze Redis, send a message in A's room and then a bad frame in B's; thaw it at the end."""
    a, b = stage.client(room=f"{stage.room} A"), stage.client(room=f"{stage.room} B")
    for client in (a, b):
        client.send(BAD)
        client.complains()
    stage.redis.freeze()
    try:
        a.say("hangs")
        time.sleep(0.5)  # long enough for the message to reach the frozen Redis
        b.send(BAD)
        yield a, b
    finally:
        stage.redis.thaw()
    a.hears("hangs")


def stalled_tab(stage: Stage) -> None:
    stalled, speaker = one_stops_reading(stage)
    try:
        heard = stalled.reads_until("the last word")
    except Unmet as unmet:
        require("dropped" in unmet.symptom, f"{LOSES}; it kept it, and misses the last word.")
    else:
        symptom = "stalled" if heard == MANY else ""
        raise Unmet(f"{LOSES}; {heard} of {MANY} messages were kept for it.", symptom)
    stage.client().say("back again")
    speaker.hears("back again")


def stalled_tab_keeps_its_socket(stage: Stage) -> None:
    stage.patience = min(stage.patience, 3)
    with suppress(Unmet):  # where one thread serves all, it waits for the one that does not read
        one_stops_reading(stage)
    stalled, speaker = stage.clients
    for attempt in range(5):  # the last word may be lost, too, as long as the tab is behind
        speaker.say(word := f"the last word, {attempt}")
        with suppress(Silent):
            stalled.reads_until(word)
            return
    raise Unmet("The tab should receive the last word once it reads again.")


def one_stops_reading(stage: Stage) -> tuple[Client, Client]:
    """Let one tab stop reading, and another one say more to it than any buffer can hold."""
    stalled, speaker = stage.client(reads=False), stage.client()
    for begin in range(0, MANY, WINDOW):
        words = [f"{number} {'🎉' * 990}" for number in range(begin, begin + WINDOW)]
        speaker.echoes(*words)
    speaker.echoes("the last word")
    return stalled, speaker
