"""Whether a fast path still takes a message: what no result can show, and all that it is for.

A fast path returns the result or says that the message is not for it, and the reference does the
work; a mutant that refuses more than before changes no result. So of a file in FAST_PATHS it is
also asked whether it takes each vector that it took unchanged, and as much of it at once. Taking
more is no fault by itself: what it returns then is judged like every other result.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

#: Of a vector: for each way in which it can meet the fast path, how much that takes; 0 for none.
Takes = Callable[[Any], tuple[int, ...]]


def _decoding(vector: Any) -> tuple[int, ...]:
    """`quick_decode(data, limits, extensions)` gives NOT_TAKEN, or it takes the message: 1, and 1
    more for each extension whose attributes are like the last one's.
    """
    from hyperglyph.codec import KINDS, Limits

    quick = import_module("hyperglyph.codec.quick")
    shortcut = quick._Shortcut
    like_last = shortcut._like_last

    def takes(wire: bytes | None) -> int:
        alike: list[Any] = []

        def noted(*given: Any) -> Any:
            alike.append(like_last(*given))
            return alike[-1]

        if wire is None:
            return 0
        shortcut._like_last = noted
        try:
            if quick.quick_decode(wire, Limits(), KINDS) is quick.NOT_TAKEN:
                return 0
            return 1 + len(alike) - alike.count(None)
        except Exception:  # noqa: BLE001 - a fault is for the reference to find
            return 0
        finally:
            shortcut._like_last = like_last

    return takes(vector.wire), takes(vector.canonical)


#: By the name of the file in codec/; those that are not there are not asked.
FAST_PATHS: dict[str, Takes] = {"quick.py": _decoding}


def loses(before: tuple[int, ...], now: tuple[int, ...]) -> bool:
    """Tell whether something that was taken is no longer."""
    return any(old > new for old, new in zip(before, now, strict=True))
