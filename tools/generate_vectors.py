"""Write spec/vectors/TOPIC-generated.json: vectors that are better made than written.

    python tools/generate_vectors.py            write the files
    python tools/generate_vectors.py --check    compare them instead; status 1 if they differ

Nothing of the codec is imported. What is expected follows from how a vector is made: floats are
rounded on fractions, instants counted in days and microseconds, and octets joined from the typed
value by the few lines of `emit`. Every family of names throws its own dice, so that a change to one
leaves the others as they are; and the dice are arithmetic of this file, the same on every Python.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

Typed: TypeAlias = dict[str, Any]
Vectors: TypeAlias = Iterator[Typed]
T = TypeVar("T")

FOLDER = Path(__file__).resolve().parent.parent / "spec" / "vectors"
SPACES = (b" ", b"\t", b"\v", b"\r", b"\n")
CHUNK = 65_536


class Dice:
    """Numbers that look random and are the same everywhere (splitmix64)."""

    def __init__(self, family: str) -> None:
        self._state = int.from_bytes(hashlib.sha256(family.encode()).digest()[:8], "big")

    def bits(self, count: int) -> int:
        drawn = 0
        for _ in range(0, count, 64):
            self._state = (self._state + 0x9E3779B97F4A7C15) % 2**64
            mixed: int = (self._state ^ (self._state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
            drawn = drawn << 64 | mixed ^ (mixed >> 31)
        return drawn & (1 << count) - 1

    def below(self, bound: int) -> int:
        return self.bits(bound.bit_length() + 64) % bound

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def pick(self, choice: Sequence[T]) -> T:
        return choice[self.below(len(choice))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in items]

    def digits(self, count: int) -> str:
        """Decimal digits of which the first is not zero."""
        return str(self.between(10 ** (count - 1), 10**count - 1))


# Values and their octets


def literal(kind: str, value: object) -> Typed:
    return {"type": kind, "value": str(value)}


def octets(data: bytes) -> Typed:
    return {"type": "bytearray", "hex": data.hex()}


def emit(value: Typed, blobs: list[bytes]) -> bytes:
    """Return the canonical octets of `value` without chunks; add blobs' contents to `blobs`."""
    kind = value["type"]
    if kind in SINGLETONS:
        return SINGLETONS[kind]
    if kind in LITERALS:
        return LITERALS[kind] + str(value["value"]).encode() + b";"
    if kind == "unicode":
        return counted(b"u", value["value"].encode())
    if kind == "bytearray":
        return counted(b"b", content(value))
    if kind == "list":
        return b"L" + b"".join(emit(item, blobs) for item in value["items"]) + b";"
    if kind == "set":
        return b"S" + b"".join(sorted(emit(item, blobs) for item in value["items"])) + b";"
    if kind == "ordered_dict":
        return b"O" + b"".join(emit(part, blobs) for pair in value["pairs"] for part in pair) + b";"
    if kind == "dict":
        pairs = sorted((emit(key, blobs), index) for index, (key, _) in enumerate(value["pairs"]))
        held = (key + emit(value["pairs"][index][1], blobs) for key, index in pairs)
        return b"D" + b"".join(held) + b";"
    if kind == "extension":
        parts = (literal("unicode", value["name"]), value["attributes"], value["content"])
        return b"X" + b"".join(emit(part, blobs) for part in parts) + b";"
    blobs.append(content(value))
    return b"B%d:" % (len(blobs) - 1) + emit(value["attributes"], blobs) + b";"


SINGLETONS = {"nil": b"N;", "true": b"T;", "false": b"F;"}
LITERALS = {"integer": b"i", "float": b"f", "datetime": b"d", "timedelta": b"p"}


def canonical(value: Typed) -> bytes:
    blobs: list[bytes] = []
    parts = [emit(value, blobs)]
    for number, data in enumerate(blobs):
        for start in range(0, len(data), CHUNK):
            piece = data[start : start + CHUNK]
            parts.append(b"c%d:%d:%s;" % (number, len(piece), piece))
        parts.append(b"c%d;" % number)
    return b"".join(parts)


def counted(prefix: bytes, data: bytes) -> bytes:
    return prefix + (b"%d:" % len(data) + data if data else b"") + b";"


def content(value: Typed) -> bytes:
    if "repeat" in value:
        return bytes.fromhex(value["repeat"]) * int(value["times"])
    return bytes.fromhex(value["hex"])


