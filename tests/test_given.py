"""Transports made for httpx in place of our own connections: hishel's cache, OpenTelemetry."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hishel
import hishel.httpx
import httpx
import pytest
from asgi_help import uvicorn_server
from cheroot.wsgi import Server as CherootServer
from opentelemetry.instrumentation.asgi import (  # pyright: ignore[reportMissingTypeStubs]
    OpenTelemetryMiddleware as AsgiMiddleware,
)
from opentelemetry.instrumentation.httpx import AsyncOpenTelemetryTransport, HTTPXClientInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from test_transport_docs import run

import hyperglyph as glyph
from hyperglyph.testing.driven import Driven, request_to
from hyperglyph.testing.peers import OK, answers, peer
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.http.addresses import is_public
from hyperglyph.transport.http.messages import Request

pytestmark = pytest.mark.usefixtures("no_leaks")

Serve = Callable[..., str]


class Passing(httpx.BaseTransport):
    """Counts what goes through to the server: the statuses of its answers."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self._next = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._next.handle_request(request)
        self.statuses.append(response.status_code)
        return response

    def close(self) -> None:
        self._next.close()


def caching(path: Path, passing: Passing, *, shared: bool = True, **o: Any) -> glyph.Client:
    storage = hishel.SqliteStorage(database_path=path / "cache.db")
    rfc = hishel.CacheOptions(shared=shared)
    cached = hishel.httpx.CacheTransport(passing, storage=storage, rfc=rfc)
    return glyph.Client(HttpxTransport(transport=cached), **o)


# --- hishel -----------------------------------------------------------------------------------


def test_a_public_result_is_asked_for_once(serve: Serve, tmp_path: Path) -> None:
    made: list[str] = []

    @glyph.safe()
    @glyph.cache(max_age=60, public=True)
    def price(of: str) -> str:
        made.append(of)
        return f"{of}: {len(made)}"

    url, passing = serve(price), Passing()
    with caching(tmp_path, passing) as client:
        root = client.get(url)
        assert [root.price("tea"), root.price("tea"), root.price("jam")] == [
            "tea: 1", "tea: 1", "jam: 2",
        ]  # fmt: skip
    with caching(tmp_path, Passing()) as another:
        assert another.get(url).price("tea") == "tea: 1"
    assert made == ["tea", "jam"]


@pytest.mark.parametrize("shared", [True, False])
def test_a_private_result_never_reaches_another_user(
    serve: Serve, tmp_path: Path, shared: bool
) -> None:
    def who(request: glyph.Incoming) -> str | None:
        given = glyph.basic_credentials(request)
        return None if given is None else given[0]

    @glyph.safe()
    @glyph.cache(max_age=60)
    def diary() -> Any:
        return f"of {glyph.principal()}"

    url = serve(diary, router=glyph.Router(authenticate=who))
    for user in ("ada", "bob", "ada"):
        with caching(tmp_path, Passing(), shared=shared, auth=(user, "")) as client:
            assert client.get(url).diary() == f"of {user}"
    counted = Passing()
    with caching(tmp_path, counted, shared=shared, auth=("ada", "")) as client:
        root = client.get(url)
        counted.statuses.clear()
        assert [root.diary(), root.diary()] == ["of ada", "of ada"]
    # What one user has to himself may be kept for him, and is not in a cache that is shared.
    assert counted.statuses == ([200, 200] if shared else [])


def test_what_is_kept_is_revalidated(serve: Serve, tmp_path: Path) -> None:
    value = ["one" * 100]

    @glyph.safe()
    def read() -> str:
        return value[0]

    url, passing = serve(read), Passing()
    with caching(tmp_path, passing, shared=False) as client:
        root = client.get(url)
        passing.statuses.clear()
        assert root.read() == root.read() == "one" * 100
        value[0] = "two"
        assert root.read() == "two"
    assert passing.statuses == [200, 304, 200]


def test_the_documented_cache(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    @glyph.safe()
    @glyph.cache(max_age=60, public=True)
    def count() -> int:
        made.append(1)
        return len(made)

    monkeypatch.chdir(tmp_path)
    url = serve(count)
    with run("hishel")["client"] as client:
        root = client.get(url)
        assert [root.count(), root.count()] == [1, 1]


# --- OpenTelemetry ----------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


@contextmanager
def cheroot(application: Any) -> Generator[str]:
    server: Any = CherootServer(("127.0.0.1", 0), application, numthreads=2)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.bind_addr[1]}/"
    finally:
        server.stop()
        thread.join(10)


def greeting() -> glyph.Router:
    router = glyph.Router()

    @router.add()
    def hello(name: str) -> str:
        parent = glyph.context().header("traceparent")
        assert parent is not None
        return f"{name} {parent.split('-')[1]}"

    return router


