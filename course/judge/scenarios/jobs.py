"""Jobs: a worker does what takes long, and the tabs of its owner see how far it is."""

from contextlib import suppress
from threading import Thread
from urllib.parse import urlencode

import psutil

from course.judge.people import sign_up
from course.judge.scenarios.alerts import alerts, mentioned, next_alert
from course.judge.scenarios.stage import Client, Stage, Unmet, require
from course.run.serve import wait_until

BARS = "return [...document.querySelectorAll('#chat-jobs progress')].map((bar) => bar.position)"


def post(stage: Stage) -> int:
    """Ask for a job of this stage's person; return the status that comes."""
    room = urlencode({"room": stage.room}).encode()
    return stage.person.post(f"{stage.url}/chat/jobs/", room, "x-www-form-urlencoded")[0]


def start(stage: Stage) -> None:
    """Start a job. Without a worker, the answer comes when it is done: do not wait for it."""

    def ask() -> None:
        with suppress(Unmet):  # the row may end, and with it the server, before the answer comes
            post(stage)

    Thread(target=ask, daemon=True).start()


def steps(client: Client, up_to: int) -> list[int]:
    """Read how far a job is, in percent, until it is that far; return all that came."""
    seen: list[int] = []
    while not seen or seen[-1] < up_to:
        frame = client.receive(20, "A step of the job")
        good = "job" in frame and not frame["failed"] and frame["done"] >= max(seen, default=0)
        require(good, f"After {seen}, a later step of the job should come; {frame!r:.200} came.")
        seen.append(frame["done"])
    return seen


def children(stage: Stage) -> list[psutil.Process]:
    """Return the processes in which the worker does its jobs: none if there is no worker."""
    worker = stage.servers[0].worker
    return psutil.Process(worker.pid).children() if worker else []


def job(stage: Stage) -> None:
    bob, stage.person = sign_up(stage.url), sign_up(stage.url)
    tabs, other = [alerts(stage, stage.person) for _ in range(2)], alerts(stage, bob)
    start(stage)
    seen = steps(tabs[0], 25)
    for child in children(stage):
        child.suspend()  # from now on, only the database has how far the job is
    late = steps(alerts(stage, stage.person), 25)
    for child in children(stage):
        child.resume()
    require(late[0] >= seen[-1], f"A late tab should get {seen[-1]} percent at once; {late} came.")
    seen += steps(tabs[0], 100)
    other_tab = steps(tabs[1], 100)
    require(seen == other_tab, f"Two tabs should get the same; {seen} and {other_tab} came.")
    require(len({*seen}) > 5, f"Many steps should come; these came: {seen}.")
    mentioned(stage, bob, "hello")
    next_alert(other, "hello")  # and nothing of somebody else's job


def job_in_tabs(stage: Stage) -> None:
    stage.person = sign_up(stage.url)
    tabs = [stage.joined(), stage.tab().open(f"{stage.url}/chat/")]
    tabs[0].element("#chat-job-submit").click()
    client = alerts(stage, stage.person)
    steps(client, 5)  # the worker has begun
    tabs[0].has("a bar in the middle", lambda: any(0 < at < 1 for at in tabs[0].script(BARS)))
    tabs[1].open(f"{stage.url}/chat/")
    steps(client, 100)
    for tab in tabs:
        tab.has("one bar, at its end", lambda tab=tab: tab.script(BARS), [1])


def no_job(stage: Stage) -> None:
    tab = alerts(stage, stage.person)
    status = post(stage)
    require(status != 202, "Nothing should start a job yet; it is answered with 202.")
    tab.send({"seen": True})
    frame = tab.receive(what='{"seen": true}')
    require("job" not in frame, f"No job should be there yet; {frame!r:.200} came.")


def worker_killed(stage: Stage) -> None:
    stage.person = sign_up(stage.url)
    tab = alerts(stage, stage.person)
    start(stage)
    steps(tab, 25)
    for child in children(stage):
        child.kill()
    steps(tab, 100)


def redis_restarts(stage: Stage) -> None:
    stage.person = sign_up(stage.url)
    start(stage)
    steps(alerts(stage, stage.person), 25)
    stage.redis.stop()
    stage.redis.start()

    def comes_back() -> Client | None:
        with suppress(Unmet):  # as a page, which tries again
            return alerts(stage, stage.person)

    steps(wait_until(comes_back, "The socket should open again.", 20), 100)
