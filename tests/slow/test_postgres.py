"""Steps on PostgreSQL: Debian's, with a port and a folder of its own."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import DEVNULL, run

import pytest
from websockets.asyncio.client import connect

from course.chapters import CHAPTERS
from course.run.serve import (
    PrivateRedis,
    ServeError,
    Server,
    copy_project,
    free_port,
    launch,
    port_taken,
    stop,
)
from tests.helpers import ALL_PASSED, REDIS, run_suite
from tests.slow.crowd import Crowd

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
HISTORY = next(each for each in CHAPTERS if each.name == "history")

pytestmark = [
    pytest.mark.skipif(not PROGRAMS, reason="no PostgreSQL of Debian"),
    pytest.mark.xdist_group("postgres"),
]


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """The address of a PostgreSQL, to which a name of a database is added."""
    folder, port = Path(tempfile.mkdtemp(prefix="postgres-")), free_port()
    options = {"stdout": DEVNULL, "stderr": DEVNULL}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        options["user"] = "postgres"
    data = str(folder / "data")
    made = ["--auth", "trust", "--username", "chat", "--no-sync", "-D", data]
    run([PROGRAMS / "initdb", *made], check=True, **options)
    listens = ["-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]
    command = [str(PROGRAMS / "postgres"), "-D", data, "-p", str(port), *listens]
    ready, failure = (lambda: port_taken(port)), (lambda: "PostgreSQL does not start")
    process = launch(command, ready, failure, **options)
    yield f"postgres://chat@127.0.0.1:{port}/"
    stop(process)
    shutil.rmtree(folder)


def test_the_suite_of_the_last_step_passes(server_url: str, tmp_path: Path) -> None:
    """It has the tests of the steps before."""
    folder = copy_project(CHAPTERS[-1].folder, tmp_path / "chat")
    status, output = run_suite(folder, DATABASE_URL=f"{server_url}postgres")
    assert status == ALL_PASSED, output
    assert not [*folder.rglob("*.sqlite3")], "it should not use a file"


@REDIS
def test_tabs_of_two_processes_end_with_the_same_messages(server_url: str, tmp_path: Path) -> None:
    """Each process is stopped in turn, while all tabs go on sending."""

    async def play(servers: list[Server]) -> None:
        turns = iter(range(10**6))

        def dial(since: int) -> connect:
            site = servers[next(turns) % 2].url
            address = f"{site.replace('http', 'ws', 1)}/ws/chat/lobby/?since={since}"
            return connect(address, origin=site, proxy=None)

        crowd = Crowd(40, 40, dial)
        async with crowd.talking():
            for drops, server in enumerate(servers, 1):
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                await crowd.all_open(drops=drops * 10)

    with PrivateRedis() as redis, ExitStack() as own:
        environment = {"REDIS_URL": redis.url, "DATABASE_URL": f"{server_url}postgres"}
        servers = [
            Server(HISTORY.folder, free_port(), environment, tmp_path / name, reload=False)
            for name in ("one", "two")
        ]
        servers[0].migrate()
        for server in servers:
            own.enter_context(server)
        asyncio.run(play(servers))


def test_a_database_that_does_not_answer_is_named_in_one_line(tmp_path: Path) -> None:
    url = f"postgres://chat:secret@127.0.0.1:{free_port()}/chat"
    with pytest.raises(ServeError) as error:
        Server(HISTORY.folder, free_port(), {"DATABASE_URL": url}).migrate()
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
