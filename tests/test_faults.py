"""Faults between client and server: the right exception, in time, and the truth about the call.

The server counts what it carries out, by call; what the exception says is compared with that.
`HYPERGLYPH_SOAK=1` cuts at every byte; otherwise a sample is cut. With `-s` a table is printed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import attrs
import pytest
from fault_proxy import (
    Fault,
    FaultProxy,
    Wire,
    after_executing,
    answered_by_proxy,
    changed,
    closes_at_once,
    cut_answer,
    cut_request,
    delayed_answer,
    delayed_request,
    dripped_answer,
    dripped_request,
    gzipped,
    twice,
    without,
    without_length,
)
from http_peers import port_of

import hyperglyph as glyph

SOAK = bool(os.environ.get("HYPERGLYPH_SOAK"))
LATE = 0.4


class Caller(Protocol):
    """A client as these tests use it, whichever it is."""

    def open(self, url: str, *, idle: float) -> None: ...

    def call(self, name: str, *arguments: Any, timeout: float) -> Any: ...

    def close(self) -> None: ...


class SyncCaller:
    def open(self, url: str, *, idle: float) -> None:
        self._client = glyph.Client("httpx", idle=idle)
        self._root = self._client.get(url)

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        with self._client.options(timeout=timeout):
            return self._root[name](*arguments)

    def close(self) -> None:
        self._client.close()


class AsyncCaller:
    """The one for asyncio, in an event loop that runs while a call does."""

    def open(self, url: str, *, idle: float) -> None:
        self._runner = asyncio.Runner()
        self._client = glyph.AsyncClient("httpx", idle=idle)

        async def root() -> Any:
            return await self._client.get(url)

        self._root = self._runner.run(root())

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        async def called() -> Any:
            with self._client.options(timeout=timeout):
                return await self._root[name](*arguments)

        return self._runner.run(called())

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


CALLERS: dict[str, Callable[[], Caller]] = {"httpx": SyncCaller, "httpx async": AsyncCaller}

RESULTS: dict[str, Counter[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield
    print("\nfaults by kind:")
    for kind, counts in RESULTS.items():
        shown = ", ".join(f"{count} {what}" for what, count in counts.most_common())
        print(f"  {kind:44} {sum(counts.values()):5}  {shown}")


@attrs.define
class Scene:
    """A caller, the proxy, and the server behind it, which counts its calls."""

    caller: Caller
    proxy: FaultProxy
    counts: Counter[int]
    kind: str
    _number: int = 0

    def call(
        self, fault: Fault, *more: Any, name: str = "add", timeout: float = 5.0
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

    def check_next(self) -> None:
        """The next call gets its own answer, or is told that it got none: never another's."""
        got, _ = self.call(lambda wire: wire.say(wire.ask(wire.read_request())))
        if isinstance(got, Exception):
            assert isinstance(got, glyph.TransportError)
            got, _ = self.call(lambda wire: wire.say(wire.ask(wire.read_request())))
        assert not isinstance(got, Exception)


def _shown(got: Any, executed: int) -> str:
    if isinstance(got, glyph.TransportError):
        return f"{type(got).__name__} {got.phase}/{got.outcome}, executed {executed}"
    what = type(got).__name__ if isinstance(got, Exception) else "answered"
    return f"{what}, executed {executed}"


def check_truth(got: Any, number: int, executed: int) -> None:
    """What the caller was told is what was the case; and nothing was carried out twice."""
    assert executed <= 1
    if isinstance(got, glyph.TransportError):
        allowed = {"done": {1}, "not done": {0}, "unknown": {0, 1}}
        assert executed in allowed[got.outcome], str(got)
    elif not isinstance(got, Exception):
        # Where its content type is damaged, an answer is a file.
        assert got == answer_to(number) or isinstance(got, glyph.Blob)
        assert executed == 1


def answer_to(number: int) -> dict[str, int]:
    return {"call": number, "twice": 2 * number}


