"""A client, a proxy that spoils its calls, and a server that counts what it carries out.

What the exception says is compared with the count. `HYPERGLYPH_SOAK=1` cuts at every byte,
otherwise a sample is cut; with `-s` a table is printed.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import attrs
from fault_proxy import Fault, FaultProxy, Wire, handed_on
from http_peers import port_of

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.adapters.httpx_async import AsyncHttpxTransport
from hyperglyph.transport.adapters.httpx_common import httpx  # or httpx2

__all__ = [
    "DONE",
    "LATE",
    "UNKNOWN",
    "AsyncCaller",
    "Caller",
    "Kind",
    "Proxy",
    "Scene",
    "SyncCaller",
    "answer_to",
    "check_kind",
    "counting",
    "given",
    "given_async",
    "lengths",
    "points",
    "scene",
    "table",
]

SOAK = bool(os.environ.get("HYPERGLYPH_SOAK"))
LATE = 0.4

UNKNOWN = ("wait", "unknown")
DONE = ("read", "done")

#: What came of the faults, by kind.
RESULTS: dict[str, Counter[str]] = {}


def table() -> Generator[None]:
    """Print it, once the tests of a module have run."""
    RESULTS.clear()
    yield
    print("\nfaults by kind:")
    for kind, counts in RESULTS.items():
        shown = ", ".join(f"{count} {what}" for what, count in counts.most_common())
        print(f"  {kind:44} {sum(counts.values()):5}  {shown}")


class Caller(Protocol):
    """A client as these tests use it, whichever it is."""

    def open(self, url: str, *, idle: float) -> None: ...

    def call(self, name: str, *arguments: Any, timeout: float) -> Any: ...

    def drop(self) -> None:
        """Have no connection any more."""

    def close(self) -> None: ...


class SyncCaller:
    def __init__(self, make: Callable[[], glyph.Transport] = HttpxTransport) -> None:
        self._make = make

    def open(self, url: str, *, idle: float) -> None:
        self._client = glyph.Client(self._make(), idle=idle)
        self._root = self._client.get(url)

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        with self._client.options(timeout=timeout):
            return self._root[name](*arguments)

    def drop(self) -> None:
        self._client.close()

    def close(self) -> None:
        self._client.close()


class AsyncCaller:
    """The one for asyncio, in an event loop that runs while a call does."""

    def __init__(self, make: Callable[[], glyph.AsyncTransport] = AsyncHttpxTransport) -> None:
        self._make = make

    def open(self, url: str, *, idle: float) -> None:
        self._runner = asyncio.Runner()
        self._client = glyph.AsyncClient(self._make(), idle=idle)

        async def root() -> Any:
            return await self._client.get(url)

        self._root = self._runner.run(root())

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        async def called() -> Any:
            with self._client.options(timeout=timeout):
                return await self._root[name](*arguments)

        return self._runner.run(called())

    def drop(self) -> None:
        self._runner.run(self._client.close())

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


def given() -> glyph.Transport:
    """The sync adapter over a transport of httpx's own."""
    return HttpxTransport(transport=httpx.HTTPTransport())


def given_async() -> glyph.AsyncTransport:
    """The same for asyncio."""
    return AsyncHttpxTransport(transport=httpx.AsyncHTTPTransport())


#: Over transports made for httpx.
GIVEN: dict[str, Callable[[], Caller]] = {
    "given": lambda: SyncCaller(given),
    "given async": lambda: AsyncCaller(given_async),
}


