"""Whether a fast path still takes a message: what no result can show, and all that it is for.

A fast path returns the result or says that the message is not for it, and the reference does the
work; a mutant that refuses more than before changes no result. So of a file in FAST_PATHS it is
also asked whether it takes each vector that it took unchanged. Taking more is no fault by itself:
what it returns then is judged like every other result.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

#: Of a vector: for each way in which it can meet the fast path, whether that takes it.
Takes = Callable[[Any], tuple[bool, ...]]


def _decoding(vector: Any) -> tuple[bool, ...]:
    """`quick_decode(data, limits, extensions)` gives NOT_TAKEN, or it takes the message."""
    from hyperglyph.codec import KINDS, Limits

    quick = import_module("hyperglyph.codec.quick")

    def takes(wire: bytes | None) -> bool:
        if wire is None:
            return False
        try:
            return quick.quick_decode(wire, Limits(), KINDS) is not quick.NOT_TAKEN
        except Exception:  # noqa: BLE001 - a fault is for the reference to find
            return False

    return takes(vector.wire), takes(vector.canonical)


#: By the name of the file in codec/; those that are not there are not asked.
FAST_PATHS: dict[str, Takes] = {"quick.py": _decoding}


def loses(before: tuple[bool, ...], now: tuple[bool, ...]) -> bool:
    """Tell whether something that was taken is no longer."""
    return any(old and not new for old, new in zip(before, now, strict=True))
