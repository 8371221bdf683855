"""What a function can learn about the call that it serves."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

import attrs

from hyperglyph.transport.http.carried import carrying
from hyperglyph.transport.http.conditional import check_date
from hyperglyph.transport.http.messages import Caller, Deadline, Headers, first_header

__all__ = ["CURRENT", "Context", "context", "principal", "serving"]


def _checked(_: object, __: object, when: datetime | None) -> datetime | None:
    return None if when is None else check_date(when)


@attrs.define
class Context:
    """One call: the request's headers, the caller's deadline, and the reference into the log.

    `principal` is who makes it: what `Router(authenticate=...)` returned, None without that. An
    answer for which it was looked at is not for others: where neither Authorization nor Cookie
    told of it, which is what shared caches go by, it is `private`, whatever `cache` says.

    `last_modified` is the function's to set: when what a safe one returns has changed last. The
    answer says so, and a caller who has it already is told that it has.
    """

    method: str
    route: str
    headers: Headers
    deadline: Deadline
    logref: str
    _principal: Any = attrs.field(default=None, repr=False, alias="principal")
    caller: Caller = attrs.field(factory=Caller, repr=False)
    last_modified: datetime | None = attrs.field(default=None, on_setattr=_checked)
    #: How often the call has written to a store.
    writes: int = attrs.field(default=0, init=False, repr=False)

    #: Whether the call has looked at who makes it: what it answers then is not for others.
    personal: bool = attrs.field(default=False, init=False, repr=False)

    @property
    def principal(self) -> Any:
        self.personal = True
        return self._principal

    def header(self, name: str) -> str | None:
        """The first value of a header of the request, or None."""
        return first_header(self.headers, name.lower())

    @property
    def time_left(self) -> float | None:
        """Seconds until the caller gives up, zero or less if that has passed; None: no limit."""
        return self.deadline.left()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more: the deadline has passed, or the caller has
        hung up, as far as the server can tell. `Server` and ASGI servers can, other WSGI servers
        know the deadline only. A plain function that takes long looks here from time to time;
        coroutine functions are cancelled.
        """
        left = self.deadline.left()
        return (left is not None and left <= 0) or self.caller.gone


CURRENT: Final[ContextVar[Context]] = ContextVar("hyperglyph.context")


@contextmanager
def serving(call: Context) -> Generator[None]:
    """Where `context()` tells of a call, and calls made in turn carry its headers on."""
    token = CURRENT.set(call)
    try:
        with carrying(call.headers, call.deadline):
            yield
    finally:
        CURRENT.reset(token)


def context() -> Context:
    """The call that is being served. Raises RuntimeError outside of one."""
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError("there is no call: context() works inside a served function") from None


def principal() -> Any:
    """Who makes the call that is being served: `context().principal`.

    `Router(authenticate=..., bind_state=principal)` ties references to who asked for them.
    """
    return context().principal
