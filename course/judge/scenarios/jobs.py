"""Jobs: a worker does what takes long, and the tabs of the owner see how far it is."""

import threading
from contextlib import suppress

import psutil

from course.judge.people import sign_up
from course.judge.scenarios.alerts import alerts, mentioned, next_alert
from course.judge.scenarios.stage import Client, Stage, Unmet, require
from course.run.serve import wait_until

ALL = 20


def start(stage: Stage) -> threading.Thread:
    """Start a job of this stage's person. Without a worker, the answer comes when it is done."""
    begin = threading.Thread(target=stage.person.post, args=[f"{stage.url}/chat/jobs/"])
    begin.start()
    return begin


def steps(client: Client, up_to: int) -> list[int]:
    """Read how far a job is, frame by frame, until it is that far; return all that came."""
    seen: list[int] = []
    while not seen or seen[-1] < up_to:
        frame = client.receive(20, "A step of the job")
        good = "job" in frame and not frame["failed"] and frame["done"] >= max(seen, default=0)
        require(good, f"After {seen}, a later step of the job should come; {frame!r:.200} came.")
        seen.append(frame["done"])
    return seen


def job(stage: Stage) -> None:
    bob, stage.person = sign_up(stage.url), sign_up(stage.url)
    tabs, other = [alerts(stage, stage.person) for _ in range(2)], alerts(stage, bob)
    begun = start(stage)
    first = steps(tabs[0], ALL // 4)
    late = steps(alerts(stage, stage.person), ALL)
    require(late[0] >= first[-1], f"A late tab should begin at {first[-1]}; it begins with {late}.")
    seen = [first + steps(tabs[0], ALL), steps(tabs[1], ALL)]
    require(seen[0] == seen[1], f"Both tabs should get the same steps; these came: {seen}.")
    require(len({*seen[0]}) > 5, f"Many steps should come; these came: {seen[0]}.")
    begun.join()
    mentioned(stage, bob, "hello")
    next_alert(other, "hello")  # and nothing of somebody else's job


def no_job(stage: Stage) -> None:
    bob, stage.person = sign_up(stage.url), sign_up(stage.url)
    tab = alerts(stage, bob)
    status, _ = bob.post(f"{stage.url}/chat/jobs/")
    require(status != 202, "Nothing should start a job yet; it is answered with 202.")
    mentioned(stage, bob, "hello")
    next_alert(tab, "hello")


def worker_killed(stage: Stage) -> None:
    stage.person = sign_up(stage.url)
    tab = alerts(stage, stage.person)
    start(stage)
    steps(tab, ALL // 4)
    for child in psutil.Process(stage.servers[0].worker.pid).children():
        child.kill()
    steps(tab, ALL)


def redis_restarts(stage: Stage) -> None:
    stage.person = sign_up(stage.url)
    start(stage)
    steps(alerts(stage, stage.person), ALL // 4)
    stage.redis.stop()
    stage.redis.start()

    def comes_back() -> Client | None:
        with suppress(Unmet):  # as a page does, which reconnects
            return alerts(stage, stage.person)

    steps(wait_until(comes_back, "The socket should open again.", 20), ALL)
