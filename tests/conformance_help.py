"""What several tests of the conformance suite share."""

from __future__ import annotations

from hyperglyph.conformance.testee import Testee

__all__ = ["Here"]


class Here(Testee):
    """A server of this process, at `url`, in place of a program."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._served = url

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({"server"})

    def served(self) -> str:
        return self._served
