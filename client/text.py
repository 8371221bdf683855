"""Bytes that stand for text: Python 2 had one type for both, and the server of 2012 sends it.

Standard, section 22 (REQ-OLD-15).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, TypeGuard

from hyperglyph.codec import Extension
from hyperglyph.transport.http.shapes import is_dict, is_list

__all__ = ["with_text"]

Compound: TypeAlias = tuple[Any, ...] | frozenset[Any]


def with_text(value: Any) -> Any:
    """The value with text in the place of all bytes that are UTF-8, keys and set items too.

    Containers are changed in place, those inside extensions too; the attributes of extensions
    stay as they are. Keys that would become equal stay bytes.
    """
    if isinstance(value, bytes):
        return _text(value)
    stack = [value]
    while stack:
        container = stack.pop()
        if is_list(container):
            container[:] = [_text(item) for item in container]
            stack += container
        elif _is_set(container):
            _change_items(container)
        elif is_dict(container):
            _change_entries(container)
            stack += container.values()
        elif isinstance(container, Extension):
            object.__setattr__(container, "content", _text(container.content))
            stack.append(container.content)
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _change_items(items: set[Any]) -> None:
    changed = [_key(item) for item in items]
    if len(set(changed)) == len(changed):
        items.clear()
        items.update(changed)


def _change_entries(entries: dict[Any, Any]) -> None:
    changed = [_key(key) for key in entries]
    if len(set(changed)) != len(changed):
        changed = list(entries)
    values = [_text(value) for value in entries.values()]
    entries.clear()
    entries.update(zip(changed, values, strict=True))


def _is_set(value: object) -> TypeGuard[set[Any]]:
    return isinstance(value, set)


def _is_compound(key: object) -> TypeGuard[Compound]:
    return isinstance(key, tuple | frozenset)


def _key(key: Any) -> Any:
    """A key with text; those that hold others do so without limit, hence no recursion."""
    if not _is_compound(key):
        return _text(key)
    open_: list[tuple[Compound, Iterator[Any], list[Any]]] = [(key, iter(key), [])]
    while True:
        container, items, changed = open_[-1]
        for item in items:
            if _is_compound(item):
                open_.append((item, iter(item), []))
                break
            changed.append(_text(item))
        else:
            open_.pop()
            done = type(container)(changed)
            if len(done) != len(changed):
                done = container
            if not open_:
                return done
            open_[-1][2].append(done)
