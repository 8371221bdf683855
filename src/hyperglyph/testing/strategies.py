"""Hypothesis strategies for everything that hyperglyph carries.

    from hypothesis import given
    from hyperglyph.testing import strategies as wire

    @given(wire.values())
    def test_my_service_returns_what_it_gets(value): ...

All values come back from `decode(encode(value))` equal and of the same type: lists rather than
tuples, datetimes in UTC, the one NaN of the codec, and sets and dicts without keys that Python
takes for one (1, 1.0 and True). Blobs alone are equal only to themselves; compare what they hold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError(
        "hyperglyph.testing.strategies needs hypothesis: pip install hyperglyph[testing]"
    ) from None

from hyperglyph.codec import (
    KINDS,
    Blob,
    Error,
    Extension,
    Form,
    Input,
    Link,
    Period,
    Resource,
    encode,
)
from hyperglyph.codec.types import NAN, RESERVED_NAMES

__all__ = ["blobs", "extensions", "keys", "messages", "scalars", "values"]

Strategy = st.SearchStrategy

#: Of one value: fewer than the 16 blobs that every implementation accepts.
MAX_LEAVES: Final = 15


def scalars() -> Strategy[Any]:
    """Integers, text, bytes, floats, datetimes, durations with and without months, and nil, true
    and false: all of them hashable."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(18, 60).map(lambda digits: 10**digits - 1),
        _text(),
        st.binary(max_size=20),
        st.floats(allow_nan=False),
        st.just(NAN),
        _datetimes(),
        _durations(),
    )


def keys() -> Strategy[Hashable]:
    """Keys of dicts and items of sets: scalars, and tuples and frozensets of keys."""
    return _nested_keys()


def values(*, blobs: bool = True, max_leaves: int = MAX_LEAVES) -> Strategy[Any]:
    """Values of every type, inside each other.

    `blobs=False` leaves blobs out, so that `==` compares everything; `max_leaves` bounds the
    size. A value of more than 15 leaves may hold more than the 16 blobs of the default limits.
    """
    return _nested_values(blobs, max_leaves)


def extensions(content: Strategy[Any] | None = None) -> Strategy[Extension]:
    """Links, forms, inputs, resources and errors, and extensions of unknown names.

    Some of the known ones are as a decoder may make them: with attributes of any type. `content`
    is used for content and attributes; scalars by default.
    """
    inner = scalars() if content is None else content
    attributes = _mappings(_text(), inner)
    return st.one_of(
        st.builds(
            Link,
            _text(),
            method=st.sampled_from(["GET", "HEAD", "get"]),
            inline=st.booleans(),
            content=inner,
        ),
        st.builds(
            Form,
            _text(),
            values=st.lists(_names() | st.builds(Input, _names(), value=inner), unique_by=_label),
            headers=st.dictionaries(_text(), _text(), max_size=2),
        ),
        st.builds(Input, _names(), value=inner, optional=st.booleans()),
        st.builds(Resource, st.dictionaries(_text(), inner, max_size=3), url=_text()),
        st.builds(Error, _text(), logref=_text(), code=st.integers() | _text()),
        st.builds(
            Extension,
            _text().filter(lambda name: name not in KINDS and name not in RESERVED_NAMES),
            attributes,
            inner,
        ),
        st.builds(_lenient, st.sampled_from(sorted(KINDS)), attributes, inner),
        st.builds(Extension.from_wire, st.sampled_from(sorted(RESERVED_NAMES)), attributes, inner),
    )


def blobs(max_size: int = 100) -> Strategy[Blob]:
    """Blobs in memory of at most `max_size` bytes, some with a URL."""
    return st.builds(
        Blob,
        st.binary(max_size=max_size),
        st.sampled_from(["application/octet-stream", "text/plain; charset=utf-8"]),
        url=st.none() | _text(),
    )


def messages() -> Strategy[bytes]:
    """Messages of every kind: as encoders write them, in other spellings, damaged, and noise.

    Most of the damaged ones go wrong late, or do not at all, which is where parsers differ.
    """
    return _any_messages()


