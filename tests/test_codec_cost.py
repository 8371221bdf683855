"""What a message may cost, in memory and time, and that nothing but DecodeError comes out.

Times are compared with those of harmless messages of the same size, with generous bounds, and
are the processor's, so that a busy machine makes no difference.
"""

import os
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from codec_help import fault_of, read, seconds, timed

from hyperglyph.codec import (
    Blob,
    DecodeError,
    Extension,
    Limits,
    Reader,
    Truncated,
    decode,
    encode,
)

# --- Rows 4 and 5: memory -------------------------------------------------------------------------


def peak(action: Callable[[], object]) -> int:
    """The most bytes that an action held at once."""
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "message",
    [
        b"b9999999999:",
        b"u9999999999:",
        b"b33554432:",
        b"u33554000:abc",
        b"Lb33554000:x;",
        b"Xu33554000:",
        b"B9999999999:D;;",
        b"B0:D;;c0:9999999999:x",
        b"B0:D;;c0:268435456:x",
    ],
)
def test_nothing_is_allocated_from_a_declared_length(message: bytes) -> None:
    limits = Limits()
    for attempt in (decode, read):
        assert peak(lambda attempt=attempt: attempt(message, limits=limits)) < 100_000  # type: ignore[misc]
    rest = Limits(blob_size=10**11, message=10**11)
    assert peak(lambda: decode(message, limits=rest)) < 100_000


@timed
def test_a_million_empty_sets() -> None:
    for empty in (b"S;", b"D;", b"O;", b"Xu;D;N;;", b"L;"):
        fault = fault_of(partial(decode, b"L" + empty * 250_000, limits=Limits.server()))
        assert fault[1].startswith("too many nodes")
    begin = time.process_time()
    assert fault_of(partial(decode, b"L" + b"S;" * 1_000_000))[1].startswith("too many nodes")
    assert time.process_time() - begin < 3


@timed
def test_a_server_holds_little_of_a_small_message() -> None:
    message = b"L" + b"S;" * 100_000 + b";"
    assert peak(lambda: decode(message, limits=Limits.server())) < 50_000_000


# --- Row 6: time ----------------------------------------------------------------------------------


