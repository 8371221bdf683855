"""Damages the messages of the vectors at random, and looks for what no decoder may do.

    python tests/fuzz/fuzz_codec.py [SECONDS] [--seed N]

Of every message: nothing but DecodeError comes out, and that at an offset inside the message; the
answer is the same in pieces; any 64 KiB take a bounded time; and what decodes has canonical bytes
that decode to the same canonical bytes. A failure is shown with its message in hex, and with the
seed that leads to it, and ends the run with status 1.
"""

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from hyperglyph.codec import DecodeError, EncodeError, Reader, decode, encode, readable
from hyperglyph.conformance.cases import load

LONGEST = 65_536
#: Processor seconds for one message of up to 64 KiB. The target is 50 ms; machines differ.
PATIENCE = 0.5

TOKENS = (
    b"L", b"S", b"D", b"O", b"X", b"B0:", b"B1:", b"u", b"b", b"i", b"f", b"d", b"p", b"T;", b"F;",
    b"N;", b";", b":", b" ", b"\n", b"-", b"+", b"0", b"9", b"c0:", b"c0;", b"c1;", b"u1:a;", b"D;",
    b"L;", b"i1;", b"f1;", b"u9999999999:", b"Xu1:x;D;", b"\x00", b"\xff", b"\xc3\xa9", b"fnan;",
    b"i2305843009213693951;",
)  # fmt: skip


class Mutator:
    """Random damage that keeps most of the structure, so that it goes deep."""

    def __init__(self, seeds: Sequence[bytes], choice: random.Random) -> None:
        self.seeds = seeds
        self.random = choice
        self.steps: tuple[Callable[[bytearray], None], ...] = (
            self.replace_byte, self.flip_bit, self.insert_token, self.delete, self.repeat,
            self.splice, self.swap, self.cut, self.change_number, self.wrap,
        )  # fmt: skip

    def message(self) -> bytes:
        data = bytearray(self.random.choice(self.seeds))
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 8))):
            self.random.choice(self.steps)(data)
        return bytes(data[:LONGEST])

    def _at(self, data: bytearray) -> int:
        return self.random.randrange(len(data) + 1)

    def replace_byte(self, data: bytearray) -> None:
        if data:
            data[self.random.randrange(len(data))] = self.random.randrange(256)

    def flip_bit(self, data: bytearray) -> None:
        if data:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)

    def insert_token(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self.random.choice(TOKENS)

    def delete(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + self.random.choice((1, 1, 2, 5, 20))]

    def repeat(self, data: bytearray) -> None:
        at, length = self._at(data), self.random.choice((1, 2, 5, 20, 100))
        piece = data[at : at + length]
        data[at:at] = piece * self.random.choice((1, 1, 2, 10, 100, LONGEST // (length + 1)))

    def splice(self, data: bytearray) -> None:
        other = self.random.choice(self.seeds)
        start = self.random.randrange(len(other) + 1)
        at = self._at(data)
        data[at : at + self.random.choice((0, 0, 3))] = other[start : start + 200]

    def swap(self, data: bytearray) -> None:
        a, b = sorted((self._at(data), self._at(data)))
        data[a:] = data[b:] + data[a:b]

    def cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def change_number(self, data: bytearray) -> None:
        digits = [at for at, byte in enumerate(data[:2_000]) if 0x30 <= byte <= 0x39]
        if digits:
            at = self.random.choice(digits)
            data[at : at + 1] = self.random.choice((b"0", b"1", b"9", b"00", b"10", b"255", b""))

    def wrap(self, data: bytearray) -> None:
        start = self.random.choice((b"L", b"S", b"Di1;", b"Xu1:x;D;", b"LB0:D;;"))
        levels = self.random.choice((1, 1, 2, 99, 100, 500))
        data[:] = start * levels + data + b";" * levels


def outcome(message: bytes) -> tuple[str, int] | bytes:
    try:
        return canonical(decode(message))
    except DecodeError as error:
        if not 0 <= error.offset <= len(message):
            raise AssertionError(f"offset outside of the message: {error}") from None
        return str(error), error.offset


def outcome_in_pieces(message: bytes, choice: random.Random) -> tuple[str, int] | bytes:
    reader = Reader()
    position, largest = 0, choice.choice((1, 3, 50, 5_000))
    try:
        while position < len(message):
            size = choice.randint(1, largest)
            reader.feed(message[position : position + size])
            position += size
        return canonical(reader.close())
    except DecodeError as error:
        return str(error), error.offset


def canonical(value: object) -> bytes:
    try:
        return encode(value, canonical=True)
    except EncodeError as error:
        # The one thing that decodes and may not be written.
        if error.reason == "a blob in the attributes of a blob":
            return b""
        raise


def check(message: bytes, choice: random.Random) -> None:
    """Raise whatever the codec should not, or AssertionError."""
    begin = time.process_time()
    whole = outcome(message)
    spent = time.process_time() - begin
    if spent > PATIENCE:
        raise AssertionError(f"took {spent:.2f} s")
    if isinstance(whole, bytes) and whole and outcome(whole) != whole:
        raise AssertionError(f"canonical bytes are no fixed point: {whole!r}")
    pieces = outcome_in_pieces(message, choice)
    if pieces != whole:
        raise AssertionError(f"whole: {whole!r:.200}\nin pieces: {pieces!r:.200}")
    readable(message[:5_000])


def seeds() -> list[bytes]:
    """The messages of the vectors, short enough to be damaged."""
    wires = [vector.wire for vector in load() if vector.wire is not None]
    return [wire for wire in wires if len(wire) <= LONGEST]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fuzz the decoder with damaged vectors.")
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    seed: int = options.seed if options.seed is not None else random.randrange(2**32)
    choice = random.Random(seed)
    mutator = Mutator(seeds(), choice)
    print(f"seed {seed}, {len(mutator.seeds)} messages to start from", flush=True)
    end, count = time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        message = mutator.message()
        count += 1
        try:
            check(message, choice)
        except Exception:  # noqa: BLE001 - any of them is what is looked for
            traceback.print_exc()
            print(f"seed {seed}, message {count}: {message.hex()}")
            return 1
    print(f"{count} messages, no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
