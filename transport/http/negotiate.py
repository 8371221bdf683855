"""Media types and what of them matters here.

Standard, section 18.2 (REQ-HEAD-2, REQ-HEAD-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import attrs

__all__ = ["MEDIA_TYPE", "MediaType", "is_hyperglyph", "parse_accept", "parse_media_type"]

MEDIA_TYPE: Final = "application/vnd.hyperglyph"

_ACCEPT_LENGTH: Final = 1_000
#: What is longer is parsed anew each time.
_KEPT: Final = 256

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"\s*({_WORD}/{_WORD})\s*")
#: A member of a list. A quote without its end reaches to the end of the text: no way back.
_MEMBER: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)
_PARAMETER: Final = re.compile(rf';\s*(?:({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)"))?\s*')


@attrs.frozen
class MediaType:
    """`type` in lower case, parameters by name in lower case; of a repeated one the first."""

    type: str
    parameters: Mapping[str, str] = attrs.field(factory=dict[str, str])


#: Media types with their weights.
Members = tuple[tuple[MediaType, float], ...]


def parse_media_type(text: str) -> MediaType | None:
    """Parse a Content-Type, or one member of an Accept. None if it is malformed."""
    match = _TYPE.match(text)
    if match is None:
        return None
    parameters: dict[str, str] = {}
    position = match.end()
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        if parameter is None:
            return None
        name, token, quoted = parameter.groups()
        if name is not None:
            value = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
        position = parameter.end()
    return MediaType(match[1].lower(), parameters)


def is_hyperglyph(content_type: str | None) -> bool:
    """Whether a Content-Type is ours; case and parameters make no difference."""
    if content_type == MEDIA_TYPE:
        return True
    if content_type is None:
        return False
    media_type = parse_media_type(content_type)
    return media_type is not None and media_type.type == MEDIA_TYPE


def parse_accept(text: str) -> Members:
    """The members of an Accept with their weight, in order; malformed ones are left out, and what
    begins or ends after 1,000 characters.
    """
    return _members_kept(text) if len(text) <= _KEPT else _members(text)


def _members(text: str) -> Members:
    members: list[tuple[MediaType, float]] = []
    for match in _MEMBER.finditer(text[: _ACCEPT_LENGTH + 1]):
        if match.end() > _ACCEPT_LENGTH:
            break
        media_type = parse_media_type(match[0])
        if media_type is None:
            continue
        parameters = dict(media_type.parameters)
        weight = parameters.pop("q", "1")
        if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight):
            members.append((MediaType(media_type.type, parameters), min(float(weight), 1.0)))
    return tuple(members)


#: Callers say the same each time.
_members_kept = lru_cache(maxsize=64)(_members)
