"""What the encoder has beyond single types: paths, hooks, cycles, pieces."""

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from codec_help import refuse_value

from hyperglyph.codec import EncodeError, Extension, Limits, decode, encode, encode_pieces

BAD = 1j
SAYS = "cannot encode builtins.complex; convert it first or pass default= (at %s)"


class Reprless:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


PATHS: list[tuple[Any, str]] = [
    (BAD, "$"),
    ([0, BAD], "$[1]"),
    ((0, [BAD]), "$[1][0]"),
    ({"users": [1, 2, 3, {"id": BAD}]}, "$.users[3].id"),
    ({"not a name": BAD}, "$['not a name']"),
    ({5: BAD}, "$[5]"),
    ({b"k": {None: BAD}}, "$[b'k'][None]"),
    ({"x" * 80 + " ": BAD}, "$['" + "x" * 59 + "]"),
    ({"a": 1, (1, BAD): 2}, f"${{{(1, BAD)}}}[1]"),
    ({BAD}, "${1j}"),
    ({(BAD,)}, "${(1j,)}[0]"),
    ({BAD: 1}, "${1j}"),
    (OrderedDict(a=[BAD]), "$.a[0]"),
    (Extension("x", {"a": BAD}), "$.attributes.a"),
    (Extension("x", {"a b": [BAD]}), "$.attributes['a b'][0]"),
    (Extension("x", {}, BAD), "$.content"),
    ([Extension("x", {}, {"y": Extension("z", {}, (BAD,))})], "$[0].content.y.content[0]"),
]


@pytest.mark.parametrize(("value", "path"), PATHS)
def test_paths(value: object, path: str) -> None:
    refuse_value(value, SAYS % path)


def test_a_path_past_a_repr_that_fails() -> None:
    name = f"{__name__}.Reprless"
    says = f"cannot encode {name}; convert it first or pass default= (at ${{a Reprless}})"
    refuse_value({Reprless()}, says)
    refuse_value([{Reprless(): 1}], says.replace("$", "$[0]"))


class Fresh(list[Any]):
    """A list whose items are never the same objects twice."""

    def __iter__(self) -> Any:
        return iter([complex(item) for item in super().__iter__()])


def test_a_path_to_what_is_not_there_any_more() -> None:
    refuse_value([Fresh([1])], SAYS % "$[0]{(1+0j)}")


def test_an_error_carries_reason_and_path() -> None:
    with pytest.raises(EncodeError) as caught:
        encode({"a": BAD})
    assert caught.value.path == "$.a"
    assert caught.value.reason == SAYS.removesuffix(" (at %s)")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- Cycles and depth -----------------------------------------------------------------------------


def test_cycles() -> None:
    cycle: list[Any] = [1]
    cycle.append({"a": cycle})
    table: dict[str, Any] = {}
    table["self"] = table
    extension = Extension("x", {"a": []})
    extension.attributes["a"].append(extension)
    for value in (cycle, table, extension, {"k": cycle}):
        with pytest.raises(EncodeError) as caught:
            encode(value)
        assert caught.value.reason == "the value contains itself"


def test_the_same_value_twice_is_no_cycle() -> None:
    shared: list[int] = [1]
    assert encode([shared, shared, {"a": shared}]) == b"LLi1;;Li1;;Du1:a;Li1;;;;"


@pytest.mark.parametrize("depth", [1, 2, 100, 500])
def test_depth(depth: int) -> None:
    limits = Limits(depth=depth)
    value: Any = 1
    for _ in range(depth):
        value = [value]
    assert encode(value, limits=limits) == b"L" * depth + b"i1;" + b";" * depth
    path = "$" + ("[0]" * depth if depth <= 20 else "[0]" * 10 + "..." + "[0]" * 10)
    refuse_value([value], f"nesting deeper than {depth} (at {path})", limits=limits)


# --- default --------------------------------------------------------------------------------------


