"""`RedisStore`: a Redis server, or one that speaks its protocol, for processes of many machines.

An entry is one string: a byte for the layout, eight for the version, then the value. What is
written under a condition is compared and set by a script, which Redis runs as one step. Redis
itself removes what has expired, by its own clock, so that all machines agree on the time.

An answer that is lost says nothing of what was done. A version is drawn here and nobody else's,
so `compare_and_set` asks once more: an entry that has it already was written by the first try.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from .base import Entry, StoreError, dump, load, new_version, until

__all__ = ["RedisStore"]

_LAYOUT: Final = b"\x01"
_HEAD: Final = 9
#: Some 30,000 years: what is to stay longer does not fit into Redis's milliseconds.
_LONGEST: Final = 10**15

#: KEYS: the entry. ARGV: the head that it has to have (empty: none), the new string, milliseconds.
_COMPARE_AND_SET: Final = """
local head = redis.call('GETRANGE', KEYS[1], 0, 8)
if head == string.sub(ARGV[2], 1, 9) then return 1 end
if head ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""
_COMPARE_AND_DELETE: Final = """
if redis.call('GETRANGE', KEYS[1], 0, 8) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class _Redis(Protocol):
    """What is used of the library's client, whose own types say less."""

    connection_pool: Any

    def get(self, name: str, /) -> bytes | None: ...
    def set(self, name: str, value: bytes, *, px: int | None) -> object: ...
    def delete(self, name: str, /) -> int: ...
    def eval(self, script: str, numkeys: int, /, *keys_and_args: str | bytes) -> int: ...


class RedisStore:
    """Keeps entries in the Redis server at `url`, under keys that begin with `prefix`.

    `url` is as the library redis takes it: `redis://[user:password@]host:port/number`, `rediss://`
    for TLS, `unix:///path`. May be used from any thread, and in a child after a fork. `timeout` is
    how many seconds Redis has to connect and to answer before it is a StoreError. A connection is
    made when it is needed, so that a server that was away is used as soon as it is back.

    What was written survives a crash of Redis only as far as Redis is told to write it to disk
    (`appendonly`); where its memory is limited, it must not evict (`maxmemory-policy noeviction`).

    Raises ImportError where the library redis is missing: `pip install hyperglyph[redis]`.
    """

    def __init__(
        self,
        url: str = "redis://127.0.0.1:6379/0",
        *,
        prefix: str = "hyperglyph:",
        timeout: float = 5.0,
    ) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise ImportError(
                "RedisStore needs the library redis, which is not installed: "
                "pip install hyperglyph[redis]"
            ) from error
        self._error: type[Exception] = redis.RedisError
        self._cut: type[Exception] = redis.ConnectionError
        self._late: type[Exception] = redis.TimeoutError
        self._prefix = prefix
        # The library would repeat on its own what may have been carried out.
        library: Any = redis
        pool = library.ConnectionPool.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            max_connections=2**31,
        )
        self._where = _where(pool.connection_kwargs)
        self._redis: _Redis = library.Redis(connection_pool=pool)

    @contextmanager
    def _doing(self, what: str, *, unknown: bool = False) -> Generator[None]:
        """What the library raises becomes a StoreError."""
        try:
            yield
        except self._error as error:
            lost = isinstance(error, self._cut | self._late)
            raise StoreError(
                f"cannot {what} {self._where}: {error}", unknown=unknown and lost
            ) from error

    def get(self, key: str, /) -> Entry | None:
        with self._doing("read"):
            found = self._redis.get(self._prefix + key)
        if found is None:
            return None
        where = f"the entry {key!r} of {self._where}"
        if found[:1] != _LAYOUT or len(found) <= _HEAD:
            raise StoreError(f"{where} was written by something else")
        return Entry(load(found[_HEAD:], where), int.from_bytes(found[1:_HEAD]))

    def put(self, key: str, value: Any, /, *, expires_in: float | None = None) -> int:
        version = new_version()
        data = _head(version) + dump(value)
        milliseconds = _milliseconds(expires_in)
        with self._doing("write to", unknown=True):
            self._redis.set(self._prefix + key, data, px=milliseconds)
        return version

    def compare_and_set(
        self, key: str, value: Any, version: int | None, /, *, expires_in: float | None = None
    ) -> int | None:
        new = new_version()
        milliseconds = _milliseconds(expires_in)
        arguments = (
            b"" if version is None else _head(version),
            _head(new) + dump(value),
            b"" if milliseconds is None else b"%d" % milliseconds,
        )
        with self._doing("write to", unknown=True):
            try:
                done = self._run(_COMPARE_AND_SET, key, *arguments)
            except self._cut:
                done = self._run(_COMPARE_AND_SET, key, *arguments)
                if not done:  # the first try lost, or somebody wrote after it
                    raise
        return new if done else None

    def delete(self, key: str, version: int | None = None, /) -> bool:
        with self._doing("write to", unknown=True):
            if version is None:
                return self._redis.delete(self._prefix + key) > 0
            return self._run(_COMPARE_AND_DELETE, key, _head(version))

    def _run(self, script: str, key: str, *arguments: bytes) -> bool:
        return self._redis.eval(script, 1, self._prefix + key, *arguments) > 0

    def close(self) -> None:
        """Close the connections. A later use opens new ones."""
        self._redis.connection_pool.disconnect(False)

    def __repr__(self) -> str:
        return f"<RedisStore {self._where}>"


def _head(version: int) -> bytes:
    """What an entry of that version begins with; no entry has a version that does not fit."""
    return _LAYOUT + (version.to_bytes(8) if 0 <= version < 2**64 else b"")


def _milliseconds(expires_in: float | None) -> int | None:
    seconds = until(0.0, expires_in)
    if seconds is None or seconds * 1000 > _LONGEST:
        return None
    return math.ceil(seconds * 1000)


def _where(options: dict[str, Any]) -> str:
    """Which server, without its password."""
    address = f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return f"redis at {options.get('path', address)}, number {options.get('db') or 0}"
