"""Who gets in, whose name a message has, and when a socket closes."""

from course.judge.people import Person, asks_for_log_in, sign_up
from course.judge.scenarios.stage import Client, Stage, Unmet, require

NOBODY = Person()
CLAIMS = {"author": "eve", "user": "eve", "name": "eve"}
DEACTIVATE = (
    "from django.contrib.auth import get_user_model; "
    "user = get_user_model().objects.get(username={!r}); user.is_active = False; user.save()"
)


def members_only(stage: Stage) -> None:
    for path in ("/chat/", f"/chat/{stage.room}/"):
        text = f"Without a session, {path} should lead to a page to log in; it does not."
        require(asks_for_log_in(stage.url, path), text)
    is_logged_out(stage.client(person=NOBODY), "Without a session, a socket")


def open_to_all(stage: Stage) -> None:
    require(not asks_for_log_in(stage.url), "Nobody has to log in yet; the page asks for it.")
    stage.client(person=NOBODY).echoes("hello")


def is_logged_out(client: Client, what: str) -> None:
    """Raise Unmet unless the server closes the socket with the code 4401 within two seconds."""
    text = f"{what} should be closed with the code 4401 within 2 s"
    try:
        frame = client.receive(2)
    except Unmet as unmet:
        require(unmet.symptom == "dropped 4401", f"{text}; {unmet}", unmet.symptom)
    else:
        raise Unmet(f"{text}; {frame!r:.200} came.")


def author(stage: Stage) -> None:
    bob = sign_up(stage.url)
    ann, speaker = stage.client(), stage.client(person=bob)
    speaker.send({"message": "hello", **CLAIMS})
    name = ann.receive().get("author")
    require(name == bob.name, f"The author should be {bob.name!r}; the frame has {name!r}.")


def author_in_a_tab(stage: Stage) -> None:
    tab, bob = stage.joined(), sign_up(stage.url)
    stage.client(person=bob).say("hello")
    tab.sees(f"{bob.name}: hello")
    tab.say("hello, you")
    tab.sees(f"{bob.name}: hello", "hello, you")


def no_author(stage: Stage) -> None:
    client = stage.client()
    client.send({"message": "hello", **CLAIMS})
    frame = client.receive()
    require(not CLAIMS.keys() & frame, f"There should be no author yet; {frame!r:.200} came.")


def log_out(stage: Stage) -> None:
    stage.person = sign_up(stage.url)  # not the one that other rows use
    a, b = map(stage.joined, stage.urls)
    client = stage.client(stage.urls[1])
    a.element("#log-out").click()
    is_logged_out(client, "After a log-out in another tab, a socket of the same session")
    b.shows("logged out")
    typing = b.element("#chat-message-input").is_enabled()
    require(
        not typing, "After a log-out, there should be no typing, which goes nowhere; one can type."
    )
    text = "After a log-out, the page should have a link to log in again; it has none."
    links = [each for each in b.elements("a[href*='/accounts/login/']") if each.is_displayed()]
    require(links, text)


def no_log_out(stage: Stage) -> None:
    button = stage.page(f"/chat/{stage.room}/").tree.select_one("#log-out")
    require(not button, "There should be nothing to log out of yet; the page has a button.")


def deactivated(stage: Stage) -> None:
    person = sign_up(stage.url)
    client, other = stage.client(person=person), stage.client()
    client.echoes("hello")
    done = stage.servers[0].manage("shell", "-c", DEACTIVATE.format(person.name))
    require(not done.returncode, f"A user can be deactivated; manage.py shell: {done.stderr}")
    is_logged_out(client, "The socket of a deactivated user")
    other.hears("hello")
    other.echoes("still here")


def stolen_session(stage: Stage) -> None:
    stage.client().echoes("from our own page")
    stage.is_refused("A page of another site, with the cookie", origin="http://evil.example")