class Speller:
    """Writes a value in one of its other spellings: white space, zeros, signs, order, blob ids."""

    def __init__(self, dice: Dice, spaces: bool = True) -> None:
        self.dice = dice
        self.spaces = spaces
        self.blobs: list[tuple[int, bytes]] = []

    def space(self) -> bytes:
        if not self.spaces or self.dice.below(4):
            return b""
        return b"".join(self.dice.pick(SPACES) for _ in range(self.dice.between(1, 3)))

    def zeros(self) -> bytes:
        return b"0" * self.dice.pick((0, 0, 1, 3))

    def message(self, value: Typed) -> bytes:
        root = self.space() + self.write(value) + self.space()
        return root + b"".join(part + self.space() for part in self.trailers())

    def trailers(self) -> list[bytes]:
        """Return chunks of all blobs, cut and mixed by the dice, each blob's own in order."""
        queues: list[list[bytes]] = []
        for number, data in self.blobs:
            queue: list[bytes] = []
            rest = data
            while rest:
                size = self.dice.between(0, min(len(rest), 5))
                queue.append(
                    b"c%s%d:%s%d:%s;" % (self.zeros(), number, self.zeros(), size, rest[:size])
                )
                rest = rest[size:]
            queues.append([*queue, b"c%s%d;" % (self.zeros(), number)])
        mixed: list[bytes] = []
        while queues:
            queue = self.dice.pick(queues)
            mixed.append(queue.pop(0))
            queues = [queue for queue in queues if queue]
        return mixed

    def write(self, value: Typed) -> bytes:
        kind = value["type"]
        if kind == "set":
            return self.series(b"S", self.dice.shuffled(value["items"]))
        if kind == "list":
            return self.series(b"L", value["items"])
        if kind in ("dict", "ordered_dict"):
            pairs = value["pairs"] if kind == "ordered_dict" else self.dice.shuffled(value["pairs"])
            prefix = b"O" if kind == "ordered_dict" else b"D"
            return self.series(prefix, [part for pair in pairs for part in pair])
        if kind == "extension":
            name = literal("unicode", value["name"])
            return self.series(b"X", [name, value["attributes"], value["content"]])
        if kind == "blob":
            number = self.dice.below(1000)
            while any(number == other for other, _ in self.blobs):
                number += 1
            self.blobs.append((number, content(value)))
            return b"B%s%d:%s;" % (self.zeros(), number, self.write(value["attributes"]))
        return self.scalar(value)

    def series(self, prefix: bytes, items: Sequence[Typed]) -> bytes:
        body = b"".join(self.write(item) + self.space() for item in items)
        return prefix + self.space() + body + b";"

    def scalar(self, value: Typed) -> bytes:
        plain = emit(value, [])
        kind = value["type"]
        if kind == "integer":
            sign, digits = ("-", value["value"][1:]) if value["value"][0] == "-" else ("", "")
            sign = sign or self.dice.pick(("", "", "+"))
            return b"i%s%s%s;" % (sign.encode(), self.zeros(), (digits or value["value"]).encode())
        if kind in ("unicode", "bytearray") and len(plain) > 2:
            return plain[:1] + self.zeros() + plain[1:]
        if kind == "datetime":
            return plain[:-2] + self.dice.pick((b"Z", b"z", b"+00:00", b"-00:00")) + b";"
        if kind == "float":
            return self.dice.pick((plain, b"f" + plain[1:].upper()))
        return plain


def random_text(dice: Dice) -> str:
    ranges = [(0x20, 0x7E), (0x20, 0x7E), (0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF)]
    ranges += [(0xE000, 0xFFFF), (0x10000, 0x10FFFF)]
    return "".join(chr(dice.between(*dice.pick(ranges))) for _ in range(dice.below(9)))


def random_float(dice: Dice) -> Typed:
    """A float between -1 and 1 but neither: in no language equal to an integer or a truth value."""
    sign = dice.pick(("", "-"))
    return literal("float", f"{sign}0x1.{dice.bits(52):013x}p{-dice.between(1, 60)}")


def random_scalar(dice: Dice) -> Typed:
    """A scalar that no language holds equal to a different one."""
    kind = dice.below(8)
    if kind == 0:
        return {"type": dice.pick(("nil", "true", "false"))}
    if kind == 1:
        return literal("integer", dice.pick((1, -1)) * (2 + dice.bits(dice.between(1, 80))))
    if kind == 2:
        return octets(bytes(dice.bits(8) for _ in range(dice.below(6))))
    if kind == 3:
        return random_float(dice)
    if kind == 4:
        return literal("datetime", instant_text(dice.below(LAST_INSTANT)))
    if kind == 5:
        return literal("timedelta", duration_text(0, 0, dice.bits(50) - 2**49))
    return literal("unicode", random_text(dice))


def random_key(dice: Dice, depth: int = 2) -> Typed:
    if depth == 0 or dice.below(4):
        return random_scalar(dice)
    items = [random_key(dice, depth - 1) for _ in range(dice.below(4))]
    if dice.below(2):
        return {"type": "list", "items": items}
    return {"type": "set", "items": distinct(items)}