# --- The parts of values --------------------------------------------------------------------------

T = TypeVar("T")


def _opaque(strategy: Strategy[T]) -> Strategy[T]:
    """The same, printed by a short name and chosen as one.

    hypothesis prints a strategy with all that it is made of, which is pages for recursive ones,
    and takes each branch of a `one_of` inside a `one_of` for as likely as those beside it.
    """

    @st.composite
    def part(draw: st.DrawFn) -> T:
        return draw(strategy)

    return part()


@cache
def _nested_keys() -> Strategy[Hashable]:
    def containers(inner: Strategy[Hashable]) -> Strategy[Hashable]:
        inner = _opaque(inner)
        return st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)

    return _opaque(st.recursive(scalars(), containers, max_leaves=5))


@cache
def _nested_values(with_blobs: bool, max_leaves: int) -> Strategy[Any]:
    leaves = st.one_of(scalars(), blobs()) if with_blobs else scalars()
    return _opaque(st.recursive(leaves, _containers, max_leaves=max_leaves))


@cache
def _any_messages() -> Strategy[bytes]:
    spelt, encoded = _opaque(_spelt()), _opaque(values().map(encode))
    damaged, soup = _opaque(_damaged(spelt | encoded)), _opaque(_soup())
    return _opaque(st.one_of(spelt, encoded, damaged, damaged, soup, st.binary(max_size=60)))


def _text() -> Strategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


def _names() -> Strategy[str]:
    return st.text("abcdefgh_", min_size=1, max_size=5)


def _label(entry: str | Input) -> str:
    return entry if isinstance(entry, str) else entry.label


def _datetimes() -> Strategy[datetime]:
    return st.datetimes(timezones=st.just(UTC), allow_imaginary=False)


def _durations() -> Strategy[timedelta | Period]:
    parts = st.tuples(
        st.integers(0, 999_999_999), st.integers(0, 999_999_999), st.timedeltas(timedelta(0))
    )
    periods = parts.filter(lambda part: bool(part[0] or part[1])).map(lambda part: Period(*part))
    return st.one_of(st.timedeltas(), periods, periods.map(_negated))


def _negated(period: Period) -> Period:
    """timedelta.max is further from zero than timedelta.min."""
    return Period(-period.years, -period.months, -min(period.timedelta, -timedelta.min))


def _mappings(names: Strategy[Any], inner: Strategy[Any]) -> Strategy[Mapping[Any, Any]]:
    return st.one_of(
        st.dictionaries(names, inner, max_size=4),
        st.dictionaries(names, inner, max_size=4).map(OrderedDict),
    )


def _containers(inner: Strategy[Any]) -> Strategy[Any]:
    inner = _opaque(inner)
    return st.one_of(
        st.lists(inner, max_size=5),
        st.sets(keys(), max_size=5),
        _mappings(keys(), inner),
        _opaque(extensions(inner)),
    )


def _lenient(name: str, attributes: Mapping[str, Any], content: object) -> Extension:
    return KINDS[name].from_wire(name, attributes, content)


# --- The parts of messages ------------------------------------------------------------------------

_SPACES: Final = st.sampled_from([b""] * 6 + [b" ", b"\n", b"\t\v\r "])
_ZEROS: Final = st.sampled_from([b""] * 4 + [b"0", b"000"])
_SPELT: Final = (
    b"T;", b"F;", b"N;", b"i0;", b"i-0;", b"i+12;", b"i007;", b"i12345678901234567890;",
    b"f1;", b"f1.5e3;", b"f-0.0;", b"f.5;", b"f+InF;", b"fnan;", b"f0x1;", b"f0X.8P-3;",
    b"f0x1.8p1;", b"d2020-01-02T03:04:05Z;", b"d2020-01-02T03:04:05.123456789z;",
    b"d2020-01-02T03:04:05+01:30;", b"d1969-12-31T23:59:59.9-23:59;", b"pP0D;", b"p-PT1.5S;",
    b"p+P1Y2M3W4DT5H6M7S;", b"pPT36H;", b"u;", b"b;",
)  # fmt: skip
_FRAGMENTS: Final = (
    *_SPELT, b"L", b"S", b"D", b"O", b"X", b"B0:", b"B1:D;", b"c0:", b"c0;", b"c1:1:x;", b"c1;",
    b";", b";", b":", b"i", b"u", b"u1:", b"b2:", b"f", b"d", b"p", b"0", b"9", b"-", b" ",
    b"\n", b"\xc3", b"\xff", b"\x00", b"u1:a;", b"u3:url;", b"Xu4:link;D;N;;", b"z",
)  # fmt: skip


