"""Jobs: their steps reach the tabs of their user, and they end whatever happens on the way."""

from unittest.mock import Mock
from uuid import uuid4

import pytest
from celery.exceptions import OperationalError
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import AsyncClient

from chat import history, tasks
from chat.models import Job
from chat.routing import websocket_urlpatterns

consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
STEPS = list(range(5, 101, 5))  # percent


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, monkeypatch):
    """The folder of the files: each test has its own. No test waits for others."""
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(tasks, "PAUSE", 0)
    return tmp_path


@pytest.fixture
def open_tab(new_socket, log_in):
    """Open a tab of this user: its socket for alerts and jobs."""

    async def open_tab(name="ann"):
        socket = new_socket(consumer, room=None, client=await log_in(name))
        assert await socket.opens(), "A page cannot read why a socket is refused, so it is not."
        await database_sync_to_async(call_command)("alert", name, "ready", stderr=Mock())
        assert (await next_frame(socket, "alert"))["alert"] == "ready"
        return socket

    return open_tab


async def next_frame(tab, key):
    """Return the next frame that has this key, or None if none comes."""
    while (frame := await tab.next_frame()) and key not in frame:
        pass
    return frame


async def store(*texts, room="kitchen"):
    """Store messages of Ann."""
    ann, _ = await User.objects.aget_or_create(username="ann")
    for text in texts:
        await history.write(room, ann, text, uuid4())


@database_sync_to_async
def new_job(**fields):
    user, _ = User.objects.get_or_create(username="ann")
    last = history.last_number("kitchen")
    return Job.objects.create(**{"user": user, "room": "kitchen", "last": last} | fields)


async def steps(tab):
    """Return how far the job is in each frame, until it has ended."""
    done = []
    while (not done or done[-1] < 100) and (frame := await next_frame(tab, "job")):
        done.append(frame["done"])
    return done


async def start(client, room="kitchen"):
    """Start a job as the page does."""
    return await client.post("/chat/jobs/", {"room": room})


async def test_each_step_reaches_every_tab_of_the_user_and_nobody_else(open_tab, log_in):
    bob, one, two = await open_tab("bob"), await open_tab(), await open_tab()
    response = await start(await log_in())
    job = await Job.objects.aget()
    assert response.status_code == 202
    assert response.json() == {"job": job.pk, "done": 0, "failed": False}
    for tab in one, two:
        assert await steps(tab) == STEPS
    await database_sync_to_async(call_command)("alert", "bob", "barrier", stderr=Mock())
    while (frame := await bob.next_frame()) and frame.get("alert") != "barrier":
        assert "job" not in frame, "Bob should not get how far a job of Ann's is."
    assert frame


async def test_a_tab_that_comes_late_gets_how_far_the_last_jobs_are(new_socket, log_in):
    jobs = [await new_job(done=done) for done in (100, 100, 100, 40)]
    await new_job(done=15, user=await User.objects.acreate(username="bob"))
    tab = new_socket(consumer, room=None, client=await log_in())
    assert await tab.opens()
    for job in jobs[1:]:
        assert await tab.next_frame() == {"job": job.pk, "done": job.done, "failed": False}


async def test_the_file_has_what_was_sent_to_the_room_before(log_in):
    texts = [f"number {number}" for number in range(33)]
    await store(*texts, "你好")
    await store("elsewhere", room="garden")
    client = await log_in()
    await start(client)
    await store("too late")
    response = await client.get(f"/chat/jobs/{(await Job.objects.aget()).pk}/")
    lines = response.getvalue().decode().splitlines()
    assert lines == [f"ann: {text}" for text in (*texts, "你好")]
    assert 'attachment; filename="kitchen.txt"' in response["Content-Disposition"]


async def test_the_file_has_messages_whose_user_is_deleted(log_in):
    await history.write("kitchen", None, "hello", uuid4())
    client = await log_in()
    await start(client)
    response = await client.get(f"/chat/jobs/{(await Job.objects.aget()).pk}/")
    assert response.getvalue() == b"somebody: hello\n"


