"""`MemoryStore`: a dict with a lock, for one process and its lifetime."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

from .base import Entry, dump, load, new_version, until

__all__ = ["MemoryStore"]

#: What has expired is removed when the store has doubled, and not below this many entries.
_SWEEP_FROM: Final = 1_000


@attrs.frozen
class _Kept:
    data: bytes
    version: int
    expires: float | None


class MemoryStore:
    """Keeps entries in this process. Values are kept encoded: nobody shares them with the store."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._clock = clock
        self._sweep_at = _SWEEP_FROM

    def _live(self, key: str) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None and kept.expires is not None and kept.expires <= self._clock():
            return None
        return kept

    def get(self, key: str, /) -> Entry | None:
        with self._lock:
            kept = self._live(key)
        return None if kept is None else Entry(load(kept.data, f"the entry {key!r}"), kept.version)

    def put(self, key: str, value: Any, /, *, expires_in: float | None = None) -> int:
        data = dump(value)
        with self._lock:
            return self._write(key, data, expires_in)

    def compare_and_set(
        self, key: str, value: Any, version: int | None, /, *, expires_in: float | None = None
    ) -> int | None:
        data = dump(value)
        with self._lock:
            kept = self._live(key)
            if (None if kept is None else kept.version) != version:
                return None
            return self._write(key, data, expires_in)

    def delete(self, key: str, version: int | None = None, /) -> bool:
        with self._lock:
            kept = self._live(key)
            if kept is None or version not in (None, kept.version):
                return False
            del self._kept[key]
            return True

    def close(self) -> None:
        """Nothing to let go of: the entries stay as long as the store."""

    def _write(self, key: str, data: bytes, expires_in: float | None) -> int:
        now = self._clock()
        kept = _Kept(data, new_version(), until(now, expires_in))
        self._kept[key] = kept
        if len(self._kept) > self._sweep_at:
            self._kept = {
                key: kept
                for key, kept in self._kept.items()
                if kept.expires is None or kept.expires > now
            }
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._kept))
        return kept.version

    def __repr__(self) -> str:
        return f"<MemoryStore with {len(self._kept)} entries>"
