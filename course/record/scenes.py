"""What the recording of each chapter shows, played in two real tabs of the running step."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps
from selenium.webdriver.common.keys import Keys

from course.judge.scenarios.stage import Stage
from course.record.camera import Film

NAME, SEND = "#room-name-input", "#chat-message-submit"
# The list of files is below the log: a lower log, as a person can make it, leaves room for both.
LOW_LOG = "log.style.height = '7rem'; scrollTo(0, document.body.scrollHeight)"
WIDTH = "return document.querySelector('#chat-files img')?.naturalWidth"  # 0: not loaded yet

SCENES: dict[str, Callable[[Film], None]] = {}


def scene(name: str) -> Callable:
    """Make a function the scene of the chapter of this name: its folder's, without the number."""
    return lambda play: SCENES.setdefault(name, play)


@scene("views")
def choose_a_room(film: Film) -> None:
    a, b = film.open("/chat/", "/chat/")
    film.look()
    film.types(a, NAME, "tea/coffee", Keys.ENTER)
    a.shows_error("#room-name-error")
    film.look(1500)
    a.element(NAME).clear()
    for tab in (a, b):
        film.types(tab, NAME, "lobby", Keys.ENTER)
        tab.arrives("/chat/lobby/")
        tab.shows("nobody is listening yet")
        film.look()


@scene("sync_consumer")
def see_your_own_messages(film: Film) -> None:
    a, b = film.enter("lobby", "lobby")
    film.says(a, "Hello from tab A", seen_by=[a])
    film.says(b, "And from tab B", seen_by=[b])
    a.sees("Hello from tab A")


@scene("channel_layer")
def see_all_messages(film: Film) -> None:
    a, b = film.enter("lobby", "lobby")
    film.says(a, "Hello from tab A", seen_by=[a, b])
    film.says(b, "And from tab B", seen_by=[a, b])


@scene("async")
def freeze_redis(film: Film) -> None:
    film.caption = "Redis runs."
    a, b = film.enter("lobby", "kitchen")
    film.redis.freeze()
    film.caption = "Redis is frozen: it does not answer."
    film.look()
    film.says(a, "Hello, lobby")
    b.element(SEND).click()  # with nothing typed
    b.shows_error("#chat-error")
    a.sees()  # its message waits
    film.look(2000, still=True)
    film.redis.thaw()
    a.sees("Hello, lobby")
    film.caption = "Redis runs again."
    film.look()


