"""The Dockerfile and docker-compose.yml: read everywhere, run where a Docker engine answers."""

import asyncio
import functools
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import websockets.asyncio.client as asyncio_client
from ruamel.yaml import YAML
from websockets.sync.client import connect

from course.chapters import CHAPTERS, ROOT, SITE_PORT
from course.judge.people import sign_up
from course.run.serve import copy_project, has_database, port_taken, wait_until
from tests.helpers import tabs_talk
from tests.slow.crowd import Crowd, until

pytestmark = pytest.mark.xdist_group("docker")

COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
SERVICES = YAML(typ="safe").load(COMPOSE_TEXT)["services"]
DOWN = re.search(r"^# (docker compose (--profile .* down .*?))  ", COMPOSE_TEXT, re.MULTILINE)
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
# The groups of requirements.txt, as {name: version}; the first is what the steps import.
GROUPS = [
    dict(re.findall(r"^([\w-]+)==(\S+)", group, re.MULTILINE))
    for group in (ROOT / "requirements.txt").read_text("utf-8").lower().split("\n\n")[1:]
]
ON_REDIS = [chapter for chapter in CHAPTERS if "redis" in chapter.services]
STEPS = [f"step{chapter.number}" for chapter in CHAPTERS]
WITH_DATABASE = [chapter for chapter in CHAPTERS if has_database(chapter.folder)]
WITH_FILES = [each for each in CHAPTERS if (each.folder / "chat/files.py").exists()]
WITH_WORKER = [chapter for chapter in CHAPTERS if "worker" in chapter.services]
WORKERS = [f"step{chapter.number}-worker" for chapter in WITH_WORKER]


# Read: no Docker needed


def test_the_compose_file_follows_the_compose_schema() -> None:
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*tool, ROOT / "docker-compose.yml"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_each_chapter_is_a_service_and_plain_up_starts_these_and_redis_only() -> None:
    healthy = {"condition": "service_healthy"}
    for chapter, name in zip(CHAPTERS, STEPS, strict=True):
        service, port = SERVICES[name], chapter.port
        run = f"python manage.py runserver 0.0.0.0:{port}"
        migrates = f'sh -c "python manage.py migrate && exec {run}"'
        assert service["command"] == (migrates if chapter in WITH_DATABASE else run)
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        code = f"./{chapter.folder.name}:/{chapter.folder.name}:ro,z"
        assert service["volumes"] == [code, *["data:/data"] * (chapter in WITH_FILES)]
        assert ("CHAT_DATA" in service["environment"]) == (chapter in WITH_FILES)
        assert service["working_dir"] == f"/{chapter.folder.name}"  # names the session cookie
        assert service["healthcheck"]["test"][-1].endswith(f"/{port}")
        assert name in service["environment"]["DJANGO_ALLOWED_HOSTS"].split(",")
        assert ("REDIS_URL" in service["environment"]) == (chapter in ON_REDIS), name
        needs = {"redis": healthy} if chapter in ON_REDIS else {}
        if chapter in WITH_DATABASE:
            needs["databases"] = {"condition": "service_completed_successfully"}
            assert service["environment"]["DATABASE_URL"].endswith(f"/{name}")
            assert name in SERVICES["databases"]["command"]
        if chapter in WITH_WORKER:
            worker = SERVICES[f"{name}-worker"]
            needs[f"{name}-worker"] = healthy
            assert worker["command"] == "celery -A mysite worker"
            for same in "environment", "working_dir", "volumes":
                assert worker[same] == service[same]
        assert service.get("depends_on", {}) == needs, name
        assert SERVICES["tests"]["depends_on"][name] == healthy
    started = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert started == {"redis", "postgres", "databases", *STEPS, *WORKERS}


def test_base_images_are_pinned_and_hold_what_the_steps_import() -> None:
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    images += re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 7
    assert [each for each in images if not re.search(r":\d+\.\d+(\.\d+)?-", each)] == []
    names = re.search(r"--constraint \S+ \\\n(.*)", DOCKERFILE)[1]
    assert set(names.lower().split()) == {*GROUPS[0], '"psycopg[binary,pool]"'}


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


def test_the_readme_removes_what_the_compose_file_says() -> None:
    assert f"\n{DOWN[1]}\n" in (ROOT / "README.md").read_text("utf-8")


# Run


