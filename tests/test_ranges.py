"""Range and Content-Range, without HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperglyph.transport.http.ranges import Span, range_from, span_of, unpack_content_range


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-100", (9, 10)),
        ("Bytes= 1-2 ", (1, 3)),
        ("bytes=10-", (0, 0)),
        ("bytes=-0", (0, 0)),
        ("bytes=99999-", (0, 0)),
    ],
)
def test_which_part_is_asked_for(value: str, expected: tuple[int, int]) -> None:
    span = span_of([value], 10)
    assert span == Span(*expected, 10)


@pytest.mark.parametrize(
    "value",
    [
        *("bytes=", "bytes=-", "bytes=4-2", "bytes=a-b", "bytes=1-2,4-5", "items=1-2", "bytes 1-2"),
        *("bytes=1-2;", "bytes=" + "9" * 19 + "-", "bytes=+1-2", "bytes=1-2\n", "bytes=\u0661-"),
    ],
)
def test_what_asks_for_nothing_gets_all(value: str) -> None:
    assert span_of([value], 10) is None


def test_one_range_or_all() -> None:
    assert span_of([], 10) is None
    assert span_of(["bytes=1-2", "bytes=1-2"], 10) is None
    assert span_of(["bytes=0-"], 0) == Span(0, 0, 0)


def test_what_an_answer_says() -> None:
    assert Span(2, 5, 10).content_range() == "bytes 2-4/10"
    assert Span(0, 0, 10).content_range() == "bytes */10"


@given(st.integers(0, 100), st.integers(1, 100), st.integers(0, 100))
def test_both_halves_agree(start: int, length: int, more: int) -> None:
    span = Span(start, start + length, start + length + more)
    assert unpack_content_range(span.content_range()) == span
    assert span_of([range_from(start)], span.size) == Span(start, span.size, span.size)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "bytes */10", "bytes 1-2/*", "bytes 3-2/10", "bytes 0-10/10", "items 0-1/10"),
        *("bytes 0-1/10 ", "bytes 0-1", "bytes=0-1/10", "bytes 0-" + "9" * 19 + "/10"),
    ],
)
def test_what_no_answer_says(value: str | None) -> None:
    assert unpack_content_range(value) is None
