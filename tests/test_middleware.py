"""`middleware=[...]`: functions around requests and responses, on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
from asgi_help import uvicorn_server
from http_peers import answers, peer, response
from object_help import ask

import hyperglyph as glyph
from hyperglyph.testing.exchanges import Recorder
from hyperglyph.transport.http.messages import Answered, AsyncResponse, Incoming, Request, Response

Serve = Callable[..., str]
SyncSend = Callable[[Request], Response]
AsyncSend = Callable[[Request], Awaitable[Answered]]
Handle = Callable[[Incoming], Awaitable[Response]]

Steps = Generator[Request, Any, Any]

T = b"T;"


class Face:
    """A client of either kind, with middleware that is written once, as a generator: it yields the
    request to send, gets the response, and returns one.
    """

    def __init__(self, kind: str) -> None:
        self.is_async = kind == "async"
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner()) if self.is_async else None

    def client(self, *steps: Callable[[Request], Steps], **options: Any) -> Any:
        kind: Any = glyph.AsyncClient if self.is_async else glyph.Client
        middleware = [self._awaited(step) if self.is_async else _called(step) for step in steps]
        client = kind(middleware=middleware, **options)
        self._stack.callback(lambda: self.run(client.close()))
        return client

    @staticmethod
    def _awaited(step: Callable[[Request], Steps]) -> Any:
        async def middleware(request: Request, send: AsyncSend) -> Any:
            steps = step(request)
            sent = next(steps)
            while True:
                try:
                    answer: Any = await send(sent)
                except glyph.TransportError as error:
                    steps.throw(error)
                    raise
                try:
                    sent = steps.send(answer)
                except StopIteration as stop:
                    return stop.value

        return middleware

    def run(self, given: Any) -> Any:
        if not self.is_async:
            return given

        async def wait() -> Any:
            return await given if given is not None else None

        assert self._runner is not None
        return self._runner.run(wait())

    def close(self) -> None:
        self._stack.close()


def _called(step: Callable[[Request], Steps]) -> Any:
    def middleware(request: Request, send: SyncSend) -> Any:
        steps = step(request)
        sent = next(steps)
        while True:
            try:
                answer = send(sent)
            except glyph.TransportError as error:
                steps.throw(error)
                raise
            try:
                sent = steps.send(answer)
            except StopIteration as stop:
                return stop.value

    return middleware


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[Face]:
    made = Face(request.param)
    yield made
    made.close()


def test_the_first_is_outermost(face: Face) -> None:
    order: list[str] = []

    def named(name: str) -> Callable[[Request], Steps]:
        def step(request: Request) -> Steps:
            order.append(f"{name} in")
            request.headers.append((f"X-{name}", "1"))
            answer = yield request
            order.append(f"{name} out {answer.status}")
            return answer

        return step

    with peer(answers(response(200, T))) as server:
        client = face.client(named("a"), named("b"))
        assert face.run(client.get(server.url)) is True
        assert order == ["a in", "b in", "b out 200", "a out 200"]
        assert b"X-a: 1\r\n" in server.requests[0]
        assert b"X-b: 1\r\n" in server.requests[0]


def test_each_hop_and_each_repetition_goes_through(face: Face) -> None:
    seen: list[tuple[str, int]] = []

    def step(request: Request) -> Steps:
        answer = yield request
        seen.append((request.url.rpartition("/")[2], answer.status))
        return answer

    moved = response(307, b"", "Location: /there")
    with peer(answers(moved, response(200, T))) as server:
        assert face.run(face.client(step).get(server.url)) is True
    assert seen == [("", 307), ("there", 200)]


def test_one_may_send_again(face: Face) -> None:
    def step(request: Request) -> Steps:
        answer = yield request
        while answer.status == 503:
            answer = yield request
        return answer

    recorder, statuses = Recorder(), iter([503, 503, 200])
    kind = [("Content-Type", "application/vnd.hyperglyph")]
    recorder.answer = lambda _: Response(next(statuses), kind, (T,))
    with glyph.Server(recorder) as server:
        assert face.run(face.client(step).get(server.url)) is True
    assert len(recorder.seen) == 3


def test_one_may_answer_itself(face: Face) -> None:
    answer = Response(200, [("Content-Type", "application/vnd.hyperglyph")], [T])

    class Short:
        def __call__(self, request: Request, send: SyncSend) -> Response:
            return answer

    class AsyncShort:
        async def __call__(self, request: Request, send: AsyncSend) -> Response:
            return answer

    kind: Any = glyph.AsyncClient if face.is_async else glyph.Client
    client = kind(middleware=[AsyncShort() if face.is_async else Short()])
    assert face.run(client.get("http://example.org/")) is True
    assert answer.url == "http://example.org/"
    face.run(client.close())


def test_exceptions_come_out_and_nothing_stays_open(face: Face) -> None:
    def step(request: Request) -> Steps:
        yield request
        raise LookupError("mine")

    large = response(200, b"x" * 1_000_000)
    with peer(answers(large)) as server:
        client = face.client(step)
        with pytest.raises(LookupError, match="mine"):
            face.run(client.get(server.url))


def test_failures_are_seen(face: Face) -> None:
    seen: list[str] = []

    def step(request: Request) -> Steps:
        try:
            yield request
        except glyph.TransportError as error:
            seen.append(error.outcome)
            raise

    with peer(answers()) as server:
        url = server.url
    with pytest.raises(glyph.TransportError):
        face.run(face.client(step).get(url))
    assert seen == ["not done"]


@pytest.mark.parametrize("way", ["copy", "other", "none"])
def test_responses_are_closed_whatever_is_made_of_them(face: Face, way: str) -> None:
    closed: list[int] = []

    def outer(request: Request) -> Steps:
        answer = yield request
        if way == "copy":
            return attrs.evolve(answer, headers=[*answer.headers, ("X", "1")])
        if way == "none":
            return None
        kind = [("Content-Type", "application/vnd.hyperglyph")]
        return Response(200, kind, [T])

    def inner(request: Request) -> Steps:
        answer = yield request
        on_close: Any = answer.on_close
        if isinstance(answer, AsyncResponse):

            async def aclose() -> None:
                closed.append(1)
                await on_close()

            answer.on_close = aclose
        else:

            def close() -> None:
                closed.append(1)
                on_close()

            answer.on_close = close
        return answer

    with peer(answers(response(200, T))) as server:
        client = face.client(outer, inner)
        if way == "none":
            with pytest.raises(TypeError, match="has to return the response"):
                face.run(client.get(server.url))
        else:
            assert face.run(client.get(server.url)) is True
    assert closed


def test_the_wrong_kind_is_refused() -> None:
    def plain(request: Request, send: SyncSend) -> Response:
        return send(request)

    async def awaited(request: Request, send: AsyncSend) -> Answered:
        return await send(request)

    with pytest.raises(TypeError, match="awaited is for AsyncClient"):
        glyph.Client(middleware=[awaited])
    with pytest.raises(TypeError, match="plain is for Client"):
        glyph.AsyncClient(middleware=[plain])


# --- the server -------------------------------------------------------------------------------


class Served:
    """Serves a router with middleware by a server of either kind."""

    def __init__(self, kind: str, serve: Serve, stack: ExitStack) -> None:
        self._kind = kind
        self._serve = serve
        self._stack = stack

    def __call__(self, *middleware: Any) -> str:
        router = glyph.Router(middleware=middleware)

        @router.add()
        def hello() -> str:
            return f"hello {glyph.context().header('X-Added')}"

        @router.add()
        def items() -> Iterator[int]:
            yield from range(1000)

        self._stack.callback(router.close)
        if self._kind == "Server":
            return self._serve(router=router)
        return self._stack.enter_context(uvicorn_server(router))


@pytest.fixture(params=["Server", "uvicorn"])
def served(request: pytest.FixtureRequest, serve: Serve) -> Iterator[Served]:
    with ExitStack() as stack:
        yield Served(request.param, serve, stack)


async def adding(request: Incoming, handle: Handle) -> Response:
    headers = [*request.headers, ("X-Added", "1")]
    answer = await handle(attrs.evolve(request, headers=headers))
    return attrs.evolve(answer, headers=[*answer.headers, ("X-Out", "1")])


def test_a_server_may_add_both_ways(served: Served) -> None:
    seen: list[str | None] = []

    def look(request: Request, send: SyncSend) -> Response:
        answer = send(request)
        seen.append(answer.header("x-out"))
        return answer

    with glyph.Client(middleware=[look]) as client:
        root = client.get(served(adding))
        assert root.hello() == "hello 1"
        assert sum(root.items()) == sum(range(1000))
        items = iter(root.items())
        assert next(items) == 0
        items.close()
    assert set(seen) == {"1"}


def test_a_server_may_refuse_and_may_fail(served: Served, client: glyph.Client) -> None:
    async def refusing(request: Incoming, handle: Handle) -> Response:
        if request.path == "/hello":
            raise glyph.Forbidden("not today")
        return await handle(request)

    async def failing(request: Incoming, handle: Handle) -> Response:
        await handle(request)
        if request.path == "/hello":
            raise LookupError("secret")
        return Response(204, ())

    async def asking(request: Incoming, handle: Handle) -> Response:
        raise glyph.TransportError("secret", phase="connect", outcome="not done")

    root = client.get(served(refusing))
    with pytest.raises(glyph.Forbidden, match="not today"):
        root.hello()
    with pytest.raises(glyph.BadGateway) as away:
        client.get(served(asking))
    assert "secret" not in str(away.value)
    with pytest.raises(glyph.ServerError) as caught:
        client.get(served(failing) + "hello")
    assert "secret" not in str(caught.value)


def test_a_server_answers_for_another(served: Served, client: glyph.Client) -> None:
    async def health(request: Incoming, handle: Handle) -> Response:
        if request.path != "/health":
            return await handle(request)
        return Response(200, [("Content-Type", "application/vnd.hyperglyph")], (T,))

    url = served(health)
    assert client.get(url + "health") is True
    assert client.get(url).hello() == "hello None"


def test_what_the_server_refuses_no_middleware_sees() -> None:
    seen: list[str] = []

    async def answering(request: Incoming, handle: Handle) -> Response:
        seen.append(request.path)
        return Response(200, [("Content-Type", "application/vnd.hyperglyph")], (T,))

    router = glyph.Router(middleware=[answering])
    assert ask(router, "GET", "/health").status == 200
    foreign = Incoming("GET", "/health", [("Host", "evil.example")], target="/health")
    assert router.handle(foreign).status == 421
    assert ask(router, "POST", "/health", origin="http://evil.example").status == 403
    router.drain()
    assert ask(router, "GET", "/health").status == 503
    assert seen == ["/health"]


def test_an_answer_of_its_own_is_in_flight_until_it_is_closed() -> None:
    async def answering(request: Incoming, handle: Handle) -> Response:
        return Response(200, [("Content-Type", "application/vnd.hyperglyph")], iter((T,)))

    router = glyph.Router(middleware=[answering], in_flight=1)
    first = ask(router, "GET", "/")
    assert ask(router, "GET", "/").status == 503
    first.close()
    assert ask(router, "GET", "/").status == 200
