"""Sequences without HTTP: what closes them, and what is no end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from hyperglyph.codec import Blob, DecodeError, Error, Extension, Limits, Truncated, encode
from hyperglyph.transport.http.sequences import (
    End,
    accepts_sequence,
    check_item,
    pack_end,
    read_items,
)
from hyperglyph.transport.http.waiting import Pieces, finish


async def gather(pieces: Pieces) -> tuple[list[Any], Exception | None]:
    """The items, and how they ended."""
    items: list[Any] = []
    try:
        async for value, _ in read_items(pieces, limits=Limits()):
            items.append(value)
    except (End, DecodeError) as error:
        return items, error
    return items, None


def ended(*messages: bytes) -> tuple[list[Any], Exception | None]:
    whole = b"".join(messages)
    results = [
        finish(gather([whole[at : at + size] for at in range(0, len(whole), size)]))
        for size in (1, 5, len(whole))
    ]
    assert len({repr(result) for result in results}) == 1
    return results[0]


def test_items_and_their_end() -> None:
    assert pack_end() == b"Xu3:end;D;N;;"
    assert ended(encode(1), encode([2]), pack_end()) == ([1, [2]], None)
    assert ended(encode(1), b" ", pack_end(), b"\r\n ") == ([1], None)
    assert ended(pack_end()) == ([], None)


def test_items_that_end_with_an_error() -> None:
    error = Error("no such user", logref="1f", code="NoUser")
    items, failure = ended(encode(1), pack_end(error, 404))
    assert items == [1]
    assert isinstance(failure, End)
    assert (failure.status, failure.error) == (404, error)


@pytest.mark.parametrize("cut", range(1, len(pack_end()) + 3))
def test_a_body_cut_short_is_no_whole_one(cut: int) -> None:
    items, failure = ended((encode(7) + pack_end())[:-cut])
    assert items == ([7] if cut <= len(pack_end()) else [])
    assert isinstance(failure, Truncated)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((pack_end(), encode(1)), "after the end"),
        ((pack_end(), pack_end()), "after the end"),
        ((encode(Extension("end", {}, "text")),), "neither nil nor an error"),
        ((encode(Extension("end", {"status": 200}, Error("x"))),), "neither nil nor an error"),
        ((encode(Extension("end", {"status": True}, Error("x"))),), "neither nil nor an error"),
        ((b"i1;!",), "unknown"),
    ],
)
def test_what_is_no_sequence(messages: tuple[bytes, ...], expected: str) -> None:
    _, failure = ended(*messages)
    assert isinstance(failure, DecodeError)
    assert expected in str(failure)


def test_items_that_are_awaited() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (encode(1), encode(2), pack_end()):
            await asyncio.sleep(0)
            yield piece

    assert asyncio.run(gather(pieces())) == ([1, 2], None)


def test_a_reader_that_goes_leaves_no_file() -> None:
    blobs: list[Blob] = []

    async def first(pieces: Iterable[bytes]) -> None:
        items = read_items(pieces, limits=Limits())
        async for value, its in items:
            assert value == 1
            assert its == ()
            break
        await items.aclose()  # type: ignore[attr-defined]

    finish(first([b"i1;B0:D;;c0:3:abc;"]))
    assert blobs == []


def test_an_item_cannot_be_the_end() -> None:
    for value in (Extension("other"), Extension("ending"), "end", [Extension("end")]):
        check_item(encode(value))
    for end in (Extension("end"), Extension("end", {"a": 1}, [2])):
        with pytest.raises(ValueError, match="cannot be an item"):
            check_item(encode(end))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["application/vnd.hyperglyph-seq"], True),
        (["application/vnd.hyperglyph, Application/VND.hyperglyph-seq;q=0.9, */*;q=0.5"], True),
        (["text/html", "application/vnd.hyperglyph-seq"], True),
        (["application/vnd.hyperglyph-seq;q=0"], False),
        (["*/*"], False),
        (["application/*"], False),
        (["application/vnd.hyperglyph"], False),
        ([], False),
    ],
)
def test_who_asks_for_a_sequence(values: list[str], wanted: bool) -> None:
    assert accepts_sequence(values) is wanted