def test_default() -> None:
    def default(value: Any) -> Any:
        if isinstance(value, Decimal | UUID):
            return str(value)
        if isinstance(value, complex):
            return [value.real, Decimal("1.5")]
        raise TypeError(f"what is {value!r}")

    assert encode(Decimal("1.5"), default=default) == b"u3:1.5;"
    assert encode([1j, {Decimal(1): Decimal(2)}], default=default) == (
        b"LLf0x0.0p+0;u3:1.5;;Du1:1;u1:2;;;"
    )
    assert encode({Decimal(1), Decimal(2)}, default=default) == b"Su1:1;u1:2;;"
    with pytest.raises(TypeError, match="what is 'object'") as caught:
        encode([object], default=lambda value: default(value.__name__))
    assert not isinstance(caught.value, EncodeError)


def test_default_is_asked_for_unknown_types_only() -> None:
    asked: list[Any] = []
    encode([1, "a", None, (), {1: {2}}, True, 1.5, b""], default=asked.append)
    assert asked == []


def test_default_that_returns_what_is_unknown_too() -> None:
    names = iter([b"", 1j, object(), 5])
    assert encode(1j, default=lambda _: next(names)) == b"b;"
    assert encode(1j, default=lambda _: next(names)) == b"i5;"
    refuse_value(1j, SAYS % "$", default=lambda value: value)
    refuse_value([1j], SAYS % "$[0]", default=lambda value: value)


def test_default_that_wraps_forever() -> None:
    with pytest.raises(EncodeError) as caught:
        encode(1j, default=lambda value: [value + 1])
    assert caught.value.reason == "nesting deeper than 100"
    with pytest.raises(EncodeError) as caught:
        encode(1j, default=lambda value: [value])
    assert caught.value.reason == "the value contains itself"


def test_default_in_keys() -> None:
    says = "dict cannot be a key of a dict or an item of a set (at ${1j})"
    refuse_value({1j: 1}, says, default=lambda _: {})
    assert encode({1j: 1}, default=lambda _: (1, (2,))) == b"DLi1;Li2;;;i1;;"
    assert encode({2j: 1, 1j: 2}, default=abs, canonical=True) == (
        b"Df0x1.0000000000000p+0;i2;f0x1.0000000000000p+1;i1;;"
    )


def test_default_in_paths() -> None:
    says = "cannot encode decimal.Decimal; convert it first or pass default= (at $.a[1])"
    made = [0, Decimal(1)]
    refuse_value({"a": 1j}, says, default=lambda value: made if value == 1j else value)


# --- Sharing --------------------------------------------------------------------------------------


