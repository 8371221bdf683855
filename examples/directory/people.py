"""What one shard keeps: an SQLite file with who lives where, and all about those who live here.

It knows nothing of hyperglyph.
"""

import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from typing import Any

Statement = tuple[str, Iterable[tuple[object, ...]]]

COUNT = 1_000

FIRST = re.findall(
    r"\w+",
    "Ada Bea Cleo Dana Edda Fay Gil Hedy Ines Jana Kaja Lena Mara Nora Olga Pia Rosa Sina Tara Uma "
    "Abe Ben Cai Dirk Emil Finn Gus Hans Ivo Jan Karl Leo Max Nils Otto Paul Rolf Sven Tom Uwe",
)
LAST = re.findall(
    r"\w+",
    "Adler Bauer Carver Dyer Ende Fisher Glover Hunter Inman Joiner Keller Lang Miller Noll Osmond "
    "Piper Quade Ritter Smith Taylor Unger Vogel Weber Young Zimmer",
)
CITIES = ("Bergen", "Ghent", "Lyon", "Porto", "Turin")

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, shard INTEGER);
CREATE TABLE IF NOT EXISTS profiles (user INTEGER PRIMARY KEY, city TEXT, phone TEXT);
CREATE TABLE IF NOT EXISTS friends (user INTEGER, friend INTEGER, PRIMARY KEY (user, friend));
CREATE TABLE IF NOT EXISTS messages (user INTEGER, subject TEXT, body TEXT);
"""


class People:
    """The tables of a shard, usable from any thread.

    `users` holds everybody, on both shards the same; the other tables hold those who live here.
    """

    def __init__(self, path: str, shard: int) -> None:
        """Open the file, or make it with its share of the first 1,000 users."""
        self.shard = shard
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(TABLES)
        if not self._rows("SELECT id FROM users LIMIT 1"):
            self._fill()

    def close(self) -> None:
        self._db.close()

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def _write(self, *statements: Statement) -> None:
        """All of it in one transaction."""
        with self._lock, self._db:
            for statement, rows in statements:
                self._db.executemany(statement, rows)

    def _fill(self) -> None:
        ids = range(COUNT)
        here = ids[self.shard :: 2]
        self._write(
            ("INSERT INTO users VALUES (?, ?, ?)", ((n, name_of(n), n % 2) for n in ids)),
            (
                "INSERT INTO profiles VALUES (?, ?, ?)",
                ((n, CITIES[n % 5], f"+00 555 {n:04}") for n in here),
            ),
            (
                "INSERT INTO friends VALUES (?, ?)",
                ((n, (n + step) % COUNT) for n in here for step in (1, 2, 500)),
            ),
        )

    # --- everybody ------------------------------------------------------------------------------

    def id_of(self, name: object) -> int | None:
        if not isinstance(name, str):
            return None
        found = self._rows("SELECT id FROM users WHERE name = ?", name)
        return found[0]["id"] if found else None

    def user(self, number: object) -> sqlite3.Row | None:
        """Name and shard of a user; None for whatever is nobody's number."""
        if not isinstance(number, int) or number.bit_length() > 63:
            return None
        found = self._rows("SELECT name, shard FROM users WHERE id = ?", number)
        return found[0] if found else None

    # --- who lives here -------------------------------------------------------------------------

    def search(self, text: str, start: int, count: int) -> list[int]:
        """Those who live here and have `text` in their name, in the order of their names."""
        found = self._rows(
            "SELECT id FROM users WHERE shard = ? AND instr(lower(name), lower(?)) "
            "ORDER BY name LIMIT ? OFFSET ?",
            *(self.shard, text, count, start),
        )
        return [row["id"] for row in found]

    def count(self, text: str) -> int:
        """How many live here and have `text` in their name."""
        query = "SELECT count(*) FROM users WHERE shard = ? AND instr(lower(name), lower(?))"
        return int(self._rows(query, self.shard, text)[0][0])

    def profile(self, user: int) -> sqlite3.Row:
        """City and phone."""
        return self._rows("SELECT city, phone FROM profiles WHERE user = ?", user)[0]

    def friends(self, user: int) -> list[int]:
        """Wherever they live."""
        found = self._rows("SELECT friend FROM friends WHERE user = ? ORDER BY friend", user)
        return [row["friend"] for row in found]

    def befriend(self, user: int, friend: int) -> None:
        self._write(("INSERT OR IGNORE INTO friends VALUES (?, ?)", [(user, friend)]))

    def unfriend(self, user: int, friend: int) -> None:
        self._write(("DELETE FROM friends WHERE user = ? AND friend = ?", [(user, friend)]))

    def messages(self, user: int) -> list[tuple[str, str]]:
        """Subject and body of each, the oldest first."""
        query = "SELECT subject, body FROM messages WHERE user = ? ORDER BY rowid"
        return [(row["subject"], row["body"]) for row in self._rows(query, user)]

    def deliver(self, user: int, subject: str, body: str) -> None:
        self._write(("INSERT INTO messages VALUES (?, ?, ?)", [(user, subject, body)]))

    # --- moving ---------------------------------------------------------------------------------

    def residents(self, city: str) -> list[dict[str, Any]]:
        """All about those who live here and in a city, as plain data."""
        found = self._rows("SELECT user, phone FROM profiles WHERE city = ? ORDER BY user", city)
        return [
            {
                "id": row["user"],
                "city": city,
                "phone": row["phone"],
                "friends": self.friends(row["user"]),
                "messages": self.messages(row["user"]),
            }
            for row in found
        ]

    def adopt(self, residents: Iterable[Mapping[str, Any]]) -> None:
        """Let them live here. Those who do already are replaced, so it may be repeated."""
        new = list(residents)
        self._write(
            *_removal(new, self.shard),
            (
                "INSERT INTO profiles VALUES (?, ?, ?)",
                ((one["id"], one["city"], one["phone"]) for one in new),
            ),
            (
                "INSERT INTO friends VALUES (?, ?)",
                ((one["id"], friend) for one in new for friend in one["friends"]),
            ),
            (
                "INSERT INTO messages VALUES (?, ?, ?)",
                ((one["id"], *message) for one in new for message in one["messages"]),
            ),
        )

    def release(self, residents: Iterable[Mapping[str, Any]]) -> None:
        """They live on the other shard now."""
        self._write(*_removal(residents, 1 - self.shard))


def _removal(residents: Iterable[Mapping[str, Any]], shard: int) -> list[Statement]:
    """What removes all about users, and notes the shard where they live."""
    gone = [(one["id"],) for one in residents]
    tables = ("profiles", "friends", "messages")
    return [
        ("UPDATE users SET shard = ? WHERE id = ?", [(shard, *one) for one in gone]),
        *((f"DELETE FROM {table} WHERE user = ?", gone) for table in tables),  # noqa: S608
    ]


def name_of(number: int) -> str:
    """The name of one of the first 1,000 users."""
    return f"{FIRST[number % len(FIRST)]} {LAST[number // len(FIRST)]}"
