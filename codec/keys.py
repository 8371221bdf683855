"""Keys of dicts and items of sets: unique by decoded value, and not a weapon.

A Python dict takes quadratic time for keys that collide. Text and bytes are hashed with a secret
seed, so nobody can make them collide; the hash of a number is known to everyone. Before a
container is filled with other keys they are counted, in time that no choice of keys can raise:
by sorting, never in another dict (standard, section "Limits").
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import attrs

from .errors import DecodeError, LimitExceeded, shown
from .limits import MAX_DEPTH, Limits

__all__ = ["check_keys", "inside_keys", "make_dict", "make_set"]

_SEEDED = frozenset({str, bytes})

#: What is compared here was decoded under limits already.
_NO_LIMITS = Limits(depth=MAX_DEPTH, integer_digits=sys.maxsize)


@lru_cache(maxsize=32)
def inside_keys(limits: Limits) -> Limits:
    """The limits of a set that is itself a key or item, or inside one.

    The hash of a frozenset says little about items that collide, so such sets collide in turn,
    and comparing them would multiply: only few items may share a hash there.
    """
    return attrs.evolve(limits, equal_hashes=min(limits.equal_hashes, 4))


#: Turns the index of a key into its offset in the input.
Locate = Callable[[int], int]


def make_dict(items: list[Any], limits: Limits) -> dict[Any, Any] | None:
    """A dict of keys and values that alternate, or None where `check_keys` finds a fault."""
    keys = items[::2]
    if len(keys) > limits.equal_hashes and _may_be_slow(keys, limits):
        return None
    made = dict(zip(keys, items[1::2], strict=False))
    return made if len(made) == len(keys) else None


def make_set(items: list[Any], limits: Limits) -> set[Any] | None:
    """A set of items, or None where `check_keys` finds a fault."""
    if len(items) > limits.equal_hashes and _may_be_slow(items, limits):
        return None
    made = set(items)
    return made if len(made) == len(items) else None


def _may_be_slow(keys: list[Any], limits: Limits) -> bool:
    """Whether filling a container with these keys would break a limit."""
    if _SEEDED.issuperset(map(type, keys)):
        return False
    hashes = sorted(map(hash, keys))
    if any(map(operator.eq, hashes, hashes[limits.equal_hashes :])):
        return True
    return len(keys) > limits.unseeded_keys and (
        sum(not _is_seeded(key) for key in keys) > limits.unseeded_keys
    )


def check_keys(
    keys: list[Any], limits: Limits, locate: Locate, *, attributes: bool = False
) -> None:
    """Raise for the first key that repeats an earlier one, or that makes the keys too costly.

    `attributes`: they are names of attributes, which are text (REQ-EXT-2, REQ-BLB-2).

    Raises DecodeError for a duplicate, and for values that are distinct in the data model and
    equal in Python (REQ-KEY-2, REQ-KEY-3); LimitExceeded for a flood of colliding hashes.
    REQ-DCT-2 and REQ-SET-1.
    """
    seen: dict[str, list[Any]] = {}  # by the hash as text, whose own hash is seeded
    unseeded = 0
    for index, key in enumerate(keys):
        if attributes and not isinstance(key, str):
            raise DecodeError(
                f"the name of an attribute is text, not {type(key).__name__}", locate(index)
            )
        alike = seen.setdefault(str(hash(key)), [])
        for earlier in alike:
            if earlier is key or earlier == key:
                raise DecodeError(_describe(earlier, key), locate(index))
        alike.append(key)
        unseeded += not _is_seeded(key)
        if len(alike) > limits.equal_hashes and type(key) not in _SEEDED:
            raise LimitExceeded(
                f"more than {limits.equal_hashes} keys with the same hash", locate(index)
            )
        if unseeded > limits.unseeded_keys:
            raise LimitExceeded(
                f"more than {limits.unseeded_keys} keys whose hash has no seed", locate(index)
            )


def _is_seeded(key: object) -> bool:
    """Whether the hash depends on the interpreter's secret; a container's does if an item's does.

    Aware datetimes are hashed as durations, so they count as numbers do.
    """
    if isinstance(key, tuple | frozenset):
        return any(map(_is_seeded, key))  # pyright: ignore[reportUnknownArgumentType]
    return type(key) in _SEEDED and bool(key)  # the hash of nothing is always 0


def _describe(earlier: object, key: object) -> str:
    from .encoder import encode  # the encoder knows what is one value in the data model

    if encode(earlier, limits=_NO_LIMITS) == encode(key, limits=_NO_LIMITS):
        return f"duplicate key or item {shown(key)}"
    return (
        f"{shown(earlier)} and {shown(key)} are distinct in the data model, "
        "but equal in Python, whose dicts and sets cannot hold both"
    )
