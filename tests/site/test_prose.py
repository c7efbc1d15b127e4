"""Every command that a page shows is typed, what it prints is compared, and every address that the
page names is opened. tests/prose.py does that; the end of this file proves that it can fail."""

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from course.chapters import CHAPTERS, ROOT, Chapter
from course.markdown import fences
from course.run.serve import port_taken
from tests.site import prose
from tests.site.prose import Reader, Wrong, addresses, lines_of, read, read_title, served, unmet
from tests.slow.test_docker import COMPOSE_TEXT, skip_unless_it_works

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(chapter.folder / "README.md" for chapter in CHAPTERS),
    *sorted((ROOT / "docs").glob("*.md")),
]
REAL_PORTS = pytest.mark.xdist_group("docker")  # as tests/test_docker.py, which uses them, too
SHELL = pytest.mark.skipif(os.name == "nt", reason="a shell and signals as POSIX has them")


@functools.cache
def no_docker() -> str:
    """Return why there is no Docker here for the images of the course, "" if there is."""
    try:
        skip_unless_it_works("compose", "version")
        system = skip_unless_it_works("version", "--format", "{{.Server.Os}}").strip()
    except pytest.skip.Exception:
        return "no Docker engine with Compose answers"
    return "" if system == "linux" else f"the Docker engine runs {system} containers"


def why_not(condition: str) -> str:
    return prose.why_not(condition, no_docker)


# The pages


