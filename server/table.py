"""The table of what can be called. Dispatch looks names up here and nowhere else.

    /                      the root page
    /name                  a function, or the constructor of a class
    /Name/TOKEN/           an instance, TOKEN its state; and what PUT, PATCH, DELETE of it do
    /Name/TOKEN/method     a method of it

Nothing is reachable that was not registered: no name from the wire ever goes to `getattr`.

Standard, section 21.3 (REQ-SAFE-5).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable
from typing import Final

import attrs

from .endpoints import ClassEndpoint, Endpoint, FunctionEndpoint, Identity, identity_of

__all__ = ["ROOT", "Endpoints", "Place"]

logger = logging.getLogger("hyperglyph.server")


@attrs.frozen
class Place:
    """What a URL leads to: a constructor or function, or an instance, or a method of it."""

    route: str
    owner: ClassEndpoint | None
    call: FunctionEndpoint | None
    token: str | None = None

    @property
    def allow(self) -> str:
        """The methods that it answers, as the header says it."""
        if self.call is not None:
            return self.call.allow
        return ", ".join(("GET, HEAD", *(() if self.owner is None else self.owner.own)))

    def asked(self, method: str) -> Place | None:
        """The place for a request with a method; None if it is not answered here.

        REQ-METHOD-5 to REQ-METHOD-8.
        """
        if self.call is not None:
            return self if method in self.call.allow.split(", ") else None
        if method == "GET":
            return self
        own = None if self.owner is None else self.owner.own.get(method)
        return None if own is None else attrs.evolve(self, call=own)

    @property
    def cache(self) -> str | None:
        """The Cache-Control that the author wrote for it."""
        if self.call is not None:
            return self.call.marks.cache
        return None if self.owner is None else self.owner.marks.cache

    @property
    def retries(self) -> int:
        """How many times a method that lost a race is called again."""
        if self.owner is None or self.token is None or self.call is None:
            return 0
        retries: int = getattr(self.owner.cls, "__glyph_retries__", 0)
        return retries

    @property
    def creates(self) -> bool:
        """Whether it is the constructor of a class."""
        return self.owner is not None and self.token is None


#: The root page: neither an owner nor a call.
ROOT: Final = Place("/", None, None)


class Endpoints:
    """The table. A change takes a lock, a look-up does not: it is one operation on a dict."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, Endpoint] = {}
        self._by_target: dict[Hashable, Endpoint] = {}
        self._by_identity: dict[Identity, Endpoint] = {}
        #: Changes with the table.
        self.version = 0
        #: Whether a class is here that opens its instances somewhere (`__glyph_open__`): making
        #: instances and pages may then block.
        self.opens = False

    def __len__(self) -> int:
        return len(self._by_name)

    def snapshot(self) -> tuple[int, dict[str, Endpoint]]:
        """The version, and all endpoints by name, in the order in which they were added."""
        with self._lock:
            return self.version, self._by_name.copy()

    def get(self, name: str) -> Endpoint | None:
        return self._by_name.get(name)

    def find(self, path: str) -> Place | None:
        """What a path leads to, percent-decoded and without the mount prefix. REQ-STATUS-8."""
        if path in ("", "/"):
            return ROOT
        first, *parts = path.split("/")
        if first or len(parts) not in (1, 3):
            return None
        endpoint = self._by_name.get(parts[0])
        if endpoint is None:
            return None
        if len(parts) == 1:
            if isinstance(endpoint, FunctionEndpoint):
                return Place(f"/{endpoint.name}", None, endpoint)
            if endpoint.hidden:
                return None
            return Place(f"/{endpoint.name}", endpoint, endpoint.constructor)
        if not isinstance(endpoint, ClassEndpoint):
            return None
        _, token, method = parts
        # The route goes into the log, where a token must not.
        if not method:
            return Place(f"/{endpoint.name}/*/", endpoint, None, token)
        call = endpoint.methods.get(method)
        if call is None or call.marks.own_url:
            return None
        return Place(f"/{endpoint.name}/*/{method}", endpoint, call, token)

    def of_target(self, target: object) -> Endpoint | None:
        """The endpoint that serves a function or class, or its newer definition, if one does."""
        try:
            endpoint = self._by_target.get(target)
        except TypeError:  # it has no hash
            return None
        if endpoint is None and callable(target):
            identity = identity_of(target)
            endpoint = None if identity is None else self._by_identity.get(identity)
        return endpoint

    def of_class(self, cls: type) -> ClassEndpoint | None:
        """The endpoint of exactly this class, or of its newer definition."""
        endpoint = self.of_target(cls)
        return endpoint if isinstance(endpoint, ClassEndpoint) else None

    def add(self, endpoint: Endpoint) -> None:
        """Enter an endpoint, or replace an older definition of the same object.

        Raises ValueError if something else has that name.
        """
        target = endpoint.target
        with self._lock:
            known = self._by_name.get(endpoint.name)
            if known is not None and known.target is not target:
                if endpoint.identity is None or known.identity != endpoint.identity:
                    raise ValueError(f"{endpoint.name!r} is the name of another function already")
                logger.info("%s is replaced by its new definition", endpoint.name)
                if isinstance(known.target, Hashable):
                    self._by_target.pop(known.target, None)
            if isinstance(target, Hashable):
                self._by_target[target] = endpoint
            if endpoint.identity is not None:
                self._by_identity[endpoint.identity] = endpoint
            self._by_name[endpoint.name] = endpoint
            self.opens |= isinstance(endpoint, ClassEndpoint) and hasattr(
                endpoint.cls, "__glyph_open__"
            )
            self.version += 1
