"""Alerts: who gets them, from where, and when; what is seen, and what was rolled back."""

from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.consumers import LOGGED_OUT
from chat import alerts, history
from chat.alerts import alert
from chat.management.commands import alert as command
from chat.models import Alert
from chat.routing import websocket_urlpatterns

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long
CLOSE = {"type": "websocket.close", "code": LOGGED_OUT}
consumer = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


@pytest.fixture
def open_tab(new_socket, log_in):
    """Open a tab of this user: its socket for alerts."""

    async def open_tab(name="ann"):
        socket = new_socket(consumer, room=None, client=await log_in(name))
        assert await socket.opens(), "A page cannot read why a socket is refused, so it is not."
        return socket

    return open_tab


@database_sync_to_async
def alert_user(name, text):
    alert(User.objects.get(username=name), text)


@database_sync_to_async
def run_command(*arguments, **options):
    call_command("alert", *arguments, **options)


async def next_frame(tab):
    """Return the next frame with an id that the tab does not have yet, as the page does: an alert
    that is sent while the tab joins can come twice."""
    ids = tab.__dict__.setdefault("ids", set())
    while (frame := await tab.next_frame()) and frame.get("id") in ids:
        pass
    ids.update([frame["id"]] if frame and "id" in frame else [])
    return frame


async def next_alert(tab):
    """Return the text of the next alert. Without one, return the frame that comes instead."""
    frame = await next_frame(tab)
    return frame and frame.get("alert", frame)


async def write(text, author=None, page_id=None):
    """Store a message as the chat's consumer does."""
    user = author and await User.objects.aget(username=author)
    return await history.write("kitchen", user, text, page_id or uuid4())


async def test_a_mention_reaches_every_tab_of_one_user_and_nobody_else(open_tab):
    bob, bob_too, ann = await open_tab("bob"), await open_tab("bob"), await open_tab("ann")
    await write("@bob, dinner!", "ann")
    for tab in bob, bob_too:
        assert await next_alert(tab) == "ann in kitchen: @bob, dinner!"
    await alert_user("ann", "barrier")
    assert await next_alert(ann) == "barrier", "Nobody has mentioned Ann."


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@bob", ["bob"]),
        ("hello @bob.", ["bob"]),
        ("(@bob)@小明，你好", ["bob", "小明"]),
        ("@bob @bob", ["bob"]),
        ("@a.b@c+d-e", ["a.b@c+d-e"]),
        ("@ann", []),  # she writes it herself
        ("bob, @bobby, @ bob", []),
    ],
)
async def test_a_text_mentions(log_in, text, names):
    for name in "ann", "bob", "小明", "a.b@c+d-e":
        await log_in(name)
    await write(text, "ann")
    alerted = [each.user.username async for each in Alert.objects.select_related("user")]
    assert alerted == names


async def test_a_message_that_is_sent_twice_alerts_once(log_in):
    await log_in("bob")
    page_id = uuid4()
    for _ in range(2):
        await write("@bob", page_id=page_id)
    assert await Alert.objects.acount() == 1


async def test_a_command_reaches_every_tab_of_the_user(open_tab):
    tabs = [await open_tab(), await open_tab()]
    await run_command("ann", " The backup is done. ", stderr=Mock())
    for tab in tabs:
        assert await next_alert(tab) == "The backup is done."


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("nobody", "hello", "There is no user 'nobody'."),
        ("ann", " ", "Type a message first."),
        ("ann", "x" * 1001, "1,001 characters are too many"),
        ("ann", "one\ntwo", "control characters"),
        ("ann", "\udcff", "control characters"),  # a byte that is no UTF-8, typed in a terminal
    ],
)
async def test_a_command_is_refused_with_one_line(log_in, name, text, reason):
    await log_in("ann")
    with pytest.raises(CommandError, match=reason):
        await run_command(name, text)
    assert not await Alert.objects.aexists()


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_command_says_when_no_open_tab_can_get_it(log_in, capsys, monkeypatch, in_memory):
    await log_in("ann")
    kind = command.InMemoryChannelLayer if in_memory else AsyncMock
    monkeypatch.setattr(command, "get_channel_layer", lambda: Mock(spec=kind))
    await run_command("ann", "hello")
    assert ("no open tab gets it now" in capsys.readouterr().err) == in_memory