def distinct(items: Sequence[Typed]) -> list[Typed]:
    return list({emit(item, []): item for item in items}.values())


def random_value(dice: Dice, depth: int, *, blobs: bool = False) -> Typed:
    if depth == 0:
        return random_scalar(dice)
    kind = dice.pick(("list", "set", "dict", "ordered_dict", "extension", *["blob"] * blobs))
    if kind == "set":
        return {"type": kind, "items": distinct([random_key(dice) for _ in range(dice.below(5))])}
    if kind in ("dict", "ordered_dict"):
        keys = distinct([random_key(dice, 1) for _ in range(dice.below(5))])
        return random_dict(dice, kind, keys, depth, blobs)
    if kind == "extension":
        return {
            "type": kind,
            "name": "x-" + random_text(dice),
            "attributes": random_attributes(dice, depth - 1),
            "content": random_value(dice, dice.below(depth), blobs=blobs),
        }
    if kind == "blob":
        return random_blob(dice)
    items = [random_value(dice, dice.below(depth), blobs=blobs) for _ in range(dice.below(5))]
    return {"type": kind, "items": items}


def random_dict(dice: Dice, kind: str, keys: list[Typed], depth: int, blobs: bool) -> Typed:
    pairs = [[key, random_value(dice, dice.below(depth), blobs=blobs)] for key in keys]
    return {"type": kind, "pairs": pairs}


def random_attributes(dice: Dice, depth: int) -> Typed:
    keys = distinct([literal("unicode", random_text(dice)) for _ in range(dice.below(4))])
    kind = dice.pick(("dict", "ordered_dict"))
    return random_dict(dice, kind, keys, max(depth, 1), False)


def random_blob(dice: Dice) -> Typed:
    name, kind = literal("unicode", "content-type"), literal("unicode", "text/x-" + dice.digits(2))
    data = bytes(dice.bits(8) for _ in range(dice.below(20)))
    attributes = {"type": dice.pick(("dict", "ordered_dict")), "pairs": [[name, kind]]}
    return {"type": "blob", "attributes": attributes, "hex": data.hex()}


# Vectors


def encode_wire(data: bytes) -> Any:
    """Return the JSON for octets: ASCII as text, the rest as hexadecimal, long runs repeated."""
    parts: list[Any] = []
    for match in re.finditer(rb"(?s)(.)\1{99,}|[\x00-\x7f]|[\x80-\xff]", data):
        found = match.group()
        plain = found[0] < 0x80
        if len(found) > 1:
            single = found[:1].decode() if plain else {"hex": found[:1].hex()}
            parts.append({"repeat": single, "times": len(found)})
        elif plain and parts and isinstance(parts[-1], str):
            parts[-1] += found.decode()
        elif not plain and parts and isinstance(parts[-1], dict) and "hex" in parts[-1]:
            parts[-1]["hex"] += found.hex()
        else:
            parts.append(found.decode() if plain else {"hex": found.hex()})
    return parts[0] if len(parts) == 1 else parts


def accept(requirements: str, wire: bytes, value: Typed) -> Typed:
    vector = {"requirements": requirements.split(), "wire": encode_wire(wire), "expect": "accept"}
    vector["value"] = value
    octets_of_value = canonical(value)
    if octets_of_value != wire:
        vector["canonical"] = encode_wire(octets_of_value)
    return vector


def reject(requirements: str, wire: bytes, at: int, fault: str = "malformed") -> Typed:
    vector = {"requirements": requirements.split(), "wire": encode_wire(wire), "expect": "reject"}
    return {**vector, "fault": fault, "at": at}


# Message


def message_first_byte(_: Dice) -> Vectors:
    valid: dict[str, tuple[str, str, object]] = {
        "u": ("unicode", "value", ""),
        "b": ("bytearray", "hex", ""),
    }
    valid |= {letter: (kind, "items", []) for letter, kind in (("L", "list"), ("S", "set"))}
    valid |= {
        letter: (kind, "pairs", []) for letter, kind in (("D", "dict"), ("O", "ordered_dict"))
    }
    single = {"N": "nil", "T": "true", "F": "false"}
    for byte in range(256):
        wire, letter = bytes([byte, 0x3B]), chr(byte)
        if letter in single:
            yield accept("REQ-MSG-4 REQ-SNG-1", wire, {"type": single[letter]})
        elif letter in valid:
            kind, member, empty = valid[letter]
            yield accept("REQ-MSG-4", wire, {"type": kind, member: empty})
        else:
            # After white space, and in place of an extension's name, the ";" is the wrong byte.
            yield reject("REQ-MSG-4", wire, int(bytes([byte]) in SPACES or letter == "X"))


