"""A second codec for Hyperglyph 1.0, written from `spec/` alone: one file, the standard library.

    >>> decode(b"Du1:a;i1;u1:b;Li2;i3;;;")
    {'a': 1, 'b': [2, 3]}
    >>> encode({"b": 2, "a": 1}, canonical=True)
    b'Du1:a;i1;u1:b;i2;;'

It shows how small a whole implementation can be; programs use `hyperglyph.codec`. Values are
Python's own: int, str, bytes, float, datetime (UTC), timedelta, None, bool, list, set, dict,
OrderedDict, and the three classes here. In key position a list is a tuple and a set a frozenset;
of two keys that Python holds equal (`1`, `1.0`, True) the second is refused (REQ-KEY-3). It takes
whole messages only, no pieces.
"""

import re
from codecs import getincrementaldecoder
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isinf
from typing import Any, NoReturn

__all__ = ["Blob", "Extension", "Fault", "Period", "decode", "encode"]

# Limits: the defaults of section 13, but that all notations of a float have one width.
DEPTH, NODES, BLOBS = 100, 2_000_000, 16
MESSAGE, BLOB, BLANKS = 32 << 20, 256 << 20, 64 << 10
WIDTHS = {b"i": 4_300, b"f": 800, b"d": 64, b"p": 200}
SAME_HASH, SAME_HASH_IN_KEY, UNSEEDED = 64, 4, 1_000_000

BLANK = re.compile(rb"[ \t\v\r\n]*")
NUMBER = re.compile(rb"0{0,64}(?:[1-9][0-9]{0,9}|0)")
FORMS = {
    b"i": re.compile(rb"([+-]?[0-9]+)"),
    b"f": re.compile(
        rb"([+-]?(?:0x[0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?[0-9]+)?|infinity|inf|nan"
        rb"|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?))",
        re.IGNORECASE,
    ),
    b"d": re.compile(
        rb"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
        rb"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
    ),
    b"p": re.compile(
        rb"([+-]?)P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
        rb"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
    ),
}
CHUNK = 65_536
NAN = float("nan")  # the only one that is decoded, so that containers find it again
RESERVED = re.compile(
    "integer|unicode|string|bytearray|float|datetime|timedelta|nil|true|false|list|set|dict"
    "|ordered_dict|extension|blob|bool|request|response"
)


class Fault(Exception):
    """`kind` is malformed, truncated, limit or unencodable; `at` the octet, None in an encoder."""

    def __init__(self, kind: str, words: str, at: int | None = None) -> None:
        super().__init__(words if at is None else f"{words}, at octet {at}")
        self.kind = kind
        self.at = at


@dataclass(frozen=True)
class Period:
    """A timedelta with years or months (REQ-DUR-4)."""

    years: int
    months: int
    rest: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        parts = (self.years, self.months, self.rest.days)
        if not any(parts[:2]) or max(map(abs, parts[:2])) > 999_999_999:
            raise ValueError("a period has years or months, at most 999,999,999 of each")
        if min(parts) < 0 < max(self.years, self.months, self.rest / timedelta(1)):
            raise ValueError("years, months and the rest of a period share one sign")


@dataclass(frozen=True)
class Extension:
    """A value with a name, which may not be that of one of the standard's kinds (REQ-EXT-4)."""

    name: str
    attributes: dict[str, Any]
    content: Any = None

    def __post_init__(self) -> None:
        if RESERVED.fullmatch(self.name):
            raise ValueError(f"the name {self.name} is reserved")


@dataclass(frozen=True)
class Blob:
    """Octets that travel after the root, and attributes with a `content-type` (REQ-BLB-2)."""

    attributes: dict[str, Any]
    content: bytes | bytearray = b""

    def __post_init__(self) -> None:
        if type(self.attributes.get("content-type")) is not str:
            raise ValueError("the attributes of a blob have a content-type, which is text")


def as_decoded(kind: type[Any], **fields: Any) -> Any:
    """An extension or blob as a message may have it: names and attributes are not judged."""
    made: Any = object.__new__(kind)
    made.__dict__.update(fields)
    return made


# Decoding


