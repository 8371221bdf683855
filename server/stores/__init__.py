"""Where persistent resources keep their state: the `Store` protocol; memory, SQLite, Redis."""

from .base import Entry, Store, StoreError
from .memory import MemoryStore
from .redis import RedisStore
from .sqlite import SQLiteStore

__all__ = ["Entry", "MemoryStore", "RedisStore", "SQLiteStore", "Store", "StoreError"]