def message_cut(dice: Dice) -> Vectors:
    for _ in range(24):
        wire = b""
        while len(wire) < 12:
            wire = canonical(random_value(dice, 3, blobs=True))
        cut = dice.between(1, len(wire) - 1)
        yield reject("REQ-MSG-3", wire[:cut], cut, "truncated")


def nested_value(dice: Dice) -> Vectors:
    for depth in (2, 3, 4, 5):
        for _ in range(5):
            value = random_value(dice, depth, blobs=True)
            yield accept("REQ-MSG-1 REQ-MSG-2 REQ-CAN-1", Speller(dice).message(value), value)


# Scalars


def integer_power(_: Dice) -> Vectors:
    for power in (7, 15, 31, 53, 63, 64, 128, 1024):
        for number in (2**power - 1, -(2**power), 2**power + 1):
            value = literal("integer", number)
            yield accept("REQ-INT-2", canonical(value), value)


def integer_digits(dice: Dice) -> Vectors:
    for count in (1, 2, 9, 18, 19, 20, 39, 100, 308, 309, 640, 999):
        digits, sign = dice.digits(count), dice.pick(("", "+", "-"))
        zeros = "0" * dice.below(min(1000 - count, 5) + 1)
        value = literal("integer", sign.strip("+") + digits)
        yield accept("REQ-INT-2 REQ-INT-3", f"i{sign}{zeros}{digits};".encode(), value)


CODES = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF]
CODES += [0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF]
NOT_UTF8 = (
    # the values around the gaps: overlong forms, then surrogates, then beyond 10FFFF
    *("c080", "c1bf", "e08080", "e09fbf", "f0808080", "f08fbfbf", "f8888080af", "fc8480808080"),
    *("eda080", "edafbf", "edb080", "edbfbf", "eda0bdedb2a9"),
    *("f4908080", "f5808080", "f7bfbfbf", "fe", "ff"),
    # continuations that stand alone or are missing at the end or in the middle
    *("80", "bf", "61bf62", "c3", "e2", "e282", "f0", "f09f", "f09f92", "c328", "e228a1"),
    *("e28228", "f0289fbc", "f09f28bc", "f09f9228", "c3a9a9"),
)


def unicode_boundary(_: Dice) -> Vectors:
    for code in CODES:
        value = literal("unicode", chr(code))
        yield accept("REQ-TXT-1 REQ-TXT-2 REQ-TXT-3", canonical(value), value)


def unicode_text(dice: Dice) -> Vectors:
    for _ in range(8):
        value = literal("unicode", random_text(dice) + chr(dice.between(0x80, 0xD7FF)))
        yield accept("REQ-TXT-1 REQ-TXT-3", Speller(dice).message(value), value)


def unicode_not_utf8(_: Dice) -> Vectors:
    for index, spelt in enumerate(NOT_UTF8):
        surrogate = spelt.startswith("ed")
        wire = counted(b"u", bytes.fromhex(spelt))
        nested = index % 2  # the offset is that of the text, not of the message
        wire = b"L" + wire + b";" if nested else wire
        yield reject("REQ-TXT-2" if surrogate else "REQ-TXT-1", wire, nested)


def bytearray_octets(dice: Dice) -> Vectors:
    for data in (bytes(range(256)), b";" * 9, b"\x00", b"\xff\xfe", b"c0;", b"\xc3"):
        yield accept("REQ-BYT-1", canonical(octets(data)), octets(data))
    for count in (33, 65_535, 65_536, 65_537):
        byte = f"{dice.bits(8):02x}"
        value = {"type": "bytearray", "repeat": byte, "times": count}
        yield accept("REQ-BYT-1", canonical(value), value)


# Floats


def rounded(number: Fraction) -> str | None:
    """Return the spelling of the binary64 number nearest to `number`, None beyond the largest."""
    sign, number = ("-", -number) if number < 0 else ("", number)
    if not number:
        return "0x0.0p+0"
    exponent = number.numerator.bit_length() - number.denominator.bit_length()
    if number < Fraction(2) ** exponent:
        exponent -= 1
    exponent = max(exponent, -1022)
    mantissa = round(number / Fraction(2) ** (exponent - 52))  # of a Fraction: ties to even
    if mantissa == 2**53:
        mantissa, exponent = 2**52, exponent + 1
    if exponent > 1023:
        return None
    if mantissa == 0:
        return sign + "0x0.0p+0"
    lead, fraction = divmod(mantissa, 2**52)
    return f"{sign}0x{lead}.{fraction:013x}p{exponent:+d}"


