"""What a hostile message may cost: depth, time, memory, and nothing but DecodeError.

Times are compared with those of harmless messages of the same size, with generous bounds, and
are the processor's, so that a busy machine makes no difference.
"""

import os
import runpy
import sys
import time
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from codec_help import fault_of, read, refuse, refuse_value

from hyperglyph.codec import (
    Blob,
    DecodeError,
    EncodeError,
    Extension,
    LimitExceeded,
    Limits,
    Reader,
    Truncated,
    decode,
    encode,
)

MODULUS = 2**61 - 1  # sys.hash_info.modulus: integers that differ by it have one hash
FUZZER = Path(__file__).parent / "fuzz" / "fuzz_codec.py"


def seconds(action: Callable[[], object], repeat: int = 3) -> float:
    """The processor time of an action, the best of several; what it raises is part of it."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        with suppress(DecodeError):
            action()
        best = min(best, time.process_time() - start)
    return best


# --- Row 1: depth ---------------------------------------------------------------------------------

#: What begins and ends one level of nesting, how many containers that is, and what is innermost.
NESTS: dict[str, tuple[bytes, bytes, int]] = {
    "list": (b"L", b";", 1),
    "set": (b"S", b";", 1),
    "dict": (b"Di1;", b";", 1),
    "dict key": (b"DL", b";N;;", 2),
    "ordered dict": (b"Ou1:a;", b";", 1),
    "extension": (b"Xu1:x;D;", b";", 1),
    "attributes": (b"Xu1:x;Du1:a;", b";N;;", 2),
    "set in list": (b"LS", b";;", 2),
    "mix": (b"LDu;Xu1:x;D;Ou;", b";;;;", 4),
}


@pytest.mark.parametrize("kind", NESTS)
@pytest.mark.parametrize("depth", [100, 500])
def test_nesting_at_the_limit(kind: str, depth: int) -> None:
    start, end, containers = NESTS[kind]
    limits = Limits(depth=depth)
    levels = (depth - 1) // containers
    fits = start * levels + b"L;" + end * levels
    if kind in ("set", "dict key", "set in list"):
        levels, fits = deep_keys(kind, depth)
    value = decode(fits, limits=limits)
    assert encode(value, limits=limits) == fits
    read(fits, limits=limits)
    for attempt in (decode, read):
        with pytest.raises(LimitExceeded) as caught:
            attempt(start * (depth + 1), limits=limits)
        assert caught.value.reason == f"nesting deeper than {depth}"


def deep_keys(kind: str, depth: int) -> tuple[int, bytes]:
    """Only lists and sets may be inside a key."""
    if kind == "dict key":
        return 1, b"D" + b"L" * (depth - 1) + b";" * (depth - 1) + b"N;;"
    if kind == "set in list":
        return 1, b"LS" + b"LS" * ((depth - 2) // 2) + b";;" * ((depth - 2) // 2) + b";;"
    return depth, b"S" * depth + b";" * depth


@pytest.mark.parametrize("kind", NESTS)
def test_a_million_levels(kind: str) -> None:
    start = NESTS[kind][0]
    message = start * 1_000_000
    for attempt in (decode, lambda message: read(message, 65_536)):
        begin = time.process_time()
        with pytest.raises(DecodeError):
            attempt(message)
        assert time.process_time() - begin < 1


def test_nested_blobs() -> None:
    limits = Limits(blobs=1_000)
    message = b"".join(b"B%d:Du1:a;" % number for number in range(1_000))
    assert fault_of(lambda: decode(message, limits=limits))[0] is LimitExceeded


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"a": value},
    "ordered dict": lambda value: OrderedDict(a=value),
    "extension": lambda value: Extension("x", {}, value),
    "attributes": lambda value: Extension("x", {"a": value}),
    "mix": lambda value: [{"a": (Extension("x", {}, value),)}],
}


@pytest.mark.parametrize("kind", WRAPS)
def test_values_of_many_levels(kind: str) -> None:
    value: Any = 1
    for _ in range(100_000 if kind in ("extension", "attributes", "mix") else 1_000_000):
        value = WRAPS[kind](value)
    begin = time.process_time()
    with pytest.raises(EncodeError) as caught:
        encode(value)
    assert caught.value.reason == "nesting deeper than 100"
    assert time.process_time() - begin < 1
    while not isinstance(value, int):  # from the outside in: some of these are freed recursively
        match value:
            case Extension(attributes={"a": inner}):
                value = inner
            case Extension():
                value = value.content
            case dict():
                value = value["a"]  # pyright: ignore[reportUnknownVariableType]
            case _:
                value = value[0]


@contextmanager
def few_frames(count: int) -> Iterator[None]:
    """Leave the interpreter `count` frames above this one."""
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    sys.setrecursionlimit(depth + count)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("start", [b"L", b"Di1;", b"Xu1:x;D;", b"Ou1:a;", b"S"])
def test_the_recursion_limit_does_not_matter(start: bytes) -> None:
    limits = Limits(depth=500)
    message = start * 499 + b"L;" + b";" * 499
    with few_frames(100):
        value = decode(message, limits=limits)
        again = read(message, limits=limits)
        encoded = encode(value, limits=limits), encode(again, limits=limits, canonical=True)
        failed: list[Exception] = []
        try:
            encode([value], limits=limits)
        except EncodeError as error:
            failed.append(error)
    assert encoded == (message, message)
    assert len(failed) == 1


@pytest.mark.parametrize("kind", [b"L", b"S"])
def test_the_recursion_limit_does_not_matter_for_keys(kind: bytes) -> None:
    limits = Limits(depth=500)
    key = kind * 499 + b";" * 499
    equal = b"S" + key + key + b";"
    with few_frames(100):
        value = decode(b"D" + key + b"N;;", limits=limits)
        encoded = encode(value, limits=limits)
        try:
            decode(equal, limits=limits)
            fault = None
        except (DecodeError, RecursionError) as error:
            fault = type(error)
    assert encoded == b"D" + key + b"N;;"
    assert fault in (DecodeError, LimitExceeded)


# --- Row 2: integers ------------------------------------------------------------------------------


def test_a_million_digits() -> None:
    message = b"i" + b"9" * 1_000_000 + b";"
    says = "integer of more than 4300 digits (at byte 0)"
    assert seconds(lambda: decode(message)) < 0.05
    refuse(message[:10_000], says, LimitExceeded)
    assert fault_of(lambda: decode(message)) == (LimitExceeded, says)
    refuse_value(10**1_000_000, "integer of more than 4300 digits (at $)")


# --- Row 3: colliding keys ------------------------------------------------------------------------


def probe_chain(bits: int) -> list[int]:
    """Integers of distinct hashes that a dict of 2**bits slots looks for one after the other.

    A third of the slots is filled along the walk i -> 5 * i + 1 that every search ends in; then
    come keys whose search enters that walk and has to go all along it.
    """
    mask = (1 << bits) - 1
    walk, slot = [], 0
    for _ in range(mask // 3 + 100):
        walk.append(slot)
        slot = (5 * slot + 1) & mask
    taken = set(walk)
    late: list[int] = []
    for high in range(1, 16):
        for low in walk:
            key = low | high << bits
            slot, perturb = low, key
            while perturb and slot in taken:
                perturb >>= 5
                slot = (5 * slot + perturb + 1) & mask
            if slot in taken:
                late.append(key)
        if len(late) > mask // 4:
            break
    return walk + late[: mask // 4]


def number(key: int) -> bytes:
    return b"i%d;" % key


def floating(key: int) -> bytes:
    return encode(float(key))


FORMS: dict[str, Callable[[int], bytes]] = {
    "positive": number,
    "negative": lambda key: number(-key),
    "float": floating,
    "negative float": lambda key: floating(-key),
    "tuple": lambda key: b"L%b;" % number(key),
    "pair": lambda key: b"L%bi7;;" % number(key),
    "frozenset": lambda key: b"S%b;" % number(key),
    "nested": lambda key: b"LS%b;;" % number(-key),
}
#: Every form with every way to lay keys out; distinct floats with one hash are too few to matter.
FLOODS = [
    *(("equal", form) for form in FORMS if "float" not in form),
    *(("chain", form) for form in FORMS),
]
CONTAINERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "set": lambda keys: b"S" + b"".join(keys) + b";",
    "dict": lambda keys: b"D" + b"".join(key + b"N;" for key in keys) + b";",
    "ordered dict": lambda keys: b"O" + b"".join(key + b"N;" for key in keys) + b";",
}


@pytest.fixture(scope="module")
def small_chain() -> list[int]:
    return probe_chain(14)[:8_000]


@pytest.fixture(scope="module")
def large_chain() -> list[int]:
    return probe_chain(16)


@pytest.mark.parametrize(("family", "form"), FLOODS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_colliding_keys_on_a_server(
    family: str, form: str, container: str, small_chain: list[int]
) -> None:
    """As many keys as a server lets pass: no slower than 20 times as many harmless ones."""
    limits = Limits.server()
    keys = [n * MODULUS for n in range(1, 8_001)] if family == "equal" else small_chain
    make, fill = FORMS[form], CONTAINERS[container]
    hostile = fill([make(key) for key in keys])
    harmless = fill([make(key * 7 + 1) for key in range(len(keys))])
    assert len(decode(harmless, limits=limits)) == len(keys)
    usual = seconds(lambda: decode(harmless, limits=limits))
    assert seconds(lambda: decode(hostile, limits=limits)) < 20 * usual
    if family == "equal":
        assert fault_of(lambda: decode(hostile, limits=limits))[0] is LimitExceeded
        assert fault_of(lambda: decode(hostile))[0] is LimitExceeded


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", FORMS)
def test_more_colliding_keys_than_a_server_takes(
    form: str, container: str, large_chain: list[int]
) -> None:
    limits = Limits.server()
    make = FORMS[form]
    message = CONTAINERS[container]([make(key) for key in large_chain])
    begin = time.process_time()
    says = fault_of(lambda: decode(message, limits=limits))
    assert time.process_time() - begin < 2
    assert says[0] is LimitExceeded
    assert says[1].startswith("more than 8192 keys whose hash has no seed")


def test_floats_with_one_hash_are_few() -> None:
    """All powers of 2**61 and their inverses hash to 1; a float has room for 34 of them."""
    keys = [floating(1)]
    for power in range(1, 17):
        keys += [encode(2.0 ** (61 * power)), encode(2.0 ** (-61 * power))]
    assert len({hash(decode(key)) for key in keys}) == 1
    assert len(decode(CONTAINERS["set"](keys))) == len(keys) <= Limits().equal_hashes


def test_equal_keys_that_are_slow_to_compare() -> None:
    """Many equal tuples and long texts as keys are found at the first, not compared in pairs."""
    big = b"L" + b"i1;" * 50_000 + b";"
    message = b"S" + big * 10 + b";"
    assert seconds(lambda: decode(message)) < 3
    assert fault_of(lambda: decode(message))[1].startswith("duplicate key or item (1, 1, 1")


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


def test_a_million_empty_sets() -> None:
    for empty in (b"S;", b"D;", b"O;", b"Xu;D;N;;", b"L;"):
        message = b"L" + empty * 1_000_000 + b";"
        for limits in (Limits.server(), Limits(nodes=999_999)):
            begin = time.process_time()
            assert fault_of(lambda: decode(message, limits=limits))[1].startswith("too many nodes")  # noqa: B023
            assert time.process_time() - begin < 3


def test_a_server_holds_little_of_a_small_message() -> None:
    message = b"L" + b"S;" * 2_000_000 + b";"
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


@pytest.mark.parametrize("kind", sized(1))
def test_decoding_is_linear(kind: str) -> None:
    small, large = sized(2_000)[kind], sized(20_000)[kind]
    usual = max(seconds(lambda: decode(small, limits=LARGE), 5), 0.0002)
    assert seconds(lambda: decode(large, limits=LARGE)) < 25 * usual


@pytest.mark.parametrize("kind", sized(1))
def test_reading_in_small_pieces_is_linear(kind: str) -> None:
    small, large = sized(500)[kind], sized(5_000)[kind]
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.0005)
    assert seconds(lambda: read(large, limits=LARGE), 1) < 25 * usual


@pytest.mark.parametrize(
    "make",
    [
        lambda size: encode("x" * size),
        lambda size: encode(b"x" * size),
        lambda size: b" " * size + b"N;",
        lambda size: b"L" + b" " * size + b";",
        lambda size: b"X " + b" " * size + b"u1:x;D;N;;",
        lambda size: b"Xu%d:%b;D;N;;" % (size, b"x" * size),
        lambda size: b"B0:D;;c0:%d:%b;c0;" % (size, b"x" * size),
        lambda size: b"N;" + b" " * size,
    ],
    ids=["text", "bytes", "space", "space in a list", "space in a head", "name", "chunk", "end"],
)
def test_one_token_byte_by_byte_is_linear(make: Callable[[int], bytes]) -> None:
    small, large = make(20_000), make(200_000)
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.001)
    assert seconds(lambda: read(large, limits=LARGE), 1) < 25 * usual


def test_a_text_of_a_mebibyte_byte_by_byte() -> None:
    message = encode("x" * 1024 * 1024)
    assert seconds(lambda: read(message), 1) < 5


def test_an_integer_byte_by_byte_is_linear() -> None:
    small, large = (b"i" + b"7" * digits + b";" for digits in (2_000, 20_000))
    usual = max(seconds(lambda: read(small, limits=LARGE)), 0.0005)
    assert seconds(lambda: read(large, limits=LARGE)) < 25 * usual
    assert encode(read(large, limits=LARGE), limits=LARGE) == large


def test_encoding_is_linear() -> None:
    for kind in ("text", "integers", "texts", "dict", "numbers", "set", "extensions", "times"):
        small, large = (decode(sized(count)[kind]) for count in (2_000, 20_000))
        for canonical in (False, True):
            usual = max(seconds(lambda: encode(small, canonical=canonical)), 0.0002)  # noqa: B023
            assert seconds(lambda: encode(large, canonical=canonical)) < 25 * usual  # noqa: B023


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


def test_the_fuzzer_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(FUZZER))["main"]
    assert main(["1.5", "--seed", "1"]) == 0
    assert capsys.readouterr().out.endswith(" messages, no failure\n")
