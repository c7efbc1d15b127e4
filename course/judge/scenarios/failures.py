"""Servers and Redis that go and come back, and two servers instead of one."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from course.judge.browser import Tab
from course.judge.scenarios import does_not_hold, in_tabs, on_the_wire
from course.judge.scenarios.stage import Client, Stage, Unmet

BAD = "not JSON"
MANY = 1500  # messages of a thousand emoji: 6 to 18 MB, of which the sockets themselves hold 3
LOSES = "A tab that stops reading should lose its socket"
WINDOW = 50  # said at once: fewer than any channel layer's capacity


@in_tabs("server_restart")
def server_restart(stage: Stage) -> None:
    (server,) = stage.servers
    tab = stage.joined()
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


@on_the_wire("two_servers")
@on_the_wire("two_servers_in_memory")
def two_servers(stage: Stage) -> None:
    a, b = (stage.client(site=server.url) for server in stage.servers)
    a.say("from A")
    b.hears("from A")
    b.say("from B")
    a.hears("from A", "from B")
    b.hears("from B")


@in_tabs("two_servers")
def two_servers_in_tabs(stage: Stage) -> None:
    a, b = (stage.joined(server.url) for server in stage.servers)
    a.say("from A")
    b.sees("from A")
    b.say("from B")
    a.sees("from A", "from B")
    b.sees("from A", "from B")


@does_not_hold("two_servers")
@does_not_hold("two_servers_in_memory")
def two_servers_hear_only_themselves(stage: Stage) -> None:
    a, b = (stage.joined(server.url) for server in stage.servers)
    a.say("from A")
    a.sees("from A")
    b.say("from B")
    b.sees("from B")
    a.say("from A again")
    a.sees("from A", "from A again")


@in_tabs("redis_restart")
def redis_restart(stage: Stage) -> None:
    a, b = stage.joined(), stage.joined()
    a.say("before")
    b.sees("before")
    stage.redis.stop()
    c = stage.tab().open(f"{stage.url}/chat/{stage.room}/")
    # The barrier: the server has answered C, by a refusal or not, so C came while Redis was down.
    c.shows("reconnecting…", "connected")
    stage.redis.start()
    _talk_until_heard(a, b, c)
    before = len(a.log), len(b.log), len(c.log)
    a.say("after, from A")
    b.ends_with("after, from A")
    b.say("after, from B")
    c.ends_with("after, from A", "after, from B")
    a.ends_with("after, from A", "after, from B")
    after = len(a.log), len(b.log), len(c.log)
    if after != tuple(lines + 2 for lines in before):
        raise Unmet(f"Each tab should have two more messages; {before} became {after}.")


def _talk_until_heard(*tabs: Tab, seconds: float = 30) -> None:
    """Let the first tab speak once a second until all have heard the same message: what is said
    while a tab is away is gone."""
    deadline = time.monotonic() + seconds
    for number in itertools.count():
        word = f"ping {number}"
        tabs[0].say(word)
        pause = time.monotonic() + 1
        while time.monotonic() < pause:
            if all(tab.log[-1:] == [word] for tab in tabs):
                return
        if time.monotonic() > deadline:
            logs = ", ".join(f"{tab.name} saw {tab.log[-3:]}" for tab in tabs)
            raise Unmet(f"Once Redis is back, the tabs should hear each other; {logs}.")


@on_the_wire("frozen_redis")
def frozen_redis_holds_up_one_room(stage: Stage) -> None:
    with _bad_frame_while_a_message_hangs(stage) as (a, b):
        b.complains(seconds=2)
        a.stays_silent(seconds=0.5)  # its message does hang


@does_not_hold("frozen_redis")
def frozen_redis_holds_up_every_room(stage: Stage) -> None:
    with _bad_frame_while_a_message_hangs(stage) as (_, b):
        b.stays_silent(seconds=2)
    b.complains()  # once Redis is back, the answer arrives


@on_the_wire("stalled_tab")
def stalled_tab_loses_its_socket(stage: Stage) -> None:
    stalled, speaker = _one_stops_reading(stage)
    try:
        heard = stalled.reads_until("the last word")
    except Unmet as unmet:
        if "dropped" not in unmet.symptom:
            raise Unmet(f"{LOSES}; it kept it, and misses some of what was said.") from None
    else:
        if heard == MANY:
            text = f"{LOSES}; it kept it, and everything was kept for it, however much."
            raise Unmet(text, "stalled")
        raise Unmet(f"{LOSES}; it kept it, and misses some of what was said.")
    stage.client().say("back again")
    speaker.hears("back again")


@does_not_hold("stalled_tab")
def stalled_tab_keeps_its_socket(stage: Stage) -> None:
    stage.patience = min(stage.patience, 3)
    with suppress(Unmet):  # where one thread serves all, it waits for the one that does not read
        _one_stops_reading(stage)
    stalled, speaker = stage.clients
    for attempt in range(5):  # the last word may be lost, too, as long as the tab is behind
        speaker.say(word := f"the last word, {attempt}")
        try:
            stalled.reads_until(word)
        except Unmet as unmet:
            if unmet.symptom != "silent":
                raise
        else:
            return
    raise Unmet("The tab should hear the last word once it reads again.")


def _one_stops_reading(stage: Stage) -> tuple[Client, Client]:
    """Let one tab stop reading, and another one say more to it than any buffer can hold."""
    stalled, speaker = stage.client(reads=False), stage.client()
    for begin in range(0, MANY, WINDOW):
        words = [f"{number} {'🎉' * 990}" for number in range(begin, begin + WINDOW)]
        speaker.say(*words)
        speaker.hears(*words)
    speaker.say("the last word")
    speaker.hears("the last word")
    return stalled, speaker


@contextmanager
def _bad_frame_while_a_message_hangs(stage: Stage) -> Iterator[tuple[Client, Client]]:
    """Freeze Redis, send a message in A's room and then a bad frame in B's; thaw it at the end."""
    a, b = stage.client(room=f"{stage.room} A"), stage.client(room=f"{stage.room} B")
    a.say("hello")
    a.hears("hello")
    b.send(BAD)
    b.complains()
    stage.redis.freeze()
    try:
        a.say("hangs")
        time.sleep(0.5)  # long enough for the message to reach the frozen Redis
        b.send(BAD)
        yield a, b
    finally:
        stage.redis.thaw()
    a.hears("hangs")
