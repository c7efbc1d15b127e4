"""Different here: tests that are not async, each of which runs one story with asyncio.run, beside
manage.py and without pytest.ini; the chat is an ASGI application without a consumer."""

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator

from mysite.asgi import application


class Tab(ApplicationCommunicator):
    """What a server would tell the application about a tab, event by event."""

    def __init__(self, room, origin=b"http://localhost:8005"):
        scope = {"type": "websocket", "path": f"/ws/chat/{room}/", "headers": [(b"origin", origin)]}
        super().__init__(application, scope)

    async def __aenter__(self):
        await self.send_input({"type": "websocket.connect"})
        self.answer = (await self.receive_output())["type"]
        return self

    async def __aexit__(self, *exception):
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait()

    async def say(self, text):
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hears(self):
        return json.loads((await self.receive_output())["text"])


def test_two_tabs_talk_and_a_third_one_elsewhere_hears_nothing():
    async def story():
        async with Tab("大家") as ann, Tab("大家") as bob, Tab("大 家") as eve:
            await ann.say('{"message": "你好"}')
            assert await ann.hears() == await bob.hears() == {"message": "你好"}
            await bob.say('{"message": "hello"}')
            assert await ann.hears() == await bob.hears() == {"message": "hello"}
            await eve.say('{"message": "hm"}')
            assert await eve.hears() == {"message": "hm"}

    asyncio.run(story())


@pytest.mark.parametrize("frame", [None, "", "hello", "{}", '{"message": "   "}'])
def test_whoever_sends_nonsense_is_told_so_and_may_go_on(frame):
    async def story():
        async with Tab("lobby") as ann:
            await ann.say(frame)
            assert list(await ann.hears()) == ["error"]
            await ann.say('{"message": "better"}')
            assert await ann.hears() == {"message": "better"}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("room", "origin", "answer"),
    [
        ("lobby", b"http://localhost", "websocket.accept"),
        ("lobby", b"http://localhost.example.com", "websocket.close"),
        ("..", b"http://localhost", "websocket.close"),
        (" lobby", b"http://localhost", "websocket.close"),
    ],
)
def test_who_is_let_in(room, origin, answer):
    async def story():
        async with Tab(room, origin) as tab:
            assert tab.answer == answer

    asyncio.run(story())
