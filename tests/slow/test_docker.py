"""The Dockerfile and docker-compose.yml: read everywhere, run where a Docker engine answers."""

import asyncio
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import websockets.asyncio.client as asyncio_client
from ruamel.yaml import YAML
from websockets.sync.client import connect

from course.chapters import CHAPTERS, ROOT, Chapter
from course.run.layers import LAYERS
from tests.slow.crowd import Crowd, until

pytestmark = pytest.mark.xdist_group("docker")

COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE_TEXT = COMPOSE_FILE.read_text("utf-8")
SERVICES = YAML(typ="safe").load(COMPOSE_TEXT)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
# The groups of requirements.txt, as {name: version}; the first is what the steps import.
GROUPS = [
    dict(re.findall(r"^([\w-]+)==(\S+)", group, re.MULTILINE))
    for group in (ROOT / "requirements.txt").read_text("utf-8").lower().split("\n\n")[1:]
]
ON_REDIS = [chapter for chapter in CHAPTERS if "redis" in chapter.services]


def of(chapters: Sequence[Chapter]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("chapter", chapters, ids=lambda each: f"step{each.number}")


# Read: no Docker needed


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*tool, path], capture_output=True, text=True, timeout=60)


def test_the_compose_file_follows_the_compose_schema(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE_TEXT.replace("ports:", "prots:", 1), "utf-8")
    assert "prots" in check_schema(broken).stdout
    result = check_schema(COMPOSE_FILE)
    assert result.returncode == 0, result.stdout


@of(CHAPTERS)
def test_a_chapter_is_a_service(chapter: Chapter) -> None:
    name, port = f"step{chapter.number}", chapter.port
    service = SERVICES[name]
    environment = service["environment"]
    assert service["command"] == f"python manage.py runserver 0.0.0.0:{port}"
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["volumes"] == [f"./{chapter.folder.name}:/step:ro,z"]
    assert service["healthcheck"]["test"][-1].endswith(f"/{port}")
    assert name in environment["DJANGO_ALLOWED_HOSTS"].split(",")
    assert ("REDIS_URL" in environment) == (chapter in ON_REDIS)
    healthy = {"condition": "service_healthy"}
    assert service.get("depends_on", {}) == ({"redis": healthy} if chapter in ON_REDIS else {})
    assert SERVICES["tests"]["depends_on"][name] == healthy


def test_plain_up_starts_the_steps_and_redis_only() -> None:
    started = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert started == {"redis", *(f"step{chapter.number}" for chapter in CHAPTERS)}


def test_base_images_are_pinned() -> None:
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    images += re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 5
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+-", image), f"{image} names no exact version"


def test_the_image_installs_what_the_steps_import() -> None:
    stage = DOCKERFILE.split(" AS course")[0]
    names = re.search(r"--constraint \S+ \\\n(.*)", stage).group(1)
    assert set(names.lower().split()) == GROUPS[0].keys()


def test_the_scaled_chat_is_the_last_step_on_the_files_of_deploy() -> None:
    for name in ("chat", "nginx"):
        build = SERVICES[name]["build"]
        assert (build["target"], build["args"]) == (name, {"STEP": CHAPTERS[-1].folder.name})
    stage = DOCKERFILE.split(" AS chat\n")[1]
    port = re.search(r'"--port", "(\d+)"', stage)[1]
    assert f"chat:{port};" in (ROOT / "deploy" / "replicas.conf").read_text("utf-8")
    assert f"localhost:{port}/health/" in SERVICES["chat"]["healthcheck"]["test"][-1]
    # What the image installs, a server without Docker installs, too.
    stages = DOCKERFILE.split(" AS rabbitmq\n")[0] + stage
    installed = " ".join(re.findall(r"--constraint \S+ (?:\\\n +)?(\w.*)", stages))
    assert installed in (ROOT / "docs" / "deploying.md").read_text("utf-8")


# Run


def run(
    *arguments: str, folder: Path, timeout: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,  # never a terminal: output stays as it is
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )


def docker(*arguments: str, folder: Path = ROOT, timeout: float = 60, **environment: str) -> str:
    """Run a Docker command and return what it printed; fail with its errors."""
    result = run(*arguments, folder=folder, timeout=timeout, **environment)
    assert result.returncode == 0, f"docker {' '.join(arguments)}: {result.stderr[-4000:]}"
    return result.stdout


