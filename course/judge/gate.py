"""A gate between a browser and a server: it lets pages through and can hold back sockets."""

import asyncio
import contextlib
import datetime
import ssl
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from cryptography import x509  # as pinned in constraints.txt: Daphne brings it
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Gate:
    """A TCP relay to a site, in a thread of its own. Use it as a context manager.

    `url` is the site's address behind the gate; `sockets` counts the WebSocket handshakes that
    came; with `held=True` they wait until `release` is called; with `tls=True` the gate is what a
    proxy with TLS is in a deployment, and `url` begins with https."""

    def __init__(self, site: str, held: bool = False, tls: bool = False) -> None:
        self.target, self.tls = urlsplit(site), tls
        self.sockets = 0
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        if not held:
            self._open.set()

    def __enter__(self) -> "Gate":
        context = self_signed() if self.tls else None
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._come, "127.0.0.1", 0, ssl=context)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://localhost:{port}"
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

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Python before 3.12 takes a connection that is cancelled for an error, and prints it.
        with contextlib.suppress(asyncio.CancelledError):
            await self._relay(reader, writer)

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
        else:  # TLS ends in both directions at once
            sink.close()


def self_signed() -> ssl.SSLContext:
    """Return the TLS of a server at localhost, with a new certificate that only it has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with TemporaryDirectory() as folder:  # Python's ssl takes both from files only
        file = Path(folder, "key and certificate.pem")
        file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(file)
    return context
