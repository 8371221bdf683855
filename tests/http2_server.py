"""hypercorn in a thread, which speaks HTTP/2 over TLS; and a recorder that it serves."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import hypercorn.asyncio
import hypercorn.config
import trustme
from recorder import Recorded, Seen

__all__ = ["Http2Recorder", "certified", "hypercorn_server"]


def certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of this machine with its key, and a context that trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")  # pyright: ignore[reportUnknownMemberType]
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "pem")  # pyright: ignore[reportUnknownMemberType]
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType]
    return folder / "pem", trusting


@contextmanager
def hypercorn_server(application: Any, pem: Path) -> Generator[int]:
    """An ASGI application over HTTP/2; gives its port.

    Functions that are no coroutine functions would leave threads behind.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile = config.keyfile = str(pem)
    config.errorlog = None
    config.graceful_timeout = 0.1
    stop: list[Callable[[], object]] = []
    ready = threading.Event()

    async def run() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))
        ready.set()
        serve: Any = cast("Any", hypercorn.asyncio).serve
        await serve(application, config, shutdown_trigger=over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(10)
        yield port
    finally:
        stop[0]()
        thread.join(10)
        assert not thread.is_alive()


class Http2Recorder(Recorded):
    """The server of the tests of a client over HTTP/2: an ASGI application."""

    def at(self, port: int) -> Http2Recorder:
        """The same, told where it is."""
        self.port = port
        self.url = f"https://127.0.0.1:{port}/"
        return self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for what in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{what}.complete"})
            return
        assert scope["http_version"] == "2"
        body = b""
        more = True
        while more:
            event: Any = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        path = scope["raw_path"].decode()
        if scope["query_string"]:
            path += f"?{scope['query_string'].decode()}"
        given = [(k.decode(), v.decode("latin-1")) for k, v in scope["headers"]]
        self.seen.append(Seen(scope["method"], path, given, body))
        status, extra, content = self.answer(path)
        headers = [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (*extra, *self.headers, ("content-length", str(len(content))))
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
