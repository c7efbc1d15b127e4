"""Files: which are taken, who gets them and how, and what is left of those that are refused."""

from unittest.mock import AsyncMock, Mock

import pytest
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.db import OperationalError
from django.test import AsyncClient

from chat import history, views
from chat.files import MAX_SIZE, file_error, image_type
from chat.models import Message
from chat.routing import websocket_urlpatterns

consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))

GOOD_NAMES = ["圖片.png", "отчёт.txt", "100% ☕?#1&x=y", '<b>"&amp;".txt', "👨‍👩‍👧.txt", "x" * 100]

BAD_FILES = {
    "no name": ("", b"x", "needs a name"),
    "a name of spaces": ("  ", b"x", "needs a name"),
    "a long name": ("x" * 101, b"x", "101 characters is too long"),
    "a slash": ("../settings.py", b"x", "slash"),
    "a line break": ("one\ntwo", b"x", "control characters"),
    "a zero byte": ("one\0two", b"x", "control characters"),
    "a name that is turned": ("cat\u202egpj.exe", b"x", "direction"),
    "a name that keeps its direction": ("cat\u202d.exe", b"x", "direction"),
    "no bytes": ("empty.txt", b"", "empty"),
    "one byte too many": ("big.txt", bytes(MAX_SIZE + 1), "too big; 5 MiB"),
}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """The folder of the files: each test has its own."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def join(new_socket, log_in):
    """Open a socket in a room."""

    async def join(room):
        socket = new_socket(consumer, room, client=await log_in("bob"))
        assert await socket.opens(), f"The room {room!r} should have let the socket in."
        return socket

    return join


async def send(client, name="cat.png", data=b"a cat", room="kitchen"):
    """Send a file as the page does."""
    octets = "application/octet-stream"
    return await client.post(f"/chat/{room}/files/", data, octets, query_params={"name": name})


async def address(name):
    """Return the address of the last file with this name."""
    message = await Message.objects.select_related("author").aget(text=name)
    return message.frame()["file"]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_file_may_be_called(name):
    assert file_error(name, b"x") == ""


def test_a_file_may_be_as_big_as_this():
    assert file_error("big.txt", bytes(MAX_SIZE)) == ""


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.gif", "a.html.webp"])
def test_a_page_may_show(name):
    assert image_type(name).startswith("image/")


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.xml", "a.png.html", "png", ".png"])
def test_a_page_may_not_show(name):
    assert image_type(name) is None


async def test_a_file_reaches_everybody_in_the_room_and_nobody_else(join, log_in):
    """Bob sends last in the garden: a file in the wrong room would arrive before that."""
    kitchen, garden, client = await join("kitchen"), await join("garden"), await log_in("ann")
    response = await send(client, "圖片.png")
    assert (response.status_code, response.json()) == (201, {})
    frame, path = await kitchen.next_frame(), await address("圖片.png")
    expected = {"message": "圖片.png", "author": "ann", "number": 1, "file": path, "image": True}
    assert frame.items() >= expected.items()
    await garden.send_json_to({"message": "barrier"})
    assert await garden.next_message() == "barrier"
    late = await join("kitchen")
    assert await late.next_frame() == frame, "A tab that comes later should get it, too."


@pytest.mark.parametrize("name", GOOD_NAMES)
async def test_a_file_comes_back_as_it_was_sent(log_in, name):
    client = await log_in()
    await send(client, name, bytes(range(256)))
    response = await client.get(await address(name))
    assert response.getvalue() == bytes(range(256))
    assert response["Content-Disposition"].count("filename") == 1


async def test_files_of_the_same_name_are_two_files(log_in):
    client = await log_in()
    for data in b"one", b"two":
        assert (await send(client, data=data)).status_code == 201
    paths = [message.frame()["file"] async for message in Message.objects.select_related("author")]
    assert [(await client.get(path)).getvalue() for path in paths] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("name", "type_", "disposition"),
    [
        ("cat.png", "image/png", "inline"),
        ("cat.svg", "application/octet-stream", "attachment"),
        ("cat.html", "application/octet-stream", "attachment"),
        ("cat", "application/octet-stream", "attachment"),
    ],
)
async def test_a_browser_shows_pictures_and_saves_all_else(log_in, name, type_, disposition):
    client = await log_in()
    await send(client, name, b"<script>alert(1)</script>")
    response = await client.get(await address(name))
    assert response["Content-Type"] == type_
    assert response["Content-Disposition"].startswith(disposition)
    assert response["X-Content-Type-Options"] == "nosniff", "HTML in a .png should not be a page."
    assert response["Content-Security-Policy"] == "sandbox", "No script should ever run."


async def test_without_a_session_there_is_no_file(log_in):
    client = await log_in()
    await send(client)
    stranger, path = AsyncClient(), await address("cat.png")
    response = await stranger.get(path)
    assert (response.status_code, response.url) == (302, f"/accounts/login/?next={path}")
    response = await send(stranger, "dog.png")
    assert (response.status_code, response.json()) == (403, {"error": "Log in first."})
    assert await Message.objects.acount() == 1


async def test_there_is_no_file_in_another_room_and_none_of_a_message(log_in):
    client = await log_in()
    await send(client)
    path = await address("cat.png")
    assert (await client.get(path.replace("kitchen", "garden"))).status_code == 404
    await history.write("kitchen", None, "hello", "1e2d3c4b-0000-4000-8000-000000000000")
    hello = await Message.objects.aget(text="hello")
    assert (await client.get(f"/chat/kitchen/files/{hello.pk}/")).status_code == 404


@pytest.mark.parametrize(("name", "data", "reason"), BAD_FILES.values(), ids=BAD_FILES)
async def test_a_file_is_refused_and_leaves_nothing(log_in, folder, name, data, reason):
    response = await send(await log_in(), name, data)
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert not [*folder.iterdir()]
    assert not await Message.objects.aexists()


async def test_a_room_with_a_bad_name_takes_no_file(log_in, folder):
    response = await send(await log_in(), room="x" * 81)
    assert (response.status_code, [*folder.iterdir()]) == (400, [])


async def test_a_file_that_cannot_be_stored_is_deleted(log_in, folder, monkeypatch):
    client = await log_in()
    monkeypatch.setattr(history, "last_number", Mock(side_effect=OperationalError("no answer")))
    response = await send(client)
    assert response.status_code == 503
    assert "could not be stored" in response.json()["error"]
    assert not [*folder.iterdir()]


async def test_the_channel_layer_fails_and_a_file_is_there_all_the_same(join, log_in, monkeypatch):
    client = await log_in("ann")
    layer = Mock(group_send=AsyncMock(side_effect=ConnectionError("the layer is gone")))
    monkeypatch.setattr(views, "get_channel_layer", lambda: layer)
    assert (await send(client)).status_code == 201, "Else the user would send it twice."
    assert await (await join("kitchen")).next_message() == "cat.png"


async def test_a_page_of_another_site_cannot_send_a_file(log_in, django_user_model):
    await log_in("ann")
    strict = AsyncClient(enforce_csrf_checks=True)
    await strict.aforce_login(await django_user_model.objects.aget(username="ann"))
    assert (await send(strict)).status_code == 403


async def test_a_link_sends_no_file(log_in):
    client = await log_in()
    assert (await client.get("/chat/kitchen/files/?name=cat.png")).status_code == 405


async def test_no_two_files_are_stored_under_one_name(log_in, folder):
    client = await log_in()
    for name in "cat.png", "dog.png":
        await send(client, name, name.encode())
    stored = await database_sync_to_async(list)(Message.objects.values_list("file", flat=True))
    assert sorted(stored) == sorted(path.name for path in folder.iterdir())
    assert not [name for name in stored if "cat" in name or "dog" in name]
