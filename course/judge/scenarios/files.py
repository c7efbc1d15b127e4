"""Files: bytes go to a view over HTTP, and the room gets a frame with their address."""

import socket
import time
from base64 import b64decode
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil

from course.judge.browser import Tab
from course.judge.people import Person, asks_for_log_in, sign_up
from course.judge.scenarios.stage import TEXTS, Client, Stage, Unmet, new_room, require
from course.run.serve import Server, wait_until

NAMES = TEXTS["file_names"]
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # 1 × 1
MIB = 2**20
BAD = {what: (name, b"x") for what, name in TEXTS["bad_file_names"].items()}
BAD |= {"a name of 101 characters": ("x" * 101, b"x"), "no bytes": ("a.txt", b"")}
BAD["one byte too many"] = ("a.txt", bytes(5 * MIB + 1))
SHOWN = """return [...document.querySelectorAll("#chat-files a")].map(
    (link) => link.querySelector("img")?.alt ?? link.textContent.trim())"""
WIDTH = "return document.querySelector('#chat-files img')?.naturalWidth"
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
CHOOSE, WATCH_BAR, ATTACK = (
    Path(__file__).with_name(f"{name}.js").read_text("utf-8")
    for name in ("choose_files", "watch_bar", "attack")
)


def post(stage: Stage, name: str, data: bytes = b"x", by: Person | None = None) -> tuple[int, dict]:
    """Send a file to this stage's room; return the status and the JSON that come."""
    path = f"/chat/{stage.room}/files/?name={quote(name, safe='')}"
    return (by or stage.person).post(stage.url + path, data, "octet-stream")


def send(stage: Stage, name: str, data: bytes = b"x", by: Person | None = None) -> None:
    """Send a file; raise Unmet unless it is taken."""
    status, _ = post(stage, name, data, by)
    require(status == 201, f"The file {name!r} should be taken with 201; {status} came.")


def next_file(client: Client, name: str) -> dict:
    """Wait for the frame of a file, and return it; raise Unmet for anything else."""
    frame = client.receive(what=f"The file {name!r}")
    here = frame.get("message") == name and isinstance(frame.get("file"), str)
    require(here, f"The frame of the file {name!r} should come; {frame!r:.200} came.")
    return frame


def files(stage: Stage) -> None:
    clients = [stage.client(), stage.client()]
    for number, name in enumerate(NAMES):
        send(stage, name, f"file {number}".encode())
        for client in clients:
            frame = next_file(client, name)
            image = frame.get("image") is name.endswith(".png")
            require(image, f'"image" should be true for pictures only; {frame!r:.200} came.')
        text = stage.page(frame["file"]).text
        require(text == f"file {number}", f"What is in {name!r} should come back; {text!r} came.")


def files_in_tabs(stage: Stage) -> None:
    tabs = [stage.joined(), stage.joined()]
    choose(tabs[0], dict.fromkeys(NAMES, "x"))
    for tab in tabs:
        tab.has("the files", lambda tab=tab: tab.script(SHOWN), NAMES)


def choose(tab: Tab, texts: dict[str, str]) -> None:
    """Choose files with these names and texts, as a person does in the window of the browser."""
    tab.element("input[type=file]")
    tab.script(CHOOSE, [*texts.items()])


def no_files(stage: Stage) -> None:
    client = stage.client()
    status, _ = post(stage, "a.gif", GIF)
    require(status == 404, f"No view should take files yet; {status} came.")
    client.echoes("hello")


def picture(stage: Stage) -> None:
    tab = stage.joined()
    send(stage, "small.gif", GIF, by=sign_up(stage.url))
    tab.has("a picture of this width:", lambda: tab.script(WIDTH), 1)


