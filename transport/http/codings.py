"""The one content coding there is: gzip, out when it is asked for, in when it is switched on.

Standard, section 18.2 (REQ-HEAD-7 to REQ-HEAD-9), and REQ-SAFE-8.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["Inflater", "Inflation", "accepts_gzip", "compressed"]

#: Below this a header costs more than the coding saves; above, it must save a tenth.
_WORTH: Final = 1_024
#: Fast rather than small: pages are made for one call.
_LEVEL: Final = 4
#: How much is inflated in one step.
_STEP: Final = 65_536

_MEMBER: Final = re.compile(r"\s*([A-Za-z0-9*_.+-]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?")


class Inflation(ValueError):
    """A compressed body is damaged or cut short, or more than one layer."""


def accepts_gzip(values: Iterable[str]) -> bool:
    """Whether the values of Accept-Encoding ask for gzip: by name or `*`, and not with q=0."""
    wanted: dict[str, float] = {}
    for value in values:
        for member in value[:1_000].split(","):
            match = _MEMBER.fullmatch(member)
            if match is not None:
                wanted.setdefault(match[1].lower(), float(match[2] or 1))
    return wanted.get("gzip", wanted.get("x-gzip", wanted.get("*", 0.0))) > 0


def compressed(body: bytes) -> bytes | None:
    """The body in gzip, the same bytes each time; None where that is not worth it."""
    if len(body) < _WORTH:
        return None
    deflater = zlib.compressobj(_LEVEL, wbits=31)
    packed = deflater.compress(body) + deflater.flush()
    return packed if len(packed) <= len(body) * 9 // 10 else None


class Inflater:
    """What is inside a compressed body, in bounded steps.

    Whoever reads the steps stops a bomb before it has unfolded. Raises Inflation.
    """

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What a piece adds; to be read to its end before the next one comes."""
        inflater, data = self._inflater, piece
        while data:
            if inflater.eof:
                raise Inflation("something follows the compressed body")
            if step := self._step(data):
                yield step
            data = inflater.unconsumed_tail or inflater.unused_data

    def close(self) -> Iterator[bytes]:
        """What was held back at the end of the body, which must be that of the coding."""
        while step := self._step(b""):
            yield step
        if not self._inflater.eof:
            raise Inflation("the compressed body is cut short")

    def _step(self, data: bytes) -> bytes:
        try:
            return self._inflater.decompress(data, _STEP)
        except zlib.error as error:
            raise Inflation(f"the compressed body is damaged: {error}") from None
