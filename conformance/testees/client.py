"""The testee for this package's clients: `python -m hyperglyph.conformance.testees.client`.

`--adapter` says over what: `httpx` (`Client`) and `httpx-async` (`AsyncClient`) over this package's
own use of httpx's pool, and others as ADAPTERS names them.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from typing import Any, Final

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.adapters.httpx_common import httpx

from ..typed import Unbuildable
from .calls import Performed
from .described import described_urls
from .program import about, serve_requests
from .recorded import AsyncRecorder, Recorder

#: For a call, if the scenario says nothing: less than a runner waits for an answer.
_TIMEOUT: Final = 8.0

Verify = ssl.SSLContext | None


@cache
def _context() -> ssl.SSLContext:
    """What httpx makes by itself, each time anew, which takes longer than most scenarios."""
    return httpx.create_ssl_context()


SYNC: Final[dict[str, Callable[[Verify], glyph.Transport]]] = {
    "httpx": lambda verify: HttpxTransport(verify=verify),
    "httpx-h2": lambda verify: HttpxTransport(verify=verify, http2=True),
    "given": lambda verify: HttpxTransport(
        transport=httpx.HTTPTransport(verify=verify or _context())
    ),
}
ASYNC: Final[dict[str, Callable[[Verify], glyph.AsyncTransport]]] = {
    "httpx-async": lambda verify: AsyncHttpxTransport(verify=verify),
    "httpx-h2-async": lambda verify: AsyncHttpxTransport(verify=verify, http2=True),
    "given-async": lambda verify: AsyncHttpxTransport(
        transport=httpx.AsyncHTTPTransport(verify=verify or _context())
    ),
}
ADAPTERS: Final = (*SYNC, *ASYNC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer requests from standard input until it ends or says stop."""
    parser = argparse.ArgumentParser(prog="python -m hyperglyph.conformance.testees.client")
    parser.add_argument("--adapter", choices=ADAPTERS, default="httpx")
    adapter = parser.parse_args(arguments).adapter
    try:
        (SYNC.get(adapter) or ASYNC[adapter])(None)
    except ImportError as error:
        parser.error(str(error))
    serve_requests(lambda request: answer(request, adapter))
    return 0


def answer(request: dict[str, Any], adapter: str = "httpx") -> dict[str, Any]:
    """Return the answer to a request, but for its `seq`. Raises what is the testee's own fault."""
    try:
        match request["cmd"]:
            case "start":
                return _start(adapter)
            case "perform":
                return _perform(request["steps"], request.get("options", {}), adapter)
            case "urls":
                return _urls(request["base"], bytes.fromhex(request["wire"]))
            case "request":
                return _request(request, is_async=adapter in ASYNC)
            case "stop":
                return {"stopped": True}
            case unknown:
                return {"skipped": f"unknown command {unknown}"}
    except Unbuildable as error:
        return {"skipped": str(error)}


def _start(adapter: str) -> dict[str, Any]:
    return about("hyperglyph" if adapter == "httpx" else f"hyperglyph over {adapter}", "client")


def _perform(
    steps: Sequence[dict[str, Any]], options: dict[str, Any], adapter: str
) -> dict[str, Any]:
    verify = ssl.create_default_context(cafile=options["ca"]) if "ca" in options else None
    settings: dict[str, Any] = {
        "timeout": options.get("timeout", _TIMEOUT),
        "origins": options.get("origins", ()),
        "method_override": options.get("method_override", False),
    }
    if "authorization" in options:
        settings["headers"] = {"Authorization": options["authorization"]}
    if adapter in SYNC:
        return _run(_with_client(glyph.Client(SYNC[adapter](verify), **settings), steps))

    async def performed() -> dict[str, Any]:
        return await _with_async_client(
            glyph.AsyncClient(ASYNC[adapter](verify), **settings), steps
        )

    return asyncio.run(performed())


async def _with_client(client: glyph.Client, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    with client:
        return {"results": await Performed(client).all(steps)}


async def _with_async_client(
    client: glyph.AsyncClient, steps: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    async with client:
        return {"results": await Performed(client).all(steps)}


def _run(steps: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """What steps give that never wait."""
    try:
        steps.send(None)
    except StopIteration as ended:
        result: dict[str, Any] = ended.value
        return result
    steps.close()
    raise RuntimeError("a step of the client without an event loop has waited for one")


def _urls(base: str, wire: bytes) -> dict[str, Any]:
    with glyph.Client(Recorder(wire)) as client:
        return {"urls": described_urls(client.get(base), base)}


def _request(request: dict[str, Any], *, is_async: bool) -> dict[str, Any]:
    wire = bytes.fromhex(request["wire"])
    called: dict[str, Any] = {"op": "call", "on": "page"}
    called |= {name: request[name] for name in ("member", "arguments", "named") if name in request}
    steps = [{"op": "get", "url": request["base"], "as": "page"}, called]
    if is_async:
        recorder = AsyncRecorder(wire)

        async def performed() -> dict[str, Any]:
            return await _with_async_client(glyph.AsyncClient(recorder), steps)

        results = asyncio.run(performed())["results"]
        sent = recorder.sent
    else:
        plain = Recorder(wire)
        results = _run(_with_client(glyph.Client(plain), steps))["results"]
        sent = plain.sent
    if sent is not None:
        return sent
    return next((result for result in results if "error" in result), {"skipped": "nothing is sent"})


if __name__ == "__main__":
    sys.exit(main())