def sized(count: int) -> dict[str, bytes]:
    """Messages whose length grows with `count`, some of them malformed at their end."""
    return {
        "text": encode("é" * count * 5),
        "bytes": encode(b"x" * count * 20),
        "integers": b"L" + b"i1;" * count + b";",
        "texts": b"L" + b"".join(b"u6:%06d;" % n for n in range(count)) + b";",
        "lists": b"L" + b"L;" * count + b";",
        "deep lists": b"L" + (b"L" * 90 + b";" * 90) * (count // 90) + b";",
        "dict": b"D" + b"".join(b"u6:%06d;N;" % n for n in range(count)) + b";",
        "numbers": b"D" + b"".join(b"i%d;N;" % n for n in range(count)) + b";",
        "set": b"S" + b"".join(b"Li%d;;" % n for n in range(count)) + b";",
        "space": b"L" + b" i1; \n" * count + b";",
        "extensions": b"L" + b"Xu1:x;Du1:a;N;;N;;" * (count // 4) + b";",
        "floats": b"L" + b"f0x1.8000000000000p+0;f1e5;" * (count // 4) + b";",
        "times": b"L" + b"d2020-01-01T00:00:00Z;pP1D;" * (count // 4) + b";",
        "chunks": b"B0:D;;" + b"c0:1:x;" * count + b"c0;",
        "late fault": b"L" + b"Si1;;u1:a;" * count + b"z",
        "late duplicate": b"S" + b"".join(b"i%d;" % n for n in range(count)) + b"i0;;",
        "late cut": b"D" + b"".join(b"i%d;Si1;;" % n for n in range(count)),
    }


LARGE = Limits(whitespace=10**7, nodes=10**8, message=10**9, integer_digits=10**6)


@timed
@pytest.mark.parametrize("kind", sized(1))
def test_decoding_is_linear(kind: str) -> None:
    small, large = sized(1_000)[kind], sized(10_000)[kind]
    usual = max(seconds(lambda: decode(small, limits=LARGE), 5), 0.0002)
    assert seconds(lambda: decode(large, limits=LARGE), 3) < 40 * usual  # quadratic: 100


@timed
@pytest.mark.parametrize("kind", sized(1))
def test_reading_in_small_pieces_is_linear(kind: str) -> None:
    small, large = sized(300)[kind], sized(3_000)[kind]
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.0005)
    assert seconds(lambda: read(large, limits=LARGE), 3) < 40 * usual  # quadratic: 100


TOKENS: list[Callable[[int], bytes]] = [
    lambda size: encode("x" * size),
    lambda size: encode(b"x" * size),
    lambda size: b" " * size + b"N;",
    lambda size: b"L" + b" " * size + b";",
    lambda size: b"X " + b" " * size + b"u1:x;D;N;;",
    lambda size: b"Xu%d:%b;D;N;;" % (size, b"x" * size),
    lambda size: b"B0:D;;c0:%d:%b;c0;" % (size, b"x" * size),
    lambda size: b"N;" + b" " * size,
]


@timed
@pytest.mark.parametrize(
    "make",
    TOKENS,
    ids=["text", "bytes", "space", "space in a list", "space in a head", "name", "chunk", "end"],
)
def test_one_token_byte_by_byte_is_linear(make: Callable[[int], bytes]) -> None:
    small, large = make(10_000), make(100_000)
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.001)
    assert seconds(lambda: read(large, limits=LARGE), 1) < 25 * usual


@timed
def test_a_text_of_a_mebibyte_byte_by_byte() -> None:
    message = encode("x" * 1024 * 1024)
    assert seconds(lambda: read(message), 1) < 5


@timed
def test_an_integer_byte_by_byte_is_linear() -> None:
    small, large = (b"i" + b"7" * digits + b";" for digits in (2_000, 20_000))
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.0005)
    assert seconds(lambda: read(large, limits=LARGE)) < 25 * usual
    assert encode(read(large, limits=LARGE), limits=LARGE) == large


@timed
def test_encoding_is_linear() -> None:
    for kind in ("text", "integers", "texts", "dict", "numbers", "set", "extensions", "times"):
        small, large = (decode(sized(count)[kind]) for count in (1_000, 10_000))
        for canonical in (False, True):
            usual = max(seconds(lambda: encode(small, canonical=canonical)), 0.0002)  # noqa: B023
            assert seconds(lambda: encode(large, canonical=canonical)) < 25 * usual  # noqa: B023


@timed
@pytest.mark.parametrize(
    "message",
    [
        *(letter.encode() * 65_536 for letter in "LSDOXBuibfdpTFNc;0 :-+.eE"),
        b"i" + b"0" * 65_535,
        b"Di1;" * 16_384,
        b"Xu;D;" * 13_107,
        b"B0:D;;" + b"c0:0:;" * 10_921,
        b"B0:D;;" + b"c" * 65_530,
        b"S" + b"L" * 65_535,
        b"S" + b"L;" * 32_767,
        b"S" + b"SN;;" * 16_383,
        b"f" + b"1" * 800 + b"e5;" + b"x" * 64_000,
        b"L" + (b"f" + b"1" * 700 + b"e-300;") * 92,
        b"L" + (b"i" + b"9" * 4_300 + b";") * 15,
        b"L" + (b"pP" + b"9" * 190 + b"D;") * 330,
        b"LS" + b"i1;" * 21_844,
    ],
    ids=lambda message: f"{message[:8]!r}",
)
def test_64_kib_take_no_time(message: bytes) -> None:
    assert seconds(lambda: decode(message)) < 0.25


# --- Rows 8 and 22 --------------------------------------------------------------------------------


def test_noise() -> None:
    for seed in range(2_000):
        message = os.urandom(seed % 64)
        for attempt in (decode, read):
            with suppress(DecodeError):
                attempt(message)


def test_every_single_byte_and_every_pair() -> None:
    for first in range(256):
        assert fault_of(lambda first=first: decode(bytes([first])))  # type: ignore[misc]
        for second in range(256):
            try:
                decode(bytes([first, second]))
            except DecodeError:
                continue
            assert chr(second) == ";"


def test_every_substitution_in_a_message() -> None:
    whole = encode([1, -2.5, "é", {"a": {1}}, Extension("x", {"b": b"c"}), Blob(b"hi", "a/b")])
    for at in range(len(whole)):
        for byte in b'\x00 ;:0199LSDOXBTuibfdpc-+."\xff':
            changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
            try:
                decode(changed)
            except DecodeError:
                continue
            decode(encode(decode(changed)))


def test_every_cut() -> None:
    whole = encode([1, -2.5, "é", {"a": {1}}, Extension("x", {"b": b"c"}), Blob(b"hi", "a/b")])
    for length in range(len(whole)):
        with pytest.raises(Truncated):
            decode(whole[:length])
        reader = Reader()
        reader.feed(whole[:length])
        with pytest.raises(Truncated):
            reader.close()
