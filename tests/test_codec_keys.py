"""Keys of dicts and items of sets: which, and that each is there once."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from codec_help import refuse, refuse_value, same

from hyperglyph.codec import (
    Blob,
    DecodeError,
    Extension,
    LimitExceeded,
    Limits,
    Period,
    decode,
    encode,
)
from hyperglyph.codec.types import NAN


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"DD;i1;;", "a dict cannot be a key of a dict or an item of a set (at byte 1)"),
        (b"SO;;", "an ordered dict cannot be a key of a dict or an item of a set (at byte 1)"),
        (b"OXu1:a;D;N;;", "an extension cannot be a key of a dict or an item of a set (at byte 1)"),
        (b"SB0:D;;;", "a blob cannot be a key of a dict or an item of a set (at byte 1)"),
        (b"Di1;i2;LLD;", "a dict cannot be a key of a dict or an item of a set (at byte 9)"),
        (b"SSLD;", "a dict cannot be a key of a dict or an item of a set (at byte 3)"),
    ],
)
def test_what_cannot_be_a_key(wire: bytes, says: str) -> None:
    refuse(wire, says)


class Keyed(dict[str, int]):
    """A dict that Python takes for a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return 5


class Named(Extension):
    def __hash__(self) -> int:  # type: ignore[override]
        return 5


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({Keyed(): 1}, "Keyed cannot be a key of a dict or an item of a set (at ${{}})"),
        ({Keyed(a=1)}, "Keyed cannot be a key of a dict or an item of a set (at ${{'a': 1}})"),
        (
            {(1, Keyed()): 1},
            "Keyed cannot be a key of a dict or an item of a set (at ${(1, {})}[1])",
        ),
        (
            {"k": [{Named("n")}]},
            "Named cannot be a key of a dict or an item of a set "
            "(at $.k[0]{Named(name='n', attributes={}, content=None)})",
        ),
        ({(("a", object()),): 0}, None),
    ],
)
def test_what_cannot_be_encoded_as_a_key(value: Any, says: str | None) -> None:
    if says is None:
        (key,) = value
        says = (
            "cannot encode builtins.object; convert it first or pass default= "
            f"(at ${{{key!r:.60}}}[0][1])"
        )
    refuse_value(value, says)
    refuse_value(value, says, canonical=True)


