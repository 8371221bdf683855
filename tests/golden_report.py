"""The recordings of the two 2012 implementations, compared with this codec.

`data/golden.json` holds what Python 0.9 and Ruby 0.9 did with 780 values and messages, right or
wrong. `data/golden_exceptions.json` lists those with which this codec disagrees, by the entry of
the standard's differences chapter that says why, and by the way in which they disagree:

    {"DIFF-x": {"they-refuse": {"python-0.9": ["dec/…", …], "ruby-0.9": […]}, …}, …}

Run as a program, it prints one line for each kind and group of recordings and each difference.
"""

import json
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from hyperglyph.codec import (
    Blob,
    DecodeError,
    EncodeError,
    Error,
    Extension,
    Form,
    Input,
    Link,
    Period,
    decode,
    encode,
)
from hyperglyph.conformance import typed
from hyperglyph.conformance.shapes import same

Json: TypeAlias = Mapping[str, Any]

DATA = Path(__file__).parent / "data"
STANDARD = Path(__file__).parent.parent / "spec" / "hyperglyph-1.0.md"

AGREE = "agree"
#: The ways to disagree. Values with "other-urls" are the same but for the attributes `url` of
#: extensions. Of two encodings of one value, "other-bytes" are read by our decoder as that value,
#: "unlike-bytes" are read as another one or not at all.
DISAGREEMENTS = (
    "they-refuse",
    "we-refuse",
    "other-urls",
    "other-value",
    "other-bytes",
    "unlike-bytes",
)


@attrs.frozen
class Outcome:
    """How one recording compares with this codec; `detail` shows both sides."""

    id: str
    impl: str
    kind: str
    group: str
    verdict: str
    detail: str


class NoCounterpart(Exception):
    """The recording speaks of a value that Python 3 has no counterpart of."""


def load_recordings() -> list[Json]:
    with (DATA / "golden.json").open(encoding="utf-8") as file:
        recordings: list[Json] = json.load(file)
    return recordings


def load_exceptions() -> dict[str, dict[str, dict[str, list[str]]]]:
    with (DATA / "golden_exceptions.json").open(encoding="utf-8") as file:
        exceptions: dict[str, dict[str, dict[str, list[str]]]] = json.load(file)
    return exceptions


def covered() -> Iterator[tuple[str, str, str, str]]:
    """Yield (difference, verdict, implementation, id) for every exception."""
    for difference, verdicts in load_exceptions().items():
        for verdict, implementations in verdicts.items():
            for impl, ids in implementations.items():
                for identity in ids:
                    yield difference, verdict, impl, identity


def differences() -> set[str]:
    """The ids of the standard's differences chapter."""
    return set(re.findall(r"(?m)^\*\*(DIFF-[A-Z0-9-]+)\.\*\*", STANDARD.read_text("utf-8")))


def outcomes() -> list[Outcome]:
    return [compare(recording) for recording in load_recordings()]


def compare(recording: Json) -> Outcome:
    judge = _compare_decoding if recording["kind"] == "decode" else _compare_encoding
    verdict, detail = judge(recording)
    return Outcome(
        recording["id"],
        recording["impl"],
        recording["kind"],
        recording["group"],
        verdict,
        detail,
    )


def _compare_decoding(recording: Json) -> tuple[str, str]:
    octets = bytes.fromhex(recording["wire"])
    ruby = recording["impl"] == "ruby-0.9"
    try:
        ours = _typed(decode(octets), ruby)
    except DecodeError as error:
        ours = None
        said = str(error)
    else:
        said = json.dumps(ours)[:200]
    detail = f"{octets[:80]!r}: ours {said}; theirs {_shown(recording)}"
    if "value" not in recording:
        return (AGREE if ours is None else "they-refuse"), detail
    # They read one object and stop. Bytes that they left are a refusal that they forgot, so only
    # white space may be left where we accept.
    left = bytes.fromhex(recording.get("unread", ""))
    if ours is None:
        return "we-refuse", detail
    if left.strip(b" \t\v\r\n"):
        return "other-value", detail
    try:
        theirs = _typed(_build(recording["value"]), ruby)
    except NoCounterpart:
        return "other-value", detail
    if same(ours, theirs):
        return AGREE, detail
    alike = same(_without_urls(ours), _without_urls(theirs))
    return ("other-urls" if alike else "other-value"), detail


