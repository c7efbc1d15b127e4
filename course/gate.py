"""A gate between a browser and a server: it lets pages through and can hold back sockets."""

import asyncio
import contextlib
import threading
from urllib.parse import urlsplit


class Gate:
    """A TCP relay to a site, in a thread of its own. Use it as a context manager.

    `url` is the site's address behind the gate; `sockets` counts the WebSocket handshakes that
    came; with `held=True` they wait until `release` is called."""

    def __init__(self, site: str, held: bool = False) -> None:
        self.target = urlsplit(site)
        self.sockets = 0
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        if not held:
            self._open.set()

    def __enter__(self) -> "Gate":
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._relay, "127.0.0.1", 0)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://localhost:{port}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def release(self) -> None:
        """Let the sockets through that waited, and those to come."""
        self._loop.call_soon_threadsafe(self._open.set)

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = await reader.read(65536)
        if b"upgrade: websocket" in start.lower():
            self.sockets += 1
            await self._open.wait()
        upstream = await asyncio.open_connection(self.target.hostname, self.target.port)
        upstream[1].write(start)
        try:
            await asyncio.gather(_pour(reader, upstream[1]), _pour(upstream[0], writer))
        finally:
            writer.close()
            upstream[1].close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