def test_a_blob_is_no_key() -> None:
    blob = Blob(b"", "text/plain")
    says = "Blob cannot be a key of a dict or an item of a set (at ${<Blob 'text/plain', 0 bytes>})"
    refuse_value({blob}, says)
    refuse_value({blob: 1}, says)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"Di1;N;i01;N;;", "duplicate key or item 1 (at byte 6)"),
        (b"Si1;i1;;", "duplicate key or item 1 (at byte 4)"),
        (b"S i1; i1; ;", "duplicate key or item 1 (at byte 6)"),
        (b"SL i1; ;Li2;;Li1;;;", "duplicate key or item (1,) (at byte 13)"),
        (b"Ou1:a;L;u1:b;D;u1:a;S;;", "duplicate key or item 'a' (at byte 15)"),
        (b"Db1:a;Xu1:a;D;N;;b1:a;i1;;", "duplicate key or item b'a' (at byte 17)"),
        (b"SN;T;N;;", "duplicate key or item None (at byte 5)"),
        (b"Sfnan;f-nan;;", "duplicate key or item nan (at byte 6)"),
        (b"SLfnan;;Lfnan;;;", "duplicate key or item (nan,) (at byte 8)"),
        (b"Sf1;f0x1;;", "duplicate key or item 1.0 (at byte 4)"),
        (b"SL;L;;", "duplicate key or item () (at byte 3)"),
        (b"SSi1;i2;;Si2;i1;;;", "duplicate key or item frozenset({1, 2}) (at byte 9)"),
        (b"SpPT1H;pPT60M;;", "duplicate key or item datetime.timedelta(seconds=3600) (at byte 7)"),
        (
            b"Sd2020-01-01T00:00:00Z;d2020-01-01T01:00:00+01:00;;",
            f"duplicate key or item {datetime(2020, 1, 1, tzinfo=UTC)!r:.60} (at byte 23)",
        ),
        (
            b"SpP1Y;pP01Y;;",
            f"duplicate key or item {Period(1)!r:.60} (at byte 6)",
        ),
        (b"LB0:D;;Si1;i1;;;", "duplicate key or item 1 (at byte 11)"),
        (b"Su1:a;u2:;;;u1:a;;", "duplicate key or item 'a' (at byte 12)"),
        (b"Db2:;;;B0:D;;b;i1;b;", "duplicate key or item b'' (at byte 18)"),
        (
            b"Si1;f1;;",
            "1 and 1.0 are distinct in the data model, but equal in Python, whose dicts and sets "
            "cannot hold both (at byte 4)",
        ),
        (
            b"DT;N;i1;N;;",
            "True and 1 are distinct in the data model, but equal in Python, whose dicts and sets "
            "cannot hold both (at byte 5)",
        ),
        (
            b"SLf0.0;;Lf-0.0;;;",
            "(0.0,) and (-0.0,) are distinct in the data model, but equal in Python, whose dicts "
            "and sets cannot hold both (at byte 8)",
        ),
    ],
)
def test_duplicates(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"Di1;N;i1;N;z", "duplicate key or item 1 (at byte 6)"),
        (b"LSi1;i1;z", "duplicate key or item 1 (at byte 5)"),
        (b"Oi1;Si1;i1;z", "duplicate key or item 1 (at byte 8)"),
        (b"Si1;i1;", "duplicate key or item 1 (at byte 4)"),
        (b"Di1;N;i1;", "duplicate key or item 1 (at byte 6)"),
        (b"Di1;N;i1;;", "duplicate key or item 1 (at byte 6)"),
        (b"DN;N;Si1;i1;N;", "duplicate key or item 1 (at byte 9)"),
    ],
)
def test_a_duplicate_comes_before_what_goes_wrong_later(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize(
    ("wire", "length"),
    [
        (b"Su1:1;b1:1;i1;;", 3),
        (b"Su1:a;Lu1:a;;SL;;S;;", 4),
        (b"SpP1Y;pP12M;pP365D;;", 3),
        (b"SN;F;u;b;;", 4),
        (b"Si-1;i-2;;", 2),
        (b"Sfinf;f-inf;fnan;;", 3),
    ],
)
def test_distinct_keys(wire: bytes, length: int) -> None:
    value = decode(wire)
    assert len(value) == length
    assert same(decode(encode(value)), value)


def test_many_keys() -> None:
    """More than `Limits.equal_hashes`, from where on they are looked at before they are used."""
    texts, numbers = [f"k{n}" for n in range(200)], list(range(200))
    for keys in (texts, numbers, texts + numbers):
        assert same(decode(encode(set(keys))), set(keys))
        assert same(decode(encode(dict.fromkeys(keys, 1))), dict.fromkeys(keys, 1))
    wire = b"S" + b"".join(map(encode, [*texts, "k7"])) + b";"
    refuse(wire, f"duplicate key or item 'k7' (at byte {len(wire) - 7})")


def test_lists_and_sets_in_keys_are_hashable() -> None:
    assert same(decode(b"DLLi1;;Si2;;;Li3;;;"), {((1,), frozenset({2})): [3]})
    assert same(decode(b"SSLi1;;;;"), {frozenset({(1,)})})
    assert same(decode(b"LSi1;;;"), [{1}])
    assert same(decode(b"Di1;Li1;;;"), {1: [1]})


class Same:
    """Unequal objects that `default` sends as one value."""

    def __init__(self, value: object) -> None:
        self.value = value


class Doubled(Mapping[Hashable, Any]):
    """A mapping that has a key twice."""

    def __init__(self, *keys: Hashable) -> None:
        self.names = keys

    def __getitem__(self, key: Hashable) -> Any:
        return 0

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def unwrap(value: Any) -> Any:
    return value.value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({Same(1), Same(1)}, "two keys or items are the same on the wire: b'i1;' (at $)"),
        (
            [{Same(1): 0, 1: 0}],
            "two keys or items are the same on the wire: b'i1;' (at $[0])",
        ),
        (Doubled(1, 2, 1), "two keys or items are the same on the wire: b'i1;' (at $)"),
        (
            {float("nan"): 0, NAN: 1},
            "two keys or items are the same on the wire: b'fnan;' (at $)",
        ),
        (
            {(Same("x" * 50),): 0, ("x" * 50,): 0},
            f"two keys or items are the same on the wire: {b'Lu50:' + b'x' * 35!r} (at $)",
        ),
        (
            OrderedDict([((1, Same(2)), 0), ((1, 2), 0)]),
            "two keys or items are the same on the wire: b'Li1;i2;;' (at $)",
        ),
    ],
)
def test_keys_that_are_one_on_the_wire(value: object, says: str) -> None:
    refuse_value(value, says, default=unwrap)


def test_instants_are_keys_by_instant() -> None:
    zone = timezone(timedelta(hours=1))
    naive_twin = {datetime(2020, 1, 1, 1, tzinfo=zone): 1}
    assert decode(encode(naive_twin)) == {datetime(2020, 1, 1, tzinfo=UTC): 1}


def test_duplicates_beyond_the_default_limits() -> None:
    """What is compared was decoded under limits of the caller's own."""
    message = b"S" + 2 * (b"i" + b"9" * 5000 + b";") + b";"
    with pytest.raises(DecodeError, match="duplicate") as caught:
        decode(message, limits=Limits(integer_digits=10_000))
    assert caught.value.offset == 5003
    deep = b"S" + 2 * (b"L" * 150 + b"i1;" + b";" * 150) + b";"
    with pytest.raises(DecodeError, match="duplicate"):
        decode(deep, limits=Limits(depth=300))


def test_the_hash_of_nothing_has_no_seed() -> None:
    limits = Limits(unseeded_keys=100)
    message = b"S" + b"".join(b"Lu;i%d;;" % number for number in range(101)) + b";"
    with pytest.raises(LimitExceeded):
        decode(message, limits=limits)
    assert len(decode(message.replace(b"u;", b"u1:a;"), limits=limits)) == 101


def test_sets_that_collide_inside_a_set() -> None:
    """Comparing them would multiply, so few items of one hash are allowed inside a key."""
    inner = b"S" + b"".join(b"i%d;" % (number * (2**61 - 1)) for number in range(1, 6)) + b";"
    assert len(decode(inner)) == 5
    with pytest.raises(LimitExceeded) as caught:
        decode(b"S" + inner + b";")
    assert caught.value.reason == "more than 4 keys with the same hash"
