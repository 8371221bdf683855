"""`SequenceReader`: one message after another, in any pieces."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperglyph.codec import (
    Blob,
    DecodeError,
    Extension,
    LimitExceeded,
    Limits,
    Reader,
    SequenceReader,
    Truncated,
    encode,
    encode_pieces,
)

VALUES: list[Any] = [1, "text;with;ends;", None, [1, [2]], {"a": b"b"}, 2.5, {1, 2}, [], ""]


def read(message: bytes, size: int, **options: Any) -> list[Any]:
    reader = SequenceReader(**options)
    values: list[Any] = []
    for start in range(0, len(message), size):
        values.extend(reader.feed(message[start : start + size]))
    reader.close()
    return values


@given(st.integers(1, 60), st.sampled_from([b"", b" ", b"\r\n"]))
def test_values_come_whatever_the_pieces(size: int, between: bytes) -> None:
    message = between.join(encode(value) for value in VALUES) + between
    assert read(message, size) == VALUES


def test_a_value_comes_as_soon_as_it_is_complete() -> None:
    reader = SequenceReader()
    assert list(reader.feed(b"i1;i2;Li3;")) == [1, 2]
    assert list(reader.feed(b";")) == [[3]]
    reader.close()


def test_nothing_is_no_value() -> None:
    assert read(b"", 1) == []
    assert read(b" \n ", 1) == []


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_blobs_belong_to_their_value(size: int) -> None:
    contents = [b"a" * 10, b"", b"b" * 70_000]
    message = b"".join(
        piece for content in contents for piece in encode_pieces([Blob(content, "x/y"), "x"])
    )
    message += encode("end")
    reader = SequenceReader()
    seen: list[bytes] = []
    last: Any = None
    for start in range(0, len(message), size):
        for value in reader.feed(message[start : start + size]):
            last = value
            if value == "end":
                assert reader.blobs == ()
            else:
                assert reader.blobs == (value[0],)
                seen.append(value[0].read())
                value[0].close()
    reader.close()
    assert last == "end"
    assert seen == contents


def test_cut_inside_a_message() -> None:
    reader = SequenceReader()
    assert list(reader.feed(b"i1;i")) == [1]
    with pytest.raises(Truncated):
        reader.close()


def test_giving_up_closes_what_was_begun() -> None:
    made: list[Blob] = []

    class Watched(Extension):
        @classmethod
        def from_wire(cls, name: str, attributes: Any, content: Any) -> Watched:
            made.append(content)
            return super().from_wire(name, attributes, content)

    reader = SequenceReader(extensions={"box": Watched})
    reader.abandon()
    assert list(reader.feed(b"Xu3:box;D;B0:D;;;c0:3:abc;")) == []
    reader.abandon()
    assert made[0].closed


def test_a_fault_is_raised_where_it_stands() -> None:
    reader = SequenceReader()
    values = reader.feed(b"i1;i2;!;")
    assert [next(values), next(values)] == [1, 2]
    with pytest.raises(DecodeError) as raised:
        next(values)
    assert raised.value.offset == 0
    with pytest.raises(DecodeError, match="chunk for blob 5"):
        read(b"i1;B0:D;;c5;", 100)


def test_limits_hold_for_each_message() -> None:
    limits = Limits(message=10, whitespace=4)
    assert read(b"i1234567; i2;" * 5, 3, limits=limits) == [1234567, 2] * 5
    for size in (1, 100):
        with pytest.raises(LimitExceeded, match="more than 10 bytes"):
            read(b"i1;L" + b"i2;" * 20 + b";", size, limits=limits)
    with pytest.raises(LimitExceeded, match="white space"):
        read(b"i1;" + b" " * 5, 1, limits=limits)


def test_a_message_that_may_be_followed() -> None:
    reader = Reader(followed=True)
    assert reader.rest == b""
    reader.feed(b"i1; i2;")
    assert (reader.complete, reader.root, reader.rest) == (True, 1, b" i2;")
    reader.feed(b"i3;")
    assert (reader.close(), reader.rest) == (1, b" i2;i3;")


def test_many_small_messages_cost_what_they_weigh() -> None:
    def seconds(count: int) -> float:
        message = b"i1;" * count
        started = time.process_time()
        assert len(read(message, 65_536)) == count
        return time.process_time() - started

    seconds(1_000)
    few = min(seconds(5_000) for _ in range(3))
    assert seconds(40_000) < 8 * few * 3