def docker(*words: str, folder: Path = ROOT, timeout: float = 60, **changes: str) -> str:
    """Run a Docker command and return what it printed; fail with its errors."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8"}
    options |= {"cwd": folder, "env": os.environ | changes, "timeout": timeout}
    result = subprocess.run(["docker", *words], **options)
    assert result.returncode == 0, f"docker {' '.join(words)}: {result.stderr[-4000:]}"
    return result.stdout


@functools.cache
def no_engine() -> str:
    """Return why no Docker engine with Compose runs the images of the course here, or ""."""
    try:
        docker("compose", "version")
        system = docker("version", "--format", "{{.Server.Os}}").strip()
    except (OSError, subprocess.TimeoutExpired, AssertionError):
        return "no Docker engine with Compose answers"
    return "" if system == "linux" else f"the Docker engine runs {system} containers"


class Project:
    """A copy of the repository, served by Compose under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_project(ROOT, folder / "course")
        self.name = f"channels-{folder.name}-{os.getpid()}"
        self.volumes_before = docker("volume", "ls", "--quiet")

    def compose(self, *words: str, timeout: float = 60, **environment: str) -> str:
        command = ("compose", "--project-name", self.name, *words)
        return docker(*command, folder=self.folder, timeout=timeout, **environment)

    def down(self) -> None:
        """Remove everything, by the line that docker-compose.yml has for it."""
        self.compose(*shlex.split(DOWN[2]), timeout=120)

    def listed(self, kind: str, *options: str) -> list[str]:
        """What the engine lists of the project: containers (ps), images, networks, volumes."""
        label = f"label=com.docker.compose.project={self.name}"
        return docker(*kind.split(), "--filter", label, *options).splitlines()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Every step, served by Compose from a copy that a test may edit."""
    if reason := no_engine():
        pytest.skip(reason)
    ports = [SITE_PORT, *(chapter.port for chapter in CHAPTERS), 8014, 8443]
    if taken := [port for port in ports if port_taken(port)]:
        pytest.skip(f"taken by other programs: ports {taken}")
    project = Project(tmp_path_factory.mktemp("docker"))
    try:
        project.compose("up", "--detach", "--build", "--wait", timeout=600)
        yield project
    finally:
        project.down()


def status_of(port: int, path: str) -> int | None:
    """Return the status of a page, or None if nobody answers just now."""
    try:
        with urlopen(f"http://localhost:{port}{path}", timeout=5) as response:
            return response.status
    except OSError as error:
        return getattr(error, "code", None)


def test_steps_are_served_on_loopback_only_and_meet_through_redis(project: Project) -> None:
    assert sorted(project.compose("ps", "--services").split()) == sorted(
        ["postgres", "redis", *STEPS, *WORKERS]
    )
    ports = ", ".join(project.listed("ps", "--format", "{{.Ports}}"))
    published = [each.split("->")[0] for each in ports.split(", ") if "->" in each]
    assert sorted(published) == [f"127.0.0.1:{chapter.port}" for chapter in CHAPTERS]
    for chapter in CHAPTERS:
        assert status_of(chapter.port, "/chat/") == 200
    for chapter in ON_REDIS:
        project.compose("exec", "redis", "redis-cli", "config", "resetstat")
        tabs_talk(f"http://localhost:{chapter.port}")
        commands = project.compose("exec", "redis", "redis-cli", "info", "commandstats")
        assert re.search("zadd|publish", commands), chapter


KILL_CHILDREN = "read main </proc/1/task/1/children; kill -9 $(</proc/$main/task/$main/children)"


def test_a_command_reaches_a_tab_and_a_job_lives_through_the_death_of_its_process(
    project: Project,
) -> None:
    name, port = f"step{WITH_WORKER[0].number}", WITH_WORKER[0].port
    site = f"http://localhost:{port}"
    person = sign_up(site)
    options = {"origin": site, "additional_headers": person.headers}
    with connect(f"ws://localhost:{port}/ws/alerts/", **options) as tab:
        project.compose("exec", name, "python", "manage.py", "alert", person.name, "hello")
        assert json.loads(tab.recv(10))["alert"] == "hello"
        path, kind = f"{site}/chat/jobs/", "x-www-form-urlencoded"
        assert person.post(path, b"room=lobby", kind)[0] == 202
        assert json.loads(tab.recv(10))["done"] < 50
        project.compose("exec", f"{name}-worker", "bash", "-c", KILL_CHILDREN)
        while (frame := json.loads(tab.recv(30)))["done"] < 100:
            assert not frame["failed"]
    assert "WorkerLostError" in project.compose("logs", f"{name}-worker")


def test_the_image_is_not_root_and_holds_only_what_a_step_imports(project: Project) -> None:
    assert project.compose("exec", "step3", "id", "-u").strip() == "10001"
    shown = project.compose("exec", "step3", "pip", "list", "--format", "json")
    installed = {
        each["name"].lower().replace("_", "-"): each["version"] for each in json.loads(shown)
    }
    assert installed.items() >= GROUPS[0].items()
    for group in GROUPS[1:]:
        assert not installed.keys() & group.keys()


def test_the_site_and_a_step_on_rabbitmq_are_served(project: Project) -> None:
    """Before the edit below, which no page shows."""
    services = ("docs", "step4-rabbitmq")
    project.compose("up", "--detach", "--build", "--wait", *services, timeout=600)
    for chapter in CHAPTERS:
        assert status_of(SITE_PORT, f"/{chapter.folder.name}/") == 200
    tabs_talk("http://localhost:8014")
    broker = ("exec", "rabbitmq", "rabbitmqctl", "--quiet", "list_exchanges", "-p", "course")
    assert re.search(r"^groups\b", project.compose(*broker), re.MULTILINE)
    project.compose("rm", "--stop", "--force", "rabbitmq", *services)  # RabbitMQ stops slowly


def test_an_edit_reloads_and_a_build_after_it_reinstalls_nothing(project: Project) -> None:
    chapter, image = ON_REDIS[0], f"{project.name}-step{ON_REDIS[0].number}"
    layers = docker("image", "inspect", image, "--format", "{{json .RootFS}}")
    assert status_of(chapter.port, "/edited/") == 404
    with (project.folder / chapter.folder.name / "mysite" / "urls.py").open("a") as file:
        file.write('urlpatterns += [path("edited/", RedirectView.as_view(url="/chat/"))]\n')
    wait_until(lambda: status_of(chapter.port, "/edited/") == 200, "the edit is not served", 30)
    project.compose("build", timeout=120)
    assert docker("image", "inspect", image, "--format", "{{json .RootFS}}") == layers


def test_the_tests_service_drives_a_browser(project: Project) -> None:
    """A row that it can prove, and one that it names as native only."""
    command = SERVICES["tests"]["command"].split()
    chosen = [*command, "-k", "step3 and redis and (second_tab or two_servers)"]
    shown = project.compose("run", "--rm", "tests", *chosen, timeout=600)
    assert re.search(r"two_servers.* native only", shown)
    assert re.search(r"[1-9]\d* passed, ", shown)


def test_tabs_live_through_the_death_and_the_removal_of_replicas(project: Project) -> None:
    project.compose("build", "chat", "nginx", timeout=600)
    with pytest.raises(AssertionError, match="DJANGO_SECRET_KEY is not set"):
        project.compose("run", "--rm", "--no-deps", "chat", DJANGO_SECRET_KEY="")

    def up(replicas: int) -> None:
        scale = ("--scale", f"chat={replicas}", "--wait", "nginx")
        project.compose("up", *scale, timeout=600, DJANGO_SECRET_KEY="for this test")

    def dial(since: int) -> asyncio_client.connect:
        url = f"wss://localhost:8443/ws/chat/lobby/?since={since}"
        options = {"origin": "https://localhost:8443", "additional_headers": person.headers}
        return asyncio_client.connect(url, ssl=trust, proxy=None, compression=None, **options)

    async def play() -> Crowd:
        crowd = Crowd(60, 10, dial)
        async with crowd.talking():
            crash = ("exec", "--index", "1", "chat", "bash", "-c", "kill -9 -1")
            await asyncio.to_thread(project.compose, *crash)
            await crowd.all_open(drops=1)
            crashed = len(crowd.dropped)
            await asyncio.to_thread(docker, "rm", "--force", f"{project.name}-chat-2")
            await until(lambda: len(crowd.dropped) > crashed, lambda: "nobody noticed the removal")
            await asyncio.to_thread(up, 4)
            await crowd.all_open(drops=crashed + 1)
        return crowd

    def served(replica: str) -> bool:
        with person.opener.open("https://localhost:8443/chat/lobby/", timeout=5) as response:
            assert response.status == 200
        return "GET /chat/lobby/" in docker("logs", replica)

    up(3)
    certificate = project.compose("exec", "nginx", "cat", "tls/fullchain.pem")
    trust = ssl.create_default_context(cadata=certificate)
    with urlopen("https://localhost:8443/static/chat/room.js", context=trust) as response:
        assert response.headers["Server"].startswith("nginx")
        assert response.read() == (CHAPTERS[-1].folder / "chat/static/chat/room.js").read_bytes()
    person = sign_up("https://localhost:8443", trust=trust)
    crowd = asyncio.run(play())
    print(crowd.report())
    assert crowd.away[-1] < 5
    of_chat = ("--filter", "label=com.docker.compose.service=chat")
    replicas = project.listed("ps", *of_chat, "--format", "{{.Names}}")
    assert len(replicas) == 4
    for replica in replicas:  # that which was restarted, and those that are new, too
        wait_until(lambda each=replica: served(each), f"nginx does not find {replica}", 20)


def test_stopping_kills_nobody_and_down_leaves_nothing(project: Project) -> None:
    """The last one: it stops and removes what the others use."""
    project.compose("--profile", "*", "stop")
    for status in project.listed("ps", "--all", "--format", "{{.Names}} {{.Status}}"):
        assert "Exited (137)" not in status
    project.down()
    for kind in "ps --all", "image ls", "network ls", "volume ls":
        assert project.listed(kind, "--quiet") == []
    assert docker("volume", "ls", "--quiet") == project.volumes_before