def decimal(text: str) -> Fraction:
    digits, _, exponent = text.lower().partition("e")
    return Fraction(digits.rstrip(".")) * Fraction(10) ** int(exponent or 0)


def hexadecimal(text: str) -> Fraction:
    """Return the value of a hexadecimal notation."""
    sign = -1 if text[0] == "-" else 1
    digits, _, exponent = text.lower().lstrip("+-").removeprefix("0x").partition("p")
    whole, _, fraction = digits.partition(".")
    number = Fraction(int(whole + fraction, 16), 16 ** len(fraction))
    return sign * number * Fraction(2) ** int(exponent or 0)


def float_vector(text: str, number: Fraction) -> Typed:
    spelt = rounded(number)
    notation = "REQ-FLT-1" if "x" in text.lower() else "REQ-FLT-2"
    wire = b"f" + text.encode() + b";"
    if spelt is None:
        return reject(f"{notation} REQ-FLT-4", wire, 0)
    if number == 0 and text[0] == "-":
        spelt = "-" + spelt
    return accept(f"{notation} REQ-FLT-4", wire, literal("float", spelt))


def from_bits(bits: int) -> Fraction:
    exponent, fraction = bits >> 52 & 0x7FF, bits % 2**52
    mantissa = fraction + 2**52 if exponent else fraction
    number = mantissa * Fraction(2) ** (max(exponent, 1) - 1075)
    return -number if bits >> 63 else number


def exact(number: Fraction) -> str:
    """Return the decimal notation, with all its digits, of a fraction over a power of two."""
    power = number.denominator.bit_length() - 1
    return f"{number.numerator * 5**power}e-{power}"


def float_bits(dice: Dice) -> Vectors:
    for _ in range(30):
        bits = dice.bits(64)
        while bits >> 52 & 0x7FF == 0x7FF:
            bits = dice.bits(64)
        value = literal("float", rounded(from_bits(bits)))
        yield accept("REQ-FLT-1 REQ-FLT-5", canonical(value), value)


def float_subnormal(dice: Dice) -> Vectors:
    for width in (1, 2, 8, 20, 40, 51, 52):
        bits = dice.bits(1) << 63 | 1 << width - 1 | dice.bits(width)
        value = literal("float", rounded(from_bits(bits)))
        yield accept("REQ-FLT-1 REQ-FLT-5", canonical(value), value)


def float_decimal(dice: Dice) -> Vectors:
    for index in range(32):
        digits = dice.digits(dice.between(1, 25))
        point = dice.below(len(digits) + 1)
        text = dice.pick(("", "+", "-")) + digits[:point] + "." + digits[point:]
        if index % 4:
            bound = 345 if index % 4 == 1 else 30
            text += dice.pick("eE") + f"{dice.between(-bound, bound):{dice.pick(('', '+'))}d}"
        yield float_vector(text, decimal(text))


def float_halfway(dice: Dice) -> Vectors:
    for index in range(8):
        # The last two lie among the subnormal numbers, where a tie takes over 750 digits.
        exponent = dice.between(1023 - 60, 1023 + 60) if index < 6 else 0
        bits = exponent << 52 | dice.bits(51) << 1 | index % 2
        tie = (from_bits(bits) + from_bits(bits + 1)) / 2
        digits, _, power = exact(tie).partition("e")
        for text in (
            f"{digits}e{power}",
            f"{digits}1e{int(power) - 1}",
            f"{int(digits) * 10 - 1}e{int(power) - 1}",
        ):
            yield float_vector(text, decimal(text))


def float_hex(dice: Dice) -> Vectors:
    for index in range(18):
        whole = f"{dice.bits(dice.between(1, 24)):x}"
        fraction = f"{dice.bits(4 * 12):012x}" + ("8", "80001", "7ffff", "18", "", "08")[index % 6]
        exponent = dice.between(-1080, 1015) if index % 2 else dice.between(-70, 70)
        text = dice.pick(("", "+", "-")) + f"0x{whole}.{fraction}p{exponent:+d}"
        text = text if dice.below(2) else text.upper()
        yield float_vector(text, hexadecimal(text))


def float_edge(_: Dice) -> Vectors:
    largest = from_bits(0x7FEF_FFFF_FFFF_FFFF)
    beyond = largest + Fraction(2) ** 970  # half a step on: the first that rounds to infinity
    for number in (largest, beyond - 1, beyond, -largest, 1 - beyond, -beyond):
        yield float_vector(str(number), number)
    for text in ("0x1.fffffffffffff7ffp+1023", "0x1.fffffffffffff8p+1023", "-0x1p+1024"):
        yield float_vector(text, hexadecimal(text))
    for text in ("0x1p-1075", "-0x1p-1075", "0x1.0000000001p-1075", "-0x1.8p-1075", "0x1p-1076"):
        yield float_vector(text, hexadecimal(text))
    for text in ("0x0.fffffffffffff8p-1022", "0x0.fffffffffffff7p-1022", "0x1p-5000", "0x0p+5000"):
        yield float_vector(text, hexadecimal(text))
    for text in ("2.2250738585072011e-308", "2.2250738585072012e-308", "2.4703282292062327e-324"):
        yield float_vector(text, decimal(text))
    for text in ("2.4703282292062328e-324", "-0e5000", "1e-5000", "-1e5000"):
        yield float_vector(text, decimal(text))


