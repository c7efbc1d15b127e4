"""The hub on the core layer, which ends a subscription with an error if Redis stops."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from course.chapters import CHAPTERS
from course.judge.people import sign_up
from course.judge.scenarios.stage import Stage, Unmet
from course.run.layers import LAYERS
from course.run.serve import PrivateRedis, Server, free_port, migrate


@pytest.fixture
def stage(program: str, tmp_path: Path) -> Iterator[Stage]:
    if not PrivateRedis.available():
        pytest.skip("no redis-server on the PATH")
    redis = PrivateRedis()
    try:
        log, data = tmp_path / "log", {"CHAT_DATA": str(tmp_path / "data")}
        environment = LAYERS["redis"].environment(redis.url) | data
        folder = next(each.folder for each in CHAPTERS if each.name == "fan_out")
        migrate(folder, environment)
        with Server(folder, free_port(), environment, log, program=program) as server:
            stage = Stage(server.url, "kitchen", None, [server], redis)
            stage.log_in = lambda: sign_up(server.url)
            yield stage
            stage.leave()
    finally:
        redis.stop()


@pytest.mark.parametrize("program", ["daphne", "uvicorn"])
def test_a_lost_subscription_closes_every_socket_and_a_new_one_is_made(stage: Stage) -> None:
    """No tab may sit there connected and deaf. (A server may refuse to send some close codes.)"""
    clients = [stage.client() for _ in range(3)]
    clients[0].say("before")
    for client in clients:
        client.hears("before")
    stage.redis.stop()
    for client in clients:
        with pytest.raises(Unmet) as unmet:
            client.receive()
        assert unmet.value.symptom == "dropped 4000"
    stage.redis.start()
    stage.patience = 1
    assert heard_again(stage), "Who comes back should be heard again."


def heard_again(stage: Stage, seconds: float = 15) -> bool:
    """Come back, and speak, until somebody hears it: the layer itself has to connect again, too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Unmet):
            a, b = stage.client(), stage.client()
            a.say("after")
            b.reads_until("after")
            return True
    return False
