"""A RabbitMQ for tests: Debian's, with a node name, a port and a folder of its own."""

import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path
from subprocess import DEVNULL

import psutil

from course.run.serve import Service, free_port, launch, port_taken, wait_until

# The program itself. What Debian puts on the PATH is a wrapper that works in /var/lib.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
FILES = ("CONF_ENV_FILE", "CONFIG_FILE", "ENABLED_PLUGINS_FILE", "LOGS", "MNESIA_BASE")


class PrivateRabbitMQ(Service):
    """A running RabbitMQ with the methods of PrivateRedis; it starts empty each time."""

    def __init__(self) -> None:
        self.port, self.node = free_port(), f"test-{uuid.uuid4().hex[:8]}@localhost"
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self.start()

    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        environment = {f"RABBITMQ_{name}": str(self.folder / name) for name in FILES} | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {self.node} -setcookie test",
            # No cluster, and so no epmd, a process that would stay behind.
            "ERL_AFLAGS": f"-start_epmd false -dist_listen false -erl_epmd_port {self.port}",
        }
        failure, options = "rabbitmq-server does not start", {"stdout": DEVNULL, "stderr": DEVNULL}
        ready = lambda: port_taken(self.port)  # noqa: E731
        self.process = launch([PROGRAM], ready, lambda: failure, 60, env=environment, **options)

    def freeze(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)
        # On a busy machine a thread may run on before the signal is delivered.
        server = [
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if each.name() == "beam.smp"
        ]
        stopped = lambda: {each.status() for each in server} == {psutil.STATUS_STOPPED}  # noqa: E731
        wait_until(stopped, "RabbitMQ is not frozen")

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