async def test_an_empty_room_has_an_empty_file(log_in):
    client = await log_in()
    await start(client)
    job = await Job.objects.aget()
    assert (await client.get(f"/chat/jobs/{job.pk}/")).getvalue() == b""


async def test_only_the_user_gets_the_file_and_only_when_it_is_done(log_in):
    ann, bob = await log_in("ann"), await log_in("bob")
    await start(ann)
    path, unfinished = f"/chat/jobs/{(await Job.objects.aget()).pk}/", await new_job(done=95)
    assert (await ann.get(path)).status_code == 200
    assert (await bob.get(path)).status_code == 404
    assert (await AsyncClient().get(path)).status_code == 302
    assert (await ann.get(f"/chat/jobs/{unfinished.pk}/")).status_code == 404


@pytest.mark.parametrize(("room", "reason"), [("", "Type the name"), ("a/b", "slash")])
async def test_a_bad_room_is_refused_with_one_line(log_in, room, reason):
    response = await start(await log_in(), room)
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert not await Job.objects.aexists()


async def test_without_a_session_no_job_starts(transactional_db):
    assert (await start(AsyncClient())).status_code == 302
    assert not await Job.objects.aexists()


async def test_a_room_can_still_be_called_jobs(log_in):
    response = await (await log_in()).get("/chat/jobs/")
    assert "<h1>jobs</h1>" in response.content.decode()


async def test_a_job_goes_on_where_a_killed_worker_left_it(open_tab, folder):
    """That worker had written one line more than its row says."""
    tab = await open_tab()
    await store(*(f"number {number}" for number in range(40)))
    job = await new_job(done=50, size=len("ann: number 0\n"))
    job.path().write_text("ann: number 0\nann: num")
    await database_sync_to_async(tasks.export)(job.pk)
    assert await steps(tab) == STEPS[10:]
    expected = ["ann: number 0", *(f"ann: number {number}" for number in range(20, 40))]
    assert job.path().read_text().splitlines() == expected


async def test_a_job_that_is_done_is_not_done_again(transactional_db, monkeypatch):
    """A broker can deliver a task twice."""
    monkeypatch.setattr(tasks, "write_part", Mock())
    job = await new_job(done=100)
    await database_sync_to_async(tasks.export)(job.pk)
    assert not tasks.write_part.called


def test_a_task_of_a_killed_worker_goes_back_to_the_queue():
    """Only a real broker can show it: the course's tests kill a worker. This reads the options."""
    assert tasks.export.acks_late
    assert tasks.export.reject_on_worker_lost


async def test_the_channel_layer_fails_and_the_job_ends_all_the_same(log_in, monkeypatch):
    monkeypatch.setattr("chat.alerts.get_channel_layer", lambda: None)
    assert (await start(await log_in())).status_code == 202
    assert (await Job.objects.aget()).done == 100


async def test_a_job_that_fails_says_so(open_tab, log_in, monkeypatch):
    monkeypatch.setattr(tasks, "write_part", Mock(side_effect=[None, OSError("the disk is full")]))
    tab = await open_tab()
    assert (await start(await log_in())).status_code == 202
    assert (await next_frame(tab, "job"))["done"] == 5
    frame = await next_frame(tab, "job")
    assert (frame["done"], frame["failed"]) == (5, True)
    assert (await Job.objects.aget()).failed


async def test_without_a_broker_the_page_gets_one_line_and_no_job_is_left(log_in, monkeypatch):
    monkeypatch.setattr(tasks.export, "apply_async", Mock(side_effect=OperationalError("refused")))
    response = await start(await log_in())
    assert (response.status_code, response.json().keys()) == (503, {"error"})
    assert not await Job.objects.aexists()


def test_no_worker_gets_a_task_before_its_job_is_in_the_database(
    transactional_db, client, django_user_model
):
    client.force_login(django_user_model.objects.create_user("ann"))
    with transaction.atomic():
        client.post("/chat/jobs/", {"room": "kitchen"})
        assert Job.objects.get().done == 0
    assert Job.objects.get().done == 100