# Datetimes and timedeltas

DAY = 86_400_000_000  # microseconds


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_before(year: int) -> int:
    """Return the days from 0001-01-01 to the first day of `year`."""
    years = year - 1
    return years * 365 + years // 4 - years // 100 + years // 400


def instant(year: int, month: int, day: int, micro: int) -> int:
    """Return the microseconds since 0001-01-01T00:00:00Z."""
    days = days_before(year) + sum(month_days(year, earlier) for earlier in range(1, month))
    return (days + day - 1) * DAY + micro


LAST_INSTANT = days_before(10_000) * DAY


def instant_text(moment: int) -> str:
    days, micro = divmod(moment, DAY)
    year = days // 366 + 1
    while days_before(year + 1) <= days:
        year += 1
    days, month = days - days_before(year), 1
    while days >= month_days(year, month):
        days, month = days - month_days(year, month), month + 1
    return f"{year:04d}-{month:02d}-{days + 1:02d}T{clock(micro)}Z"


def clock(micro: int) -> str:
    seconds, micro = divmod(micro, 1_000_000)
    fraction = f"{micro:06d}" if micro % 1000 else f"{micro // 1000:03d}"
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction}"


def datetime_vector(date: tuple[int, int, int], time: str, micro: int, minutes: int) -> Typed:
    year, month, day = date
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    wire = f"d{year:04d}-{month:02d}-{day:02d}T{time}{zone};".encode()
    if not (1 <= month <= 12 and 1 <= day <= month_days(year, month)):
        return reject("REQ-DTM-2", wire, 0)
    moment = instant(year, month, day, micro) - minutes * 60_000_000
    if not 0 <= moment < LAST_INSTANT:
        return reject("REQ-DTM-2 REQ-DTM-3", wire, 0)
    return accept("REQ-DTM-3 REQ-DTM-4", wire, literal("datetime", instant_text(moment)))


def datetime_instant(dice: Dice) -> Vectors:
    for _ in range(20):
        value = literal("datetime", instant_text(dice.below(LAST_INSTANT)))
        yield accept("REQ-DTM-1 REQ-DTM-4", canonical(value), value)


def datetime_offset(dice: Dice) -> Vectors:
    for _ in range(24):
        year = dice.pick((1, 1600, 1900, 1999, 2000, 2023, 2024, 2100, 9999))
        month = dice.pick((1, 2, 3, 12))
        date = (year, month, dice.pick((1, month_days(year, month))))
        seconds, fraction = dice.below(86_400), dice.digits(dice.between(1, 12))
        time = clock(seconds * 1_000_000)[:9] + fraction
        micro = seconds * 1_000_000 + int(fraction[:6].ljust(6, "0"))
        yield datetime_vector(date, time, micro, dice.between(-1439, 1439))


def datetime_month_end(_: Dice) -> Vectors:
    for month in range(1, 13):
        yield datetime_vector((2023, month, month_days(2023, month) + 1), "00:00:00.000", 0, 0)
    for year in (4, 100, 400, 1600, 1900, 2000, 2024, 2100, 2400):
        yield datetime_vector((year, 2, 29), "00:00:00.000", 0, 0)


def duration_text(years: int, months: int, micro: int) -> str:
    sign = "-" if years < 0 or months < 0 or micro < 0 else ""
    days, rest = divmod(abs(micro), DAY)
    seconds, rest = divmod(rest, 1_000_000)
    fraction = f".{rest:06d}" if rest else ""
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{sign}P{abs(years)}Y{abs(months)}M{days}DT{hours}H{minutes}M{seconds}{fraction}S"


