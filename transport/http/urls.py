"""URLs: resolved as RFC 3986 says, otherwise kept as they are.

`urllib.parse.urljoin` re-spells: it drops an empty query, and what it cannot read it joins anyhow.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["check_url", "origin_of", "resolve"]

# RFC 3986, appendix B: scheme, authority, path, query, fragment
_PARTS: Final = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AUTHORITY: Final = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::([0-9]{0,5}))?")
_PORTS: Final = {"http": "80", "https": "443"}


def _split(url: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    match = _PARTS.fullmatch(url)
    assert match is not None  # every string matches
    scheme, authority, path, query, fragment = match.groups()
    if scheme is not None and _SCHEME.fullmatch(scheme) is None:
        return None, authority, f"{scheme}:{path}", query, fragment
    return scheme, authority, path, query, fragment


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4, for a path that begins with a slash or is empty."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept) if len(segments) > 1 else path


def resolve(base: str, reference: str | None) -> str:
    """The absolute URL of a reference that stands in a page with the absolute URL `base`.

    None and the empty reference mean the base itself (RFC 3986, section 5.2.2; a fragment of the
    base is dropped).
    """
    scheme, authority, path, query, _ = _split(base)
    if not reference:
        return _join(scheme, authority, path, query, None)
    r_scheme, r_authority, r_path, r_query, r_fragment = _split(reference)
    if r_scheme is not None:
        return _join(r_scheme, r_authority, _without_dots(r_path), r_query, r_fragment)
    if r_authority is not None:
        return _join(scheme, r_authority, _without_dots(r_path), r_query, r_fragment)
    if not r_path:
        return _join(scheme, authority, path, r_query or query, r_fragment)
    if not r_path.startswith("/"):
        r_path = f"{path.rpartition('/')[0]}/{r_path}"
    return _join(scheme, authority, _without_dots(r_path), r_query, r_fragment)


def _join(
    scheme: str | None, authority: str | None, path: str, query: str | None, fragment: str | None
) -> str:
    front = "" if scheme is None else f"{scheme}:"
    host = "" if authority is None else f"//{authority}"
    return f"{front}{host}{path}{query or ''}{fragment or ''}"


@lru_cache(maxsize=512)
def check_url(url: str) -> str:
    """Return an URL that can be requested. Raises ValueError for any other."""
    scheme, authority, _, _, _ = _split(url)
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("the URL holds characters that must be percent-encoded")
    if scheme is None or scheme.lower() not in _PORTS:
        raise ValueError("the URL does not begin with http:// or https://")
    if not authority or _AUTHORITY.fullmatch(authority) is None:
        raise ValueError("the URL names no host")
    return url


@lru_cache(maxsize=512)
def origin_of(url: str) -> tuple[str, str, str]:
    """Scheme, host and port of an absolute URL, in one spelling. Raises ValueError."""
    scheme, authority, _, _, _ = _split(check_url(url))
    assert scheme is not None
    assert authority is not None
    match = _AUTHORITY.fullmatch(authority)
    assert match is not None
    scheme = scheme.lower()
    return scheme, match[1].lower().rstrip("."), match[2] or _PORTS[scheme]
