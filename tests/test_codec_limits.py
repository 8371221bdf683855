"""`Limits`, and each of them at its edge."""

from typing import Any

import attrs
import pytest
from codec_help import read, refuse

from hyperglyph.codec import DecodeError, LimitExceeded, Limits, Reader, decode


def test_defaults() -> None:
    assert Limits() == Limits(
        depth=100,
        nodes=2_000_000,
        message=32 * 1024 * 1024,
        integer_digits=4_300,
        equal_hashes=64,
        unseeded_keys=1_000_000,
        whitespace=65_536,
        blobs=16,
        blob_size=256 * 1024 * 1024,
    )
    assert Limits.server() == Limits(message=4 * 1024 * 1024, nodes=250_000, unseeded_keys=8_192)


@pytest.mark.parametrize(
    "name",
    [
        *("nodes", "message", "integer_digits", "equal_hashes", "unseeded_keys", "whitespace"),
        *("blobs", "blob_size"),
    ],
)
def test_limits_are_positive(name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Limits(**options)
    assert str(caught.value) == f"the limit {name} must be at least 1, not 0"
    options = {name: 1}
    assert getattr(Limits(**options), name) == 1


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None])
def test_limits_are_integers(wrong: Any) -> None:
    for name in ("depth", "nodes"):
        options: dict[str, Any] = {name: wrong}
        with pytest.raises(TypeError) as caught:
            Limits(**options)
        assert str(caught.value) == f"the limit {name} is an int, not {type(wrong).__name__}"


@pytest.mark.parametrize("depth", [0, 501, -1])
def test_depth_has_a_range(depth: int) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Limits(depth=depth)
    assert str(caught.value) == f"the limit depth must be from 1 to 500, not {depth}"


#: Of each limit: a value of it, and a message beyond it, spelled as encoders spell it.
BEYOND: dict[str, tuple[dict[str, int], bytes]] = {
    "depth": ({"depth": 1}, b"LL;;"),
    "nodes": ({"nodes": 1}, b"LN;;"),
    "message": ({"message": 3}, b"i12;"),
    "integer_digits": ({"integer_digits": 1}, b"i12;"),
    "equal_hashes": (
        {"equal_hashes": 2},
        b"S" + b"".join(b"i%d;" % (n * (2**61 - 1)) for n in range(3)) + b";",
    ),
    "unseeded_keys": ({"equal_hashes": 1, "unseeded_keys": 2}, b"Si1;i2;i3;;"),
    "whitespace": ({"whitespace": 1}, b"L  ;"),
    "blobs": ({"blobs": 1}, b"LB0:D;;B1:D;;;c0;c1;"),
    "blob_size": ({"blob_size": 1}, b"B0:D;;c0:2:ab;c0;"),
}


def test_no_limit_is_left_out_here() -> None:
    assert set(BEYOND) == {field.name for field in attrs.fields(Limits)}


@pytest.mark.parametrize("name", BEYOND)
def test_each_limit_holds_on_every_way_in(name: str) -> None:
    """The shortcut of `decode` reads scalars by itself: a new limit has to be kept there, too."""
    values, wire = BEYOND[name]
    decode(wire)
    for attempt in (decode, read):
        with pytest.raises(LimitExceeded):
            attempt(wire, limits=Limits(**values))


@pytest.mark.parametrize(
    ("wire", "nodes"),
    [
        (b"i1;", 1),
        (b"Li1;u1:a;f1;;", 4),
        (b"L;", 1),
        (b"S;", 4),
        (b"Di1;T;;", 6),
        (b"OL;S;;", 9),
        (b"Xu1:x;D;N;;", 10),
        (b"Xu1:x;Du1:a;N;;LN;;;", 13),
        (b"B0:D;;c0;", 8),
    ],
)
def test_nodes(wire: bytes, nodes: int) -> None:
    decode(wire, limits=Limits(nodes=nodes))
    read(wire, limits=Limits(nodes=nodes))
    for attempt in (decode, read):
        with pytest.raises(LimitExceeded) as caught:
            attempt(wire, limits=Limits(nodes=nodes - 1 or 1)) if nodes > 1 else attempt(
                b"LL;;", limits=Limits(nodes=1)
            )
        assert caught.value.reason == "too many nodes"


def test_the_node_that_is_too_many() -> None:
    refuse(b"Li1;i2;i3;;", "too many nodes (at byte 7)", LimitExceeded, limits=Limits(nodes=3))
    refuse(b"Li1;S;;", "too many nodes (at byte 4)", LimitExceeded, limits=Limits(nodes=5))
    refuse(b"LXu1:x;D;N;;;", "too many nodes (at byte 1)", LimitExceeded, limits=Limits(nodes=5))


