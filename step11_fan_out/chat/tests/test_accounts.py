"""Accounts: who gets a page or a socket, whose name a message has, and when a socket closes."""

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.contrib.auth.models import User
from django.test import AsyncClient
from pytest_django.asserts import assertContains, assertRedirects

from accounts.consumers import LOGGED_OUT
from chat.consumers import ChatConsumer
from chat.routing import websocket_urlpatterns

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long
consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@pytest.fixture
def join(new_socket):
    """Open a socket in the kitchen, with the session of this test client, or without one."""

    async def join(client):
        socket = new_socket(consumer, "kitchen", client=client)
        assert await socket.opens(), "A page cannot read why a socket is refused, so it is not."
        return socket

    return join


async def is_closed(socket):
    """Return whether the next event closes the socket with the code of a log-out."""
    return await socket.receive_output(PATIENCE) == {
        "type": "websocket.close",
        "code": LOGGED_OUT,
    }


async def still_works(socket):
    await socket.send_json_to({"message": "still here"})
    return await socket.next_message() == "still here"


@pytest.mark.parametrize("path", ["/", "/chat/", "/chat/kitchen/"])
def test_a_page_leads_to_the_log_in_and_back(client, path):
    assertRedirects(client.get(path), f"/accounts/login/?next={path}")


async def test_without_a_session_a_socket_is_closed_at_once(join):
    assert await is_closed(await join(None))


@pytest.mark.django_db
def test_a_user_who_signs_up_is_logged_in(client):
    password = "correct horse battery"
    form = {"username": "ann", "password1": password, "password2": password}
    assertRedirects(client.post("/accounts/signup/", form), "/chat/")
    assertContains(client.get("/chat/"), '<b id="user-name">ann</b>')


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"username": "Ann"}, "already exists"),
        ({"username": "<b>"}, "valid username"),
        ({"password2": "another one"}, "match"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "password1", "password2": "password1"}, "too common"),
    ],
)
def test_a_bad_sign_up_says_what_is_wrong(client, change, reason):
    User.objects.create_user("ann")
    good = {"username": "bob", "password1": "correct horse", "password2": "correct horse"}
    assertContains(client.post("/accounts/signup/", good | change), reason)
    assert User.objects.count() == 1


async def test_a_link_cannot_log_anybody_out(log_in):
    client = await log_in()
    assert (await client.get("/accounts/logout/")).status_code == 405


def test_a_log_out_after_the_session_has_ended_leads_to_the_log_in(client):
    assertRedirects(client.post("/accounts/logout/"), "/accounts/login/")


async def test_a_message_has_the_name_of_its_user_whatever_the_frame_says(join, log_in):
    ann, bob = await join(await log_in("ann")), await join(await log_in("<b>bob"))
    await bob.send_json_to({"message": "hello", "author": "ann"})
    assert (await ann.next_frame())["author"] == "<b>bob"


async def test_a_message_stays_when_its_user_is_deleted(join, log_in):
    ann = await join(await log_in("ann"))
    await ann.send_json_to({"message": "hello"})
    await ann.next_frame()
    await User.objects.filter(username="ann").adelete()
    bob = await join(await log_in("bob"))
    frame = await bob.next_frame()
    assert (frame["message"], frame["author"]) == ("hello", None)


async def test_a_log_out_closes_the_sockets_of_its_session_only(join, log_in):
    here, there, other = await log_in("ann"), await log_in("ann"), await log_in("bob")
    closing = [await join(here), await join(here)]
    staying = [await join(there), await join(other)]
    await here.post("/accounts/logout/")
    for socket in closing:
        assert await is_closed(socket), "Its session is over."
    assert await still_works(staying[0]), "This is another session of the same user."
    assert await staying[1].next_message() == "still here", "This is another user."


async def test_a_log_in_as_somebody_else_closes_the_sockets_of_the_first(join, log_in):
    client = await log_in("ann")
    socket = await join(client)
    user = await User.objects.acreate_user("bob", password="correct horse battery")
    form = {"username": user.username, "password": "correct horse battery"}
    await client.post("/accounts/login/", form)
    assert await is_closed(socket)


async def change_password(user):
    user.set_password("another one")
    await user.asave()


async def deactivate(user):
    user.is_active = False
    await user.asave()


async def delete(user):
    await user.adelete()


@pytest.mark.parametrize("change", [change_password, deactivate, delete])
async def test_a_user_that_changes_loses_the_sockets(join, log_in, change):
    client, other = await log_in("ann"), await log_in("bob")
    socket, staying = await join(client), await join(other)
    await change(await User.objects.aget(username="ann"))
    assert await is_closed(socket)
    assert await still_works(staying)
    assert await is_closed(await join(client)), "A new socket is not open for long, either."


async def test_a_log_out_in_the_moment_of_joining_is_not_missed(join, log_in, monkeypatch):
    """It comes after the log-in was checked by AuthMiddlewareStack, and before the socket joins."""
    client, accept_user = await log_in(), ChatConsumer.accept_user

    async def slowly(self):
        await client.post("/accounts/logout/")
        return await accept_user(self)

    monkeypatch.setattr(ChatConsumer, "accept_user", slowly)
    assert await is_closed(await join(client))


async def test_the_channel_layer_fails_and_a_log_out_is_valid_all_the_same(log_in, monkeypatch):
    client = await log_in()
    monkeypatch.setattr("accounts.sockets.get_channel_layer", lambda: None)
    await client.post("/accounts/logout/")
    assert (await client.get("/chat/")).status_code == 302


async def test_without_its_token_a_form_is_refused(transactional_db):
    client = AsyncClient(enforce_csrf_checks=True)
    for page in "signup", "login", "logout":
        assert (await client.post(f"/accounts/{page}/")).status_code == 403
