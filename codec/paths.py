"""The way from the root of a value to the place of an error: `$.users[3].id`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from .blob import Blob
from .errors import shown
from .types import Extension

__all__ = ["path_to"]

_STEPS: Final = 20  # of a path that an error shows


def path_to(containers: Sequence[tuple[Any, Any]], item: Any, key: str | None = None) -> str:
    """The path to `item`, which stands in the last of `containers`, outermost first.

    Each is a pair: the object as it stood in the one before, and the container that was made of
    it. Steps are found by identity; an object that stands twice in a container is told by its
    first place, unless the `key` to the last is known.
    """
    children = [*(source for source, _ in containers[1:]), item]
    steps = [
        _step(container, child) for (_, container), child in zip(containers, children, strict=False)
    ]
    if key is not None:
        steps[-1] = _key_step(key)
    if len(steps) > _STEPS:
        steps[_STEPS // 2 : -_STEPS // 2] = ["..."]
    return "$" + "".join(steps)


def _step(container: Any, item: Any) -> str:
    """One step of a path: `.name`, `[index]`, `[key]`, or `{item}` for a key or set item."""
    if isinstance(container, Extension):
        return ".content" if item is container.content else ".attributes"
    if isinstance(container, Blob):
        return ".attributes"
    if isinstance(container, Mapping):
        for key, value in cast("Mapping[object, object]", container).items():
            if value is item:
                return _key_step(key)
    elif isinstance(container, list | tuple):
        for index, value in enumerate(cast("list[Any]", container)):
            if value is item:
                return f"[{index}]"
    return f"{{{shown(item)}}}"


def _key_step(key: object) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{shown(key)}]"