@REAL_PORTS
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_the_page_shows_happens(
    page: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if os.name != "nt" and not prose.venv_is_up_to_date():
        pytest.fail("The course's .venv is not up to date: python3 learn.py mends it.", False)
    course = prose.copy_of_the_course(tmp_path / "course")
    path = page.relative_to(ROOT)
    if path.name == "CONTRIBUTING.md":
        edit(course)
    problem = ""
    with Reader(course / path, course, tmp_path, why_not) as reader:
        try:
            reader.read()
        except Wrong as wrong:
            problem = str(wrong)
    counts = {"run": reader.done, "opened": reader.opened, "left": reader.left}
    record_property("prose", counts)
    if problem:
        pytest.fail(problem, pytrace=False)
    if path.name == "CONTRIBUTING.md":
        assert_edited(course)


@SHELL
@pytest.mark.skipif(not shutil.which("git"), reason="there is no git on the PATH")
def test_an_edit_to_step_2_is_carried_forward_by_the_lines_from_the_second_on(
    tmp_path: Path,
) -> None:
    course = prose.copy_of_the_course(tmp_path / "course")
    page = (course / "CONTRIBUTING.md").read_text("utf-8")
    [block] = [each.body for each in fences(page) if CARRY in each.body]
    edit(course, CHAPTERS[1])
    lines = block[block.index(CARRY + CHAPTERS[1].folder.name) :]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", lines], cwd=course, env=kept, check=True)
    assert_edited(course, CHAPTERS[1])


CARRY = "git diff --relative="
EDITED = "chat/rooms.py"  # every step has it, from step 3 on with more lines before and after
LINE = "    if not name:\n"


def edit(course: Path, chapter: Chapter = CHAPTERS[0]) -> None:
    """Do what CONTRIBUTING.md says to do by hand before its commands carry it forward."""
    file = course / chapter.folder.name / EDITED
    text = file.read_text("utf-8")
    assert text.count(LINE) == 1
    file.write_text(text.replace(LINE, f"    # edited\n{LINE}"), "utf-8")


def assert_edited(course: Path, first: Chapter = CHAPTERS[0]) -> None:
    for chapter in CHAPTERS if os.name != "nt" and shutil.which("git") else ():
        text = (course / chapter.folder.name / EDITED).read_text("utf-8")
        assert (f"# edited\n{LINE}" in text) is (chapter.number >= first.number), chapter


def test_the_readme_removes_what_the_compose_file_says() -> None:
    [down] = re.findall(
        r"^docker compose .* down .*$", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    assert f"# {down}  " in COMPOSE_TEXT


# What a block says


def block(text: str) -> prose.Block:
    [fence] = fences(dedent(text).lstrip("\n"))
    return read(fence)


def test_a_console_block_is_commands_with_what_each_prints() -> None:
    found = block("""
        ```console title="Terminal, in step1_views"
        $ echo a \\
        >   b
        a b

        $ cd chat
        $ ls
        …
        ```
        """)
    assert found.folder == "step1_views"
    assert [(each.text, each.line, each.expected) for each in found.commands] == [
        ("echo a \\\n  b", 2, ("a b", "")),
        ("cd chat", 6, ()),
        ("ls", 7, ("…",)),
    ]


def test_an_sh_block_is_commands_whose_output_is_not_shown() -> None:
    found = block("""
        ```sh
        # first
        git diff \\
          --stat

        ls
        ```
        """)
    assert [(each.text, each.line, each.expected) for each in found.commands] == [
        ("git diff \\\n  --stat", 3, None),
        ("ls", 6, None),
    ]


@pytest.mark.parametrize(
    "text, says",
    [
        ("```console\nls\n```", "2: output before the first command"),
        ("```sh\n$ ls\n```", "2: “$ ” is for a console fence"),
        ("```sh\n\n```", "1: a block without a command"),
        ('```sh title="With Dokcer"\nls\n```', "1: nobody knows when to run “With Dokcer”"),
        ("```sh\nredis-server\nls\n```", "2: nothing can be typed after `redis-server`"),
    ],
)
def test_a_block_that_is_not_clear_is_refused(text: str, says: str) -> None:
    with pytest.raises(Wrong, match=f"^{re.escape(says)}"):
        block(text)


@pytest.mark.parametrize(
    "title, condition, folder",
    [
        ("", "", None),
        ("Terminal, in the folder of the course", "", "."),
        ("Another terminal, in step3_channel_layer", "", "step3_channel_layer"),
        ("With redis-server, in step4_async", "With redis-server", "step4_async"),
        ("On Windows", "On Windows", None),
        ("Not run: it installs, in your system", "Not run: it installs, in your system", None),
    ],
)
def test_a_title_says_when_and_where(title: str, condition: str, folder: str | None) -> None:
    assert read_title(title, 1) == (condition, folder)


@pytest.mark.parametrize(
    "command, ports",
    {
        "python3 learn.py run 3": [8003],
        "REDIS_URL=redis://localhost:6380/0 python3 learn.py run 3 --port 8013": [8013],
        "python3 learn.py run 99": [],
        "python3 learn.py docs": [8000],
        "python3 learn.py test 3": [],
        "python manage.py runserver": [8000],
        "cd step1_views && python manage.py runserver 0.0.0.0:8001": [8001],
        "python manage.py check": [],
        "daphne -b 0.0.0.0 -p 8002 mysite.asgi:application": [8002],
        "python -m uvicorn mysite.asgi:application": [8000],
        "python -m mkdocs serve --dev-addr 127.0.0.1:8009": [8009],
        "redis-server": [6379],
        "redis-server --port 6380 --save ''": [6380],
        "redis-server --version": [],
        "sudo apt install redis-server": [],
        "docker compose up step3": [8003],
        "docker compose up": [chapter.port for chapter in CHAPTERS],
        "docker compose --profile docs up docs": [8000],
        "docker compose up --build step4-rabbitmq": [8014],
        "python3 learn.py run 4 --layer redis-pubsub": [8004],
        "docker compose up --detach step3": [],
        "docker compose down": [],
        "echo python3 learn.py run 3": [],
    }.items(),
)
def test_a_command_that_serves_is_known_with_its_ports(command: str, ports: list[int]) -> None:
    assert list(served(command)) == ports


def test_the_addresses_of_a_page_are_found_wherever_they_stand() -> None:
    page = dedent("""\
        Open <http://localhost:8003/chat/>, [this](http://127.0.0.1:8000) or `http://localhost:8001/`.
        The origin `http://localhost:8009` and https://example.org:8009/ are none; a room: http://localhost:8002/chat/大家/.

        ```http
        GET http://localhost:8009/ HTTP/1.1
        ```
        | ws://localhost:8004/ws/chat/lobby/|
        """)
    assert list(addresses(page)) == [
        (1, "http://localhost:8003/chat/", 8003),
        (1, "http://127.0.0.1:8000", 8000),
        (1, "http://localhost:8001/", 8001),
        (2, "http://localhost:8002/chat/大家/", 8002),
        (7, "ws://localhost:8004/ws/chat/lobby/", 8004),
    ]


# What is printed


@pytest.mark.parametrize(
    "expected, printed, first_unmet",
    [
        ("", "", None),
        ("", "a", 0),
        ("a", "", 0),
        ("a/b", "a/b", None),
        ("a/b", "a/c", 1),
        ("a/b", "a", 1),
        ("a/b", "a/b/c", 2),
        ("a/b", "x/a/b", 0),
        ("…", "", None),
        ("…/b", "a/a/b", None),
        ("…/b", "a/b/c", 2),
        ("…/b/…", "a/b/c", None),
        ("a/…/c", "a/c", None),
        ("a/…/c/d", "a/c/x/c/d", None),
        ("a/…/c/d/…", "a/c/x/c/d/e", None),
        ("a/…/c/d/…", "a/c/x/d", 3),
        ("…/b/…/a/…", "a/b", 3),
        ("in … s", "in 0.12 s", None),
        ("in … s", "in 0.12 min", 0),
        ("a.c", "abc", 0),
        ("at 8001", "at 8002", 0),
    ],
)
def test_what_is_printed_is_compared(expected: str, printed: str, first_unmet: int | None) -> None:
    assert unmet(split(expected), split(printed)) == first_unmet


@pytest.mark.parametrize(
    "expected, printed, first_unmet",
    [("a", "a/b", None), ("…/b", "a/b/c", None), ("", "a", None), ("b", "a/b", 0), ("a", "", 0)],
)
def test_a_server_may_print_on(expected: str, printed: str, first_unmet: int | None) -> None:
    assert unmet(split(expected), split(printed), on=True) == first_unmet


def split(lines: str) -> list[str]:
    return lines.split("/") if lines else []


def test_colours_and_what_was_overwritten_are_not_seen() -> None:
    assert lines_of("\x1b[32;1ma\x1b[0m  \r\n 10 %\r 100 %\n\nb\n\n") == ["a", " 100 %", "", "b"]
    assert lines_of("\n") == []


# Small pages: what is wrong in them is found, and nothing that they start stays

# Instead of Django: says where it serves, has a page /chat/, and can be bad in several ways.
MANAGE = """
import signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/chat/" else 404)
        self.end_headers()
port = int(sys.argv[2])
if "refuses" in sys.argv:
    sys.exit("This port is not for you.")
if "ends" in sys.argv:
    sys.exit(f"Serving at http://localhost:{port}/chat/")
print(f"Serving at http://localhost:{port}/chat/", flush=True)
if "deaf" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if "child" in sys.argv:
    subprocess.Popen(["sleep", "77"], start_new_session=True)
try:
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
except KeyboardInterrupt:
    print("Stopped.")
"""


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Reader]]:
    """Returns a function that does what a page says, and raises Wrong if something is."""
    started: list[prose.Terminal] = []
    begin = prose.Terminal.__init__
    monkeypatch.setattr(
        prose.Terminal, "__init__", lambda it, *all: (started.append(it), begin(it, *all))[0]
    )
    course = tmp_path / "course"
    (course / "step1_views").mkdir(parents=True)
    (course / "step1_views" / "manage.py").write_text(MANAGE)
    (course / ".venv").symlink_to(sys.prefix)
    path = course / "step1_views" / "README.md"

    def says(text: str) -> Reader:
        path.write_text(dedent(text), "utf-8")
        with Reader(path, course, tmp_path, why_not) as reader:
            reader.read()
        return reader

    yield says
    assert not [it for each in started for it in each.family if prose.alive(it)]