def decode(message: bytes) -> Any:
    """The value of a whole message. Raises `Fault`, and nothing else, for what is wrong in it."""
    decoder = _Decoder(bytes(message))
    decoder.skip_blanks()
    root = decoder.read(0)
    decoder.read_chunks()
    return root


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = self.nodes = self.blanks = self.content = 0
        self.blobs: dict[int, bytearray] = {}
        self.ended: set[int] = set()

    def malformed(self, at: int, words: str) -> NoReturn:
        raise Fault("malformed", words, at)

    def truncated(self) -> NoReturn:
        raise Fault("truncated", "the message ends too early", len(self.data))

    def within(self, most: int, count: int, at: int, what: str) -> None:
        if count > most:
            raise Fault("limit", f"more than {most} {what}", at)

    def next(self) -> bytes:
        """The octet that comes, which must be there."""
        if self.at >= len(self.data):
            self.truncated()
        return self.data[self.at : self.at + 1]

    def expect(self, octets: bytes, what: str) -> None:
        if self.next() not in octets:
            self.malformed(self.at, f"{what} begins with one of {octets!r}, not {self.next()!r}")

    def skip_blanks(self) -> None:
        match = BLANK.match(self.data, self.at)
        end = match.end() if match else self.at
        self.blanks += end - self.at
        self.within(BLANKS, self.blanks, self.at, "octets of white space")
        self.at = end

    def terminator(self, what: str) -> None:
        if self.next() != b";":
            self.malformed(self.at, f"{self.next()!r} in place of the ';' after {what}")
        self.at += 1

    def read(self, depth: int, key: bool = False, attributes: bool = False) -> Any:
        """The object that begins here, in a container of this depth."""
        start, prefix = self.at, self.next()
        self.expect(b"NTFiubfdpLSDOXB", "an object")
        if key:
            self.expect(b"NTFiubfdpLS", "a key or the item of a set")
        self.nodes += 4 if prefix in b"SDOXB" else 1
        self.within(NODES, self.nodes, start, "nodes")
        self.within(MESSAGE, start + 1, start, "octets in a message")
        if prefix in b"LSDOXB":
            depth += 1
            self.within(DEPTH, depth, start, "levels")
        self.at += 1
        match prefix:
            case b"N" | b"T" | b"F":
                self.terminator("nil, true or false")
                return {b"N": None, b"T": True, b"F": False}[prefix]
            case b"u" | b"b" if self.next() == b";":
                self.at += 1
                return "" if prefix == b"u" else b""
            case b"u":
                return self.counted(start, MESSAGE - start, "text").decode()
            case b"b":
                return self.counted(start, MESSAGE - start, "a bytearray")
            case b"i" | b"f" | b"d" | b"p":
                return self.literal(start, prefix)
            case b"L":
                items = []
                while self.more():
                    items.append(self.read(depth, key))
                return tuple(items) if key else items
            case b"S" | b"D" | b"O":
                return self.keyed(depth, prefix, key, attributes)
            case b"X":
                return self.extension(depth)
            case _:
                return self.blob(start, depth)

    def literal(self, start: int, prefix: bytes) -> Any:
        """What stands before the next `;`, if it has the form and range of its kind."""
        width = WIDTHS[prefix] + (prefix == b"i" and self.next() in b"+-")
        end = self.data.find(b";", self.at, self.at + width + 1)
        if end < 0:
            self.within(width, len(self.data) - self.at, start, "octets in a literal")
            self.truncated()
        literal = self.data[self.at : end]
        self.at = end + 1
        match = FORMS[prefix].fullmatch(literal)
        if not match:
            self.malformed(start, f"{literal!r} is no literal of the kind {prefix!r}")
        try:
            return VALUES[prefix](*match.groups())
        except (ValueError, OverflowError) as error:
            self.malformed(start, f"{literal!r} is out of range: {error}")

    def number(self, start: int, what: str, ends: bytes = b":") -> int:
        """A length or blob id, and one of the octets in `ends` after it, which is read, too."""
        match = NUMBER.match(self.data, self.at)
        self.at = match.end() if match else self.at
        if self.next() not in ends or not match:
            self.malformed(start, f"{what} is not digits and one of {ends!r}")
        self.at += 1
        return int(match[0])

    def counted(self, start: int, most: int, what: str) -> bytes:
        """The octets that a length counts, which is read here, too."""
        length = self.number(start, f"the length of {what}")
        self.within(most, length, start, f"octets in {what}")
        octets = self.data[self.at : self.at + length]
        self.at += len(octets)
        if what == "text":
            try:  # a letter that is cut is not yet wrong
                getincrementaldecoder("utf-8")().decode(octets, len(octets) == length)
            except UnicodeDecodeError as error:
                self.malformed(start, f"text that is not UTF-8: {error}")
        if len(octets) < length:
            self.truncated()
        self.terminator(what)
        return octets

    def more(self) -> bool:
        """Whether another item comes; if not, the terminator is read."""
        self.skip_blanks()
        if self.next() != b";":
            return True
        self.at += 1
        return False

    def keyed(self, depth: int, prefix: bytes, in_key: bool, attributes: bool) -> Any:
        """A dict, an ordered dict or a set, whose keys differ."""
        pairs: dict[Any, Any] = OrderedDict() if prefix == b"O" else {}
        hashes: dict[int, int] = {}
        while self.more():
            start = self.at
            if attributes:
                self.expect(b"u", "the key of an attribute")
            key = self.read(depth, key=True)
            if key in pairs:
                self.malformed(start, f"{key!r} is there already")
            if not isinstance(key, str | bytes):  # their hashes are seeded (section 13.1)
                count = hashes[hash(key)] = hashes.get(hash(key), 0) + 1
                self.within(SAME_HASH_IN_KEY if in_key else SAME_HASH, count, start, "equal hashes")
                self.within(UNSEEDED, len(hashes), start, "keys that are neither text nor octets")
            if prefix == b"S":
                pairs[key] = None
            else:
                self.skip_blanks()
                pairs[key] = self.read(depth)
        if prefix != b"S":
            return pairs
        return frozenset(pairs) if in_key else set(pairs)

    def attributes(self, depth: int) -> Any:
        self.expect(b"DO", "a dict of attributes")
        return self.read(depth, attributes=True)

    def extension(self, depth: int) -> Any:
        self.skip_blanks()
        self.expect(b"u", "the name of an extension")
        name = self.read(depth)
        self.skip_blanks()
        attributes = self.attributes(depth)
        self.skip_blanks()
        content = self.read(depth)
        self.skip_blanks()
        self.terminator("the content of an extension")
        return as_decoded(Extension, name=name, attributes=attributes, content=content)

    def blob(self, start: int, depth: int) -> Any:
        number = self.number(start, "a blob's id")
        if number in self.blobs:
            self.malformed(start, f"there is a blob {number} already")
        self.within(BLOBS, len(self.blobs) + 1, start, "blobs")
        content = self.blobs[number] = bytearray()  # filled by the chunks
        attributes = self.attributes(depth)
        self.terminator("the attributes of a blob")
        return as_decoded(Blob, attributes=attributes, content=content)

    def read_chunks(self) -> None:
        self.skip_blanks()
        while self.at < len(self.data):
            start = self.at
            self.within(MESSAGE, start - self.content, start, "octets in a message")
            self.expect(b"c", "a chunk, and nothing else after the root,")
            self.at += 1
            number = self.number(start, "a chunk's blob id", b":;")
            if number not in self.blobs or number in self.ended:
                self.malformed(start, f"a chunk for blob {number}, which is not there or has ended")
            if self.data[self.at - 1 : self.at] == b";":
                self.ended.add(number)
            else:
                octets = self.counted(start, BLOB - len(self.blobs[number]), "a chunk")
                self.blobs[number] += octets
                self.content += len(octets)
            self.skip_blanks()
        if len(self.ended) < len(self.blobs):
            self.truncated()


