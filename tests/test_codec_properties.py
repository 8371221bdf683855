"""What holds for every value and every message, whichever hypothesis thinks of.

`HYPOTHESIS_PROFILE=soak` tries far more of them.
"""

import os
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeAlias, cast

from codec_help import content, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperglyph.codec import (
    Blob,
    DecodeError,
    Extension,
    Limits,
    Reader,
    Truncated,
    decode,
    encode,
    encode_pieces,
    readable,
)
from hyperglyph.testing import strategies as wire

settings.register_profile(
    "default", deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("soak", settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

#: A value as its canonical bytes, or the kind and text of the fault.
Outcome: TypeAlias = bytes | tuple[type[DecodeError], str]

TIGHT = Limits(depth=3, nodes=30, integer_digits=6, equal_hashes=2, unseeded_keys=3, whitespace=3,
               blobs=2, blob_size=6)  # fmt: skip


def outcome(message: bytes, limits: Limits) -> Outcome:
    try:
        return bytes_of(decode(message, limits=limits))
    except DecodeError as error:
        return type(error), str(error)


def outcome_in_pieces(pieces: list[bytes], limits: Limits) -> Outcome:
    reader = Reader(limits=limits)
    try:
        for piece in pieces:
            reader.feed(piece)
        return bytes_of(reader.close())
    except DecodeError as error:
        return type(error), str(error)


def bytes_of(value: Any) -> bytes:
    """Canonical bytes; a blob among a blob's attributes, which encoders refuse, is taken out."""
    return encode(without_inner_blobs(value), canonical=True)


def without_inner_blobs(value: Any, *, inside: bool = False) -> Any:
    match value:
        case Blob() if inside:
            return ["blob", without_inner_blobs(value.attributes, inside=True), content(value)]
        case Blob():
            attributes = without_inner_blobs(value.attributes, inside=True)
            twin = Blob(content(value), "")
            twin.attributes = attributes
            return twin
        case list():
            items = cast("list[Any]", value)
            return [without_inner_blobs(item, inside=inside) for item in items]
        case OrderedDict() | dict():
            mapping = cast("Mapping[Any, Any]", value)
            return type(value)(
                (key, without_inner_blobs(item, inside=inside)) for key, item in mapping.items()
            )
        case Extension():
            return type(value).from_wire(
                value.name,
                without_inner_blobs(value.attributes, inside=inside),
                without_inner_blobs(value.content, inside=inside),
            )
        case _:
            return value


@given(wire.values())
def test_values_come_back(value: Any) -> None:
    encoded = encode(value)
    assert same(decode(encoded), value)
    assert same(decode(bytearray(encoded)), value)
    pieces = encode_pieces(value)
    assert b"".join(pieces) == encoded
    assert pieces.size == len(encoded)
    assert same(decode(encode(value, canonical=True)), value)


@given(wire.values())
def test_canonical_bytes_are_a_fixed_point(value: Any) -> None:
    canonical = encode(value, canonical=True)
    assert encode(decode(canonical), canonical=True) == canonical
    assert encode(decode(canonical)) == canonical
    assert encode(decode(encode(value)), canonical=True) == canonical
    assert len(encode(value)) == len(canonical)


@given(wire.messages())
def test_what_decodes_has_canonical_bytes(message: bytes) -> None:
    try:
        canonical = bytes_of(decode(message))
    except DecodeError:
        return
    assert bytes_of(decode(canonical)) == canonical


@given(st.data(), wire.values())
def test_canonical_bytes_do_not_depend_on_insertion(data: st.DataObject, value: Any) -> None:
    def shuffled(value: Any) -> Any:
        match value:
            case OrderedDict():
                ordered = cast("OrderedDict[Any, Any]", value)
                return OrderedDict((key, shuffled(item)) for key, item in ordered.items())
            case dict():
                entries = list(cast("dict[Any, Any]", value).items())
                order = data.draw(st.permutations(entries))
                return {key: shuffled(item) for key, item in order}
            case set():
                return set(data.draw(st.permutations(list(cast("set[Any]", value)))))
            case list():
                return [shuffled(item) for item in cast("list[Any]", value)]
            case _:
                return value

    if b"B" in encode(value):
        return  # blobs are numbered in the order in which they come
    assert encode(shuffled(value), canonical=True) == encode(value, canonical=True)


@given(wire.messages(), st.data(), st.sampled_from([Limits(), TIGHT]))
def test_pieces_make_no_difference(message: bytes, data: st.DataObject, limits: Limits) -> None:
    expected = outcome(message, limits)
    cuts = data.draw(st.lists(st.integers(0, len(message)), max_size=6)) if message else []
    bounds = [0, *sorted(cuts), len(message)]
    pieces = [message[start:end] for start, end in pairwise(bounds)]
    assert outcome_in_pieces(pieces, limits) == expected
    bytewise = [message[at : at + 1] for at in range(len(message))]
    assert outcome_in_pieces(bytewise, limits) == expected


@given(wire.messages())
def test_every_proper_prefix_is_truncated(message: bytes) -> None:
    try:
        decode(message)
    except DecodeError:
        return
    for length in range(len(message.rstrip(b" \t\v\r\n"))):
        expected = Truncated, f"the message is cut short (at byte {length})"
        assert outcome(message[:length], Limits()) == expected
        assert outcome_in_pieces([message[:length]], Limits()) == expected


@given(wire.messages())
def test_offsets_are_inside_the_message(message: bytes) -> None:
    try:
        decode(message)
    except DecodeError as fault:
        error = fault
    else:
        return
    if isinstance(error, Truncated):
        assert error.offset == len(message)
    else:
        assert 0 <= error.offset < len(message)


@given(wire.messages() | st.binary(max_size=200))
def test_readable_never_fails(message: bytes) -> None:
    shown = readable(message)
    assert shown.isprintable() or "\n" in shown
    assert ("!" in shown) >= isinstance(outcome(message, Limits()), tuple)


@given(wire.values(blobs=False))
def test_values_survive_pickling(value: Any) -> None:
    # One NaN is many after pickling; the bytes are what counts.
    twin = pickle.loads(pickle.dumps(value))
    assert encode(twin, canonical=True) == encode(value, canonical=True)


@given(wire.extensions())
def test_extensions_come_back(value: Extension) -> None:
    twin = decode(encode(value))
    assert same(twin, value)
    # attrs compares field by field, and there a NaN is not itself
    assert twin == value or b"fnan;" in encode(value)


@given(wire.blobs())
def test_blobs_come_back(blob: Blob) -> None:
    assert same(decode(encode(blob)), blob)


@given(wire.keys() | wire.scalars())
def test_keys_are_keys(key: Any) -> None:
    for value in ({key}, {key: key}, OrderedDict([(key, key)])):
        assert len(decode(encode(value))) == 1
        assert [*decode(encode(value))] == [key]  # in lists, NaN is itself
        assert same(*decode(encode(value)), key)