def upload_bar(stage: Stage) -> None:
    tab = stage.joined()
    if not hasattr(tab.driver, "execute_cdp_cmd"):
        return  # nothing makes Firefox slow enough for a bar
    tab.driver.execute_cdp_cmd("Network.enable", {})
    tab.driver.execute_cdp_cmd("Network.emulateNetworkConditions", SLOW)
    tab.script(WATCH_BAR)
    choose(tab, {"slow.txt": "x" * MIB})
    tab.has("the file", lambda: tab.script(SHOWN), ["slow.txt"])
    places = tab.script("return window.places")
    require(len(places) > 5, f"The bar should move with the upload; it was at {places}.")


def no_script(stage: Stage) -> None:
    client, eve = stage.client(), sign_up(stage.url)
    for name, page in TEXTS["attacks"].items():
        code = page.replace("SCRIPT", ATTACK).replace("ROOM", stage.room).replace("FILE", name)
        send(stage, name, code.encode(), by=eve)
        stage.tab().open(stage.url + next_file(client, name)["file"])
    stage.joined().say("from our own page")
    client.hears("from our own page")  # and nothing from a script


def bad_upload(stage: Stage) -> None:
    client = stage.client()
    send(stage, "first.txt")
    next_file(client, "first.txt")
    before = [(each, stored_by(each), open_in(each)) for each in stage.servers]  # none: a URL
    in_parts = {"6 MiB in parts": ("a.txt", iter([bytes(MIB)] * 6))}  # without Content-Length
    for what, (name, data) in (BAD | in_parts).items():
        status, answer = post(stage, name, data)
        good = status == 400 and isinstance(answer.get("error"), str)
        text = f'A file with {what} should get 400 and {{"error": "what was wrong"}}'
        require(good, f"{text}; {status} and {answer} came.")
    abort(stage)
    send(stage, "last.txt")
    number = next_file(client, "last.txt").get("number")
    require(number == 2, f"A bad upload should leave no message; the next one is number {number}.")
    for server, stored, descriptors in before:
        left = stored_by(server) - stored
        require(len(left) == 1, f"A bad upload should leave no file; {len(left) - 1} are left.")
        try:
            wait_until(lambda: open_in(server) <= descriptors, "")  # noqa: B023
        except TimeoutError:
            raise Unmet("A bad upload should leave no open descriptor; it does.") from None


def abort(stage: Stage) -> None:
    """Begin to send a file, and go away in the middle."""
    site = urlsplit(stage.url)
    headers = {
        "Host": site.netloc,
        "X-CSRFToken": stage.person.cookies.get("csrftoken", ""),
        "Content-Length": str(4 * MIB),
        **stage.person.headers,
    }
    lines = [f"POST /chat/{stage.room}/files/?name=half HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    with socket.create_connection((site.hostname, site.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + bytes(3 * MIB))
        time.sleep(0.3)  # the server is to see the half, not only the end


def stored_by(server: Server) -> set[Path]:
    """Return the files that a chat has stored, without its database."""
    data = Path(server.environment["CHAT_DATA"])
    return {each for each in data.rglob("*") if each.is_file() and ".sqlite3" not in each.name}


def open_in(server: Server) -> int:
    """Return how many descriptors a server has open that are no sockets."""
    process = psutil.Process(server.process.pid)
    return process.num_fds() - len(process.net_connections("all"))


def file_access(stage: Stage) -> None:
    client = stage.client()
    send(stage, "a.txt")
    path = next_file(client, "a.txt")["file"]
    text = stage.page(path).text
    require(text == "x", f"The file should come back; {text!r:.80} came.")
    require(asks_for_log_in(stage.url, path), f"Without a session, {path} should ask for a log-in.")
    elsewhere = path.replace(stage.room, new_room())
    status = stage.page(elsewhere).status
    require(status == 404, f"In another room, there should be no such file; {status} came.")
    nobody = Person()
    nobody.opener.open(f"{stage.url}/chat/", timeout=10).close()  # for the token of the page
    status, answer = post(stage, "b.txt", by=nobody)
    text = 'Without a session, an upload should get 403 and {"error": "what was wrong"}'
    require(status == 403 and "error" in answer, f"{text}; {status} and {answer} came.")
