"""What a message may cost the one who reads it: named numbers, each with its reason.

Standard, section 13 (REQ-LIM-1 to REQ-LIM-3). Every implementation accepts at least depth 64,
integers of 1,000 digits, text and bytes of 1 MiB, 10,000 nodes and 16 blobs; all above that is a
local choice.
"""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["DEFAULT_LIMITS", "MAX_DEPTH", "Limits"]

KIB = 1024
MIB = 1024 * KIB

MAX_DEPTH = 500  # The most that `Limits(depth=...)` takes: values are compared, hashed and printed
# by code that recurses in the interpreter, whose own limit is 1,000 frames.

# Widths of literals. No useful literal comes near them, and none may make its conversion slow.
FLOAT_HEX_WIDTH = 64
FLOAT_DECIMAL_WIDTH = 800  # the longest decimal spelling that decides a rounding has 768 digits
DATETIME_WIDTH = 64
TIMEDELTA_WIDTH = 200
LENGTH_DIGITS = 10
LENGTH_ZEROS = 64


def _count(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int:
        raise TypeError(f"the limit {attribute.name} is an int, not {type(value).__name__}")


def _positive(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1:
        raise ValueError(f"the limit {attribute.name} must be at least 1, not {value}")


def _depth(_: Any, __: attrs.Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_DEPTH:
        raise ValueError(f"the limit depth must be from 1 to {MAX_DEPTH}, not {value}")


def _limit(default: int) -> int:
    return attrs.field(default=default, validator=[_count, _positive])


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of one decoding or encoding. All are counts; sizes are in bytes."""

    #: Containers inside each other; a scalar root has depth 0.
    depth: int = attrs.field(default=100, validator=[_count, _depth])
    #: 4 for each set, dict, ordered dict, extension and blob, 1 for every other object, keys too:
    #: `S;` is 2 bytes on the wire and over 200 in memory.
    nodes: int = _limit(2_000_000)
    #: The message without the content of its blobs.
    message: int = _limit(32 * MIB)
    #: Converting digits to an integer takes more than linear time.
    integer_digits: int = _limit(4_300)
    #: Keys with the same hash in one set or dict: each new one is compared with all of them.
    #: At most 4 in a set that is itself a key or item, since there the comparing multiplies.
    equal_hashes: int = _limit(64)
    #: Keys in one set or dict whose hash a sender can compute and lay along a probe chain; not
    #: looked at in containers of at most `equal_hashes` keys.
    unseeded_keys: int = _limit(1_000_000)
    #: White space in the message.
    whitespace: int = _limit(64 * KIB)
    #: Blobs in the message.
    blobs: int = _limit(16)
    #: The content of one blob.
    blob_size: int = _limit(256 * MIB)

    @classmethod
    def server(cls) -> Limits:
        """The limits of a server, which reads what anybody may send."""
        return cls(message=4 * MIB, nodes=250_000, unseeded_keys=8_192)


DEFAULT_LIMITS = Limits()
