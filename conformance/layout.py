"""A case laid out for people: its JSON, and its octets."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from .cases import Case, Vector
from .substitution import body_of

__all__ = ["dump", "layout", "parts_of", "readable"]

#: What is octets wherever it stands in a scenario.
_OCTETS: Final = ("page", "body", "raw")

_LONGEST = 1000


def layout(case: Case) -> str:
    """Return the case as it stands in its file; the octets in it follow, by sixteen."""
    lines = [json.dumps(case.source, indent=1, ensure_ascii=False)]
    for what, octets in parts_of(case):
        lines += [f"{what}, {len(octets)} octets:", *dump(octets)]
    return "\n".join(lines)


def parts_of(case: Case) -> Iterator[tuple[str, bytes]]:
    """Yield the octets that are in a case, each with a word on what they are.

    Those of a scenario are as it stands in its file, with names in braces (spec/testee.md).
    """
    if isinstance(case, Vector):
        if case.wire is not None:
            yield "given to the decoder", case.wire
        if case.canonical is not None and case.canonical != case.wire:
            yield "canonical", case.canonical
    else:
        yield from _within(case.source, "")


def _within(source: object, where: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(source, list):
        for number, part in enumerate(cast("list[object]", source), 1):
            yield from _within(part, f"{where} {number}")
    elif isinstance(source, dict):
        for name, part in cast("Mapping[str, Any]", source).items():
            inner = f"{where} {name}".lstrip()
            octets = _octets(part) if name in _OCTETS else None
            if octets is not None:
                yield inner, octets
            else:
                yield from _within(part, inner)


def _octets(source: object) -> bytes | None:
    """Octets, but for what only a pattern fits: a body of some size, or with some value."""
    try:
        return None if source is None else body_of(source)
    except (ValueError, TypeError, KeyError):
        return None


def dump(octets: bytes) -> Iterator[str]:
    """Yield lines of offset, hexadecimal and characters; the middle of what is long is left out."""
    for offset in range(0, len(octets), 16):
        if offset == _LONGEST // 16 * 16 and len(octets) > _LONGEST + 16:
            yield f"… {len(octets) - offset} octets more"
            return
        line = octets[offset : offset + 16]
        characters = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in line)
        yield f"{offset:06x}  {line.hex(' '):47}  {characters}"


def readable(octets: bytes) -> str:
    """Return what went over a connection as text: what is not printable ASCII is escaped."""
    shown = octets[:_LONGEST].decode("latin-1").replace("\r\n", "\n")
    text = "".join(
        char if char == "\n" or " " <= char <= "~" else f"\\x{ord(char):02x}" for char in shown
    )
    return text if len(octets) <= _LONGEST else f"{text}\n… {len(octets) - _LONGEST} octets more"
