"""`SQLiteStore`: one file for the processes of one machine.

The file is in WAL mode, so that readers never wait; writers wait for each other, up to `timeout`.
Each writing is one statement, hence atomic without a transaction of ours, and a process that is
killed leaves either the old entry or the new one. `synchronous=NORMAL` loses no writing when a
process dies, and the last ones when the power does; `durable` costs a flush of the disk each time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

from .base import Entry, StoreError, dump, load, new_version, until

__all__ = ["SQLiteStore"]

#: "hygl", in the header of the file, and the layout below.
_APPLICATION: Final = 0x6879676C
_LAYOUT: Final = 1

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, "
    "version INTEGER NOT NULL, expires REAL)",
    "CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires) WHERE expires IS NOT NULL",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_LAYOUT}",
)
_GET: Final = "SELECT value, version FROM entries WHERE key = ? AND ifnull(expires, 9e99) > ?"
_PUT: Final = (
    "INSERT INTO entries (key, value, version, expires) VALUES (?, ?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires"
)
_CREATE: Final = f"{_PUT} WHERE ifnull(entries.expires, 9e99) <= ?"
_REPLACE: Final = (
    "UPDATE entries SET value = ?, version = ?, expires = ? "
    "WHERE key = ? AND version = ? AND ifnull(expires, 9e99) > ?"
)
_DELETE: Final = (
    "DELETE FROM entries WHERE key = ? AND version = ifnull(?, version) "
    "AND ifnull(expires, 9e99) > ?"
)
_SWEEP_EVERY: Final = 60.0
_SWEEP_MOST: Final = 1_000
_SWEEP: Final = (
    "DELETE FROM entries WHERE key IN (SELECT key FROM entries WHERE expires <= ? LIMIT ?)"
)

#: Connections that a fork copied. They are the parent's: not even closing them is allowed here.
_inherited: list[sqlite3.Connection] = []


class SQLiteStore:
    """Keeps entries in the SQLite file at `path`, which is made if it is not there.

    May be used from any thread, and in a child after a fork. `timeout` is how long a writing waits
    for other processes' before it is a StoreError. What has expired is removed now and then.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 5.0,
        durable: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        name = os.fspath(path)
        if not name or name.startswith((":", "file:")):
            raise ValueError(f"path is that of a file, not {name!r}; see MemoryStore")
        self._path = os.path.abspath(name)  # what comes later may change the folder
        self._timeout = timeout
        self._durable = durable
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._idle: list[sqlite3.Connection] = []
        #: SQLite's own waiting polls, with pauses up to 0.1 s: threads of one process queue here.
        self._writing = threading.Lock()
        self._swept = self._clock()

    # --- connections ------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != _LAYOUT:
                self._lay_out(connection)
            self._use_wal(connection)
            mode = "FULL" if self._durable else "NORMAL"
            connection.execute(f"PRAGMA synchronous = {mode}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        """Make the table. Looked at again behind the lock: another process may just have made it.

        Raises StoreError for a file that is somebody else's.
        """
        connection.execute("BEGIN IMMEDIATE")
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if layout > _LAYOUT:
            raise StoreError(f"{self._path} was made by a newer version of hyperglyph")
        if application != _APPLICATION and (layout or tables or application):
            raise StoreError(f"{self._path} is a database of something else")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """A property of the file, set once; setting it does not wait for others by itself."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            self._reset()

    @contextmanager
    def _connection(self, doing: str) -> Generator[sqlite3.Connection]:
        """A connection for one operation; what SQLite raises becomes a StoreError."""
        connection = None
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                connection = None
            raise StoreError(f"cannot {doing} {self._path}: {error}") from error
        finally:
            if connection is not None:
                self._idle.append(connection)

    def _change(self, statement: str, *values: object) -> bool:
        """Run one statement that writes. Returns whether it changed a row."""
        self._after_fork()
        with self._writing, self._connection("write to") as connection:
            changed = connection.execute(statement, values).rowcount > 0
            now = self._clock()
            if now - self._swept >= _SWEEP_EVERY:
                with suppress(sqlite3.OperationalError):  # the writing itself is done
                    if connection.execute(_SWEEP, (now, _SWEEP_MOST)).rowcount < _SWEEP_MOST:
                        self._swept = now
        return changed

    # --- the protocol -----------------------------------------------------------------------------

    def get(self, key: str, /) -> Entry | None:
        self._after_fork()
        with self._connection("read") as connection:
            rows = connection.execute(_GET, (key, self._clock())).fetchall()
        if not rows:
            return None
        data, version = rows[0]
        return Entry(load(data, f"the entry {key!r} of {self._path}"), version)

    def put(self, key: str, value: Any, /, *, expires_in: float | None = None) -> int:
        version = new_version()
        self._change(_PUT, key, dump(value), version, until(self._clock(), expires_in))
        return version

    def compare_and_set(
        self, key: str, value: Any, version: int | None, /, *, expires_in: float | None = None
    ) -> int | None:
        data, new, now = dump(value), new_version(), self._clock()
        expires = until(now, expires_in)
        if version is None:
            done = self._change(_CREATE, key, data, new, expires, now)
        else:
            done = self._change(_REPLACE, data, new, expires, key, version, now)
        return new if done else None

    def delete(self, key: str, version: int | None = None, /) -> bool:
        return self._change(_DELETE, key, version, self._clock())

    def close(self) -> None:
        """Close the connections. A later use opens new ones."""
        if self._pid == os.getpid():
            while self._idle:
                self._idle.pop().close()

    def __repr__(self) -> str:
        return f"<SQLiteStore {self._path}>"


def _code(error: sqlite3.Error) -> int:
    """The primary result code: the extended ones have more in the upper bits."""
    return error.sqlite_errorcode & 0xFF
