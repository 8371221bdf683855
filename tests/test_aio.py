"""`AsyncClient`: calls that are awaited, chains of them, options, cancelling, event loops."""

from __future__ import annotations

import asyncio
import copy
import gc
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from importlib.abc import MetaPathFinder
from typing import Any, cast

import pytest
from conftest import Serve
from http_peers import Peer, answers, peer, response
from object_help import User

import hyperglyph as glyph
from hyperglyph.codec import Form, Link, Resource, encode
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport

# Most of it is about the insides of one class and its files.
# pyright: reportPrivateUsage=false

OK = response(200, b"T;")

Body = Callable[[glyph.AsyncClient], Coroutine[Any, Any, Any]]


def run(body: Body, **options: Any) -> Any:
    """What a coroutine gives that is handed a client; an event loop of its own."""

    async def main() -> Any:
        async with glyph.AsyncClient(timeout=10, **options) as client:
            return await body(client)

    return asyncio.run(main())


async def together(*calls: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


def add(a: int, b: int = 1) -> int:
    return a + b


@glyph.redirect()
def find_user(name: str) -> User:
    return User(7, name)


def users() -> list[User]:
    return [User(n, f"name {n}") for n in range(3)]


def shout(text: glyph.Blob) -> glyph.Blob:
    return glyph.blob(text.read().upper(), text.content_type)


def fail(name: str) -> None:
    raise glyph.NotFound(f"no {name}")


@pytest.fixture
def url(serve: Serve) -> str:
    return serve(add, find_user, users, shout, fail, User)


class Looked(MetaPathFinder):
    """Notes which modules are looked for, and finds none."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        self.names.append(fullname)


def test_a_call_looks_for_no_module(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there is looked for on the disk each time."""
    looked = Looked()

    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        assert await root.add(1) == 2
        monkeypatch.setattr(sys, "meta_path", [looked, *sys.meta_path])
        assert await root.add(2) == 3
        with pytest.raises(glyph.NotFound):
            await root.fail("bob")
        monkeypatch.undo()

    run(body)
    assert looked.names == []


def test_calls_and_chains(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        assert repr(client) == "<AsyncClient over httpx>"
        root = await client.get(url)
        assert await root.add(1, b=2) == 3
        assert await client.get(url).add(3) == 4
        assert await root.find_user("bob").bio() == "bio of bob"
        assert await root.users()[1].name == "name 1"
        assert await root.find_user("bob").name.upper() == "BOB"
        assert await root.find_user("bob")["initial"] == "b"
        assert await root.find_user("bob").badge() == {"rank": 7}  # it came with the page
        bob = await root.find_user("bob")
        assert glyph.client_of(bob) is client
        assert (await glyph.reload(bob)).name == "bob"
        assert await glyph.reload(bob).name == "bob"
        assert await asyncio.gather(*(root.add(n) for n in range(30))) == list(range(1, 31))
        assert await asyncio.wait_for(root.add(1), 5) == 2

    run(body)


def test_errors_come_where_they_do_without_async(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        with pytest.raises(TypeError, match="missing 1 required argument"):
            root.add()  # before anything is awaited
        with pytest.raises(AttributeError, match="has no 'nothing'"):
            _ = root.nothing
        with pytest.raises(glyph.NotFound, match="no bob"):
            await root.fail("bob")
        with pytest.raises(AttributeError, match="has no 'nothing'"):
            await root.find_user("bob").nothing()
        with pytest.raises(glyph.EncodeError):
            await root.add(object())
        with pytest.raises(ValueError, match="user name or password"):
            client.get("http://a:b@h/")

    run(body)


def test_a_call_is_made_once(url: str) -> None:
    counted: list[int] = []
    router = glyph.Router()

    @router.add()
    def count() -> int:
        counted.append(1)
        time.sleep(0.05)
        return len(counted)

    @router.add()
    def broken() -> None:
        counted.append(1)
        raise glyph.Conflict("mine")

    async def body(client: glyph.AsyncClient) -> None:
        with glyph.Server(router) as server:
            root = await client.get(server.url)
            call = root.count()
            assert repr(call) == f"<call {server.url}count, not awaited>"
            assert await together(call, call, call) == [1, 1, 1]
            assert await call == 1
            assert repr(call) == f"<call {server.url}count, done>"
            call = root.broken()
            for _ in range(2):
                with pytest.raises(glyph.Conflict, match="mine"):
                    await call
            assert repr(call.x(1)["y"]).endswith("broken.x(...)['y'], not awaited>")
            gc.collect()

    with pytest.warns(RuntimeWarning, match=r"never awaited: <call .*broken\.x\(\.\.\.\)\['y'\]"):
        run(body)
    assert len(counted) == 2


def test_an_error_raised_again_and_again_does_not_grow(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        call = (await client.get(url)).add("a")
        lengths: list[int] = []
        for _ in range(5):
            with pytest.raises(glyph.RemoteError) as caught:
                await call
            lengths.append(len(caught.traceback))
        assert len(set(lengths[1:])) == 1

    run(body)


def test_calls_in_a_task_group(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(glyph.coroutine_of(root.add(n))) for n in range(3)]
        assert [task.result() for task in tasks] == [1, 2, 3]
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(glyph.coroutine_of(root.add("a")))
        assert caught.group_contains(glyph.RemoteError)
        with pytest.raises(TypeError, match="not a call of an AsyncClient, but int"):
            await glyph.coroutine_of(1)

    run(body)


def test_a_call_that_nobody_awaits_is_not_made_and_warns(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        with pytest.warns(RuntimeWarning) as caught:
            [root.find_user("bob").bio()].clear()
        # One for the whole chain.
        assert [str(warning.message) for warning in caught] == [
            f"never awaited: <call {url}find_user.bio(), not awaited>"
        ]

    run(body)


def test_a_call_is_no_value(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        call = client.get(url).add(1)
        with pytest.raises(TypeError, match="await it first"):
            list(call)
        with pytest.raises(TypeError, match="await it, and keep what it gives"):
            copy.copy(call)
        with pytest.raises(AttributeError, match="await it first"):
            _ = call._x
        assert await call == 2

    run(body)


def partial_page() -> Resource:
    kind = {"partial": True, "profile": "P", "url": "/p"}
    first = Resource({"f": Form("f"), "x": 1}, url="/first", profile="P")
    return Resource({"all": [first, Resource.from_wire("resource", kind, {"x": 2})]}, url="/")


def test_partial_resources_are_fetched_once() -> None:
    whole = encode(Resource({"x": 2, "y": 3, "z": Link("z")}, url="/p"))
    page = encode(partial_page())
    given = [response(200, page), response(404, b""), response(200, whole), response(200, b"i9;")]

    async def body(client: glyph.AsyncClient, server: Peer) -> None:
        row = (await client.get(server.url))["all"][1]
        assert row.x == 2
        with pytest.raises(glyph.NotFound):
            await row.y
        assert await together(row.y, row["y"]) == [3, 3]
        with pytest.raises(AttributeError, match="has no 'w'"):
            await row.w
        with pytest.raises(KeyError, match="w"):
            await row["w"]
        assert await row.z() == 9
        assert glyph.content_of(row)["y"] == 3
        assert len(server.requests) == 4

    with peer(answers(*given)) as server:
        run(lambda client: body(client, server))


def test_options_are_those_where_the_call_is_written(url: str) -> None:
    async def body(client: glyph.AsyncClient, server: Peer) -> None:
        root = await client.get(server.url)
        with client.options(headers={"X-Request-Id": "1"}):
            chained = root.l().l()
            plain = root.l()
        assert await chained is True
        await plain
        await root.l()
        sent = [b"x-request-id: 1" in data.lower() for data in server.requests]
        assert sent == [False, True, True, True, False]

    page = response(200, encode(Resource({"l": Link("/l")}, url="/")))
    with peer(answers(page, page, OK, OK, OK)) as server:
        run(lambda client: body(client, server))


def test_blobs_go_and_come(url: str, tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"ab" * 1_000_000)

    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        with (tmp_path / "file").open("rb") as file:
            blob = await root.shout(glyph.blob(file, "a/b"))
        with blob:
            assert (blob.content_type, blob.size) == ("a/b", 2_000_000)
            assert blob.read(4) == b"ABAB"
            blob.seek(0)
            assert blob.read() == b"AB" * 1_000_000

    run(body)


def test_a_blob_is_a_plain_file_that_outlives_its_client(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> Any:
        root = await client.get(url)
        return await root.shout(glyph.blob(b"a" * 2_000_000, "a/b"))

    with run(body) as blob:

        async def read() -> Any:
            return await asyncio.to_thread(blob.read)

        for _ in range(2):
            blob.seek(0)
            assert asyncio.run(read()) == b"A" * 2_000_000


def test_a_blob_that_blocks_does_not_hold_up_the_loop(url: str) -> None:
    mine, theirs = socket.socketpair()

    async def body(client: glyph.AsyncClient) -> float:
        root = await client.get(url)
        with mine.makefile("rb") as file:
            call = asyncio.ensure_future(root.shout(glyph.blob(file, "a/b")))
            started = time.monotonic()
            assert await root.add(1) == 2
            took = time.monotonic() - started
            theirs.sendall(b"late")
            theirs.close()
            with await call as blob:
                assert blob.read() == b"LATE"
        return took

    with mine, theirs:
        assert run(body) < 1


def test_a_file_that_cannot_be_read_is_the_callers_error(url: str) -> None:
    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise LookupError("mine")

        def seekable(self) -> bool:
            return False

    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        with pytest.raises(LookupError, match="mine"):
            await root.shout(glyph.blob(cast("Any", Broken()), "a/b"))
        assert await root.add(1) == 2

    run(body)


# --- cancelling -------------------------------------------------------------------------------


def test_a_cancelled_call_ends_its_connection() -> None:
    halves = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b""]
    gone = threading.Event()

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        if not halves:
            connection.sendall(OK)
            return
        connection.sendall(halves.pop(0))
        if connection.recv(1) == b"":
            gone.set()

    async def body(client: glyph.AsyncClient, server: Peer) -> None:
        for _ in range(len(halves)):
            gone.clear()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.get(server.url)
            assert await asyncio.to_thread(gone.wait, 5)
        call = client.get(server.url)
        assert await call is True

    with peer(script) as server:
        run(lambda client: body(client, server))
        assert server.connections == 4


def test_who_cancels_a_call_ends_it_for_all(url: str) -> None:
    async def body(client: glyph.AsyncClient, server: Peer) -> None:
        call = client.get(server.url)
        first, second = asyncio.ensure_future(call), asyncio.ensure_future(call)
        await asyncio.sleep(0.1)
        first.cancel()
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(asyncio.CancelledError, match="awaited first"):
            await call
        assert len(server.requests) == 1

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.recv(1)

    with peer(script) as server:
        run(lambda client: body(client, server))


def test_closing_ends_calls_under_way() -> None:
    async def body(client: glyph.AsyncClient, server: Peer) -> None:
        task = asyncio.ensure_future(cast("Awaitable[Any]", client.get(server.url)))
        await asyncio.sleep(0.1)
        await client.close()
        with pytest.raises(glyph.TransportError) as caught:
            await asyncio.wait_for(task, 2)
        assert (caught.value.phase, caught.value.outcome) == ("wait", "unknown")

    def script(running: Peer, connection: socket.socket) -> None:
        running.read_request(connection)
        connection.recv(1)

    with peer(script) as server:
        run(lambda client: body(client, server))


# --- event loops ------------------------------------------------------------------------------


def test_a_client_belongs_to_one_event_loop(url: str) -> None:
    async def ask() -> Any:
        return await client.get(url).add(1)

    async def closing() -> Any:
        try:
            return await ask()
        finally:
            await client.close()

    client = glyph.AsyncClient()
    assert asyncio.run(ask()) == 2
    with pytest.raises(RuntimeError, match="another event loop: use one client for each loop"):
        asyncio.run(ask())
    asyncio.run(client.close())
    assert asyncio.run(closing()) == 2
    assert asyncio.run(closing()) == 2


def test_other_event_loops_are_refused(url: str) -> None:
    steps = glyph.AsyncClient().get(url).__await__()
    with pytest.raises(RuntimeError, match="needs the event loop of asyncio"):
        steps.send(None)


def test_transports_of_the_other_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="HttpxTransport is for Client"):
        glyph.AsyncClient(cast("Any", HttpxTransport()))
    with pytest.raises(TypeError, match="AsyncHttpxTransport is for AsyncClient"):
        glyph.Client(cast("Any", AsyncHttpxTransport()))
    with pytest.raises(ValueError, match="there is no transport 'x'"):
        glyph.AsyncClient("x")


def test_items_are_awaited_before_they_are_read(url: str) -> None:
    async def body(client: glyph.AsyncClient) -> None:
        root = await client.get(url)
        call = root.users()
        with pytest.raises(TypeError, match="no items yet: async for item in await"):
            aiter(call)
        await call

    run(body)