def skip_unless_it_works(*arguments: str) -> str:
    """Run a Docker command and return what it printed; skip, saying why, if it does not work."""
    command = f"`docker {' '.join(arguments)}` does not work here"
    try:
        result = run(*arguments, folder=ROOT, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{command}: {error}")
    if result.returncode:
        pytest.skip(f"{command}: {result.stderr.splitlines()[0]}")
    return result.stdout


def test_a_step_runs_on_rabbitmq_with_the_settings_of_its_layer() -> None:
    service, broker = SERVICES["step4-rabbitmq"], SERVICES["rabbitmq"]["environment"]
    layer, environment = LAYERS["rabbitmq"], service["environment"]
    assert environment["DJANGO_SETTINGS_MODULE"] == layer.settings
    url = urlsplit(environment["RABBITMQ_URL"])
    assert (url.hostname, url.path) == ("rabbitmq", f"/{broker['RABBITMQ_DEFAULT_VHOST']}")
    assert url.username == broker["RABBITMQ_DEFAULT_USER"]
    assert url.password == broker["RABBITMQ_DEFAULT_PASS"]
    assert SERVICES["step4"]["volumes"][0] in service["volumes"]


def test_docker_compose_reads_the_file() -> None:
    skip_unless_it_works("compose", "version")
    docker("compose", "--profile", "tests", "config", "--quiet")


class Project:
    """A copy of the repository, served by Compose under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"channels-{folder.parent.name}-{os.getpid()}"
        leftovers = shutil.ignore_patterns(".*_cache", ".git", ".venv", "__pycache__")
        shutil.copytree(ROOT, folder, ignore=leftovers)

    def compose(self, *arguments: str, timeout: float = 60, **environment: str) -> str:
        command = ("compose", "--project-name", self.name, *arguments)
        return docker(*command, folder=self.folder, timeout=timeout, **environment)

    def down(self) -> None:
        """Remove everything, by the line that stands in docker-compose.yml for it."""
        line = re.search(r"docker compose (--profile .*? down .*?)  ", COMPOSE_TEXT).group(1)
        self.compose(*shlex.split(line), timeout=120)

    def listed(self, kind: str, *options: str) -> list[str]:
        """What the engine lists of the project: containers (ps), images, networks, volumes."""
        label = f"label=com.docker.compose.project={self.name}"
        return docker(*kind.split(), "--filter", label, *options).splitlines()

    def layers(self) -> list[str]:
        shown = docker("image", "inspect", f"{self.name}-step3", "--format", "{{json .RootFS}}")
        return json.loads(shown)["Layers"]


def skip_if_taken(port: int, by: str) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        pytest.skip(f"port {port}, which {by} needs, is taken")


@pytest.fixture(scope="module")
def engine() -> None:
    """A Docker engine that answers."""
    skip_unless_it_works("compose", "version")
    if (system := skip_unless_it_works("version", "--format", "{{.Server.Os}}").strip()) != "linux":
        pytest.skip(f"the Docker engine runs {system} containers, and the images are for Linux")


@pytest.fixture(scope="module")
def project(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Every step, served by Compose from a copy that a test may edit."""
    for chapter in CHAPTERS:
        skip_if_taken(chapter.port, f"step {chapter.number}")
    project = Project(tmp_path_factory.mktemp("steps") / "course")
    try:
        project.compose("up", "--detach", "--build", "--wait", timeout=600)
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def scaled(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The last step, built for many processes behind nginx; a test starts it."""
    skip_if_taken(8443, "nginx")
    project = Project(tmp_path_factory.mktemp("scale") / "course")
    try:
        project.compose("--profile", "scale", "build", "chat", "nginx", timeout=600)
        yield project
    finally:
        project.down()


def fetch(chapter: Chapter, path: str) -> int | None:
    """The status of a page, or None if there is none to be had just now."""
    try:
        with urlopen(f"http://localhost:{chapter.port}{path}", timeout=5) as response:
            return response.status
    except OSError as error:
        return getattr(error, "code", None)


@of(CHAPTERS)
def test_a_step_answers(project: Project, chapter: Chapter) -> None:
    assert fetch(chapter, "/chat/") == 200


@of(ON_REDIS)
def test_two_clients_meet_through_redis(project: Project, chapter: Chapter) -> None:
    url = f"ws://localhost:{chapter.port}/ws/chat/lobby/"
    origin = f"http://localhost:{chapter.port}"
    with connect(url, origin=origin) as one, connect(url, origin=origin) as two:
        one.send('{"message": "hello"}')
        for client in one, two:
            assert json.loads(client.recv(timeout=10)) == {"message": "hello"}
        assert "asgi" in project.compose("exec", "redis", "redis-cli", "keys", "*")


def test_plain_up_started_neither_tests_nor_browser(project: Project) -> None:
    names = project.compose("ps", "--services").split()
    assert sorted(names) == ["redis", *(f"step{chapter.number}" for chapter in CHAPTERS)]


def test_ports_are_published_on_loopback_only(project: Project) -> None:
    ports = ", ".join(project.listed("ps", "--format", "{{.Ports}}"))
    published = [each.split("->")[0] for each in ports.split(", ") if "->" in each]
    assert sorted(published) == [f"127.0.0.1:{chapter.port}" for chapter in CHAPTERS]


def test_the_docs_service_serves_the_site(project: Project) -> None:
    """Before the edit below, which no page shows."""
    skip_if_taken(8000, "the site")
    project.compose("up", "--detach", "--build", "--wait", "docs", timeout=600)
    for chapter in CHAPTERS:
        with urlopen(f"http://localhost:8000/{chapter.folder.name}/", timeout=5) as response:
            assert f"Step {chapter.number}" in response.read().decode()


def test_a_step_does_not_run_as_root(project: Project) -> None:
    assert project.compose("exec", "step3", "id", "-u").strip() == "10001"


def test_the_image_holds_only_what_a_step_imports(project: Project) -> None:
    shown = project.compose("exec", "step3", "pip", "list", "--format", "json")
    installed = {
        each["name"].lower().replace("_", "-"): each["version"] for each in json.loads(shown)
    }
    assert installed.items() >= GROUPS[0].items()
    for group in GROUPS[1:]:
        assert not installed.keys() & group.keys()


def test_the_rabbitmq_profile_serves_step_4_on_it(project: Project) -> None:
    try:
        socket.create_server(("127.0.0.1", 8014)).close()
    except OSError:
        pytest.skip("port 8014, which the step needs, is taken")
    project.compose("up", "--detach", "--build", "--wait", "step4-rabbitmq", timeout=600)
    url, origin = "ws://localhost:8014/ws/chat/lobby/", "http://localhost:8014"
    with connect(url, origin=origin) as one, connect(url, origin=origin) as two:
        one.send('{"message": "hello"}')
        for client in one, two:
            assert json.loads(client.recv(timeout=10)) == {"message": "hello"}
    broker = ("exec", "rabbitmq", "rabbitmqctl", "--quiet", "list_exchanges", "-p", "course")
    assert re.search(r"^groups\b", project.compose(*broker), re.MULTILINE)
    project.compose("rm", "--stop", "--force", "step4-rabbitmq", "rabbitmq")


def test_an_edit_reloads_and_a_build_after_it_reinstalls_nothing(project: Project) -> None:
    chapter, layers = ON_REDIS[0], project.layers()
    assert fetch(chapter, "/edited/") == 404
    with (project.folder / chapter.folder.name / "mysite" / "urls.py").open("a") as file:
        file.write('urlpatterns += [path("edited/", RedirectView.as_view(url="/chat/"))]\n')
    deadline = time.monotonic() + 30
    while (status := fetch(chapter, "/edited/")) != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert status == 200
    project.compose("build", timeout=120)
    assert project.layers() == layers


def test_the_tests_service_drives_a_browser(project: Project) -> None:
    """A row that it can prove, and one that it names as native only."""
    command = SERVICES["tests"]["command"].split()
    chosen = [*command, "-k", "step3 and redis and (second_tab or two_servers)"]
    shown = project.compose("run", "--rm", "tests", *chosen, timeout=600)
    assert re.search(r"two_servers.* native only", shown)
    assert re.search(r"[1-9]\d* passed, ", shown)


def test_stopping_kills_nobody_and_down_leaves_nothing(project: Project) -> None:
    """The last one of the steps: it stops and removes what the others use."""
    containers = project.listed("ps", "--all", "--quiet")
    mounts = "{{range .Mounts}}{{if .Name}}{{.Name}} {{end}}{{end}}"
    volumes = set(docker("inspect", "--format", mounts, *containers).split())
    project.compose("--profile", "tests", "stop")
    for status in project.listed("ps", "--all", "--format", "{{.Names}} {{.Status}}"):
        assert "Exited (137)" not in status
    project.down()
    for kind in "ps --all", "image ls", "network ls", "volume ls":
        assert project.listed(kind, "--quiet") == []
    assert not volumes & set(docker("volume", "ls", "--quiet").split())


def test_without_a_key_the_scaled_chat_does_not_start(scaled: Project) -> None:
    command = ("compose", "--project-name", scaled.name, "run", "--rm", "--no-deps", "chat")
    ended = run(*command, folder=scaled.folder, timeout=60, DJANGO_SECRET_KEY="")
    assert ended.returncode != 0
    assert "DJANGO_SECRET_KEY is not set" in ended.stderr


def test_tabs_live_through_the_death_and_the_removal_of_replicas(scaled: Project) -> None:
    def up(replicas: int) -> None:
        scale = ("--scale", f"chat={replicas}", "--wait", "nginx")
        scaled.compose("up", *scale, timeout=600, DJANGO_SECRET_KEY="for this test")

    def dial() -> asyncio_client.connect:
        url, origin = "wss://localhost:8443/ws/chat/lobby/", "https://localhost:8443"
        return asyncio_client.connect(url, origin=origin, ssl=trust, proxy=None, compression=None)

    async def play() -> Crowd:
        crowd = Crowd(60, 10, dial)
        async with crowd.talking():
            crash = ("exec", "--index", "1", "chat", "bash", "-c", "kill -9 -1")
            await asyncio.to_thread(scaled.compose, *crash)
            await until(lambda: crowd.open < 60, lambda: "nobody noticed the crash")
            await until(lambda: crowd.open == 60, lambda: f"only {crowd.open} came back")
            crashed = len(crowd.dropped)
            await asyncio.to_thread(docker, "rm", "--force", f"{scaled.name}-chat-2")
            await until(lambda: len(crowd.dropped) > crashed, lambda: "nobody noticed the removal")
            await asyncio.to_thread(up, 4)
            await until(lambda: crowd.open == 60, lambda: f"only {crowd.open} came back")
        return crowd

    def served(replica: str) -> bool:
        with urlopen("https://localhost:8443/chat/lobby/", context=trust, timeout=5) as response:
            assert response.status == 200
        return "GET /chat/lobby/" in docker("logs", replica)

    up(3)
    certificate = scaled.compose("exec", "nginx", "cat", "tls/fullchain.pem")
    trust = ssl.create_default_context(cadata=certificate)
    with urlopen("https://localhost:8443/static/chat/room.js", context=trust) as response:
        assert response.headers["Server"].startswith("nginx")
        assert response.read() == (CHAPTERS[-1].folder / "chat/static/chat/room.js").read_bytes()
    crowd = asyncio.run(play())
    print(crowd.report())
    assert max(seconds for tab in crowd.tabs for seconds in tab.away) < 5
    assert not crowd.repeated()
    of_chat = ("--filter", "label=com.docker.compose.service=chat")
    replicas = scaled.listed("ps", *of_chat, "--format", "{{.Names}}")
    assert len(replicas) == 4
    deadline = time.monotonic() + 20
    for replica in replicas:  # that which was restarted, and those that are new, too
        while not served(replica):
            assert time.monotonic() < deadline, f"nginx does not find replica {replica}"
    scaled.compose("--profile", "scale", "stop")
    for status in scaled.listed("ps", "--all", "--format", "{{.Names}} {{.Status}}"):
        assert "Exited (137)" not in status
    scaled.down()
    for kind in "ps --all", "image ls", "network ls", "volume ls":
        assert scaled.listed(kind, "--quiet") == []
