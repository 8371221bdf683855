"""What holds for every value and every message, whichever hypothesis thinks of.

`tools/soak.py` tries far more of them.
"""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

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
if "HYPOTHESIS_PROFILE" not in os.environ:  # tools/soak.py has loaded its own
    settings.load_profile("default")

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
    again = partial(without_inner_blobs, inside=inside or isinstance(value, Blob))
    if isinstance(value, Blob):
        attributes = again(value.attributes)
        if inside:
            return ["blob", attributes, content(value)]
        twin = Blob(content(value), "")
        twin.attributes = attributes
        return twin
    if isinstance(value, Extension):
        return value.from_wire(value.name, again(value.attributes), again(value.content))
    return mapped(again, value)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """A list or dict with what the function makes of each of its values; others as they are."""
    if isinstance(value, dict):
        pairs: list[Any] = [(key, function(value[key])) for key in value]  # pyright: ignore[reportUnknownVariableType]
        return OrderedDict(pairs) if isinstance(value, OrderedDict) else dict(pairs)
    return [function(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


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
        match type(value).__name__:
            case "dict":
                value = dict(data.draw(st.permutations(list(value.items()))))
            case "set":
                value = set(data.draw(st.permutations(list(value))))
            case _:
                pass
        return mapped(shuffled, value)

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


@given(wire.messages().filter(lambda message: len(message) < 300))
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
        assert same(next(iter(decode(encode(value)))), key)


def test_without_hypothesis() -> None:
    script = "import sys; sys.modules['hypothesis'] = None; import hyperglyph.testing.strategies"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert process.returncode == 1
    assert process.stderr.decode().splitlines()[-1] == (
        "ImportError: hyperglyph.testing.strategies needs hypothesis: "
        "pip install hyperglyph[testing]"
    )
