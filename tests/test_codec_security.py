"""What a hostile message may not do: nest deep, convert long integers, let keys collide.

Times are compared with those of harmless messages of the same size, with generous bounds, and
are the processor's, so that a busy machine makes no difference.
"""

import inspect
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import pytest
from codec_help import fault_of, read, refuse, refuse_value, seconds, timed

from hyperglyph.codec import (
    DecodeError,
    EncodeError,
    Extension,
    LimitExceeded,
    Limits,
    decode,
    encode,
)

MODULUS = 2**61 - 1  # sys.hash_info.modulus: integers that differ by it have one hash


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
    limits = Limits(depth=depth)
    fits, deeper = nest(kind, depth), nest(kind, depth + NESTS[kind][2])
    value = decode(fits, limits=limits)
    assert encode(value, limits=limits) == fits
    read(fits, limits=limits)
    for attempt in (decode, read):
        with pytest.raises(LimitExceeded) as caught:
            attempt(deeper, limits=limits)
        assert caught.value.reason == f"nesting deeper than {depth}"


def nest(kind: str, depth: int) -> bytes:
    """A message of `depth` levels, or nearly."""
    start, end, containers = NESTS[kind]
    if kind == "dict key":  # where only lists and sets may be inside
        return b"D" + b"L" * (depth - 1) + b";" * (depth - 1) + b"N;;"
    if kind == "extension":
        depth -= 1  # the attributes of the innermost are a level too
    levels, rest = divmod(depth, containers)
    inner = b"L" * rest + b";" * rest if rest else b"" if start.endswith((b"L", b"S")) else b"N;"
    return start * levels + inner + end * levels


@timed
@pytest.mark.parametrize("kind", NESTS)
def test_a_million_levels(kind: str) -> None:
    start = NESTS[kind][0]
    message = start * 1_000_000
    for attempt in (decode, partial(read, size=65_536)):
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
    "ordered dict": lambda value: OrderedDict[str, Any](a=value),
    "extension": lambda value: Extension("x", {}, value),
    "attributes": lambda value: Extension("x", {"a": value}),
    "mix": lambda value: [{"a": (Extension("x", {}, value),)}],
}


@pytest.mark.parametrize("kind", WRAPS)
def test_values_of_many_levels(kind: str) -> None:
    value: Any = 1
    for _ in range(1_000_000 if kind == "list" else 20_000):
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
            case {"a": inner}:
                value = inner
            case _:
                (value,) = value


