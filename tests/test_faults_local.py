"""Faults where no network is: what fails in a server of this process fails as over one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest

import hyperglyph as glyph
from hyperglyph.testing.driven import Driven
from hyperglyph.transport.http.messages import Request, Response

pytestmark = pytest.mark.usefixtures("no_leaks")


class Dropped:
    """A body that breaks off, of a WSGI application that has told when it ends."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise LookupError("a file that is not there")

    def close(self) -> None:
        self.closed = True


def failed(target: Any, *, awaited: bool = False) -> glyph.TransportError:
    transport: Any = glyph.AsyncLocalTransport(target) if awaited else glyph.LocalTransport(target)
    with Driven(transport) as driven:
        error, _ = driven.failure(Request("POST", "http://localhost/", body=b"x"))
    return error


@pytest.mark.parametrize(
    ("status", "phase", "outcome"),
    [("200 OK", "read", "done"), ("500 Sorry", "read", "unknown"), (None, "wait", "unknown")],
)
def test_a_wsgi_application_that_fails(status: str | None, phase: str, outcome: str) -> None:
    body = Dropped() if status is None else Dropped(b"half")

    def application(environ: Any, start_response: Any) -> Any:
        if status is not None:
            start_response(status, [])
        return body

    error = failed(application)
    assert (error.phase, error.outcome) == (phase, outcome)
    assert isinstance(error.__cause__, LookupError)
    assert body.closed


def test_a_wsgi_application_that_fails_at_once() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise LookupError("mine")

    error = failed(application)
    assert (error.phase, error.outcome) == ("wait", "unknown")
    assert isinstance(error.__cause__, LookupError)


@pytest.mark.parametrize("awaited", [False, True])
def test_an_answer_of_a_router_that_breaks_off(awaited: bool) -> None:
    class Handler:
        def handle(self, request: Any) -> Response:
            return Response(200, [], Dropped(b"half"))

    error = failed(Handler(), awaited=awaited)
    assert (error.phase, error.outcome) == ("read", "done")
    assert isinstance(error.__cause__, LookupError)


@pytest.mark.parametrize("awaited", [False, True])
def test_a_file_of_the_callers_own_that_cannot_be_read(awaited: bool) -> None:
    """It is the caller's error, and nothing was done."""
    called: list[object] = []
    router = glyph.Router()

    @router.add()
    def put(file: glyph.Blob) -> None:
        called.append(file.size)

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise PermissionError("mine")

    async def awaiting() -> None:
        async with glyph.AsyncClient(glyph.AsyncLocalTransport(router)) as client:
            root = await client.get("http://localhost/")
            with glyph.blob(Broken(b"abc"), "a/b") as file:
                await root.put(file)

    def blocking() -> None:
        with glyph.Client(glyph.LocalTransport(router)) as client:
            root = client.get("http://localhost/")
            with glyph.blob(Broken(b"abc"), "a/b") as file:
                root.put(file)

    with pytest.raises(PermissionError):
        asyncio.run(awaiting()) if awaited else blocking()
    router.close()
    assert called == []