def as_float(literal: bytes) -> float:
    text = literal.decode().lower()
    if "nan" in text:
        return NAN
    number = float.fromhex(text) if "x" in text else float(text)
    if isinf(number) and "inf" not in text:
        raise OverflowError("beyond the largest float")
    return number


def as_datetime(*parts: bytes | None) -> datetime:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts[:6])
    fraction, sign, hours, minutes = parts[6:]
    micro = microseconds(fraction)
    local = datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return local + offset if sign == b"-" else local - offset


def as_timedelta(sign: bytes, *parts: bytes | None) -> timedelta | Period:
    one = -1 if sign == b"-" else 1
    years, months, weeks, days, hours, minutes, seconds = (one * int(n or 0) for n in parts[:7])
    seconds += 60 * (minutes + 60 * (hours + 24 * (days + 7 * weeks)))
    rest = timedelta(microseconds=1_000_000 * seconds + one * microseconds(parts[7]))
    return Period(years, months, rest) if years or months else rest


def microseconds(fraction: bytes | None) -> int:
    """The fraction of a second, cut below the microsecond."""
    return int((fraction or b"")[:6].ljust(6, b"0"))


VALUES: dict[bytes, Any] = {b"i": int, b"f": as_float, b"d": as_datetime, b"p": as_timedelta}