@contextmanager
def few_frames(count: int) -> Generator[None]:
    """Leave the interpreter `count` frames above this one."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + count)
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
    faults: list[str] = []
    with few_frames(100):
        value = decode(b"D" + key + b"N;;", limits=limits)
        encoded = encode(value, limits=limits)
        for equal in (b"S" + key + key + b";", b"S" + key + key, b"S" + key + key + b"z"):
            for attempt in (decode, read):
                try:
                    attempt(equal, limits=limits)
                except DecodeError as error:
                    faults.append(error.reason)
    assert encoded == b"D" + key + b"N;;"
    # Whether the interpreter gets through depends on its version, but not on the way there.
    assert len(faults) == 6
    assert len(set(faults)) == 1
    assert faults[0].startswith(
        ("keys are nested deeper than the interpreter can compare here", "duplicate key or item (")
    )


# --- Row 2: integers ------------------------------------------------------------------------------


@timed
def test_a_million_digits() -> None:
    message = b"i" + b"9" * 1_000_000 + b";"
    says = "integer of more than 4300 digits (at byte 0)"
    assert seconds(lambda: decode(message)) < 0.05
    refuse(message[:10_000], says, LimitExceeded)
    assert fault_of(lambda: decode(message)) == (LimitExceeded, says)
    refuse_value(10**1_000_000, "integer of more than 4300 digits (at $)")


# --- Row 3: colliding keys ------------------------------------------------------------------------


def probe_chain(bits: int, fill: int, late: int) -> list[int]:
    """Integers of distinct hashes that a dict of 2**bits slots looks for one after the other.

    The first `fill` occupy the walk i -> 5 * i + 1, in which every search ends; then come up to
    `late` keys whose search enters that walk and has to go all along it.
    """
    mask = (1 << bits) - 1
    walk, slot = list[int](), 0
    for _ in range(fill):
        walk.append(slot)
        slot = (5 * slot + 1) & mask
    taken, found = set(walk), list[int]()
    for high in range(1, 32):
        for low in walk:
            key = low | high << bits
            slot, perturb = low, key
            while perturb and slot in taken:
                perturb >>= 5
                slot = (5 * slot + perturb + 1) & mask
            if slot in taken:
                found.append(key)
        if len(found) >= late:
            break
    return walk + found[:late]


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
}


@cache
def chain(*, large: bool) -> list[int]:
    """For the size of the table that a dict of so many keys has in CPython.

    A set looks at ten slots a step, which leaves no such keys for it; it gets the same.
    """
    return probe_chain(16, 22_000, 12_000) if large else probe_chain(14, 5_600, 2_400)


@timed
@pytest.mark.parametrize(("family", "form"), FLOODS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_colliding_keys_on_a_server(family: str, form: str, container: str) -> None:
    """As many keys as a server lets pass: no slower than 20 times as many harmless ones."""
    limits = Limits.server()
    keys = [n * MODULUS for n in range(1, 8_001)]
    if family == "chain":
        keys = chain(large=False)
    make, fill = FORMS[form], CONTAINERS[container]
    hostile = fill([make(key) for key in keys])
    harmless = fill([make(key * 7 + 1) for key in range(len(keys))])
    assert len(decode(harmless, limits=limits)) == len(keys)
    usual = seconds(lambda: decode(harmless, limits=limits))
    assert seconds(lambda: decode(hostile, limits=limits), 2) < 20 * usual
    if family == "equal":
        assert fault_of(lambda: decode(hostile, limits=limits))[0] is LimitExceeded
        assert fault_of(lambda: decode(hostile))[0] is LimitExceeded


@timed
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", ["positive", "negative float", "pair"])
def test_more_colliding_keys_than_a_server_takes(form: str, container: str) -> None:
    limits = Limits.server()
    make = FORMS[form]
    message = CONTAINERS[container]([make(key) for key in chain(large=True)])
    begin = time.process_time()
    says = fault_of(lambda: decode(message, limits=limits))
    assert time.process_time() - begin < 2
    assert says[0] is LimitExceeded
    assert says[1].startswith("more than 8192 keys whose hash has no seed")


@timed
def test_the_chain_is_what_it_should_be() -> None:
    """Without a limit it would cost, else the tests above show nothing."""
    keys = chain(large=True)
    assert len(set(map(hash, keys))) == len(keys)
    harmless = [key * 7 + 1 for key in range(len(keys))]
    usual = seconds(lambda: dict.fromkeys(harmless))
    assert seconds(lambda: dict.fromkeys(keys), 1) > 20 * usual


def test_floats_with_one_hash_are_few() -> None:
    """All powers of 2**61 and their inverses hash to 1; a float has room for 34 of them."""
    keys = [floating(1)]
    for power in range(1, 17):
        keys += [encode(2.0 ** (61 * power)), encode(2.0 ** (-61 * power))]
    assert len({hash(decode(key)) for key in keys}) == 1
    assert len(decode(CONTAINERS["set"](keys))) == len(keys) <= Limits().equal_hashes


@timed
def test_equal_keys_that_are_slow_to_compare() -> None:
    """Many equal tuples and long texts as keys are found at the first, not compared in pairs."""
    big = b"L" + b"i1;" * 20_000 + b";"
    message = b"S" + big * 10 + b";"
    assert seconds(lambda: decode(message)) < 3
    assert fault_of(lambda: decode(message))[1].startswith("duplicate key or item (1, 1, 1")