@pytest.fixture
def port() -> int:
    """A free port such as those of the steps."""
    return next(port for port in range(8100, 8999) if not port_taken(port))


@SHELL
def test_commands_are_typed_in_one_shell_in_the_folder_of_the_page(says) -> None:
    reader = says("""
        ```console
        $ ls
        README.md
        manage.py
        $ cd ..
        $ ls \\
        >   -d step*
        step1_views
        $ ls nowhere
        ls: …nowhere…
        ```

        ```sh title="Terminal, in the folder of the course"
        test -d step1_views
        test -z "$REDIS_URL$DJANGO_DEBUG"
        ```
        """)
    assert (reader.done, reader.opened, reader.left) == (2, 0, [])


WRONG = {
    "another line": (
        "```console\n$ echo one; echo two\none\nthree\n```",
        "4: `echo one; echo two` does not print what the page shows:\n    three\n"
        "It printed:\n    one\n    two",
    ),
    "a line missing": ("```console\n$ echo one\none\ntwo\n```", "4: `echo one` does not print"),
    "a line more": ("```console\n$ seq 2\n1\n```", "2: `seq 2` prints more than the page shows"),
    "a line of the first": ("```console\n$ echo 1\n$ echo 2\n2\n```", "2: `echo 1` prints more"),
    "first fails": ("```console\n$ false\n$ echo 2\n2\n```", "2: `false` ends with exit status 1."),
    "fails": ("```console\n$ false\n```", "2: `false` ends with exit status 1."),
    "fails in a pipe": ("```sh\nls\n\nfalse | true\n```", "4: `false | true` ends with exit st"),
    "not a command": ("```sh\nno-such\n```", "2: `no-such` ends with exit status 127."),
    "not reached": ("```sh\nexit 0\nls\n```", "3: `ls` is not reached"),
    "not a folder": ('```sh title="In step9"\nls\n```', "1: there is no folder step9"),
    "not a language": ("```bash\nls\n```", "1: “bash” is not run"),
    "not a fence": ("Type\n\n    python3 learn.py\n", "3: a command that no test runs"),
}


