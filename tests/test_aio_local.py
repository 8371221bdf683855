"""`AsyncLocalTransport`: routers and ASGI applications of this process, without sockets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from object_help import User

import hyperglyph as glyph

Body = Callable[[Any], Coroutine[Any, Any, Any]]


async def together(*calls: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


def run(target: Any, body: Body, **options: Any) -> Any:
    """What a coroutine gives that is handed the root page."""

    async def main() -> Any:
        transport = glyph.AsyncLocalTransport(target)
        async with glyph.AsyncClient(transport, **options) as client:
            return await body(await client.get("http://localhost/"))

    return asyncio.run(main())


def router_with(*functions: Any) -> glyph.Router:
    router = glyph.Router()
    for function in functions:
        router.add(function)
    return router


def both(router: glyph.Router) -> list[Any]:
    """Asked as a router, and as an application."""
    return [router, router.asgi]


def add(a: int, b: int = 1) -> int:
    return a + b


@glyph.redirect()
def find_user(name: str) -> User:
    return User(7, name)


def shout(text: glyph.Blob) -> glyph.Blob:
    return glyph.blob(text.read().upper(), text.content_type)


@pytest.mark.parametrize("mount", ["", "/a%20b", "/x/y"])
@pytest.mark.parametrize("which", [0, 1])
def test_calls(which: int, mount: str) -> None:
    # The prefix is what it is when its escapes are undone.
    plain = mount.replace("%20", " ")
    target = both(router_with(add, find_user, shout, User))[which]

    async def main() -> None:
        transport = glyph.AsyncLocalTransport(target, mount=plain)
        async with glyph.AsyncClient(transport) as client:
            root = await client.get(f"http://localhost{mount}/")
            assert repr(client) == "<AsyncClient over local>"
            assert await root.add(1, 2) == 3
            assert await root.find_user("bob").bio() == "bio of bob"
            with await root.shout(glyph.blob(b"x" * 3_000_000, "a/b")) as blob:
                assert blob.read() == b"X" * 3_000_000
            with pytest.raises(glyph.NotFound):
                await client.get("http://localhost/nothing/of/that/name")

    asyncio.run(main())


@pytest.mark.parametrize("which", [0, 1])
def test_coroutine_functions_run_on_the_callers_loop(which: int) -> None:
    meeting: list[asyncio.AbstractEventLoop] = []
    met = asyncio.Event()

    async def meet() -> int:
        meeting.append(asyncio.get_running_loop())
        if len(meeting) == 2:
            met.set()
        await met.wait()
        return len(meeting)

    async def body(root: Any) -> None:
        assert await together(root.meet(), root.meet()) == [2, 2]
        assert meeting == [asyncio.get_running_loop()] * 2

    run(both(router_with(meet))[which], body)


@pytest.mark.parametrize("which", [0, 1])
def test_plain_functions_do_not_hold_up_the_loop(which: int) -> None:
    barrier = threading.Barrier(2)

    def meet() -> int:
        return barrier.wait(10)

    async def body(root: Any) -> None:
        started = time.monotonic()
        assert sorted(await together(root.meet(), root.meet())) == [0, 1]
        assert time.monotonic() - started < 5

    run(both(router_with(meet))[which], body)


def test_cancelling_reaches_the_function() -> None:
    cancelled: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append("it")
            raise

    async def body(root: Any) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await root.endless()
        await asyncio.sleep(0.05)
        assert cancelled == ["it"]

    run(router_with(endless), body)
    cancelled.clear()
    run(router_with(endless).asgi, body)


def test_the_deadline_is_the_servers_to_keep() -> None:
    async def endless() -> None:
        await asyncio.sleep(60)

    async def body(root: Any) -> None:
        started = time.monotonic()
        with pytest.raises(glyph.GatewayTimeout):
            await root.endless()
        assert time.monotonic() - started < 5

    run(router_with(endless), body, timeout=0.2)


# --- applications -----------------------------------------------------------------------------


def application(*events: dict[str, Any], fails: bool = False) -> Any:
    async def run(scope: Any, receive: Any, send: Any) -> None:
        for event in events:
            await send(event)
        if fails:
            raise LookupError("mine")

    return run


START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
HALF = {"type": "http.response.body", "body": b"half", "more_body": True}
WHOLE = {"type": "http.response.body", "body": b"whole"}


@pytest.mark.parametrize(
    ("target", "phase"),
    [
        (application(), "wait"),
        (application(fails=True), "wait"),
        (application(START, fails=True), "read"),
        (application(START, HALF), "read"),
        (application(START, HALF, fails=True), "read"),
    ],
)
def test_applications_that_end_too_soon(target: Any, phase: str) -> None:
    async def main() -> None:
        transport = glyph.AsyncLocalTransport(target)
        async with glyph.AsyncClient(transport) as client:
            with pytest.raises(glyph.TransportError) as caught:
                await client.get("http://localhost/")
            assert (caught.value.phase, caught.value.outcome) == (phase, "unknown")

    asyncio.run(main())


def test_what_an_application_does_after_its_answer() -> None:
    after: list[str] = []

    async def target(scope: Any, receive: Any, send: Any) -> None:
        await application(START, WHOLE)(scope, receive, send)
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        after.append("gone")
        try:
            await asyncio.sleep(60)
        finally:
            after.append("closed")

    async def main() -> None:
        async with glyph.AsyncClient(glyph.AsyncLocalTransport(target)) as client:
            with await client.get("http://localhost/") as blob:
                assert blob.read() == b"whole"
            await asyncio.sleep(0.05)
            assert after == ["gone"]
        assert after == ["gone", "closed"]

    asyncio.run(main())