@pytest.mark.parametrize("message", [b"Lu3:abc;i1;;", b"L" + b"i1;" * 30 + b";", b"u3:abc;   "])
def test_message(message: bytes) -> None:
    size = len(message.rstrip())
    decode(message, limits=Limits(message=size))
    read(message, limits=Limits(message=size))
    says = f"message of more than {size - 1} bytes (at byte {size - 1})"
    refuse(message, says, LimitExceeded, limits=Limits(message=size - 1))


def test_whitespace() -> None:
    limits = Limits(whitespace=3)
    assert decode(b" L ;\n", limits=limits) == []
    refuse(b" L  ; ", "too much white space (at byte 5)", LimitExceeded, limits=limits)
    refuse(b"    L;", "too much white space (at byte 3)", LimitExceeded, limits=limits)
    refuse(b"X  u1:x;  D;N;;", "too much white space (at byte 9)", LimitExceeded, limits=limits)
    refuse(b"i1;\n\n\n\n", "too much white space (at byte 6)", LimitExceeded, limits=limits)


def test_equal_hashes() -> None:
    limits = Limits(equal_hashes=3)
    modulus = 2**61 - 1
    keys = [b"i%d;" % (modulus * n + 1) for n in range(4)]
    assert len(decode(b"S" + b"".join(keys[:3]) + b"i2;i3;;", limits=limits)) == 5
    at = 1 + sum(map(len, keys[:3])) + 3
    says = f"more than 3 keys with the same hash (at byte {at})"
    refuse(b"S" + b"".join(keys[:3]) + b"i2;" + keys[3] + b";", says, LimitExceeded, limits=limits)
    at = 1 + sum(map(len, keys[:3])) + 9
    says = f"more than 3 keys with the same hash (at byte {at})"
    wire = b"D" + b"".join(key + b"i0;" for key in keys) + b";"
    refuse(wire, says, LimitExceeded, limits=limits)


def test_unseeded_keys() -> None:
    limits = Limits(equal_hashes=2, unseeded_keys=3)
    assert len(decode(b"Si1;i2;i3;u1:a;b1:a;Lu1:a;;;", limits=limits)) == 6
    says = "more than 3 keys whose hash has no seed (at byte %d)"
    refuse(b"Si1;i2;i3;i4;;", says % 10, LimitExceeded, limits=limits)
    refuse(b"Si1;i2;i3;u1:a;L;;", says % 15, LimitExceeded, limits=limits)
    refuse(b"DN;N;T;N;F;N;f1.5;N;;", says % 13, LimitExceeded, limits=limits)
    refuse(b"Si1;i2;d2020-01-01T00:00:00Z;pP1Y;;", says % 29, LimitExceeded, limits=limits)
    refuse(b"Si1;i2;i3;Si4;;;", says % 10, LimitExceeded, limits=limits)


def test_small_containers_are_not_counted() -> None:
    assert len(decode(b"Si1;i2;i3;;", limits=Limits(unseeded_keys=1, equal_hashes=3))) == 3


@pytest.mark.parametrize("depth", [1, 3, 500])
def test_depth(depth: int) -> None:
    limits = Limits(depth=depth)
    value = decode(b"L" * depth + b";" * depth, limits=limits)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []
    says = f"nesting deeper than {depth} (at byte {depth})"
    refuse(b"L" * (depth + 1), says, LimitExceeded, limits=limits)


def test_limits_of_a_reader_are_its_own() -> None:
    reader = Reader(limits=Limits(depth=1))
    reader.feed(b"L")
    with pytest.raises(LimitExceeded):
        reader.feed(b"Li1;")


@pytest.mark.parametrize(
    ("message", "limit", "expected"),
    [
        (b"L" + b"i1;" * 5 + b"Q", 10, "message of more than 10 bytes (at byte 10)"),
        (b"u100:" + b"a" * 100 + b";", 50, "declared length 100 is over the limit (at byte 0)"),
        (b"Si1;i1;" + b"i2;" * 20, 50, "duplicate key or item 1 (at byte 4)"),
    ],
)
def test_the_size_of_a_message_in_any_pieces(message: bytes, limit: int, expected: str) -> None:
    limits = Limits(message=limit)
    with pytest.raises(DecodeError) as whole:
        decode(message, limits=limits)
    assert str(whole.value) == expected
    for size in (1, 7, 30, 1000):
        with pytest.raises(DecodeError) as caught:
            read(message, size, limits=limits)
        assert str(caught.value) == expected


def test_white_space_behind_the_limit_is_none_of_the_message() -> None:
    assert decode(b"i1;" + b" " * 10, limits=Limits(message=5)) == 1