@SHELL
@pytest.mark.parametrize("text, wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found_with_its_line(says, text: str, wrong: str) -> None:
    with pytest.raises(Wrong, match=f"^step1_views/README.md:{re.escape(wrong)}"):
        says(text)


@SHELL
def test_a_command_that_does_not_end_is_found(says, monkeypatch) -> None:
    monkeypatch.setattr(prose, "COMMAND_ENDS", 0.3)
    with pytest.raises(Wrong, match=r"2: the block does not end within 0\.3 seconds"):
        says("\n```sh\nsleep 77\n```")


@REAL_PORTS
@SHELL
def test_servers_run_on_until_their_port_is_needed_and_the_page_ends(says, port: int) -> None:
    reader = says(
        f"""
        ```console
        $ python manage.py runserver {port}
        Serving at http://localhost:{port}/chat/
        ```
        Open <http://localhost:{port}/chat/>.
        ```console
        $ python -c "import urllib.request as r; print(r.urlopen('http://localhost:{port}/chat/').status)"
        200
        ```
        The same again:
        ```sh
        REDIS_URL=none python manage.py runserver {port}
        ```
        `http://localhost:{port}/chat/`
        """
    )
    assert (reader.done, reader.opened) == (3, 4)
    assert not port_taken(port)


SERVES = "```console\n$ python manage.py runserver PORT\nServing at …\n```\n"
WRONG_SERVERS = {
    "another port": (
        f"{SERVES}Open <http://localhost:8099/chat/>.",
        "5: http://localhost:8099/chat/: what the block before it starts serves on port PORT",
    ),
    "the port of the server before": (
        f"{SERVES}\nAgain:\n\n```sh\npython manage.py runserver OTHER\n```\n[it](http://localhost:PORT/)",
        "11: http://localhost:PORT/: what the block before it starts serves on port OTHER",
    ),
    "another port, later": (
        f"{SERVES}# A\n`ws://localhost:8099/ws/`",
        "6: ws://localhost:8099/ws/: no",
    ),
    "too early": (
        f"<http://localhost:PORT/chat/>\n\n{SERVES}",
        "1: http://localhost:PORT/chat/: no b",
    ),
    "another path": (
        f"{SERVES}`http://localhost:PORT/chta/`",
        "5: http://localhost:PORT/chta/: it an",
    ),
    "another line": (
        SERVES.replace("Serving", "Starting"),
        "3: `python manage.py runserver PORT` does n",
    ),
    "deaf": (
        SERVES.replace(" PORT", " PORT deaf"),
        "2: after Ctrl-C on `python manage.py runserver PORT deaf`",
    ),
    "a child": (
        SERVES.replace(" PORT", " PORT child"),
        "2: after Ctrl-C on `python manage.py runser",
    ),
    "ends": (
        SERVES.replace(" PORT", " PORT ends").replace("at …", "at http://…"),
        "2: `python manage.py runserver PORT ends` ends by itself.",
    ),
    "fails": (
        "```sh\npython manage.py runserver PORT ends\n```",
        "2: `python manage.py runserver PORT e",
    ),
    "not started": (
        "```sh\npython manage.py runserver PORT <no\n```",
        "2: `python manage.py runserver PORT <no` ends wi",
    ),
}


@REAL_PORTS
@SHELL
@pytest.mark.parametrize("text, wrong", WRONG_SERVERS.values(), ids=WRONG_SERVERS)
def test_what_is_wrong_with_a_server_is_found(says, port, monkeypatch, text, wrong) -> None:
    monkeypatch.setattr(prose, "SERVER_STOPS", 1)
    monkeypatch.setattr(prose, "SERVER_SPEAKS", 1)
    other = next(each for each in range(port + 1, 9000) if not port_taken(each))
    text, wrong = (
        each.replace("PORT", str(port)).replace("OTHER", str(other)) for each in (text, wrong)
    )
    with pytest.raises(Wrong, match=f"^step1_views/README.md:{re.escape(wrong)}"):
        says(text)
    assert not port_taken(port)


@REAL_PORTS
@SHELL
def test_a_server_may_be_shown_to_end(says, port: int) -> None:
    reader = says(
        f"""
        ```console
        $ python manage.py runserver {port} refuses
        This port is not for you.
        ```
        """
    )
    assert reader.done == 1


@REAL_PORTS
@SHELL
def test_a_port_that_is_taken_is_one_clear_line(says, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        taken = f"1: port {port} is taken by another program; stop that one, so"
        with pytest.raises(Wrong, match=f"^step1_views/README.md:{taken}"):
            says(SERVES.replace("PORT", str(port)))


@SHELL
def test_what_is_not_run_is_counted_with_its_reason(says, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(globals(), "no_docker", lambda: "no Docker")
    monkeypatch.setattr(sys, "platform", "darwin")
    reader = says("""
        ```sh title="With Docker"
        docker compose up step3
        ```
        Open <http://localhost:8003/chat/>.
        ```sh title="With redis-server"
        redis-server
        ```
        ```sh title="On Windows"
        py learn.py
        ```
        ```sh title="Not run: it installs"
        sudo apt install redis-server
        ```
        ```sh title="On macOS"
        true
        ```
        """)
    assert reader.left == [
        ("step1_views/README.md:2", "no Docker"),
        ("step1_views/README.md:5 (http://localhost:8003/chat/)", "no Docker"),
        ("step1_views/README.md:6", "there is no redis-server on the PATH"),
        ("step1_views/README.md:9", "this is not Windows"),
        ("step1_views/README.md:12", "it installs"),
    ]
    assert (reader.done, reader.opened) == (1, 0)