UNITS = (("W", 7 * DAY), ("D", DAY), ("H", DAY // 24), ("M", DAY // 1440), ("S", 1_000_000))


def timedelta_vector(sign: str, amounts: dict[str, int], fraction: str, years: str = "") -> Typed:
    """`amounts` are of weeks, days and so on, `years` what stands before them ("1Y2M")."""
    date, time, micro = years, "", int(fraction[:6].ljust(6, "0") or 0) if "S" in amounts else 0
    for unit, worth in UNITS:
        if unit not in amounts:
            continue
        micro += amounts[unit] * worth
        part = f"{amounts[unit]}{'.' + fraction if unit == 'S' and fraction else ''}{unit}"
        date, time = (date + part, time) if unit in "WD" else (date, time + part)
    wire = f"p{sign}P{date}{'T' + time if time else ''};".encode()
    counts = {unit: int(count) for count, unit in re.findall("([0-9]+)([YM])", years)}
    factor = -1 if sign == "-" else 1
    total = factor * micro
    periods = (counts.get("Y", 0), counts.get("M", 0))
    if not -999_999_999 * DAY <= total < 10**9 * DAY or max(periods) > 999_999_999:
        return reject("REQ-DUR-4" if any(periods) else "REQ-DUR-2", wire, 0)
    text = duration_text(factor * periods[0], factor * periods[1], total)
    used = "REQ-DUR-4" if any(periods) else "REQ-DUR-2 REQ-DUR-3"
    return accept(f"REQ-DUR-1 {used} REQ-DUR-5", wire, literal("timedelta", text))


def timedelta_components(dice: Dice) -> Vectors:
    for index in range(24):
        units = [unit for unit, _ in UNITS if dice.below(3)] or ["S"]
        width = dice.pick((1, 2, 5, 9))
        amounts = {unit: dice.below(10**width) for unit in units}
        fraction = dice.digits(dice.between(1, 9)) if dice.below(2) else ""
        years = ""
        if index % 3 == 0:
            years = dice.pick(("{}Y", "{}M", "{}Y{}M")).format(dice.below(20), dice.below(40))
        yield timedelta_vector(dice.pick(("", "+", "-")), amounts, fraction, years)


def timedelta_range(_: Dice) -> Vectors:
    last = {"D": 999_999_999, "H": 23, "M": 59, "S": 59}
    for sign in ("", "-"):
        yield timedelta_vector(sign, {"D": 999_999_999}, "")
        yield timedelta_vector(sign, last, "999999")
        yield timedelta_vector(sign, last, "9999999")
        yield timedelta_vector(sign, {**last, "S": 60}, "")
        yield timedelta_vector(sign, {"D": 999_999_999, "S": 0}, "000001")
        yield timedelta_vector(sign, {"S": 86_399_999_999_999}, "")
        yield timedelta_vector(sign, {"D": 1}, "", "999999999Y999999999M")
        yield timedelta_vector(sign, {"D": 1}, "", "1000000000Y")
        yield timedelta_vector(sign, {"D": 1}, "", "1Y1000000000M")


# Containers


def set_order(dice: Dice) -> Vectors:
    for count in (2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16):
        value = {"type": "set", "items": distinct([random_key(dice) for _ in range(count)])}
        yield accept("REQ-SET-1 REQ-CAN-1", Speller(dice).message(value), value)


def set_duplicate(dice: Dice) -> Vectors:
    for count in range(1, 13):
        items = distinct([random_key(dice) for _ in range(count)])
        speller = Speller(dice)
        front = b"S" + b"".join(speller.write(item) + speller.space() for item in items)
        wire = front + speller.write(dice.pick(items)) + b";"
        yield reject("REQ-SET-1 REQ-KEY-2", wire, len(front))


def dict_order(dice: Dice) -> Vectors:
    for count in (2, 3, 4, 5, 6, 8, 10, 12):
        for kind, used in (
            ("dict", "REQ-DCT-1 REQ-CAN-1"),
            ("ordered_dict", "REQ-DCT-1 REQ-DCT-3"),
        ):
            keys = distinct([random_key(dice) for _ in range(count)])
            value = random_dict(dice, kind, keys, 2, False)
            yield accept(used, Speller(dice).message(value), value)


def dict_duplicate(dice: Dice) -> Vectors:
    for count in range(1, 11):
        keys = distinct([random_key(dice) for _ in range(count)])
        speller = Speller(dice)
        front = dice.pick((b"D", b"O"))
        for key in keys:
            front += speller.write(key) + speller.write(random_scalar(dice)) + speller.space()
        wire = front + speller.write(dice.pick(keys)) + b"N;;"
        yield reject("REQ-DCT-2 REQ-KEY-2", wire, len(front))


def extension_unknown(dice: Dice) -> Vectors:
    for depth in (1, 1, 2, 2, 3, 3, 4, 4):
        value: Typed = {}
        while value.get("type") != "extension":
            value = random_value(dice, depth)
        yield accept("REQ-EXT-1 REQ-EXT-2 REQ-EXT-3", Speller(dice).message(value), value)


# Blobs


def blobs_in_list(dice: Dice, count: int) -> Typed:
    return {"type": "list", "items": [random_blob(dice) for _ in range(count)]}


def blob_interleaved(dice: Dice) -> Vectors:
    for count in (1, 2, 2, 3, 3, 4, 5, 8, 12, 16):
        value = blobs_in_list(dice, count)
        wire = Speller(dice).message(value)
        yield accept("REQ-BLB-1 REQ-BLB-3 REQ-BLB-4 REQ-CAN-2", wire, value)


def blob_layout(_: Dice) -> Vectors:
    for size in (CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK):
        attributes = {"type": "dict", "pairs": []}
        value = {"type": "blob", "attributes": attributes, "repeat": "78", "times": size}
        yield accept("REQ-CAN-2", canonical(value), value)
        wire = b"B0:D;;c0:%d:%s;c0;" % (size, b"x" * size)
        if wire != canonical(value):
            yield accept("REQ-BLB-3 REQ-CAN-2", wire, value)


def blob_trailer_fault(dice: Dice) -> Vectors:
    for count in (1, 2, 3, 4):
        speller = Speller(dice, spaces=False)
        root = speller.write(blobs_in_list(dice, count))
        trailers = speller.trailers()
        ends = [index for index, part in enumerate(trailers) if part.count(b":") == 0]
        numbers = [number for number, _ in speller.blobs]
        gone = dice.pick(ends)
        left = [part for index, part in enumerate(trailers) if index != gone]
        wire = root + b"".join(left)
        yield reject("REQ-BLB-4", wire, len(wire), "truncated")
        wire = root + b"".join(trailers)
        late = dice.pick(numbers)
        yield reject("REQ-BLB-4", wire + b"c%d:1:x;" % late, len(wire))
        yield reject("REQ-BLB-4", wire + b"c%d;" % late, len(wire))
        unknown = max(numbers) + 1
        place = dice.below(len(trailers))
        front = root + b"".join(trailers[:place])
        wire = front + b"c%d:1:x;" % unknown + b"".join(trailers[place:])
        yield reject("REQ-BLB-4", wire, len(front))


# Files

Family: TypeAlias = Callable[[Dice], Vectors]
TOPICS: dict[str, tuple[str, tuple[Family, ...]]] = {
    "message": ("Every first octet, and messages cut short.", (message_first_byte, message_cut)),
    "nested": ("Values inside each other, spelt freely.", (nested_value,)),
    "integer": (
        "Integers around powers of two and of many digits.",
        (integer_power, integer_digits),
    ),
    "unicode": (
        "UTF-8 at every boundary.",
        (unicode_boundary, unicode_text, unicode_not_utf8),
    ),
    "bytearray": ("Octets of all kinds and numbers.", (bytearray_octets,)),
    "float": (
        "Floats to the last bit: patterns, roundings, ties, edges.",
        (float_bits, float_subnormal, float_decimal, float_halfway, float_hex, float_edge),
    ),
    "datetime": (
        "Instants over leap years, with offsets and fractions.",
        (datetime_instant, datetime_offset, datetime_month_end),
    ),
    "timedelta": (
        "Durations whose components carry, periods, and the ends of the range.",
        (timedelta_components, timedelta_range),
    ),
    "set": ("Sets in canonical order, and with an item twice.", (set_order, set_duplicate)),
    "dict": ("Dicts in canonical order, and with a key twice.", (dict_order, dict_duplicate)),
    "extension": ("Unknown extensions.", (extension_unknown,)),
    "blob": (
        "Blobs whose chunks interleave, their canonical layout, and faults after the root.",
        (blob_interleaved, blob_layout, blob_trailer_fault),
    ),
}


def render(topic: str) -> str:
    """Return the text of a topic's file: one vector a line."""
    about, families = TOPICS[topic]
    lines: list[str] = []
    for family in families:
        name = family.__name__.replace("_", "-")
        for number, vector in enumerate(family(Dice(name))):
            lines.append("    " + json.dumps({"name": f"{name}-{number:03d}", **vector}))
    head = f'{{\n  "topic": {json.dumps(topic)},\n  "about": {json.dumps(about)},\n  "vectors": [\n'
    return head + ",\n".join(lines) + "\n  ]\n}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated vectors.")
    parser.add_argument("--check", action="store_true", help="compare them with the files instead")
    check = parser.parse_args().check
    texts = {f"{topic}-generated.json": render(topic) for topic in TOPICS}
    present = {path.name for path in FOLDER.glob("*-generated.json")}
    different = [
        name
        for name, text in texts.items()
        if name not in present or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    different += sorted(present - set(texts))
    if check:
        for name in different:
            print(f"{name} is not what the generator makes")
        return 1 if different else 0
    for name in different:
        if name in texts:
            (FOLDER / name).write_text(texts[name], encoding="utf-8", newline="\n")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