def _compare_encoding(recording: Json) -> tuple[str, str]:
    try:
        ours: bytes | None = encode(_build(recording["value"]))
    except (EncodeError, TypeError) as error:  # TypeError: a Blob of text
        ours = None
        said = str(error)
    else:
        said = repr(ours)[:200]
    detail = f"ours {said}; theirs {_shown(recording)}"
    if recording["wire"] is None:
        return (AGREE if ours is None else "they-refuse"), detail
    theirs = bytes.fromhex(recording["wire"])
    if ours is None:
        return "we-refuse", detail
    if ours == theirs:
        return AGREE, detail
    ruby = recording["impl"] == "ruby-0.9"
    try:
        alike = same(_typed(decode(theirs), ruby), _typed(decode(ours), ruby))
    except DecodeError:
        alike = False
    return ("other-bytes" if alike else "unlike-bytes"), detail


def _shown(recording: Json) -> str:
    if "error" in recording:
        return f"refused: {recording['error']['message'][:100]}"
    if recording["kind"] == "encode":
        return repr(bytes.fromhex(recording["wire"])[:200])
    return json.dumps(recording["value"])[:200]


def _typed(value: object, ruby: bool) -> Json:
    written = typed.to_json(value)
    return _as_hash(written) if ruby else written


def _as_hash(written: Any) -> Any:
    """Read every dict as an ordered one: Ruby's only kind is the Hash, which keeps its order."""

    def read(parts: dict[str, Any]) -> dict[str, Any]:
        return parts | {"type": "ordered_dict"} if parts.get("type") == "dict" else parts

    return _rewrite(written, read)


def _without_urls(written: Any) -> Any:
    def remove(parts: dict[str, Any]) -> dict[str, Any]:
        if parts.get("type") == "extension":
            url = {"type": "unicode", "value": "url"}
            pairs = [pair for pair in parts["attributes"]["pairs"] if pair[0] != url]
            parts["attributes"] = parts["attributes"] | {"pairs": pairs}
        return parts

    return _rewrite(written, remove)


def _rewrite(written: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(written, list):
        return [_rewrite(part, change) for part in cast("list[object]", written)]
    if isinstance(written, dict):
        members = cast("dict[str, object]", written)
        return change({key: _rewrite(part, change) for key, part in members.items()})
    return written


# Recorded values


def _build(recorded: Json) -> Any:
    return _BUILDERS[recorded["t"]](recorded)


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_hashable, cast("list[object]", value)))
    if isinstance(value, set):
        return frozenset(map(_hashable, cast("set[object]", value)))
    return value


def _build_pairs(recorded: Json) -> list[tuple[Any, Any]]:
    pairs = [(_hashable(_build(key)), _build(value)) for key, value in recorded["v"]]
    try:
        distinct = len(dict(pairs)) == len(pairs)
    except TypeError:
        distinct = False
    if not distinct:
        raise NoCounterpart("keys that no dict of Python 3 holds")
    return pairs


def _build_set(recorded: Json) -> set[Any]:
    items = [_hashable(_build(item)) for item in recorded["v"]]
    try:
        built = set(items)
    except TypeError:
        raise NoCounterpart("items that no set of Python 3 holds") from None
    if len(built) != len(items):
        raise NoCounterpart("items that are equal in Python 3")
    return built


def _build_float(recorded: Json) -> float:
    text: str = recorded["v"]
    return float.fromhex(text) if "x" in text else float(text)


