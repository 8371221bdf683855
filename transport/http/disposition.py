"""Content-Disposition of a blob envelope: the name of the one argument, written and read.

Standard, section 18.3 (REQ-ENV-8); RFC 6266, and RFC 8187 for names that are not printable ASCII.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from .status import BadRequest

__all__ = ["pack_name", "unpack_name"]

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"({_WORD})[ \t]*")
_PARAMETER: Final = re.compile(
    rf';[ \t]*({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[ !#-\[\]-~]|\\[ -~])*)")[ \t]*'
)
# RFC 8187, section 3.2.1: ext-value = charset "'" [ language ] "'" value-chars
_EXTENDED: Final = re.compile(r"[Uu][Tt][Ff]-8'[A-Za-z0-9-]*'((?:%[0-9A-Fa-f]{2}|[^%'*])*)")


def pack_name(name: str) -> str:
    """The header's value. Raises ValueError for a name that is no text (surrogates)."""
    if name.isascii() and name.isprintable():
        quoted = re.sub(r'(["\\])', r"\\\1", name)
        return f'form-data; name="{quoted}"'
    return f"form-data; name*=UTF-8''{quote(name, safe='')}"


def unpack_name(value: str) -> str:
    """The name in the header's value. Raises BadRequest."""
    match = _TYPE.match(value)
    if match is None or match[1].lower() != "form-data":
        raise BadRequest("the Content-Disposition of a blob envelope is form-data")
    parameters: dict[str, str] = {}
    position = match.end()
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None:
            raise BadRequest(
                "malformed Content-Disposition; a name beyond ASCII is spelled name*=UTF-8''..."
            )
        key, token, quoted = parameter.groups()
        key = key.lower()
        if key in parameters:
            raise BadRequest(f"Content-Disposition has two parameters {key!r:.40}")
        parameters[key] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        position = parameter.end()
    if (extended := parameters.get("name*")) is not None:
        return _extended(extended)
    if "name" not in parameters:
        raise BadRequest("the Content-Disposition of a blob envelope names its argument")
    return parameters["name"]


def _extended(value: str) -> str:
    match = _EXTENDED.fullmatch(value)
    try:
        if match is not None:
            return unquote_to_bytes(match[1]).decode()
    except UnicodeDecodeError:
        pass
    raise BadRequest("malformed Content-Disposition: name* is percent-encoded UTF-8")