# Encoding


def encode(value: Any, *, canonical: bool = False) -> bytes:
    """The message of a value; with `canonical` its canonical form (section 11). Raises `Fault`."""
    encoder = _Encoder(canonical)
    try:
        out = [encoder.write(value)]
    except (ValueError, OverflowError, RecursionError) as error:
        # surrogates, instants before the year 1, integers too long for Python, lists in themselves
        raise Fault("unencodable", str(error)) from error
    for number, content in enumerate(encoder.blobs):
        for begin in range(0, len(content), CHUNK):
            chunk = content[begin : begin + CHUNK]
            out.append(b"c%d:%d:%s;" % (number, len(chunk), chunk))
        out.append(b"c%d;" % number)
    return b"".join(out)


class _Encoder:
    def __init__(self, canonical: bool) -> None:
        self.canonical = canonical
        self.blobs: list[bytes | bytearray] = []
        self.in_blob = False

    def write(self, value: Any, key: bool = False) -> bytes:
        match value:
            case None:
                return b"N;"
            case bool():
                return b"T;" if value else b"F;"
            case int():
                return b"i%d;" % value
            case str():
                return counted(b"u", value.encode())
            case bytes() | bytearray():
                return counted(b"b", value)
            case float():
                return b"f%s;" % value.hex().encode()
            case datetime() if value.utcoffset() is not None:
                utc = value.astimezone(UTC).replace(tzinfo=None)
                unit = "microseconds" if utc.microsecond % 1000 else "milliseconds"
                return b"d%sZ;" % utc.isoformat(timespec=unit).encode()
            case timedelta():
                return span(0, 0, value)
            case Period():
                return span(value.years, value.months, value.rest)
            case list() | tuple():
                return b"L%s;" % b"".join([self.write(item, key) for item in value])
            case set() | frozenset():
                return b"S%s;" % b"".join(sorted(self.keys(value)))
            case dict() if not key:
                prefix = b"O" if isinstance(value, OrderedDict) else b"D"
                pairs = list(zip(self.keys(value), value.values(), strict=True))
                if self.canonical and prefix == b"D":
                    pairs.sort(key=lambda pair: pair[0])
                body = b"".join([name + self.write(item) for name, item in pairs])
                return b"%s%s;" % (prefix, body)
            case Extension() if not key:
                name, attributes = self.write(value.name), self.attributes(value.attributes)
                return b"X%s%s%s;" % (name, attributes, self.write(value.content))
            case Blob() if not key and not self.in_blob:
                self.blobs.append(value.content)
                head = b"B%d:" % (len(self.blobs) - 1)
                self.in_blob = True
                attributes = self.attributes(value.attributes)
                self.in_blob = False
                return head + attributes + b";"
            case _:
                place = ", in key position" if key else ", in a blob" if self.in_blob else ""
                raise Fault("unencodable", f"no encoding of {value!r:.80}{place}")

    def keys(self, keys: Iterable[Any]) -> list[bytes]:
        """The keys of one container. Each has one spelling, so that the same ones are seen."""
        encoded = [self.write(key, key=True) for key in keys]
        if len(set(encoded)) < len(encoded):
            raise Fault("unencodable", "two keys or items of one container are the same")
        return encoded

    def attributes(self, value: Any) -> bytes:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise Fault("unencodable", f"{value!r:.80} is not a dict whose keys are text")
        return self.write(value)


def counted(prefix: bytes, octets: bytes | bytearray) -> bytes:
    return b"%s%d:%s;" % (prefix, len(octets), octets) if octets else prefix + b";"


def span(years: int, months: int, rest: timedelta) -> bytes:
    minus = "-" if min(years, months, rest.days) < 0 else ""
    rest = abs(rest)
    minutes, seconds = divmod(rest.seconds, 60)
    fraction = f".{rest.microseconds:06}" if rest.microseconds else ""
    date = f"{minus}P{abs(years)}Y{abs(months)}M{rest.days}D"
    return f"p{date}T{minutes // 60}H{minutes % 60}M{seconds}{fraction}S;".encode()
