"""A gate between a browser and a server: it lets pages through and can hold back sockets."""

import asyncio
import contextlib
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from urllib.parse import urlsplit


class Gate:
    """A TCP relay to a site, as a context manager, over TLS if there is a context for it. `url` is
    the address of the gate. `sockets` counts the handshakes for rooms. If `held`, sockets wait for
    `release`. After `hold`, no socket gets a byte through, and none is closed."""

    def __init__(self, site: str, held: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self.target, self.tls, self.sockets = urlsplit(site), tls, 0
        self._open, self._always, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._ready = threading.Event()
        self._always.set()
        if not held:
            self._open.set()

    def __enter__(self) -> "Gate":
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()], daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def hold(self) -> None:
        """Let no byte of any socket through."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def release(self) -> None:
        """Let the sockets through that waited, and those to come."""
        self._loop.call_soon_threadsafe(self._open.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self.tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://localhost:{port}"
        self._ready.set()
        await self._ended.wait()
        server.close()  # and asyncio.run ends what is still relayed

    async def _relay(self, reader: StreamReader, writer: StreamWriter) -> None:
        # Python before 3.12 takes a connection that is cancelled for an error, and prints it.
        with contextlib.suppress(asyncio.CancelledError):
            start = await reader.read(65536)
            is_socket = b"upgrade: websocket" in start.lower()
            self.sockets += b" /ws/chat/" in start
            opened = self._open if is_socket else self._always
            await opened.wait()
            site = self.target
            answers, upstream = await asyncio.open_connection(site.hostname, site.port)
            upstream.write(start)
            await asyncio.gather(_pour(reader, upstream, opened), _pour(answers, writer, opened))


async def _pour(source: StreamReader, sink: StreamWriter, opened: asyncio.Event) -> None:
    """Pass on what comes, while it is open, until one side ends: then the other one ends, too."""
    with contextlib.closing(sink), contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            await opened.wait()
            sink.write(data)
            await sink.drain()