def _joined(*parts: Strategy[bytes] | bytes) -> Strategy[bytes]:
    """The parts in a row; a part that is bytes is always the same."""
    drawn = [st.just(part) if isinstance(part, bytes) else part for part in parts]
    return st.tuples(*drawn).map(b"".join)


def _several(part: Strategy[bytes]) -> Strategy[bytes]:
    return st.lists(part, max_size=4).map(b"".join)


def _counted(prefix: bytes, octets: Strategy[bytes]) -> Strategy[bytes]:
    return _joined(prefix, _ZEROS, octets.map(_length_and_octets))


def _length_and_octets(octets: bytes) -> bytes:
    return b"%d:%b;" % (len(octets), octets)


def _spelt() -> Strategy[bytes]:
    """Messages that follow the grammar, but seldom in the one spelling of encoders."""
    texts = _counted(b"u", _text().map(str.encode))
    plain = st.sampled_from(_SPELT) | texts | _counted(b"b", st.binary(max_size=5))

    def containers(inner: Strategy[bytes]) -> Strategy[bytes]:
        inner = _opaque(inner)
        named = _several(_joined(_SPACES, texts, _SPACES, inner))
        mapping = _joined(st.sampled_from([b"D", b"O"]), named, _SPACES, b";")
        return st.one_of(
            _joined(
                st.sampled_from([b"L", b"L", b"S", b"D", b"O"]),
                _several(_joined(_SPACES, inner)),
                _SPACES,
                b";",
            ),
            mapping,
            _joined(b"X", _SPACES, texts, _SPACES, mapping, _SPACES, inner, _SPACES, b";"),
            _joined(st.sampled_from([b"B0:", b"B01:", b"B2:", b"B3:"]), mapping, b";"),
        )

    roots = st.recursive(plain, containers, max_leaves=10)
    chunks = _counted_chunks()
    ends = st.permutations([b"c0;", b"c01;", b"c2;", b"c3;"])
    return st.builds(_complete, roots, st.lists(chunks, max_size=4), ends, _SPACES)


def _counted_chunks() -> Strategy[bytes]:
    numbers = st.sampled_from([b"c0:", b"c1:", b"c2:", b"c3:"])
    return _joined(numbers, _ZEROS, st.binary(max_size=5).map(_length_and_octets))


def _complete(root: bytes, chunks: list[bytes], ends: list[bytes], space: bytes) -> bytes:
    """Give the root's blobs, if it seems to have any, their content and their ends."""
    present = [n for n in range(4) if b"B%d:" % n in root or b"B0%d:" % n in root]
    trailers = [chunk for chunk in chunks if int(chunk[1:2]) in present]
    trailers += [end for end in ends if int(end[1:-1]) in present]
    return space.join([root, *trailers])


def _soup() -> Strategy[bytes]:
    return st.lists(st.sampled_from(_FRAGMENTS), max_size=15).map(b"".join)


def _damaged(message: Strategy[bytes]) -> Strategy[bytes]:
    """A message with one piece cut out, and something else or nothing in its place."""
    pieces = st.one_of(st.just(b""), st.sampled_from(_FRAGMENTS), st.binary(max_size=2))

    def damage(whole: bytes, at: int, length: int, piece: bytes) -> bytes:
        at %= len(whole) + 1
        return whole[:at] + piece + whole[at + length :]

    return st.builds(damage, message, st.integers(0, 2000), st.integers(0, 3), pieces)
