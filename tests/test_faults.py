"""Faults between client and server: the right exception, in time, and the truth about the call.

Over our own connections, sync and async; other transports have files of their own. What is measured
and how is told in `fault_scenes.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from fault_proxy import (
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
    handed_on,
    twice,
    without,
    without_length,
)
from fault_scenes import (
    DONE,
    GIVEN,
    LATE,
    UNKNOWN,
    AsyncCaller,
    Caller,
    Kind,
    SyncCaller,
    answer_to,
    check_kind,
    lengths,
    points,
    scene,
    table,
)

import hyperglyph as glyph

CALLERS: dict[str, Callable[[], Caller]] = {"httpx": SyncCaller, "httpx async": AsyncCaller}
#: Those of test_faults_given.py, too.
ALL = {**CALLERS, **GIVEN}


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield from table()


def _hinted(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head + b"\r\n\r\n" + body


def _endless_hints(wire: Wire) -> None:
    wire.ask(wire.read_request())
    while True:
        wire.say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        time.sleep(0.001)


KINDS = [
    Kind("no fault", handed_on),
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
    with scene(CALLERS[caller], kind.name, fresh=fresh, idle=kind.idle) as made:
        check_kind(made, kind)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_request_cut_at_byte_n(caller: str, reset: bool, no_leaks: None) -> None:
    with scene(CALLERS[caller], f"request cut, {'reset' if reset else 'closed'}") as made:
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
    with scene(CALLERS[caller], f"answer cut, {'reset' if reset else 'closed'}") as made:
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
    with scene(CALLERS[caller], "answer without length cut") as made:
        _, answer = lengths(made)
        for size in range(len(answer.partition(b"\r\n\r\n")[2])):
            got, executed = made.call(without_length(size))
            assert executed == 1
            assert isinstance(got, glyph.DecodeError)
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_bytes_of_an_answer_twice(caller: str, no_leaks: None) -> None:
    with scene(CALLERS[caller], "bytes of the answer twice", idle=LATE) as made:
        _, answer = lengths(made)
        for size in (1, 3, 20):
            for start in points(len(answer) - size):
                got, _ = made.call(twice(start, start + size), timeout=LATE)
                if isinstance(got, glyph.Blob):
                    got.close()
                made.check_next()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(ALL))
def test_an_upload_that_is_cut(caller: str, reset: bool, share: float, no_leaks: None) -> None:
    size = 8_000_000

    def fault(wire: Wire) -> None:
        wire.server.sendall(wire.read_exactly(int(size * share)))
        if reset:
            wire.reset()
        wire.close()

    with scene(ALL[caller], f"upload cut, {'reset' if reset else 'closed'}") as made:
        with glyph.blob(b"x" * size, "a/b") as file:
            got, executed = made.call(fault, file, name="put")
        assert executed == 0
        assert isinstance(got, glyph.TransportError)
        assert got.phase in ("send", "wait")
        made.check_next()


@pytest.mark.parametrize("caller", list(ALL))
def test_what_is_safe_is_asked_again_once(caller: str, no_leaks: None) -> None:
    with scene(ALL[caller], "safe call, closed after executing") as made:
        made.proxy.arm(after_executing(reset=False))
        assert made.caller.call("look", 1, timeout=5) == answer_to(1)
        assert made.counts[1] == 2
    with scene(ALL[caller], "safe call, closed after executing", fresh=True) as made:
        got, executed = made.call(after_executing(reset=False), name="look")
        assert isinstance(got, glyph.TransportError)
        assert executed == 1


@pytest.mark.parametrize("caller", list(ALL))
def test_nobody_listens_any_more(caller: str, no_leaks: None) -> None:
    with scene(ALL[caller], "nobody listens", fresh=True) as made:
        made.stop_proxy()
        got, executed = made.call(closes_at_once)
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome, executed) == ("connect", "not done", 0)
