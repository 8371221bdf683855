"""A case laid out for people: its JSON, and its octets."""

import json
from collections.abc import Iterator

from .cases import Case, Vector

__all__ = ["dump", "layout", "readable"]

_LONGEST = 1000


def layout(case: Case) -> str:
    """Return the case as it stands in its file; the octets of a vector follow, by sixteen."""
    text = json.dumps(case.source, indent=1, ensure_ascii=False)
    if isinstance(case, Vector) and case.wire is not None:
        text += f"\n{len(case.wire)} octets:\n" + "\n".join(dump(case.wire))
    return text


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
