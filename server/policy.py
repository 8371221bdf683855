"""Which requests are answered at all.

A web page in a user's browser can aim requests at servers on that user's machine. What stops it:
exactly one Host, and one that this server answers for (DNS rebinding); Origin and Sec-Fetch-Site
where a browser sends them; and a content type on every unsafe request that a page cannot send
across origins without asking first (`reading.py`).

And no header says that pages of other origins may read an answer.

Standard, sections 18.2 and 21.3 (REQ-SAFE-10).
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from hyperglyph.transport.http.conditional import NONE, outcome_of
from hyperglyph.transport.http.forms import OVERRIDES
from hyperglyph.transport.http.messages import Deadline, Incoming
from hyperglyph.transport.http.status import (
    BadRequest,
    Forbidden,
    MisdirectedRequest,
    PreconditionFailed,
    UriTooLong,
)
from hyperglyph.transport.http.urls import DEFAULT_PORTS, LONGEST_URL, is_same_authority

__all__ = [
    "SAFE_METHODS",
    "Policy",
    "check_conditions",
    "has_conditions",
    "deadline_of",
    "effective_method",
]

_CONDITIONS: Final = ("if-match", "if-unmodified-since", "if-none-match")
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_TIMEOUT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


@lru_cache(maxsize=1)
def _machine_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0], f"{name}.local"} - {""})


class Policy:
    """The checks that come before any name is looked up.

    `hosts` are names that the server answers for beside IP addresses, localhost and the machine's
    own name; those in the environment variable HYPERGLYPH_HOSTS (split at commas) come on top.
    A name that begins with a dot stands for all below it, `*` for all.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        more = os.environ.get("HYPERGLYPH_HOSTS", "").split(",")
        self._hosts = frozenset(host.strip().lower() for host in (*hosts, *more) if host.strip())
        self._known: dict[tuple[str, bool], bool] = {}

    def check(self, request: Incoming) -> None:
        """Raise the error with which to answer, or return. REQ-STATUS-9."""
        if len(request.target) > LONGEST_URL:
            raise UriTooLong(f"the URL has more than {LONGEST_URL} characters")
        host = self._check_host(request)
        if request.method not in SAFE_METHODS:
            _check_origin(request, host)

    def _check_host(self, request: Incoming) -> str:
        """REQ-HEAD-5."""
        values = request.values("host")
        if len(values) != 1:
            raise BadRequest("a request has exactly one Host header")
        key = (values[0].lower(), request.loopback)
        allowed = self._known.get(key)
        if allowed is None:
            allowed = self._is_allowed(*key)
            if len(self._known) < 1000 and len(key[0]) <= 255:  # it is the peer who fills it
                self._known[key] = allowed
        if not allowed:
            raise MisdirectedRequest(
                "this server does not answer for that host: name it in allowed_hosts "
                "or in the environment variable HYPERGLYPH_HOSTS"
            )
        return key[0]

    def _is_allowed(self, value: str, loopback: bool) -> bool:
        match = _HOST.fullmatch(value)
        if match is None:
            return False
        host = match[1].strip("[]").rstrip(".")
        if "*" in self._hosts or host in self._hosts:
            return True
        if any(entry.startswith(".") and host.endswith(entry) for entry in self._hosts):
            return True
        if loopback:
            return _is_loopback(host)
        return host == "localhost" or _is_address(host) or host in _machine_names()


def _check_origin(request: Incoming, host: str) -> None:
    """REQ-HEAD-6."""
    for origin in request.values("origin"):
        scheme, _, authority = origin.lower().partition("://")
        if scheme not in DEFAULT_PORTS or not is_same_authority(scheme, authority, host):
            raise Forbidden("a request from a page of another origin")
    for site in request.values("sec-fetch-site"):
        if site.lower() not in ("same-origin", "none"):
            raise Forbidden("a request from a page of another site")


def has_conditions(request: Incoming) -> bool:
    """Whether a request asks for a version of what it changes."""
    return any(request.values(name) for name in _CONDITIONS)


def check_conditions(request: Incoming) -> None:
    """Conditions of an unsafe call that is not one of an object's own URL: it has no version.

    Raises PreconditionFailed for If-Match, which asks for a current one. REQ-COND-5.
    """
    if outcome_of(request.values, NONE, safe=False) is not None:
        raise PreconditionFailed("If-Match is for forms whose URL is that of an object")


def effective_method(request: Incoming) -> str:
    """The method that counts: that of the header `Method` on a POST, HEAD as GET.

    Raises BadRequest where the header would let two readers see two methods.
    REQ-METHOD-2 to REQ-METHOD-4.
    """
    method = request.method
    values = request.values("method")
    if len(values) > 1:
        raise BadRequest("more than one header Method")
    for value in values:
        if value == method:
            continue
        if request.method != "POST" or value not in OVERRIDES:
            raise BadRequest("the header Method stands on POST only, for PUT, PATCH and DELETE")
        method = value
    return "GET" if method == "HEAD" else method


def deadline_of(request: Incoming) -> Deadline:
    """What is left of the caller's deadline. Raises BadRequest if the header is malformed.

    REQ-TIME-2.
    """
    values = request.values("hyperglyph-timeout")
    if not values:
        return Deadline(None)
    if len(values) > 1 or _TIMEOUT.fullmatch(values[0]) is None:
        raise BadRequest("malformed Hyperglyph-Timeout")
    return Deadline(float(values[0]))
