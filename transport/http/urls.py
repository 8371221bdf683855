"""URLs: resolved as RFC 3986 says, otherwise kept as they are.

`urllib.parse.urljoin` re-spells: it drops an empty query, and what it cannot read it joins anyhow.

Standard, sections 15 and 17 (REQ-URL-8, REQ-REF-1).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = [
    "DEFAULT_PORTS",
    "LONGEST_URL",
    "Base",
    "check_url",
    "is_loopback",
    "is_same_authority",
    "origin_of",
    "resolve",
]

#: The port of a URL that names none, by its scheme.
DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

#: Our server takes no longer one; a page with a long base and many references would fill memory.
LONGEST_URL: Final = 4_000

#: Longer ones are not kept, neither in caches nor with what has them.
_KEPT: Final = 256

# RFC 3986, appendix B: scheme, authority, path, query, fragment
_PARTS: Final = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AUTHORITY: Final = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::([0-9]{0,5}))?")
_LOOPBACK: Final = re.compile(r"localhost|\[::1\]|127(?:\.[0-9]{1,3}){3}")


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
    base is dropped). Raises ValueError where the reference or the result is too long.
    REQ-URL-1 and REQ-URL-16.
    """
    if reference is not None:
        _check_length(reference)
    url = _resolved(base, reference)
    _check_length(url)
    return url


def _check_length(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise ValueError(f"the URL is longer than {LONGEST_URL} characters")


def _resolved(base: str, reference: str | None) -> str:
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


class Base:
    """What references are resolved against: a URL, or a step from another base.

    A step is joined when it is asked for, so that one that is broken or long costs only those who
    use it. REQ-URL-17.
    """

    __slots__ = ("_parent", "_reference", "_url")

    def __init__(self, url: str) -> None:
        self._parent: Base | None = None
        self._reference: str | None = None
        self._url: str | None = url

    def moved(self, reference: str | None) -> Base:
        """The base that a reference leads to."""
        step = Base.__new__(Base)
        step._parent, step._reference, step._url = self, reference, None
        return step

    def url(self) -> str:
        """The absolute URL. Raises ValueError."""
        steps: list[str | None] = []
        base = self
        while base._url is None:
            assert base._parent is not None
            steps.append(base._reference)
            base = base._parent
        url = base._url
        for reference in reversed(steps):
            url = resolve(url, reference)
        if len(url) <= _KEPT:
            self._url = url
        return url


def check_url(url: str) -> str:
    """Return an URL that can be requested. Raises ValueError for any other."""
    _check_length(url)
    origin_of(url)
    return url


def origin_of(url: str) -> tuple[str, str, str]:
    """Scheme, host and port of an absolute URL, in one spelling. Raises ValueError."""
    return _origin_kept(url) if len(url) <= _KEPT else _origin(url)


def _origin(url: str) -> tuple[str, str, str]:
    """REQ-URL-9 and REQ-URL-10."""
    scheme, authority, _, _, _ = _split(url)
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("the URL holds characters that must be percent-encoded")
    if scheme is None or scheme.lower() not in DEFAULT_PORTS:
        raise ValueError("the URL does not begin with http:// or https://")
    match = _AUTHORITY.fullmatch(authority or "")
    if match is None:
        raise ValueError("the URL names no host")
    scheme = scheme.lower()
    return scheme, match[1].lower().rstrip("."), match[2] or DEFAULT_PORTS[scheme]


_origin_kept = lru_cache(maxsize=512)(_origin)


def is_same_authority(scheme: str, authority: str, host: str) -> bool:
    """Whether the authority of a URL of this scheme is what a Host header names.

    The scheme of the request itself does not count: TLS often ends in front of the server.
    """
    port = f":{DEFAULT_PORTS.get(scheme, '')}"
    return authority.lower().removesuffix(port) == host.lower().removesuffix(port)


def is_loopback(url: str) -> bool:
    """Whether an absolute URL names this machine as it names itself. Raises ValueError."""
    return _LOOPBACK.fullmatch(origin_of(url)[1]) is not None
