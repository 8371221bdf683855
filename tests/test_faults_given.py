"""The faults of test_faults.py where a transport made for httpx sends the requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fault_proxy import (
    Wire,
    after_executing,
    closes_at_once,
    cut_answer,
    cut_request,
    twice,
    without_length,
)
from fault_scenes import (
    DONE,
    LATE,
    UNKNOWN,
    AsyncCaller,
    Caller,
    Kind,
    SyncCaller,
    answer_to,
    check_kind,
    given,
    given_async,
    lengths,
    points,
    scene,
    table,
)
from test_faults import KINDS

import hyperglyph as glyph

CALLERS: dict[str, Callable[[], Caller]] = {
    "given": lambda: SyncCaller(given),
    "given async": lambda: AsyncCaller(given_async),
}


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield from table()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", list(CALLERS))
def test_a_fault(caller: str, kind: Kind, no_leaks: None) -> None:
    with scene(CALLERS[caller], kind.name, idle=kind.idle) as made:
        check_kind(made, kind)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_cut_at_byte_n(caller: str, reset: bool, no_leaks: None) -> None:
    with scene(CALLERS[caller], f"cut, {'reset' if reset else 'closed'}") as made:
        request, answer = lengths(made)
        head = answer.index(b"\r\n\r\n") + 4
        for size in points(len(request), 101):
            got, executed = made.call(cut_request(size, reset=reset))
            assert executed == 0
            assert isinstance(got, glyph.TransportError)
            assert got.phase in ("send", "wait")
            assert got.outcome in ("unknown", "not done")
        for size in points(len(answer), 61):
            got, executed = made.call(cut_answer(size, reset=reset))
            assert executed == 1
            assert isinstance(got, glyph.TransportError)
            # A reset may overtake what came before it.
            allowed = {UNKNOWN if size < head else DONE, *([UNKNOWN] if reset else [])}
            assert (got.phase, got.outcome) in allowed
        for size in range(0, len(answer) - head, 7):
            got, executed = made.call(without_length(size))
            assert executed == 1
            assert isinstance(got, glyph.DecodeError)
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_answer_that_was_there_before_its_call_is_not_taken(caller: str, no_leaks: None) -> None:
    with scene(CALLERS[caller], "answers twice, one after another") as made:
        refused: list[str] = []
        for _ in range(5):
            made.call(twice())
            got, _ = made.call(made.harmless)
            # Where the second one comes apart from the first, the connection is not used again.
            if isinstance(got, Exception):
                assert isinstance(got, glyph.TransportError)
                assert (got.phase, got.outcome, got.reused) == (*UNKNOWN, True)
                refused.append(str(got))
        assert refused
        assert all("nobody had asked for" in message for message in refused)
        _, answer = lengths(made)
        for start in points(len(answer) - 3, 61):
            got, _ = made.call(twice(start, start + 3), timeout=LATE)
            if isinstance(got, glyph.Blob):
                got.close()
            made.check_next()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("caller", list(CALLERS))
def test_an_upload_that_is_cut(caller: str, share: float, no_leaks: None) -> None:
    size = 2_000_000

    def fault(wire: Wire) -> None:
        wire.server.sendall(wire.read_exactly(int(size * share)))
        wire.close()

    with scene(CALLERS[caller], "upload cut") as made:
        with glyph.blob(b"x" * size, "a/b") as file:
            got, executed = made.call(fault, file, name="put")
        assert executed == 0
        assert isinstance(got, glyph.TransportError)
        assert got.phase in ("send", "wait")
        made.check_next()


@pytest.mark.parametrize("caller", list(CALLERS))
def test_what_is_safe_is_asked_again_once(caller: str, no_leaks: None) -> None:
    with scene(CALLERS[caller], "safe call, closed after executing") as made:
        made.proxy.arm(after_executing(reset=False))
        assert made.caller.call("look", 1, timeout=5) == answer_to(1)
        assert made.counts[1] == 2
    with scene(CALLERS[caller], "safe call, closed after executing", fresh=True) as made:
        got, executed = made.call(after_executing(reset=False), name="look")
        assert isinstance(got, glyph.TransportError)
        assert executed == 1


@pytest.mark.parametrize("caller", list(CALLERS))
def test_nobody_listens_any_more(caller: str, no_leaks: None) -> None:
    with scene(CALLERS[caller], "nobody listens", fresh=True) as made:
        made.stop_proxy()
        got, executed = made.call(closes_at_once)
        assert isinstance(got, glyph.TransportError)
        assert (got.phase, got.outcome, executed) == ("connect", "not done", 0)