def test_many_threads() -> None:
    values = [
        [{"id": number, "name": f"n{number}", "tags": {number, -number}, "deep": [[[number]]]}]
        for number in range(50)
    ]
    expected = [encode(value, canonical=True) for value in values]
    start = threading.Barrier(8)

    def work(_: int) -> bool:
        start.wait()
        return all(
            [encode(value, canonical=True) for value in values] == expected
            and [decode(wire) for wire in expected] == values
            for _ in range(5)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_an_encoding_inside_an_encoding() -> None:
    assert encode([1j, 2j], default=lambda value: encode([abs(value)])) == (
        b"Lb24:Lf0x1.0000000000000p+0;;;b24:Lf0x1.0000000000000p+1;;;;"
    )


def test_texts_that_repeat() -> None:
    texts = [f"text {number}" for number in range(2_000)] * 2
    assert decode(encode(texts)) == texts
    assert decode(encode(texts, normalize=True)) == texts
    assert decode(encode([dict.fromkeys(texts)] * 2)) == [dict.fromkeys(texts)] * 2


def test_pieces_of_a_large_root() -> None:
    value = ["x" * 1000] * 500
    pieces = list(encode_pieces(value))
    assert b"".join(pieces) == encode(value)
    assert {len(piece) for piece in pieces[:-1]} == {65_536}


def test_pieces_fail_before_the_first() -> None:
    with pytest.raises(EncodeError):
        encode_pieces([BAD])


class Triples(dict[Any, Any]):
    """A mapping that is none."""

    def items(self) -> Any:
        return [(1, 2, 3)]


def test_a_mapping_whose_items_are_no_pairs() -> None:
    with pytest.raises(EncodeError) as caught:
        encode({"a": Triples(b=1)})
    assert str(caught.value) == "a mapping whose items() are no pairs (at $.a)"


def test_the_name_of_an_extension_is_its_text() -> None:
    class Name(str):
        __slots__ = ()

        def encode(self, encoding: str = "", errors: str = "") -> bytes:
            return b"lies"

    assert encode(Extension(Name("x"), {}, 1)) == b"Xu1:x;D;i1;;"
    assert encode(Extension("e\u0301", {}, 1), normalize=True) == "Xu2:é;D;i1;;".encode()


def test_keys_that_cannot_be_shown() -> None:
    with pytest.raises(EncodeError) as caught:
        encode({10**5000: object()}, limits=Limits(integer_digits=6000))
    assert caught.value.path == "$[a int]"


def test_long_byte_arrays_in_their_places() -> None:
    long = bytes(range(256)) * 400
    head = b"b%d:" % len(long)
    assert encode(long) == head + long + b";"
    assert encode([1, long, "a", {"k": bytearray(long)}, b"x"]) == b"".join(
        (b"Li1;", head, long, b";u1:a;Du1:k;", head, long, b";;b1:x;;")
    )
    assert encode({long, b"x"}) == b"".join((b"S", head, long, b";b1:x;;"))
    assert decode(encode({1.5: [long], long: long}, canonical=True)) == {1.5: [long], long: long}


@pytest.mark.parametrize("made", [dict, OrderedDict])
def test_a_dict_that_changes_while_it_is_encoded(made: type[dict[str, Any]]) -> None:
    changing = made(a=1j, b=2)

    def default(_: object) -> int:
        changing["c"] = 3
        return 0

    with pytest.raises(EncodeError) as caught:
        encode([{"in": changing}], default=default)
    assert str(caught.value) == (f"the {made.__name__} changed while it was encoded (at $[0].in)")


@pytest.mark.parametrize("key", [None, 7, 1.5, b"b"])
def test_a_dict_whose_keys_change_while_it_is_encoded(key: object) -> None:
    changing: dict[Any, Any] = {"a": 1j, "b": 2, "c": 3}

    def default(_: object) -> int:
        del changing["b"]
        changing[key] = 4  # as many as before, so that Python's own iterator goes on
        return 0

    with pytest.raises(EncodeError) as caught:
        encode([changing], default=default)
    assert str(caught.value).startswith("the dict changed while it was encoded (at $[0]")


def test_a_hook_s_own_errors_pass_through() -> None:
    class Failing(list[Any]):
        def __iter__(self) -> Any:
            raise RuntimeError("mine")

    def default(_: object) -> Any:
        raise RuntimeError("mine, too")

    with pytest.raises(RuntimeError, match=r"^mine$"):
        encode({"a": Failing()})
    with pytest.raises(RuntimeError, match=r"^mine, too$"):
        encode({"a": 1j}, default=default)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_hook_s_own_text_is_not_taken_for_ours(encoding: str) -> None:
    def default(_: object) -> bytes:
        return "é\udc80".encode(encoding)

    for value in (1j, {"a": [1j]}, {1j: 0}):
        for canonical in (False, True):
            with pytest.raises(UnicodeEncodeError) as caught:
                encode(value, default=default, canonical=canonical)
            assert caught.value.encoding == encoding


def test_the_path_of_what_stands_twice() -> None:
    bad = "\ud800"
    with pytest.raises(EncodeError) as caught:
        encode({"a": {bad: bad}, "b": bad})
    assert caught.value.path == r"$.a['\ud800']"
