"""The codec against its peers: `make bench`, or `python benchmarks/codec.py [--quick]`.

Absolute times say little on a shared machine, so every figure is a ratio to msgpack (its C
version): in each round all candidates run once, interleaved, and the table shows the median of
the ratios of one round, with half the distance between their quartiles after `+-`. Lower is
better; `-` stands where a peer cannot carry the payload.
"""

import argparse
import gc
import json
import marshal
import os
import pickle
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import msgpack
import msgpack.fallback
from payloads import SEED, payloads

from hyperglyph.codec import Limits, decode, encode

UNIT = "msgpack"
OURS = "hyperglyph"
#: What the pure codec is to reach on b, as a ratio to msgpack.fallback.
GOALS = {"encode": 0.4, "decode": 0.6}
_SECONDS = 0.02  # what one measurement should take at least

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]


# --- Candidates -----------------------------------------------------------------------------------


@attrs.frozen
class Candidate:
    name: str
    encode: Encode
    decode: Decode


def _hook(value: object) -> Any:
    """What g needs of a peer without these types; ints beyond 64 bits are not asked for hooks."""
    if isinstance(value, datetime):
        return msgpack.ExtType(1, value.isoformat().encode())
    if isinstance(value, timedelta):
        micros = (value.days * 86400 + value.seconds) * 10**6 + value.microseconds
        return msgpack.ExtType(2, b"%d" % micros)
    if isinstance(value, set):
        return msgpack.ExtType(3, msgpack.packb(list(value)))
    if isinstance(value, int):
        return msgpack.ExtType(4, value.to_bytes(32, "big", signed=True))
    raise TypeError(type(value).__name__)


def _unhook(code: int, data: bytes) -> Any:
    if code == 1:
        return datetime.fromisoformat(data.decode())
    if code == 2:
        return timedelta(microseconds=int(data))
    if code == 3:
        return set(msgpack.unpackb(data))
    return int.from_bytes(data, "big", signed=True)


def candidates() -> list[Candidate]:
    """This codec with all its limits on, and its peers; the limits fit the largest payload."""
    limits = Limits()
    fallback = msgpack.fallback
    return [
        Candidate(OURS, encode, lambda data: decode(data, limits=limits)),
        Candidate(
            UNIT,
            lambda value: msgpack.packb(value, default=_hook),
            lambda data: msgpack.unpackb(data, ext_hook=_unhook, strict_map_key=False),
        ),
        Candidate(
            "msgpack.fallback",
            lambda value: fallback.Packer(default=_hook).pack(value),
            _unpack_fallback,
        ),
        Candidate("json", lambda value: json.dumps(value).encode(), json.loads),
        Candidate("pickle", pickle.dumps, pickle.loads),
        Candidate("marshal", marshal.dumps, marshal.loads),
    ]


def _unpack_fallback(data: bytes) -> Any:
    unpacker = msgpack.fallback.Unpacker(
        None, ext_hook=_unhook, strict_map_key=False, max_buffer_size=len(data)
    )
    unpacker.feed(data)
    return unpacker.unpack()


def carries(candidate: Candidate, value: Any) -> bool:
    """Whether the value comes back equal and of the same type."""
    try:
        back = candidate.decode(candidate.encode(value))
    except (TypeError, ValueError, OverflowError):
        if candidate.name == OURS:
            raise
        return False
    return type(back) is type(value) and back == value


# --- Measuring ------------------------------------------------------------------------------------


def _calls(call: Callable[[], object]) -> int:
    """How often to call it so that the clock's own grain does not show."""
    count = 1
    while True:
        began = time.perf_counter()
        for _ in range(count):
            call()
        took = time.perf_counter() - began
        if took >= _SECONDS / 4:
            return max(1, round(count * _SECONDS / took))
        count *= 4


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds a call by name, one figure a round, the names interleaved in a new order each."""
    counts = {name: _calls(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    rng = random.Random(SEED)  # noqa: S311
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            rng.shuffle(order)
            for name in order:
                call, count = calls[name], counts[name]
                began = time.perf_counter()
                for _ in range(count):
                    call()
                times[name].append((time.perf_counter() - began) / count)
            gc.collect()
    finally:
        gc.enable()
    return times


def ratio(times: Sequence[float], unit: Sequence[float]) -> tuple[float, float]:
    """The median of the paired ratios, and half the distance between their quartiles."""
    pairs = [one / other for one, other in zip(times, unit, strict=True)]
    if len(pairs) < 2:
        return pairs[0], 0.0
    first, _, third = statistics.quantiles(pairs, n=4)
    return statistics.median(pairs), (third - first) / 2


def show(direction: str, measured: dict[str, dict[str, list[float]]], names: list[str]) -> str:
    lines = [f"{direction + ' / ' + UNIT:18}" + "".join(f"{name:>16}" for name in measured)]
    for name in names:
        cells: list[str] = []
        for times in measured.values():
            if name not in times:
                cells.append("-")
            elif name == UNIT:
                cells.append(f"{1e6 * statistics.median(times[name]):,.1f} us")
            elif UNIT in times:
                middle, spread = ratio(times[name], times[UNIT])
                digits = 2 if middle < 100 else 0
                cells.append(f"{middle:.{digits}f} +-{spread:.{digits}f}")
        lines.append(f"{name:18}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="The codec against its peers.")
    parser.add_argument("--quick", action="store_true", help="3 rounds in place of 15")
    parser.add_argument("--only", default="", help="payloads, separated by commas")
    options = parser.parse_args()
    rounds = 3 if options.quick else 15
    if hasattr(os, "sched_setaffinity"):  # one core: no figure for a move between two
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    chosen = payloads()
    if options.only:
        chosen = {name: chosen[name] for name in options.only.split(",")}
    everyone = candidates()
    tables: dict[str, dict[str, dict[str, list[float]]]] = {"encode": {}, "decode": {}}
    for name, value in chosen.items():
        able = [candidate for candidate in everyone if carries(candidate, value)]
        encoders = {one.name: _bind(one.encode, value) for one in able}
        decoders = {one.name: _bind(one.decode, one.encode(value)) for one in able}
        tables["encode"][name] = measure(encoders, rounds)
        tables["decode"][name] = measure(decoders, rounds)
        print(f"... {name}: {len(encode(value)):,} bytes", file=sys.stderr, flush=True)

    names = [candidate.name for candidate in everyone]
    print(
        f"Python {sys.version.split()[0]}, msgpack {'.'.join(map(str, msgpack.version))}, ", end=""
    )
    print(f"{rounds} rounds; the row {UNIT} shows its time, the others their ratio to it\n")
    for direction, measured in tables.items():
        print(show(direction, measured, names) + "\n")
    for direction, goal in GOALS.items():
        times = tables[direction].get("b")
        if times is not None:
            middle, spread = ratio(times[OURS], times["msgpack.fallback"])
            met = "met" if middle <= goal else "MISSED"
            print(
                f"pure goal, {direction} of b / msgpack.fallback: "
                f"{middle:.2f} +-{spread:.2f}, at most {goal}: {met}"
            )
    return 0


def _bind(function: Callable[[Any], object], argument: object) -> Callable[[], object]:
    return lambda: function(argument)


if __name__ == "__main__":
    sys.exit(main())