class Proxy(Protocol):
    """What spoils one call: which faults it takes is its own affair."""

    quiet: threading.Event

    def arm(self, fault: Any, /) -> None: ...

    def disarm(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@attrs.define
class Scene:
    """A caller, the proxy, and the server behind it, which counts its calls."""

    caller: Caller
    proxy: Proxy
    counts: Counter[int]
    kind: str
    #: The fault that is none.
    harmless: Any
    _number: int = 0

    def call(
        self, fault: Any, *more: Any, name: str = "add", timeout: float = 5.0
    ) -> tuple[Any, int]:
        """The value or exception of a call under a fault, and how often it was carried out."""
        self._number += 1
        number = self._number
        self.proxy.arm(fault)
        started = time.monotonic()
        got: Any
        try:
            got = self.caller.call(name, number, *more, timeout=timeout)
        except glyph.HyperglyphError as error:
            got = error
        assert time.monotonic() - started < timeout + 1.5
        self.proxy.disarm()
        assert self.proxy.quiet.wait(10)
        executed = self.counts[number]
        RESULTS.setdefault(self.kind, Counter())[_shown(got, executed)] += 1
        check_truth(got, number, executed)
        return got, executed

    def stop_proxy(self) -> None:
        """From now on nobody listens at its address."""
        self.proxy.__exit__()

    def check_next(self) -> None:
        """The next call gets its own answer, or is told that it got none: never another's."""
        got, _ = self.call(self.harmless)
        if isinstance(got, Exception):
            assert isinstance(got, glyph.TransportError)
            got, _ = self.call(self.harmless)
        assert not isinstance(got, Exception)


def _shown(got: Any, executed: int) -> str:
    if isinstance(got, glyph.TransportError):
        return f"{type(got).__name__} {got.phase}/{got.outcome}, executed {executed}"
    what = type(got).__name__ if isinstance(got, Exception) else "answered"
    return f"{what}, executed {executed}"


def check_truth(got: Any, number: int, executed: int) -> None:
    """What the caller was told is what was the case; and nothing was carried out twice."""
    assert executed <= 1
    if isinstance(got, glyph.TransportError | glyph.ServerError):
        allowed = {"done": {1}, "not done": {0}, "unknown": {0, 1}}
        assert executed in allowed[got.outcome], str(got)
    elif not isinstance(got, Exception):
        # Where its content type is damaged, an answer is a file.
        assert got == answer_to(number) or isinstance(got, glyph.Blob)
        assert executed == 1


def answer_to(number: int) -> dict[str, int]:
    return {"call": number, "twice": 2 * number}


def counting(counts: Counter[int], told: Callable[[], None] = lambda: None) -> glyph.Router:
    """A service of three functions that count their calls; `told` hears of each."""
    router = glyph.Router()

    def counted(number: int) -> Any:
        counts[number] += 1
        told()
        return answer_to(number)

    @router.add()
    def add(number: int) -> Any:
        return counted(number)

    @router.add()
    def put(number: int, file: glyph.Blob) -> Any:
        file.read()
        return counted(number)

    @router.add()
    @glyph.safe()
    def look(number: int) -> Any:
        return counted(number)

    return router


@contextmanager
def scene(
    caller: Callable[[], Caller], kind: str, *, fresh: bool = False, idle: float = 5.0
) -> Generator[Scene]:
    counts: Counter[int] = Counter()
    with ExitStack() as stack:
        server = stack.enter_context(glyph.Server(counting(counts)))
        proxy = stack.enter_context(FaultProxy(port_of(server.url), fresh=fresh))
        made = caller()
        stack.callback(made.close)
        made.open(proxy.url, idle=idle)
        yield Scene(made, proxy, counts, kind, handed_on)


@attrs.frozen
class Kind:
    """A fault, and what the caller gets: a value (None), a class, or phase and outcome.

    The fault is a function of a `Wire`, or what else the proxy of the scene takes.
    """

    name: str
    fault: Fault | Any
    expected: type[Exception] | tuple[str, str] | None = None
    executed: int = 1
    late: bool = False
    timeout: float = 5.0
    idle: float = 5.0


def check_kind(made: Scene, kind: Kind) -> None:
    """A call under a fault comes out as it should, and the one behind it does."""
    got, executed = made.call(kind.fault, timeout=kind.timeout)
    assert executed == kind.executed
    if isinstance(kind.expected, type):
        assert type(got) is kind.expected
        assert getattr(got, "outcome", None) == "unknown"
    elif kind.expected is None:
        assert got == answer_to(1)
    else:
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome) == kind.expected
        assert isinstance(got, glyph.DeadlineExceeded) is kind.late
    made.kind = "the call behind a fault"
    made.check_next()


def points(length: int, step: int = 23) -> list[int]:
    """Where to cut: everywhere, or at a sample that has both ends."""
    if SOAK:
        return list(range(length))
    return sorted({0, 1, *range(7, length, step), length - 2, length - 1})


def lengths(made: Scene) -> tuple[bytes, bytes]:
    """The request and the answer of a call, as they are on the wire."""
    seen: list[bytes] = []

    def fault(wire: Wire) -> None:
        seen.append(wire.read_request())
        seen.append(wire.ask(seen[0]))
        wire.say(seen[1])

    made.call(fault)
    return seen[0], seen[1]
