"""Lists, sets, dicts and ordered dicts, white space, and the message around them."""

from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, namedtuple
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from codec_help import both_ways, refuse, refuse_value, same

from hyperglyph.codec import Truncated, decode, encode

Point = namedtuple("Point", "x y")  # pyright: ignore[reportUntypedNamedTuple]


class Pair(NamedTuple):
    left: int
    right: str


class Stack(list[Any]):
    pass


class Bag(set[Any]):
    pass


class Frozen(frozenset[Any]):
    pass


class Table(dict[Any, Any]):
    pass


class Ordered(OrderedDict[Any, Any]):
    pass


CONTAINERS: list[tuple[Any, bytes]] = [
    ([], b"L;"),
    ([1, [2, []], "a"], b"Li1;Li2;L;;u1:a;;"),
    ({}, b"D;"),
    ({"b": 1, "a": {}}, b"Du1:b;i1;u1:a;D;;"),
    (OrderedDict(), b"O;"),
    (OrderedDict[str, Any](b=1, a=OrderedDict[str, Any]()), b"Ou1:b;i1;u1:a;O;;"),
    (set(), b"S;"),
    ({3, 1, 2}, b"Si1;i2;i3;;"),
    ({"b", b"a", None}, b"SN;b1:a;u1:b;;"),
    ([{1}, {1: {2}}], b"LSi1;;Di1;Si2;;;;"),
    ({(): 1, (1, "a"): 2}, b"DL;i1;Li1;u1:a;;i2;;"),
    ({frozenset({2, 1}): 1}, b"DSi1;i2;;i1;;"),
    ({(1, (frozenset({("a",)}),))}, b"SLi1;LSLu1:a;;;;;;"),
    ({None: True, False: 1}, b"DN;T;F;i1;;"),
]


@pytest.mark.parametrize(("value", "wire"), CONTAINERS)
def test_containers(value: Any, wire: bytes) -> None:
    both_ways(value, wire)


RELATIVES: list[tuple[Any, bytes]] = [
    ((1, 2), b"Li1;i2;;"),
    (Point(1, 2), b"Li1;i2;;"),
    (Pair(1, "a"), b"Li1;u1:a;;"),
    (Stack([1]), b"Li1;;"),
    (frozenset({1}), b"Si1;;"),
    (Bag({1}), b"Si1;;"),
    (Frozen({1}), b"Si1;;"),
    (Table(a=1), b"Du1:a;i1;;"),
    (Ordered(a=1), b"Ou1:a;i1;;"),
    (defaultdict(int, a=1), b"Du1:a;i1;;"),
    (Counter("aa"), b"Du1:a;i2;;"),
    (MappingProxyType({"a": 1}), b"Du1:a;i1;;"),
    (UserDict({"a": 1}), b"Du1:a;i1;;"),
    ({Point(1, 2): Point(3, 4)}, b"DLi1;i2;;Li3;i4;;;"),
    ({Frozen({1}): 0}, b"DSi1;;i0;;"),
    (Bag({(1,)}), b"SLi1;;;"),
]


@pytest.mark.parametrize(("value", "wire"), RELATIVES)
def test_relatives_of_containers(value: Any, wire: bytes) -> None:
    assert encode(value) == wire
    assert encode(value, canonical=True) == wire


def test_what_is_no_container() -> None:
    others: list[tuple[object, str]] = [
        (UserList([1]), "collections.UserList"),
        (iter([1]), "builtins.list_iterator"),
        (range(2), "builtins.range"),
        ({}.keys(), "builtins.dict_keys"),
        (object(), "builtins.object"),
        (int, "builtins.type"),
        (1j, "builtins.complex"),
        (..., "builtins.ellipsis"),
    ]
    for value, name in others:
        says = f"cannot encode {name}; convert it first or pass default= (at $[0])"
        refuse_value([value], says)