def _build_datetime(recorded: Json) -> datetime:
    if isinstance(recorded["v"], list):
        moment: list[Any] = cast("Any", recorded["v"])
        *fields, offset = moment
        zone = None if offset is None else timezone(timedelta(minutes=offset))
        return datetime(*fields).replace(tzinfo=zone)
    text: str = recorded["v"]
    # Ruby counts nanoseconds; the data model has microseconds, and what is below is cut. Python
    # writes the zone into some of its recordings.
    clock, _, fraction = text.removesuffix("+00:00").partition(".")
    offset_text: str = "+00:00" if recorded["tz"] in ("UTC", "Z") else recorded["tz"]
    try:
        return datetime.fromisoformat(f"{clock}.{fraction[:6].ljust(6, '0')}{offset_text}")
    except ValueError:
        raise NoCounterpart(f"no datetime of Python: {text}{offset_text}") from None


def _build_timedelta(recorded: Json) -> timedelta:
    parts = ("days", "seconds", "microseconds")
    return timedelta(**{part: int(recorded.get(part, 0)) for part in parts})


def _build_duration(recorded: Json) -> Period:
    try:
        years, months = int(recorded["years"]), int(recorded["months"])
    except ValueError:
        raise NoCounterpart("parts of years") from None
    return Period(years, months, _build_timedelta(recorded["rest"]))


def _build_extension(recorded: Json) -> Extension:
    name = _build(recorded["name"])
    return Extension.from_wire(name, _build(recorded["attrs"]), _build(recorded["content"]))


def _build_blob(recorded: Json) -> Blob:
    return Blob.from_wire(_build(recorded["attrs"]), BytesIO(bytes.fromhex(recorded["hex"])))


def _build_nested(recorded: Json) -> list[Any]:
    built: list[Any] = []
    for _ in range(recorded["depth"] - 1):
        built = [built]
    return built


def _refuse(recorded: Json) -> Any:
    raise NoCounterpart("text that is not UTF-8")


_BUILDERS: dict[str, Callable[[Json], Any]] = {
    "int": lambda recorded: int(recorded["v"]),
    "bool": lambda recorded: recorded["v"],
    "nil": lambda recorded: None,
    "str": lambda recorded: recorded["v"],
    "str-invalid": _refuse,
    "bytes": lambda recorded: bytes.fromhex(recorded["hex"]),
    "float": _build_float,
    "list": lambda recorded: [_build(item) for item in recorded["v"]],
    "nested-lists": _build_nested,
    "set": _build_set,
    "dict": lambda recorded: dict(_build_pairs(recorded)),
    "odict": lambda recorded: OrderedDict(_build_pairs(recorded)),
    "datetime": _build_datetime,
    "timedelta": _build_timedelta,
    "duration": _build_duration,
    "ext": _build_extension,
    "blob": _build_blob,
    "py": lambda recorded: _EXPRESSIONS["python-0.9", recorded["expr"]](),
    "rb": lambda recorded: _EXPRESSIONS["ruby-0.9", recorded["expr"]](),
}

