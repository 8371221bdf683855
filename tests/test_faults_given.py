"""The faults of test_faults.py where a transport made for httpx sends the requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_proxy import (
    cut_answer,
    cut_request,
    twice,
    without_length,
)
from fault_scenes import (
    DONE,
    GIVEN,
    LATE,
    UNKNOWN,
    Kind,
    check_kind,
    lengths,
    points,
    scene,
    table,
)
from test_faults import KINDS

import hyperglyph as glyph


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield from table()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", list(GIVEN))
def test_a_fault(caller: str, kind: Kind, no_leaks: None) -> None:
    with scene(GIVEN[caller], kind.name, idle=kind.idle) as made:
        check_kind(made, kind)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("caller", list(GIVEN))
def test_cut_at_byte_n(caller: str, reset: bool, no_leaks: None) -> None:
    with scene(GIVEN[caller], f"cut, {'reset' if reset else 'closed'}") as made:
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


@pytest.mark.parametrize("caller", list(GIVEN))
def test_an_answer_that_was_there_before_its_call_is_not_taken(caller: str, no_leaks: None) -> None:
    with scene(GIVEN[caller], "answers twice, one after another") as made:
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
