"""Different here: the tests are classes of django.test in one file, which pytest runs as well; the
consumer is an AsyncJsonWebsocketConsumer."""

from contextlib import asynccontextmanager
from urllib.parse import quote

from channels.testing import WebsocketCommunicator
from django.test import SimpleTestCase, override_settings

from mysite.asgi import application

IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@asynccontextmanager
async def socket(room, origin="http://localhost"):
    """Open a socket for the time of a with block; `accepted` says whether it was let in."""
    path = f"/ws/chat/{quote(room, safe='')}/"
    communicator = WebsocketCommunicator(application, path, [(b"origin", origin.encode())])
    communicator.accepted, _ = await communicator.connect()
    try:
        yield communicator
    finally:
        await communicator.disconnect()


class PageTests(SimpleTestCase):
    def test_a_good_name_leads_to_its_room(self):
        response = self.client.get("/chat/", {"room": " 大家 好 "}, follow=True)
        self.assertContains(response, "<h1>大家 好</h1>", html=True)

    def test_a_bad_name_is_kept(self):
        self.assertContains(self.client.get("/chat/", {"room": "a/b"}), 'value="a/b"')


@override_settings(CHANNEL_LAYERS=IN_MEMORY)
class SocketTests(SimpleTestCase):
    async def test_everybody_in_the_room_hears_a_message(self):
        async with socket("kitchen") as ann, socket("kitchen") as bob:
            for speaker in ann, bob:
                await speaker.send_json_to({"message": " hello "})
                for listener in ann, bob:
                    self.assertEqual(await listener.receive_json_from(), {"message": "hello"})

    async def test_another_room_hears_nothing(self):
        async with socket("kitchen") as ann, socket("Kitchen") as bob:
            for speaker, frame in (ann, {"message": "for Ann"}), (bob, {"message": "for Bob"}):
                await speaker.send_json_to(frame)
                self.assertEqual(await speaker.receive_json_from(), frame)

    async def test_bad_frames_get_an_error(self):
        async with socket("kitchen") as ann:
            for bad in "hello", "[]", '{"message": ""}', '{"message": "a\\u0000b"}':
                with self.subTest(bad):
                    await ann.send_to(text_data=bad)
                    self.assertEqual((await ann.receive_json_from()).keys(), {"error"})
            await ann.send_to(bytes_data=b"{}")
            self.assertIn("error", await ann.receive_json_from())

    async def test_foreign_pages_are_refused(self):
        async with socket("kitchen", origin="http://example.com") as stranger:
            self.assertFalse(stranger.accepted)

    async def test_rooms_with_bad_names_are_refused(self):
        async with socket("x" * 81) as nobody:
            self.assertFalse(nobody.accepted)