# What an expression of Python 2 or Ruby comes to in Python 3. A text of Ruby with bytes that are
# not UTF-8 is a text with surrogates here; a file is a blob in one and bytes in the other.
_EXPRESSIONS: dict[tuple[str, str], Callable[[], Any]] = {
    ("python-0.9", "u'\\ud800'"): lambda: "\ud800",
    ("python-0.9", "u'\\ud83d\\udca9'"): lambda: "\N{PILE OF POO}",
    ("python-0.9", "buffer('abc')"): lambda: memoryview(b"abc"),
    ("python-0.9", "bytearray('abc')"): lambda: bytearray(b"abc"),
    ("python-0.9", "(1,2)"): lambda: (1, 2),
    ("python-0.9", "collections.deque([1,2])"): lambda: deque([1, 2]),
    ("python-0.9", "frozenset([1,2])"): lambda: frozenset([1, 2]),
    ("python-0.9", "xrange(3)"): lambda: range(3),
    ("python-0.9", "{(1,2):3}"): lambda: {(1, 2): 3},
    ("python-0.9", "datetime.date(1970,1,1)"): lambda: date(1970, 1, 1),
    ("python-0.9", "isodate.Duration(years=1,months=2)"): lambda: Period(1, 2),
    ("python-0.9", "hyperglyph.form(u'/foo',values=['a','b'])"): lambda: Form(
        url="/foo", method="POST", values=[Input(name="a"), Input(name="b")]
    ),
    ("python-0.9", "hyperglyph.link(u'/foo')"): lambda: Link(url="/foo", method="GET"),
    ("python-0.9", "hyperglyph.error(u'ref',u'msg')"): lambda: Error(logref="ref", message="msg"),
    ("python-0.9", "hyperglyph.blob('abc')"): lambda: Blob(b"abc", "text/plain"),
    ("python-0.9", "hyperglyph.blob(u'caf\\xe9')"): lambda: Blob(
        cast("Any", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"), "text/plain"
    ),
    ("python-0.9", "hyperglyph.blob(io.BytesIO('abc'))"): lambda: Blob(
        BytesIO(b"abc"), "application/octet-stream"
    ),
    ("python-0.9", "object()"): object,
    ("python-0.9", "__import__('decimal').Decimal('1.5')"): lambda: Decimal("1.5"),
    ("python-0.9", "1j"): lambda: 1j,
    ("ruby-0.9", '"\\xff"'): lambda: b"\xff".decode(errors="surrogateescape"),
    ("ruby-0.9", '"abc".b'): lambda: "abc",
    ("ruby-0.9", '"\\xc3\\xa9".b'): lambda: b"\xc3\xa9".decode("ascii", "surrogateescape"),
    ("ruby-0.9", '"\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}".encode("EUC-JP")'):
        lambda: "\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}",
    ("ruby-0.9", 'StringIO.new("\N{LATIN SMALL LETTER E WITH ACUTE}")'): lambda: (
        "\N{LATIN SMALL LETTER E WITH ACUTE}".encode()
    ),
    ("ruby-0.9", "(1..2)"): lambda: slice(1, 2),
    ("ruby-0.9", "Time.at(0).utc"): lambda: datetime(1970, 1, 1, tzinfo=UTC),
    ("ruby-0.9", "Time.at(0,123456).utc"): lambda: datetime(1970, 1, 1, 0, 0, 0, 123456, UTC),
    ("ruby-0.9", 'Hyperglyph.blob(StringIO.new("abc"))'): lambda: Blob(
        BytesIO(b"abc"), "application/octet-stream"
    ),
    ("ruby-0.9", "Object.new"): object,
}  # fmt: skip


# The report


def recordings_table() -> list[str]:
    """The recordings by kind and group."""
    found = outcomes()
    rows = Counter((outcome.kind, outcome.group) for outcome in found)
    agreed = Counter((o.kind, o.group) for o in found if o.verdict == AGREE)
    lines = [f"{'recordings':32}{'all':>6}{'agree':>7}{'differ':>8}"]
    for (kind, group), count in sorted(rows.items()):
        agreeing = agreed[kind, group]
        lines.append(f"{kind + ' ' + group:32}{count:6}{agreeing:7}{count - agreeing:8}")
    lines.append(f"{'all':32}{len(found):6}{agreed.total():7}{len(found) - agreed.total():8}")
    return lines


def exceptions_table() -> list[str]:
    """The exceptions by difference, the sums in the last line."""
    lines = [f"{'exceptions':32}" + "".join(f"{name:>14}" for name in DISAGREEMENTS)]
    table = Counter((difference, verdict) for difference, verdict, _, _ in covered())
    for difference in load_exceptions():
        counts = [table[difference, verdict] for verdict in DISAGREEMENTS]
        lines.append(f"{difference:32}" + "".join(f"{count:14}" for count in counts))
    sums = Counter(verdict for _, verdict, _, _ in covered())
    lines.append(f"{'all':32}" + "".join(f"{sums[verdict]:14}" for verdict in DISAGREEMENTS))
    return lines


def report() -> str:
    """Both tables."""
    return "\n".join([*recordings_table(), "", *exceptions_table()])


if __name__ == "__main__":
    print(report())