@contextmanager
def scene(caller: str, kind: str, *, fresh: bool = False, idle: float = 5.0) -> Generator[Scene]:
    counts: Counter[int] = Counter()
    router = glyph.Router()

    @router.add()
    def add(number: int) -> Any:
        counts[number] += 1
        return answer_to(number)

    @router.add()
    def put(number: int, file: glyph.Blob) -> Any:
        counts[number] += 1
        file.read()
        return answer_to(number)

    @router.add()
    @glyph.safe()
    def look(number: int) -> Any:
        counts[number] += 1
        return answer_to(number)

    with ExitStack() as stack:
        server = stack.enter_context(glyph.Server(router))
        proxy = stack.enter_context(FaultProxy(port_of(server.url), fresh=fresh))
        made = CALLERS[caller]()
        stack.callback(made.close)
        made.open(proxy.url, idle=idle)
        yield Scene(made, proxy, counts, kind)


@attrs.frozen
class Kind:
    """A fault, and what the caller gets: a value (None), a class, or phase and outcome."""

    name: str
    fault: Fault
    expected: type[Exception] | tuple[str, str] | None = None
    executed: int = 1
    late: bool = False
    timeout: float = 5.0
    idle: float = 5.0


def _hinted(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head + b"\r\n\r\n" + body


def _endless_hints(wire: Wire) -> None:
    wire.ask(wire.read_request())
    while True:
        wire.say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        time.sleep(0.001)


UNKNOWN = ("wait", "unknown")
DONE = ("read", "done")
KINDS = [
    Kind("no fault", lambda wire: wire.say(wire.ask(wire.read_request()))),
    Kind("delayed request", delayed_request(0.1)),
    Kind("delayed answer", delayed_answer(0.1)),
    Kind("answer that stops in its head", delayed_answer(0.1, 20)),
    Kind("answer that stops in its body", delayed_answer(0.1, -3)),
    Kind("dripped request", dripped_request(0.001)),
    Kind("dripped answer", dripped_answer(0.001)),
    Kind("gzip added", gzipped()),
    Kind("ETag stripped", without(b"ETag")),
    Kind("Date stripped", without(b"Date")),
    Kind("early hints in front", changed(_hinted)),
    Kind("no length, whole", without_length(10_000)),
    Kind("answer twice", twice()),
    Kind("late: delayed request", delayed_request(LATE * 2), UNKNOWN, late=True, timeout=LATE),
    Kind("late: delayed answer", delayed_answer(LATE * 2), UNKNOWN, late=True, timeout=LATE),
    Kind("late: head stops", delayed_answer(LATE * 2, 20), UNKNOWN, late=True, timeout=LATE),
    Kind("late: body stops", delayed_answer(LATE * 2, -3), DONE, late=True, timeout=LATE),
    Kind("late: dripped answer", dripped_answer(0.02), UNKNOWN, late=True, timeout=LATE),
    Kind("late: early hints without end", _endless_hints, UNKNOWN, late=True, timeout=LATE),
    Kind("idle: head stops", delayed_answer(LATE * 2, 20), UNKNOWN, late=True, idle=LATE),
    Kind("idle: body stops", delayed_answer(LATE * 2, -3), DONE, late=True, idle=LATE),
    Kind("closed before executing", closes_at_once, UNKNOWN, executed=0),
    Kind("closed after executing", after_executing(reset=False), UNKNOWN),
    Kind("reset after executing", after_executing(reset=True), UNKNOWN),
    Kind("502 of a proxy", answered_by_proxy(502, executed=False), glyph.BadGateway, executed=0),
    Kind("503 of a proxy", answered_by_proxy(503, executed=False), glyph.Unavailable, executed=0),
    Kind("504 of a proxy", answered_by_proxy(504, executed=False), glyph.GatewayTimeout,
         executed=0),
    Kind("502 after executing", answered_by_proxy(502, executed=True), glyph.BadGateway),
    Kind("504 after executing", answered_by_proxy(504, executed=True), glyph.GatewayTimeout),
]  # fmt: skip


@pytest.mark.parametrize("fresh", [False, True], ids=["reused", "fresh"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_fault(caller: str, kind: Kind, fresh: bool, no_leaks: None) -> None:
    with scene(caller, kind.name, fresh=fresh, idle=kind.idle) as made:
        got, executed = made.call(kind.fault, timeout=kind.timeout)
        assert executed == kind.executed
        if isinstance(kind.expected, type):
            assert type(got) is kind.expected
        elif kind.expected is None:
            assert got == answer_to(1)
        else:
            assert isinstance(got, glyph.TransportError)
            assert (got.phase, got.outcome) == kind.expected
            assert isinstance(got, glyph.DeadlineExceeded) is kind.late
        made.kind = "the call behind a fault"
        made.check_next()


def points(length: int) -> list[int]:
    """Where to cut: everywhere, or at a sample that has both ends."""
    if SOAK:
        return list(range(length))
    return sorted({0, 1, *range(7, length, 23), length - 2, length - 1})


def lengths(made: Scene) -> tuple[bytes, bytes]:
    """The request and the answer of a call, as they are on the wire."""
    seen: list[bytes] = []

    def fault(wire: Wire) -> None:
        seen.append(wire.read_request())
        seen.append(wire.ask(seen[0]))
        wire.say(seen[1])

    made.call(fault)
    return seen[0], seen[1]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_request_cut_at_byte_n(caller: str, reset: bool, no_leaks: None) -> None:
    with scene(caller, f"request cut, {'reset' if reset else 'closed'}") as made:
        request, _ = lengths(made)
        for size in points(len(request)):
            got, executed = made.call(cut_request(size, reset=reset))
            assert executed == 0
            assert isinstance(got, glyph.TransportError)
            assert (got.phase, got.outcome) in (UNKNOWN, ("send", "not done"))
        made.check_next()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_answer_cut_at_byte_n(caller: str, reset: bool, no_leaks: None) -> None:
    with scene(caller, f"answer cut, {'reset' if reset else 'closed'}") as made:
        _, answer = lengths(made)
        head = answer.index(b"\r\n\r\n") + 4
        for size in points(len(answer)):
            got, executed = made.call(cut_answer(size, reset=reset))
            assert executed == 1
            assert isinstance(got, glyph.TransportError)
            allowed = [UNKNOWN if size < head else DONE]
            if reset:
                allowed.append(UNKNOWN)  # a reset may overtake what came before it
            assert (got.phase, got.outcome) in allowed
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_answer_without_length_cut_at_byte_n(caller: str, no_leaks: None) -> None:
    with scene(caller, "answer without length cut") as made:
        _, answer = lengths(made)
        for size in range(len(answer.partition(b"\r\n\r\n")[2])):
            got, executed = made.call(without_length(size))
            assert executed == 1
            assert isinstance(got, glyph.DecodeError)
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_bytes_of_an_answer_twice(caller: str, no_leaks: None) -> None:
    with scene(caller, "bytes of the answer twice", idle=LATE) as made:
        _, answer = lengths(made)
        for size in (1, 3, 20):
            for start in points(len(answer) - size):
                got, _ = made.call(twice(start, start + size), timeout=LATE)
                if isinstance(got, glyph.Blob):
                    got.close()
                made.check_next()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_upload_that_is_cut(caller: str, reset: bool, share: float, no_leaks: None) -> None:
    size = 8_000_000

    def fault(wire: Wire) -> None:
        wire.server.sendall(wire.read_exactly(int(size * share)))
        if reset:
            wire.reset()
        wire.close()

    with scene(caller, f"upload cut, {'reset' if reset else 'closed'}") as made:
        with glyph.blob(b"x" * size, "a/b") as file:
            got, executed = made.call(fault, file, name="put")
        assert executed == 0
        assert isinstance(got, glyph.TransportError)
        assert got.phase in ("send", "wait")
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_what_is_safe_is_asked_again_once(caller: str, no_leaks: None) -> None:
    with scene(caller, "safe call, closed after executing") as made:
        made.proxy.arm(after_executing(reset=False))
        assert made.caller.call("look", 1, timeout=5) == answer_to(1)
        assert made.counts[1] == 2
    with scene(caller, "safe call, closed after executing", fresh=True) as made:
        got, executed = made.call(after_executing(reset=False), name="look")
        assert isinstance(got, glyph.TransportError)
        assert executed == 1


@pytest.mark.parametrize("caller", list(CALLERS))
def test_nobody_listens_any_more(caller: str, no_leaks: None) -> None:
    with scene(caller, "nobody listens", fresh=True) as made:
        made.proxy.__exit__()
        got, executed = made.call(closes_at_once)
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome, executed) == ("connect", "not done", 0)
