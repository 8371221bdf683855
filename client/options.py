"""Options for the calls of one block of code, so that they never get in the way of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

if TYPE_CHECKING:
    from .core import BaseClient

__all__ = ["CURRENT", "UNCHANGED", "Options"]

UNCHANGED: Final[Literal["unchanged"]] = "unchanged"


@attrs.frozen
class Options:
    """How a call is made: the total deadline in seconds, and the user's headers."""

    timeout: float | None
    headers: tuple[tuple[str, str], ...] = ()

    def changed(
        self,
        timeout: float | Literal["unchanged"] | None,
        headers: tuple[tuple[str, str], ...],
    ) -> Options:
        """These with others on top; a header takes the place of one with the same name."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return Options(
            self.timeout if timeout == "unchanged" else timeout,
            (*kept, *headers),
        )


#: The options in force in this thread or task, for the clients that have any but their own.
CURRENT: ContextVar[Mapping[BaseClient[Any], Options]] = ContextVar(
    "hyperglyph_options", default=MappingProxyType({})
)
