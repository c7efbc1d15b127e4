"""What a room keeps, and who gets it when."""

import uuid

from course.judge.scenarios.stage import Stage, require

SAID = ("one", "two", "three")


def history(stage: Stage) -> None:
    first = stage.client()
    first.echoes(*SAID)
    later = stage.client()
    later.hears(*SAID)
    later.say("four")
    for client in (first, later):
        client.hears("four")


def history_in_tabs(stage: Stage) -> None:
    first = stage.joined()
    first.say(*SAID)
    first.sees(*SAID)
    later = stage.joined()
    later.sees(*SAID)
    later.driver.refresh()
    later.shows("connected")
    later.say("four")
    for tab in (first, later):
        tab.sees(*SAID, "four")


def no_history(stage: Stage) -> None:
    stage.client().echoes(*SAID)
    stage.client().echoes("four")  # nothing comes before it


def missed(stage: Stage) -> None:
    while_one_is_away(stage, sees=("before", *SAID, "after"))


def missed_is_lost(stage: Stage) -> None:
    while_one_is_away(stage, sees=("before", "after"))


def while_one_is_away(stage: Stage, sees: tuple[str, ...]) -> None:
    """Stop the server of a tab, say something on the other server, and start it again."""
    tab, other = stage.joined(stage.urls[0]), stage.client(stage.urls[1])
    tab.say("before")
    tab.sees("before")
    other.hears("before")
    stage.servers[0].stop()
    tab.shows("reconnecting…")
    other.echoes(*SAID)
    stage.servers[0].start()
    tab.shows("connected")
    other.say("after")
    tab.sees(*sees)


def same_order(stage: Stage) -> None:
    a, b = map(stage.client, stage.urls)
    for turn in range(50):
        a.say(f"{turn} from A")
        b.say(f"{turn} from B")
    orders = [[client.receive() for _ in range(100)] for client in (a, b, stage.client(since=0))]
    numbers = [frame.get("number") for frame in orders[0]]
    require(numbers == [*range(1, 101)], f"The numbers should be 1 to 100; they are {numbers}.")
    first = next((pair for pair in zip(*orders, strict=True) if pair.count(pair[0]) < 3), "")
    require(not first, f"Every tab should get the same order; these are not the same: {first}.")


def killed(stage: Stage) -> None:
    kill_and_start(stage)
    stage.client().hears("kept")


def killed_is_lost(stage: Stage) -> None:
    kill_and_start(stage)
    stage.client().echoes("new")


def kill_and_start(stage: Stage) -> None:
    """Kill the server as soon as a message has come back, and start it again."""
    server = stage.servers[0]
    stage.client().echoes("kept")
    server.process.kill()
    server.process.wait()
    server.start()


def sent_twice(stage: Stage) -> None:
    require(times(stage) == 1, "A message sent twice with one id should come once; it did not.")


def sent_twice_comes_twice(stage: Stage) -> None:
    require(times(stage) == 2, "Both should come, since nothing looks at an id yet; they did not.")


def times(stage: Stage) -> int:
    """Send a message twice with one id; return how many times it comes."""
    sender, other = stage.client(), stage.client()
    frame = {"message": "hello", "id": str(uuid.uuid4())}
    sender.send(frame)
    sender.hears("hello")
    sender.send(frame)
    sender.say("barrier")
    return other.reads_until("barrier")
