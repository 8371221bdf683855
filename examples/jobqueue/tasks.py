"""The tasks of all queues, in one SQLite file.

A task is waiting, taken or done. Who takes one has it until its lease ends; from then on it may be
given to another. Each time it is given it gets the next attempt number, and only the latest attempt
can complete it. So a worker that dies loses nothing, and one that comes too late completes nothing.

What decides is always a single statement, which SQLite makes atomic between any number of threads
and processes.
"""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

SCHEMA = """
    CREATE TABLE IF NOT EXISTS tasks (
        number INTEGER PRIMARY KEY,
        queue TEXT NOT NULL,
        url TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        lease_ends REAL NOT NULL DEFAULT 0,
        done INTEGER NOT NULL DEFAULT 0,
        UNIQUE (queue, url)
    );
    CREATE INDEX IF NOT EXISTS tasks_open ON tasks (queue, number) WHERE NOT done;
"""


class Tasks:
    """Tasks are named by queue and URL; times are in seconds, `lease_ends` since 1970.

    May be used from any thread; several processes may have the file open.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(SCHEMA)

    def run(self, statement: str, *values: object) -> list[Any]:
        """One statement, and the rows that it returns."""
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def add(self, queue: str, url: str) -> bool:
        """Returns whether it is new: what is there already is not made again."""
        statement = "INSERT OR IGNORE INTO tasks (queue, url) VALUES (?, ?) RETURNING number"
        return bool(self.run(statement, queue, url))

    def take(self, queue: str, lease: float) -> tuple[str, int] | None:
        """The URL and attempt of the oldest task that nobody has; None if there is none now."""
        statement = """
            UPDATE tasks SET attempt = attempt + 1, lease_ends = ? WHERE number = (
                SELECT number FROM tasks WHERE queue = ? AND NOT done AND lease_ends <= ?
                ORDER BY number LIMIT 1
            ) RETURNING url, attempt
        """
        now = time.time()
        rows = self.run(statement, now + lease, queue, now)
        return rows[0] if rows else None

    def complete(self, queue: str, url: str, attempt: int) -> bool:
        """Returns whether this attempt has completed it, now or before.

        A late one still does, as long as the task has not been given to another.
        """
        statement = """
            UPDATE tasks SET done = 1 WHERE queue = ? AND url = ? AND attempt = ? RETURNING number
        """
        return bool(self.run(statement, queue, url, attempt))

    def count(self, queue: str) -> dict[str, int]:
        """How many are waiting, taken and done, by these words."""
        statement = """
            SELECT count(*) FILTER (WHERE NOT done AND lease_ends <= ?),
                count(*) FILTER (WHERE NOT done AND lease_ends > ?), count(*) FILTER (WHERE done)
            FROM tasks WHERE queue = ?
        """
        now = time.time()
        waiting, taken, done = self.run(statement, now, now, queue)[0]
        return {"waiting": waiting, "taken": taken, "done": done}

    def close(self) -> None:
        self._database.close()
