"""Where persistent resources keep their state: the `Store` protocol, in memory, in SQLite."""

from .base import Entry, Store, StoreError
from .memory import MemoryStore
from .sqlite import SQLiteStore

__all__ = ["Entry", "MemoryStore", "SQLiteStore", "Store", "StoreError"]