@scene("testing")
def run_the_tests(film: Film) -> None:
    """Two tabs do what the first browser test does; below is what pytest prints of all of them."""
    words = ["pytest", "-v", "chat/tests/test_browser.py"]
    tests = subprocess.Popen(
        [sys.executable, "-m", *words, "-p", "no:cacheprovider"],
        cwd=film.server.folder,
        env={**film.server.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    film.caption = f"$ {' '.join(words)}"
    a, b = film.enter("kitchen", "kitchen")
    film.says(a, "&lt;b&gt; & <i>", seen_by=[a, b])
    film.says(b, "me, too", seen_by=[a, b])
    printed, _ = tests.communicate()
    assert tests.returncode == 0, printed
    lines = re.findall(r"::(test_\w+ PASSED)|(\d+ passed)", printed)
    film.caption += "".join(f"\n{test or summary}" for test, summary in lines)
    film.look()


@scene("history")
def come_back(film: Film) -> None:
    film.caption = "Each tab has a server process of its own."
    other = film.closing.enter_context(film.project.serve(film.redis.url))
    a, b = film.enter("lobby", "lobby", sites=[film.server.url, other.url])
    film.says(a, "Hello, B", seen_by=[a, b])
    other.stop()
    b.shows("reconnecting…")
    film.caption = "The server of tab B has stopped."
    film.look()
    film.says(a, "B is away", seen_by=[a])
    film.look(1500, still=True)
    other.start()
    b.shows("connected")
    b.sees("Hello, B", "B is away")
    film.caption = "It has started again. Tab B has what it missed."
    film.look()


@scene("accounts")
def log_out_everywhere(film: Film) -> None:
    film.caption = "Tab A is ann's, tab B is bob's."
    a, b = film.enter("lobby", "lobby")
    film.says(a, "Hello, Bob", seen_by=[a, b])
    film.says(b, "Hello, Ann", seen_by=[a, b])
    film.look(1500, still=True)
    a.element("#log-out").click()
    a.arrives("/accounts/login/")
    film.caption = "Ann has logged out."
    film.look()


@scene("attachments")
def send_files(film: Film) -> None:
    film.caption = "Tab A is ann's, tab B is bob's."
    a, b = film.open(*["/chat/lobby/"] * 2)
    for each in (a, b):
        each.shows("connected")
        each.script(LOW_LOG)
    film.look()
    folder = Path(film.closing.enter_context(tempfile.TemporaryDirectory()))
    evening = Image.linear_gradient("L").resize((240, 150))
    evening = ImageOps.colorize(evening, "#2b3a67", "#f6a55f")
    ImageDraw.Draw(evening).ellipse((95, 70, 145, 120), "#fff1c9")
    evening.save(folder / "evening.png")
    (folder / "recipe.txt").write_text("Tea: water, leaves, time.\n", "utf-8")
    for tab, name, sent in ((a, "evening.png", "Ann has sent"), (b, "recipe.txt", "Bob has sent")):
        tab.element("#chat-file-input").send_keys(str(folder / name))
        film.caption = f"{sent} {name}."
        for each in (a, b):
            each.ends_with(name if each is tab else tab.author + name)
            each.has("the picture", lambda each=each: each.script(WIDTH))
            each.script(LOW_LOG)
        film.look(2000, still=True)


@scene("alerts")
def alert_ann(film: Film) -> None:
    film.caption = "Tab A is ann's, tab B is bob's."
    a, b = film.open("/chat/", "/chat/lobby/")
    b.shows("connected")
    film.look()
    film.says(b, "@ann, dinner!", seen_by=[b])
    a.has("an alert of Bob's", lambda: "dinner!" in a.text)
    film.look()
    command = [sys.executable, "manage.py", "alert", "ann", "The backup is done."]
    subprocess.run(command, cwd=film.server.folder, env=film.server.environment, check=True)
    film.caption = '$ python manage.py alert ann "The backup is done."'
    a.has("the command's alert", lambda: "The backup is done." in a.text)
    film.look(2000, still=True)
    a.element("#chat-alerts-seen").click()
    a.has("no alerts", lambda: "The backup is done." not in a.text)
    film.caption = "Ann has pressed Seen."
    film.look()


@scene("progress")
def export_a_room(film: Film) -> None:
    film.caption = "Both tabs are ann's. A worker is a process of its own."
    film.closing.enter_context(film.project.serve(film.redis.url, worker=True))
    a, b = film.open("/chat/lobby/", "/chat/")
    a.patience = b.patience = 30.0  # seconds, in which the worker starts
    b.log_in(film.server.url, "ann", film.people[0].cookies)
    b.open(f"{film.server.url}/chat/")
    a.shows("connected")
    film.look()
    film.says(a, "This is in the file.", seen_by=[a])
    a.element("#chat-job-submit").click()
    bar = '#chat-jobs progress:not([value="0"])'
    film.caption = "The worker tells both tabs how far it is."
    for tab in (a, b):
        tab.element(bar)
    a.driver.execute_script("scrollTo(0, document.body.scrollHeight)")
    film.look(500)
    film.look(still=True)
    b.driver.refresh()
    film.caption = "Tab B is reloaded, and reads it from the database."
    b.element(bar)
    film.look()
    for tab in (a, b):
        tab.element("#chat-jobs a")
    a.driver.execute_script("scrollTo(0, document.body.scrollHeight)")
    film.caption = "The file is ready."
    film.look()


@scene("fan_out")
def send_at_once(film: Film) -> None:
    film.caption = "Two tabs and eighteen more sockets are in the lobby."
    tabs = film.enter("lobby", "lobby")
    stage = Stage(film.server.url, "lobby", None, log_in=lambda: film.people[0])
    film.closing.callback(stage.leave)
    clients = [stage.client() for _ in range(18)]
    film.says(tabs[0], "Ready?", seen_by=tabs)
    for number, client in enumerate(clients, 1):
        client.say(*(f"message {turn} of socket {number}" for turn in range(1, 18)))
    for tab in tabs:
        tab.patience = 60  # each message is stored first, one after the other
        tab.counts(1 + 18 * 17)
    film.caption = "All eighteen sent seventeen messages at once. Each tab has all 306 of them."
    film.look(2500, still=True)
