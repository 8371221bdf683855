"""Faults over HTTP/2, in front of hypercorn: below TLS, where a bad network is."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from byte_proxy import ByteFault, ByteProxy
from fault_scenes import (
    DONE,
    LATE,
    UNKNOWN,
    AsyncCaller,
    Caller,
    Kind,
    Scene,
    SyncCaller,
    answer_to,
    check_kind,
    points,
    table,
)
from http2_server import certified, hypercorn_server

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport

NOT_CONNECTED = ("connect", "not done")


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield from table()


@attrs.define
class Served:
    """The service, and what it tells of its calls."""

    trusting: ssl.SSLContext
    port: int = 0
    counts: Counter[int] = attrs.field(factory=Counter[int])
    told: Callable[[], object] = lambda: None

    def router(self) -> glyph.Router:
        # Coroutine functions: the threads of others would stay with the server.
        router = glyph.Router()

        def counted(number: int) -> Any:
            self.counts[number] += 1
            self.told()
            return answer_to(number)

        @router.add()
        async def add(number: int) -> Any:
            return counted(number)

        @router.add()
        async def put(number: int, file: glyph.Blob) -> Any:
            file.read()
            return counted(number)

        @router.add()
        @glyph.safe()
        async def look(number: int) -> Any:
            return counted(number)

        return router


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pem, trusting = certified(tmp_path_factory.mktemp("tls"))
    made = Served(trusting)
    with hypercorn_server(made.router().asgi, pem) as made.port:
        yield made


def sync_caller(trusting: ssl.SSLContext) -> Caller:
    return SyncCaller(lambda: HttpxTransport(http2=True, verify=trusting))


def async_caller(trusting: ssl.SSLContext) -> Caller:
    return AsyncCaller(lambda: AsyncHttpxTransport(http2=True, verify=trusting))


CALLERS = {"http2": sync_caller, "http2 async": async_caller}


@contextmanager
def scene(served: Served, caller: str, kind: str, *, idle: float = 5.0) -> Generator[Scene]:
    """A client that has a connection, and has called once."""
    served.counts.clear()
    with ByteProxy(served.port) as proxy:
        served.told = proxy.executed.set
        made = CALLERS[caller](served.trusting)
        try:
            made.open(f"https://127.0.0.1:{proxy.port}/", idle=idle)
            assert made.call("add", 0, timeout=5.0) == answer_to(0)
            yield Scene(made, proxy, served.counts, kind, ByteFault())
        finally:
            made.close()


def drop(made: Scene) -> None:
    """Have the next call on a new connection, and nothing of old ones on its way."""
    made.caller.drop()
    assert isinstance(made.proxy, ByteProxy)
    made.proxy.wait_until_unused()


def passed(made: Scene) -> tuple[int, int]:
    """How many bytes a call on a connection in use has up and down.

    The fewest of three calls: frames of the connection itself may come beside those of a call.
    """
    proxy = made.proxy
    assert isinstance(proxy, ByteProxy)
    seen = list[tuple[int, int]]()
    for _ in range(3):
        made.call(made.harmless)
        seen.append((proxy.passed["up"], proxy.passed["down"]))
    return min(up for up, _ in seen), min(down for _, down in seen)


LATER = LATE * 2
KINDS = [
    Kind("no fault", ByteFault()),
    Kind("delayed request", ByteFault(up=0, then=0.1)),
    Kind("request that stops", ByteFault(up=30, then=0.1)),
    Kind("delayed answer", ByteFault(down=0, then=0.1)),
    Kind("answer that stops", ByteFault(down=30, then=0.1)),
    Kind("dripped request", ByteFault(drip=0.001, drips="up")),
    Kind("dripped answer", ByteFault(drip=0.001)),
    Kind("late: delayed answer", ByteFault(down=0, then=LATER, executed=True), UNKNOWN,
         late=True, timeout=LATE),
    Kind("late: head stops", ByteFault(down=30, then=LATER, executed=True), UNKNOWN,
         late=True, timeout=LATE),
    Kind("late: dripped answer", ByteFault(drip=0.02), UNKNOWN, late=True, timeout=LATE),
    Kind("closed before executing", ByteFault(up=0), UNKNOWN, executed=0),
    Kind("reset before executing", ByteFault(up=0, then="reset"), UNKNOWN, executed=0),
    Kind("closed after executing", ByteFault(down=0, executed=True), UNKNOWN),
    Kind("reset after executing", ByteFault(down=0, then="reset", executed=True), UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_fault(served: Served, caller: str, kind: Kind, no_leaks: None) -> None:
    with scene(served, caller, kind.name, idle=kind.idle) as made:
        check_kind(made, kind)


@pytest.mark.parametrize("then", ["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_cut_at_byte_n(served: Served, caller: str, then: Any, no_leaks: None) -> None:
    with scene(served, caller, f"cut, {then}") as made:
        up, down = passed(made)
        for size in points(up, 23):
            got, executed = made.call(ByteFault(up=size, then=then))
            assert executed == 0
            assert isinstance(got, glyph.TransportError)
            assert (got.phase, got.outcome) in (UNKNOWN, ("send", "not done"))
            made.check_next()
        for size in points(down, 23):
            got, executed = made.call(ByteFault(down=size, then=then, executed=True))
            assert executed == 1
            assert isinstance(got, glyph.TransportError)
            assert (got.phase, got.outcome) in (UNKNOWN, DONE)
            made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_the_body_of_an_answer_stops(served: Served, caller: str, no_leaks: None) -> None:
    with scene(served, caller, "late: body stops") as made:
        _, down = passed(made)
        fault = ByteFault(down=down - 3, then=LATER, executed=True)
        got, _ = made.call(fault, timeout=LATE)
        assert isinstance(got, glyph.DeadlineExceeded)
        assert (got.phase, got.outcome) == DONE
        made.check_next()
    with scene(served, caller, "idle: body stops", idle=LATE) as made:
        _, down = passed(made)
        got, _ = made.call(ByteFault(down=down - 3, then=LATER, executed=True))
        assert isinstance(got, glyph.DeadlineExceeded)
        assert (got.phase, got.outcome) == DONE
        made.check_next()


def check_cut(got: Any, executed: int, size: int) -> None:
    """What came of a call whose connection was cut behind so many of its first bytes."""
    if size < 100:
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome, executed) == (*NOT_CONNECTED, 0)
    else:  # the last ones are of the connection, not of the call
        assert executed or isinstance(got, glyph.TransportError)


@pytest.mark.parametrize("then", ["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_handshake_that_is_cut(served: Served, caller: str, then: Any, no_leaks: None) -> None:
    """And what follows it on a new connection, the answer too."""
    with scene(served, caller, f"first bytes cut, {then}") as made:
        drop(made)
        up, down = passed(made)
        for size in points(up, 301):
            drop(made)
            check_cut(*made.call(ByteFault(up=size, then=then)), size)
        for size in points(down, 301):
            drop(made)
            check_cut(*made.call(ByteFault(down=size, then=then)), size)
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_handshake_that_stops(served: Served, caller: str, no_leaks: None) -> None:
    with scene(served, caller, "handshake stops") as made:
        for timeout, expected in ((5.0, None), (LATE, NOT_CONNECTED)):
            drop(made)
            got, executed = made.call(ByteFault(down=100, then=LATER), timeout=timeout)
            if expected is None:
                assert executed == 1
            else:
                assert isinstance(got, glyph.DeadlineExceeded)
                assert (got.phase, got.outcome, executed) == (*expected, 0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("then", ["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_upload_that_is_cut(
    served: Served, caller: str, then: Any, share: float, no_leaks: None
) -> None:
    size = 1_000_000
    with scene(served, caller, f"upload cut, {then}") as made:
        with glyph.blob(b"x" * size, "a/b") as file:
            fault = ByteFault(up=int(size * share), then=then)
            got, executed = made.call(fault, file, name="put")
        assert executed == 0
        assert isinstance(got, glyph.TransportError)
        assert got.phase in ("send", "wait")
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_what_is_safe_is_asked_again_once(served: Served, caller: str, no_leaks: None) -> None:
    with scene(served, caller, "safe call, closed after executing") as made:
        made.proxy.arm(ByteFault(down=0, executed=True))
        assert made.caller.call("look", 1, timeout=5) == answer_to(1)
        assert made.counts[1] == 2


@pytest.mark.parametrize("caller", list(CALLERS))
def test_nobody_listens_any_more(served: Served, caller: str, no_leaks: None) -> None:
    with scene(served, caller, "nobody listens") as made:
        made.stop_proxy()
        got, executed = made.call(made.harmless)  # by the connection that there was
        assert isinstance(got, glyph.TransportError)
        assert executed == 0
        got, executed = made.call(made.harmless)
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome, executed) == (*NOT_CONNECTED, 0)
