"""Help for the tests of the ASGI side: uvicorn in a thread, and applications without a server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
import uvloop
from http_peers import MEDIA_TYPE

__all__ = ["HTTP", "asgi", "head", "post", "uvicorn_server"]

#: What uvicorn can stand on.
HTTP = ("h11", "httptools")

# Its first loop leaves a pipe open, for as long as the process lives.
uvloop.new_event_loop().close()


@contextmanager
def uvicorn_server(application: Any, *, http: str = "h11", **options: Any) -> Generator[str]:
    """An application served by uvicorn from a thread of this process; gives its URL."""
    loop = "uvloop" if http == "httptools" else "asyncio"
    options = {"log_level": "critical", "timeout_graceful_shutdown": 5, **options}
    config = uvicorn.Config(application, http=http, loop=loop, **options)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    started = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert ready.wait(10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def post(url: str, body: bytes = b"O;", *, timeout: str = "", **headers: str) -> httpx.Response:
    """The answer to a call by somebody who names a deadline and then waits longer than that."""
    fields = {"content-type": MEDIA_TYPE, **{k.replace("_", "-"): v for k, v in headers.items()}}
    if timeout:
        fields["hyperglyph-timeout"] = timeout
    return httpx.post(url, content=body, headers=fields, timeout=10)


def head(**changes: Any) -> dict[str, Any]:
    """The scope of a POST to /hello."""
    headers = [(b"host", b"localhost"), (b"content-type", MEDIA_TYPE.encode())]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/hello",
        "raw_path": b"/hello",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        **changes,
    }


async def asgi(application: Any, scope: Any, *events: Any) -> tuple[int, dict[str, str], bytes]:
    """The answer of an application that receives these events, and then nothing more."""
    waiting = list(events or [{"type": "http.request", "body": b"O;"}])
    sent: list[Any] = []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    await application(scope, receive, send)
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert [event.get("more_body", False) for event in bodies] == [True] * (len(bodies) - 1) + [
        False
    ]
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], headers, b"".join(event.get("body", b"") for event in bodies)