def one_trace(exporter: InMemorySpanExporter, trace: str) -> None:
    """The spans of a call: the server's is the child of the client's, in the trace given."""
    found = {
        str(span.kind.name): span
        for span in exporter.get_finished_spans()
        if span.context is not None and f"{span.context.trace_id:032x}" == trace
        if span.name.startswith(("POST", "GET"))
    }
    client, server = found["CLIENT"], found["SERVER"]
    assert server.parent is not None
    assert client.context is not None
    assert server.parent.span_id == client.context.span_id


def test_one_trace_through_wsgi(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        application = WsgiMiddleware(greeting().wsgi, tracer_provider=provider)
        with (
            cheroot(application) as url,
            glyph.Client(HttpxTransport(transport=httpx.HTTPTransport())) as client,
        ):
            root = client.get(url)
            exporter.clear()
            name, trace = root.hello("ada").split()
    finally:
        instrumentor.uninstrument()
    assert name == "ada"
    one_trace(exporter, trace)


def test_one_trace_through_asgi(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans

    async def call(url: str) -> str:
        traced = AsyncOpenTelemetryTransport(httpx.AsyncHTTPTransport(), tracer_provider=provider)
        async with glyph.AsyncClient(AsyncHttpxTransport(transport=traced)) as client:
            root = await client.get(url)
            exporter.clear()
            return str(await root.hello("bob"))

    router = greeting()
    with uvicorn_server(AsgiMiddleware(router.asgi, tracer_provider=provider)) as url:
        name, trace = asyncio.run(call(url)).split()
    router.close()
    assert name == "bob"
    one_trace(exporter, trace)


def test_the_documented_traces() -> None:
    names = run("opentelemetry")

    def size(text: str) -> int:
        return len(text)

    names["router"].add(size)
    with cheroot(names["application"]) as url, names["client"] as client:
        assert client.get(url).size("abc") == 3


# --- what is known and what is not ------------------------------------------------------------


def mock(answer: Callable[[httpx.Request], httpx.Response]) -> Driven:
    return Driven(HttpxTransport(transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize(
    ("error", "phase", "outcome"),
    [
        (httpx.ConnectError("no"), "connect", "not done"),
        (httpx.ProxyError("no"), "connect", "not done"),
        (httpx.WriteError("no"), "send", "unknown"),
        (httpx.ReadError("no"), "wait", "unknown"),
        (RuntimeError("no"), "wait", "unknown"),
        (OSError("no"), "wait", "unknown"),
    ],
)
def test_of_a_silent_transport_the_worst_is_thought(
    error: Exception, phase: str, outcome: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    told, _ = mock(answer).failure(Request("POST", "http://example.org/", body=b"x"))
    assert (told.phase, told.outcome, told.reused) == (phase, outcome, False)
    assert told.__cause__ is error


def test_a_silent_transport_answers() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"X": "1"}, content=request.read() * 2)

    answered = mock(answer).send(Request("POST", "http://example.org/", body=b"ab"))
    assert ("X", "1") in answered.headers
    assert answered.read() == b"abab"


@pytest.mark.parametrize("awaited", [False, True])
def test_the_rule_about_addresses(awaited: bool) -> None:
    transport: Any = (
        AsyncHttpxTransport(transport=httpx.AsyncHTTPTransport())
        if awaited
        else HttpxTransport(transport=httpx.HTTPTransport())
    )
    with Driven(transport) as driven, peer(answers(OK, OK)) as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            error, _ = driven.failure(request_to(url, addresses=is_public))
            assert (error.phase, error.outcome) == ("connect", "not done")
            assert "public address" in str(error)
        assert server.requests == []
        assert driven.fetch(request_to(server.url)) == b"T;"
        # Nor over a connection that is open already.
        error, _ = driven.failure(request_to(server.url, addresses=is_public))
        assert (error.phase, error.outcome) == ("connect", "not done")
        assert len(server.requests) == 1


def test_a_proxy_of_httpx() -> None:
    with peer(answers(OK)) as proxy:
        given = httpx.HTTPTransport(proxy=proxy.url)
        with Driven(HttpxTransport(transport=given)) as driven:
            # To where it leads is the proxy's affair.
            request = request_to("http://example.org/a%7eb/../x?[]", addresses=is_public)
            assert driven.fetch(request) == b"T;"
        assert proxy.requests[0].startswith(b"GET http://example.org/a%7eb/../x?[] HTTP/1.1\r\n")


def test_a_proxy_that_will_not_connect() -> None:
    with peer(answers(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        given = httpx.HTTPTransport(proxy=proxy.url)
        with Driven(HttpxTransport(transport=given)) as driven:
            error, _ = driven.failure(request_to("https://example.org/"))
            assert (error.phase, error.outcome) == ("connect", "not done")


def test_what_cannot_be_given_together() -> None:
    given = httpx.HTTPTransport()
    with pytest.raises(ValueError, match="given transport's own"):
        HttpxTransport(transport=given, unix="/x")
    given.close()
