"""What the tests of the codec share."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from hyperglyph.codec import (
    Blob,
    DecodeError,
    EncodeError,
    Extension,
    Limits,
    Reader,
    decode,
    encode,
)

#: How an attempt to read ended: the kind of fault, and its whole message with the offset.
Fault = tuple[type[DecodeError], str]


def refuse(
    message: bytes,
    says: str,
    kind: type[DecodeError] = DecodeError,
    *,
    limits: Limits | None = None,
    extensions: Mapping[str, type[Extension]] | None = None,
) -> None:
    """The message is refused with exactly this error, whole or byte by byte."""
    options: dict[str, Any] = {}
    if limits is not None:
        options["limits"] = limits
    if extensions is not None:
        options["extensions"] = extensions
    whole = fault_of(lambda: decode(message, **options))
    assert whole == (kind, says), whole
    bytewise = fault_of(lambda: read(message, **options))
    assert bytewise == (kind, says), f"byte by byte: {bytewise}"


def read(message: bytes, size: int = 1, **options: Any) -> Any:
    """Decode a message that comes in pieces of `size` bytes."""
    reader = Reader(**options)
    for start in range(0, len(message), size):
        reader.feed(message[start : start + size])
    return reader.close()


def fault_of(attempt: Callable[[], object]) -> Fault:
    """The error of an attempt that has to fail."""
    with pytest.raises(DecodeError) as caught:
        attempt()
    error = caught.value
    assert str(error) == f"{error.reason} (at byte {error.offset})"
    return type(error), str(error)


def refuse_value(
    value: object,
    says: str,
    *,
    canonical: bool = False,
    normalize: bool = False,
    default: Callable[[Any], Any] | None = None,
    limits: Limits | None = None,
) -> None:
    """The value is refused with exactly this error."""
    with pytest.raises(EncodeError) as caught:
        encode(
            value,
            canonical=canonical,
            normalize=normalize,
            default=default,
            limits=limits or Limits(),
        )
    assert str(caught.value) == says, str(caught.value)
    assert str(caught.value) == f"{caught.value.reason} (at {caught.value.path})"


def both_ways(value: object, wire: bytes, **options: Any) -> None:
    """The value is encoded as `wire`, which is decoded as the value, of the same type."""
    encoded = encode(value, **options)
    assert encoded == wire, encoded
    assert same(decoded := decode(wire), value), repr(decoded)
    assert same(decoded := read(wire), value), f"byte by byte: {decoded!r}"


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, and of equal types all the way down; blobs by content."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left.hex() == float(right).hex()
    if isinstance(left, list | tuple):
        items: list[Any] = [*left]
        return len(items) == len(right) and all(map(same, items, right))
    if isinstance(left, set | frozenset):
        members: list[Any] = [*left]
        return sorted(map(encode, members)) == sorted(map(encode, right))  # since 1 in {True}
    if isinstance(left, Mapping):
        return same_mapping(left, right)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(left, Extension):
        return bool(
            left.name == right.name
            and same(left.attributes, right.attributes)
            and same(left.content, right.content)
        )
    if isinstance(left, Blob):
        return same(left.attributes, right.attributes) and content(left) == content(right)
    return bool(left == right)


def same_mapping(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    mine = [(encode(key), key, value) for key, value in left.items()]
    others = [(encode(key), key, value) for key, value in right.items()]
    if type(left) is dict:
        mine.sort(key=lambda entry: entry[0])
        others.sort(key=lambda entry: entry[0])
    return len(mine) == len(others) and all(
        a[0] == b[0] and same(a[1], b[1]) and same(a[2], b[2])
        for a, b in zip(mine, others, strict=True)
    )


def content(blob: Blob) -> bytes:
    """All that a blob holds; its position stays."""
    with blob.dup() as copy:
        return copy.read()


#: Coverage makes everything slower, some things more than others, and there is nothing to cover.
timed = pytest.mark.skipif(sys.gettrace() is not None, reason="times are compared, untraced")


def seconds(action: Callable[[], object], repeat: int = 3) -> float:
    """The processor time of an action, the best of several; what it raises is part of it."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        with suppress(DecodeError):
            action()
        best = min(best, time.process_time() - start)
    return best