def test_order() -> None:
    assert encode({"b": 1, "a": 2}) == b"Du1:b;i1;u1:a;i2;;"
    assert encode({"b": 1, "a": 2}, canonical=True) == b"Du1:a;i2;u1:b;i1;;"
    ordered = OrderedDict([("b", {"z": 1, "y": 2}), ("a", 2)])
    assert encode(ordered, canonical=True) == b"Ou1:b;Du1:y;i2;u1:z;i1;;u1:a;i2;;"
    assert list(decode(b"Ou1:b;i1;u1:a;i2;;")) == ["b", "a"]
    assert list(decode(b"Du1:b;i1;u1:a;i2;;")) == ["b", "a"]
    mixed = {"a": 1, 2: 2, b"a": 3, None: 4, (1,): 5, 1.5: 6, True: 7, frozenset({1}): 8}
    back = dict(reversed(mixed.items()))
    assert encode(mixed) != encode(back)
    assert encode(mixed, canonical=True) == encode(back, canonical=True)
    assert encode({10, 9, 1}) == b"Si10;i1;i9;;"  # by bytes: "0" comes before ";"


def test_canonical_order_of_keys_that_hold_sets() -> None:
    one = {(frozenset({"x", "y", "z"}), 1): 0, "k": 1}
    two = {"k": 1, (frozenset({"z", "y", "x"}), 1): 0}
    assert encode(one, canonical=True) == encode(two, canonical=True)


SPACED: list[tuple[bytes, Any]] = [
    (b"L ;", []),
    (b"L \t\v\r\ni1; \ni2;\n;", [1, 2]),
    (b"D\n;", {}),
    (b"D i1;\ti2; ;", {1: 2}),
    (b"O i1; i2; ;", OrderedDict({1: 2})),
    (b"S i1; L ;;", {1, ()}),
    (b"  i1;", 1),
    (b"i1;\n", 1),
    (b"\tL; \v\r\n", []),
]


@pytest.mark.parametrize(("wire", "value"), SPACED)
def test_white_space(wire: bytes, value: object) -> None:
    assert same(decode(wire), value)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"z", "unknown type 'z' (at byte 0)"),
        (b"\x00", "unknown type byte 0x00 (at byte 0)"),
        (b"'", 'unknown type "\'" (at byte 0)'),
        (b"\xff", "unknown type byte 0xff (at byte 0)"),
        (b"\x0c", "unknown type byte 0x0c (at byte 0)"),
        (b"L\x7f;", "unknown type byte 0x7f (at byte 1)"),
        (b"c0;", "unknown type 'c' (at byte 0)"),
        (b"l;", "unknown type 'l' (at byte 0)"),
        (b"Li1;q;", "unknown type 'q' (at byte 4)"),
        (b";", "';' ends nothing (at byte 0)"),
        (b" ;", "';' ends nothing (at byte 1)"),
        (b"Di1;;", "a key without a value (at byte 4)"),
        (b"Oi1;i2;i3; ;", "a key without a value (at byte 11)"),
        (b"L;;", "';' after the end of the message (at byte 2)"),
        (b"i1;i2;", "'i' after the end of the message (at byte 3)"),
        (b"i1; \nx", "'x' after the end of the message (at byte 5)"),
        (b"i1;\x00", "byte 0x00 after the end of the message (at byte 3)"),
        (b"i1;\x0c", "byte 0x0c after the end of the message (at byte 3)"),
        (b"i1;c0;", "chunk for blob 0, which is not in the message (at byte 3)"),
    ],
)
def test_malformed(wire: bytes, says: str) -> None:
    refuse(wire, says)


@pytest.mark.parametrize(
    "wire", [b"", b" ", b"L", b"LL;", b"D", b"Di1;", b"S", b"Oi1;i2;", b"L ", b"X"]
)
def test_cut(wire: bytes) -> None:
    refuse(wire, f"the message is cut short (at byte {len(wire)})", Truncated)
