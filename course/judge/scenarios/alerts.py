"""Alerts: what a person gets in all tabs, whoever sends it, from any process."""

from contextlib import suppress

from course.judge.people import Person, sign_up
from course.judge.scenarios.stage import Client, Stage, Unmet, new_room, require

ROLL_BACK = """
from django.core.management import call_command
from django.db import transaction

with transaction.atomic():
    call_command("alert", {name!r}, "rolled back")
    transaction.set_rollback(True)
call_command("alert", {name!r}, "committed")
"""


def alerts(stage: Stage, person: Person, site: str = "") -> Client:
    """Open the socket of a tab through which a person gets alerts."""
    return stage.client(site, path="/ws/alerts/", person=person)


def mentioned(stage: Stage, person: Person, text: str) -> None:
    """Have this stage's person mention another one in some room."""
    stage.client(room=new_room()).echoes(f"@{person.name} {text}")


def next_alert(client: Client, text: str) -> None:
    """Wait for an alert with this text; raise Unmet for anything else."""
    frame = client.receive(what=f"An alert with {text!r}")
    good = text in str(frame.get("alert")) and "id" in frame
    require(good, f"An alert with {text!r} and its id should come; {frame!r:.200} came.")


def mention(stage: Stage) -> None:
    ann, bob = sign_up(stage.url), sign_up(stage.url)
    tabs, other = [alerts(stage, ann), alerts(stage, ann)], alerts(stage, bob)
    mentioned(stage, ann, "hello")
    for tab in tabs:
        next_alert(tab, "hello")
    mentioned(stage, bob, "and you")
    next_alert(other, "and you")  # and not the alert of somebody else


def mention_in_tabs(stage: Stage) -> None:
    speaker = stage.client()
    stage.person = sign_up(stage.url)
    tabs = [stage.joined(), stage.tab().open(f"{stage.url}/chat/")]
    speaker.echoes(f"@{stage.person.name} <b>hello</b>")
    for tab in tabs:
        tab.has(
            "a title that begins with",
            lambda tab=tab: tab.script("return document.title.slice(0, 4)"),
            "(1) ",
        )
        tab.has("the alert", lambda tab=tab: "<b>hello</b>" in tab.text, True)
    tabs[0].element("#chat-alerts-seen").click()
    for tab in tabs:
        tab.has(
            "a title without a number",
            lambda tab=tab: tab.script("return document.title[0] !== '('"),
            True,
        )


def no_alerts(stage: Stage) -> None:
    with suppress(Unmet):
        alerts(stage, stage.person)
        raise AssertionError("There should be no socket for alerts yet; it opens.")
    stage.client().echoes("hello")


def command(stage: Stage) -> None:
    person = sign_up(stage.url)
    tabs = [alerts(stage, person, site) for site in stage.urls]
    from_a_terminal(stage, person.name, "from a terminal")
    for tab in tabs:
        next_alert(tab, "from a terminal")


def from_a_terminal(stage: Stage, name: str, text: str) -> str:
    """Type the command that alerts a person; return what it prints."""
    done = stage.servers[0].manage("alert", name, text)
    require(not done.returncode, f"manage.py alert should work; {done.stderr[-300:]}")
    return done.stdout + done.stderr


def command_is_not_received(stage: Stage) -> None:
    person = sign_up(stage.url)
    tab = alerts(stage, person)
    printed = from_a_terminal(stage, person.name, "from a terminal")
    text = "manage.py alert should print that no tab receives it in memory; it prints nothing."
    require("memory" in printed, text)
    mentioned(stage, person, "from a tab")
    next_alert(tab, "from a tab")  # and not the one from the terminal


def unseen(stage: Stage) -> None:
    person = sign_up(stage.url)
    mentioned(stage, person, "before")
    tabs = [alerts(stage, person), alerts(stage, person)]
    for tab in tabs:
        next_alert(tab, "before")
    tabs[0].send({"seen": True})
    for tab in tabs:
        frame = tab.receive(what='{"seen": true}')
        require(frame.get("seen") is True, f'{{"seen": true}} should come; {frame!r:.200} came.')
    later = alerts(stage, person)
    mentioned(stage, person, "after")
    next_alert(later, "after")  # and not the one that is seen


def rolled_back(stage: Stage) -> None:
    person = sign_up(stage.url)
    tab = alerts(stage, person)
    done = stage.servers[0].manage("shell", "-c", ROLL_BACK.format(name=person.name))
    require(not done.returncode, f"manage.py shell should alert; {done.stderr[-300:]}")
    next_alert(tab, "committed")
