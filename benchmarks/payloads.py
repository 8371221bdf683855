"""The values that the benchmarks carry, from one seed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

SEED = 20120812


def _word(rng: random.Random, low: int, high: int) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(low, high)))


def _argument_dict(rng: random.Random) -> Any:
    return {"subject": "hello", "count": 3, "ratio": 0.25, "urgent": True, "to": _word(rng, 8, 8)}


def record(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"{_word(rng, 4, 9)} {_word(rng, 4, 12)}",
        "email": f"{_word(rng, 5, 10)}@{_word(rng, 4, 8)}.example",
        "score": rng.uniform(0, 100),
        "active": rng.random() < 0.5,
        "manager": None if rng.random() < 0.5 else rng.randrange(1000),
        "address": {"street": _word(rng, 8, 20), "city": _word(rng, 4, 10), "number": number % 97},
        "balance": rng.randrange(-(10**6), 10**9),
        "note": " ".join(_word(rng, 2, 9) for _ in range(8)),
        "weight": rng.gauss(70, 12),
    }


def _short_text(rng: random.Random) -> str:
    alphabet = "abcdefghij" if rng.random() < 0.7 else "äöüßéèñçžλ"
    return "".join(rng.choices(alphabet, k=rng.randint(3, 14)))


def _rich_record(rng: random.Random, number: int) -> dict[str, Any]:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return {
        "id": number,
        "when": start + timedelta(seconds=rng.randrange(10**8), microseconds=rng.randrange(10**6)),
        "took": timedelta(milliseconds=rng.randrange(10**7)),
        "tags": {_word(rng, 3, 8) for _ in range(4)},
        "digest": rng.randbytes(20),
        "key": rng.getrandbits(160),
    }


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"level": level, "inner": value} if level % 2 else [level, value]
    return value


def payloads() -> dict[str, Any]:
    """The payloads by name, from one seed."""
    rng = random.Random(SEED)  # noqa: S311
    return {
        "a": _argument_dict(rng),
        "b": [record(rng, number) for number in range(1000)],
        "c": [rng.getrandbits(rng.choice((4, 7, 15, 31, 62))) for _ in range(100_000)],
        "d": [rng.uniform(-1e6, 1e6) for _ in range(100_000)],
        "e": [_short_text(rng) for _ in range(20_000)],
        "f": rng.randbytes(10_000_000),
        "g": [_rich_record(rng, number) for number in range(500)],
        "h": _nested(100),
        "None": None,
        "1": 1,
        "hello": "hello",
    }
