"""Reading a message as it arrives."""

import gc
import weakref

import pytest
from codec_help import content, fault_of, read

from hyperglyph.codec import (
    Blob,
    DecodeError,
    LimitExceeded,
    Limits,
    Reader,
    Truncated,
    decode,
    encode,
)

MESSAGE = (
    b"L u3:abc; \ni-12; Xu1:x;\tD u1:k; f1.5; ; Li1;; ; B0:Du12:content-type;u3:a/b;;; "
    b"Sd2020-01-01T00:00:00Z;b3:\x00;\xff;; Oi1;T;; ; c0:3:x;y; c0:0:; c0; \n"
)


def test_the_root_comes_as_soon_as_it_is_there() -> None:
    reader = Reader()
    wire = b"LB0:D;;;"
    for byte in wire:
        assert not reader.has_root
        assert not reader.complete
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            assert reader.root
        assert str(caught.value) == "the root of the message has not arrived yet"
        reader.feed(bytes([byte]))
    assert reader.has_root
    assert not reader.complete
    (blob,) = reader.root
    reader.feed(b"c0:4:ab")
    assert content(blob) == b"ab"
    reader.feed(b"cd")
    assert content(blob) == b"abcd"
    reader.feed(b";c0")
    assert not reader.complete
    reader.feed(b";")
    assert reader.complete
    reader.feed(b" \n")
    assert reader.close() is reader.root
    assert blob.read() == b"abcd"


def test_a_message_without_blobs_is_complete_with_its_root() -> None:
    reader = Reader()
    reader.feed(b"i1;")
    assert (reader.has_root, reader.complete, reader.root) == (True, True, 1)
    reader.feed(b"")
    reader.feed(b" ")
    assert reader.close() == 1


@pytest.mark.parametrize("size", range(1, 40))
def test_pieces_of_every_size(size: int) -> None:
    value = read(MESSAGE, size)
    assert encode(value) == encode(decode(MESSAGE))


def test_every_split_in_two() -> None:
    expected = encode(decode(MESSAGE))
    for at in range(len(MESSAGE) + 1):
        reader = Reader()
        reader.feed(MESSAGE[:at])
        reader.feed(MESSAGE[at:])
        assert encode(reader.close()) == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_pieces_are_any_buffer(kind: type) -> None:
    reader = Reader()
    reader.feed(kind(b"B0:D;;c0:2:a"))
    reader.feed(kind(b"b;c0;"))
    assert content(reader.close()) == b"ab"


@pytest.mark.parametrize("width", ["B", "b", "c", "H", "I"])
def test_pieces_are_memory_of_any_shape(width: str) -> None:
    for step in (1, 2):
        reader = Reader()
        for piece in (b"LB0:D;;u5:ab", b"cde;;c0:4:ab", b"cd;c0;      "):
            spread = bytearray(step * len(piece))
            spread[::step] = piece
            view = memoryview(spread)
            reader.feed(view[::step] if step > 1 else view.cast(width))  # type: ignore[call-overload]
        blob, text = reader.close()
        assert (content(blob), text) == (b"abcd", "abcde")


def test_pieces_are_not_kept() -> None:
    reader = Reader()
    piece = bytearray(b"LB0:D;;b2:xy")
    reader.feed(piece)
    piece[:] = b"!" * len(piece)
    piece = bytearray(b";;c0:2:a")
    reader.feed(piece)
    piece[:] = b"!" * len(piece)
    reader.feed(b"b;c0;")
    blob, octets = reader.close()
    assert (content(blob), octets) == (b"ab", b"xy")


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (b"", b"", "the message is cut short (at byte 0)"),
        (b"Li1;", b"", "the message is cut short (at byte 4)"),
        (b"B0:D;;", b"", "the message is cut short (at byte 6)"),
        (b"B0:D;;c0:3:a", b"", "the message is cut short (at byte 12)"),
        (b"B0:D;;c0:3:a", b"bc", "the message is cut short (at byte 14)"),
        (b"B0:D;;c0:3:abc;", b" c", "the message is cut short (at byte 17)"),
        (b"B0:D;;c0:3", b"", "the message is cut short (at byte 10)"),
        (b"B0:D;;c0;c", b"", "the message is cut short (at byte 10)"),
    ],
)
def test_cut(first: bytes, second: bytes, says: str) -> None:
    def attempt() -> None:
        reader = Reader()
        reader.feed(first)
        reader.feed(second)
        reader.close()

    assert fault_of(attempt) == (Truncated, says)
    assert fault_of(lambda: decode(first + second)) == (Truncated, says)


def test_offsets_count_from_the_beginning_of_the_message() -> None:
    reader = Reader()
    reader.feed(b"LB0:D;;")
    reader.feed(b";c0:1:x;")
    expected = (DecodeError, "'z' after the end of the message (at byte 17)")
    assert fault_of(lambda: reader.feed(b" \nz")) == expected
    reader = Reader()
    reader.feed(b"LB0:D;;;c0:1:x;c")
    expected = (DecodeError, "chunk for blob 1, which is not in the message (at byte 15)")
    assert fault_of(lambda: reader.feed(b"1;")) == expected


def test_blobs_in_the_order_of_their_appearance() -> None:
    reader = Reader()
    reader.feed(b"L")
    assert reader.blobs == ()
    reader.feed(b"B7:D;;B0:D;;")
    assert len(reader.blobs) == 2
    reader.feed(b";c0;c7;")
    assert reader.blobs == tuple(reader.close())


def test_an_error_closes_blobs() -> None:
    reader = Reader()
    reader.feed(b"B0:D;;c0:1:x;")
    blob = reader.root
    with pytest.raises(DecodeError):
        reader.feed(b"z")
    assert blob.closed


def test_giving_up_closes_blobs() -> None:
    reader = Reader()
    reader.feed(b"LB0:D;;B1:D;;")
    reader.feed(b";c0;")
    blobs = reader.root
    reader.abandon()
    assert all(blob.closed for blob in blobs)


def test_a_reader_leaves_nothing_behind() -> None:
    reader = Reader()
    reader.feed(b"B0:D;;c0;")
    blob: Blob = reader.close()
    gone = weakref.ref(reader)
    del reader
    gc.collect()
    assert gone() is None
    assert blob.read() == b""


def test_the_limit_of_a_message_without_end() -> None:
    limits = Limits(message=2_000)
    says = "message of more than 2000 bytes (at byte 2000)"
    for start in (b"L", b"Lu1900:" + b"x" * 1900 + b";"):
        reader = Reader(limits=limits)
        reader.feed(start)

        def flood(reader: Reader = reader) -> None:
            for _ in range(3_000):
                reader.feed(b"i1;")

        assert fault_of(flood) == (LimitExceeded, says)


def test_white_space_is_counted_once() -> None:
    limits = Limits(whitespace=4)
    wire = b" X u1:x; D; \nN;;"
    assert read(wire.replace(b"\n", b""), limits=limits).name == "x"
    says = "too much white space (at byte 12)"
    for size in (1, 2, 3, 100):
        attempt = fault_of(lambda size=size: read(wire, size, limits=limits))  # type: ignore[misc]
        assert attempt == (LimitExceeded, says)
    wire = b"B0:D;; c0;   "
    assert content(read(wire, limits=limits)) == b""
    expected = (LimitExceeded, "too much white space (at byte 13)")
    assert fault_of(lambda: read(wire + b" ", limits=limits)) == expected
    assert fault_of(lambda: decode(wire + b" ", limits=limits)) == expected