async def test_a_tab_that_comes_late_gets_what_was_not_seen_in_order(open_tab):
    tab = await open_tab()
    for text in "one", "two":
        await alert_user("ann", text)
    late = await open_tab()
    for text in "one", "two":
        assert await next_alert(tab) == text
        assert await next_alert(late) == text


async def test_what_is_seen_in_one_tab_is_seen_in_all_and_not_for_others(open_tab):
    here, there, bob = await open_tab(), await open_tab(), await open_tab("bob")
    await alert_user("bob", "for Bob")
    await alert_user("ann", "for Ann")
    for tab in here, there:
        assert await next_alert(tab) == "for Ann"
    await here.send_json_to({"seen": True, "id": "a page waits for this"})
    assert {"seen": True, "id": "a page waits for this"} in [
        await next_frame(here),
        await next_frame(here),
    ]
    assert await next_frame(there) == {"seen": True}
    await alert_user("ann", "new")
    assert await next_alert(await open_tab()) == "new", "A late tab should get no old one."
    assert await next_alert(bob) == "for Bob"
    assert await next_alert(await open_tab("bob")) == "for Bob", "Bob has seen nothing yet."


@pytest.mark.parametrize("frame", [{"text": "no JSON"}, {"text": ""}, {"bytes": b"\xff"}])
async def test_any_frame_means_seen(open_tab, frame):
    tab, other = await open_tab(), await open_tab()
    await tab.send_input({"type": "websocket.receive"} | frame)
    assert await next_frame(other) == {"seen": True}
    await tab.send_json_to({"seen": True})
    assert await next_frame(other) == {"seen": True}, "The socket should stay open."


async def test_nobody_gets_what_was_rolled_back(open_tab):
    tab = await open_tab()

    @database_sync_to_async
    def fail():
        with transaction.atomic():
            alert(User.objects.get(username="ann"), "never")
            transaction.set_rollback(True)

    await fail()
    await alert_user("ann", "barrier")
    assert await next_alert(tab) == "barrier"


async def test_nobody_gets_it_before_it_is_in_the_database(open_tab, new_socket, monkeypatch):
    """Were it sent before, a tab that comes right then would find nothing."""
    await open_tab()
    sent = []
    monkeypatch.setattr(
        "chat.alerts.send_to_user",
        lambda *_: sent.append(transaction.get_connection().in_atomic_block),
    )
    await write("@ann")
    assert sent == [False]


async def test_an_alert_between_joining_and_reading_is_not_lost(open_tab, monkeypatch):
    missed = alerts.missed

    async def slowly(user):
        frames = await missed(user)
        await alert_user("ann", "in between")
        return frames

    monkeypatch.setattr(alerts, "missed", slowly)
    assert await next_alert(await open_tab()) == "in between"


async def test_the_channel_layer_fails_and_the_message_is_stored_all_the_same(
    open_tab, monkeypatch
):
    await open_tab()
    monkeypatch.setattr("chat.alerts.get_channel_layer", lambda: None)
    assert (await write("@ann"))["number"] == 1
    assert await next_alert(await open_tab()) == "None in kitchen: @ann"


async def test_without_a_session_the_socket_is_closed(new_socket):
    socket = new_socket(consumer, room=None)
    assert await socket.opens()
    assert await socket.receive_output(PATIENCE) == CLOSE


async def test_a_log_out_closes_the_socket(new_socket, log_in):
    client = await log_in()
    socket = new_socket(consumer, room=None, client=client)
    assert await socket.opens()
    await client.post("/accounts/logout/")
    assert await socket.receive_output(PATIENCE) == CLOSE
