"""Faults of a codec: what it answers is right but for one thing, changed on its way out."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from hyperglyph.codec import DecodeError, decode, encode
from hyperglyph.transport.http.shapes import is_dict, is_list

from ...typed import Typed, from_json, to_json
from ..codec import answer
from ..program import serve_requests
from .faults import Fault

__all__ = ["FAULTS", "changed"]

Reply = dict[str, Any]
Change = Callable[[Typed, Reply], Reply]


def changed(name: str, request: Typed) -> Reply:
    """Return what the codec with this fault answers, but for its `seq`."""
    reply = answer(request)
    if request["cmd"] in ("decode", "encode", "canonical"):
        return _TABLE[name][1](request, reply)
    return reply


def _run(name: str) -> Callable[[], None]:
    return lambda: serve_requests(lambda request: changed(name, request))


# --- helpers ------------------------------------------------------------------------------------


def _octets(request: Typed) -> bytes:
    return bytes.fromhex(request.get("wire", ""))


def _lenient(octets: bytes) -> Reply | None:
    try:
        return {"value": to_json(decode(octets))}
    except DecodeError:
        return None


def _instead(pattern: bytes, octets: bytes) -> Change:
    """What the pattern finds in the message is read as if these octets stood there."""

    def change(request: Typed, reply: Reply) -> Reply:
        if request["cmd"] != "decode" or not re.search(pattern, _octets(request)):
            return reply
        return _lenient(re.sub(pattern, octets, _octets(request))) or reply

    return change


def _each(typed: object) -> Iterator[dict[str, Any]]:
    """All values in a value, the inner ones first."""
    if is_dict(typed):
        for part in typed.values():
            yield from _each(part)
        if "type" in typed:
            yield typed
    elif is_list(typed):
        for part in typed:
            yield from _each(part)


def _decoded(kind: str, alter: Callable[[dict[str, Any]], None]) -> Change:
    """Values of one type come out of the decoder altered."""

    def change(request: Typed, reply: Reply) -> Reply:
        if request["cmd"] == "decode" and "value" in reply:
            for value in _each(reply["value"]):
                if value["type"] == kind:
                    alter(value)
        return reply

    return change


def _text(alter: Callable[[str], str]) -> Change:
    def one(value: dict[str, Any]) -> None:
        if "value" in value:
            value["value"] = alter(value["value"])

    return _decoded("unicode", one)


def _spelled(kind: str, alter: Callable[[str], str]) -> Change:
    def one(value: dict[str, Any]) -> None:
        value["value"] = alter(value["value"])

    return _decoded(kind, one)


def _written(pattern: bytes, octets: bytes | Callable[[re.Match[bytes]], bytes]) -> Change:
    """The encoders write something else."""

    def change(request: Typed, reply: Reply) -> Reply:
        if request["cmd"] != "decode" and "wire" in reply:
            written = re.sub(pattern, octets, bytes.fromhex(reply["wire"]))
            return {"wire": written.hex()}
        return reply

    return change


# --- the faults ---------------------------------------------------------------------------------


def _ignores_what_follows(request: Typed, reply: Reply) -> Reply:
    if reply.get("fault") == "malformed":
        return _lenient(_octets(request)[: reply["at"]]) or reply
    return reply


def _takes_cut_integers(request: Typed, reply: Reply) -> Reply:
    if reply.get("fault") == "truncated" and re.fullmatch(rb"i[+-]?[0-9]+", _octets(request)):
        return _lenient(_octets(request) + b";") or reply
    return reply


def _takes_cut_chunks(request: Typed, reply: Reply) -> Reply:
    if reply.get("fault") == "truncated" and b";c0:" in _octets(request):
        return _lenient(_octets(request) + b"c0;") or reply
    return reply


_TEXT_PAIR = re.compile(rb"D(?P<key>u1:.;)(?P<value>[NTF];)(?P=key)(?P<last>[NTF];);")


def _last_duplicate_wins(request: Typed, reply: Reply) -> Reply:
    kept = _TEXT_PAIR.sub(rb"D\g<key>\g<last>;", _octets(request))
    return _lenient(kept) or reply if "fault" in reply and request["cmd"] == "decode" else reply


def _same_item_dropped(request: Typed, reply: Reply) -> Reply:
    kept = re.sub(rb"S(i\d+;)\1;", rb"S\1;", _octets(request))
    return _lenient(kept) or reply if "fault" in reply and request["cmd"] == "decode" else reply


def _nan_is_zero(value: dict[str, Any]) -> None:
    if value["value"] == "nan":
        value["value"] = "0x0.0p+0"


def _wraps(text: str) -> str:
    number = int(text) if len(text) < 600 else 0
    return text if -(2**63) <= number < 2**63 else str((number + 2**63) % 2**64 - 2**63)


def _as_integer(value: dict[str, Any]) -> None:
    if re.fullmatch(r"-?0x1\.0000000000000p\+0", value["value"]):
        value |= {"type": "integer", "value": "-1" if value["value"][0] == "-" else "1"}


def _a_dict(value: dict[str, Any]) -> None:
    value["type"] = "dict"


def _year_as_days(value: dict[str, Any]) -> None:
    value["value"] = re.sub(r"P1Y0M0D", "P0Y0M365D", value["value"])


def _resolved(value: dict[str, Any]) -> None:
    for key, held in value["attributes"].get("pairs", ()):
        if key.get("value") == "url" and held["type"] == "unicode" and held.get("value"):
            held["value"] = "http://localhost/" + held["value"].lstrip("/")


def _loses_first_chunk(value: dict[str, Any]) -> None:
    if len(value.get("hex", "")) > 8:
        value["hex"] = value["hex"][2:]


def _in_pieces(request: Typed, reply: Reply) -> Reply:
    # A text that is cut within a character, say.
    if request.get("pieces") == [1] and b"\xc3" in _octets(request) and "value" in reply:
        return {"fault": "malformed", "at": 0}
    return reply


def _by_length(request: Typed, reply: Reply) -> Reply:
    value = request.get("value", {})
    if request["cmd"] != "canonical" or value.get("type") != "set" or "wire" not in reply:
        return reply
    items = [bytes(encode(from_json(item), canonical=True)) for item in value["items"]]
    items.sort()
    items.sort(key=len)
    return {"wire": b"".join([b"S", *items, b";"]).hex()}


def _no_surrogate_check(request: Typed, reply: Reply) -> Reply:
    return _instead(rb"u3:\xed[\xa0-\xbf].;", b"u3:\xef\xbf\xbd;")(request, reply)


def _depth(request: Typed, reply: Reply) -> Reply:
    if request["cmd"] == "decode" and b"L" * 40 in _octets(request) and "value" in reply:
        return {"fault": "limit", "at": 40}
    return reply


_TABLE: dict[str, tuple[str, Change]] = {
    "takes cut integers": ("REQ-MSG-3", _takes_cut_integers),
    "ignores what follows": ("REQ-MSG-1", _ignores_what_follows),
    "form feed is white space": ("REQ-MSG-2", _instead(rb"^\x0c", b"")),
    "takes small letters": ("REQ-SNG-1", _instead(rb"^t;$", b"T;")),
    "cut within a character": ("REQ-MSG-5", _in_pieces),
    "integers wrap at 64 bits": ("REQ-INT-2", _spelled("integer", _wraps)),
    "takes underscores": ("REQ-INT-1", _instead(rb"^i(\d+)_(\d+);$", rb"i\1\2;")),
    "last duplicate wins": ("REQ-DCT-2", _last_duplicate_wins),
    "same items are dropped": ("REQ-SET-1", _same_item_dropped),
    "nan is zero": ("REQ-FLT-3", _decoded("float", _nan_is_zero)),
    "negative zero is lost": (
        "REQ-FLT-4", _spelled("float", lambda text: text.replace("-0x0.0p+0", "0x0.0p+0"))),
    "one is an integer": ("REQ-KEY-3", _decoded("float", _as_integer)),
    "writes short floats": ("REQ-FLT-5", _written(rb"f(-?)0x1\.0000000000000p", rb"f\g<1>0x1p")),
    "takes surrogates": ("REQ-TXT-1", _no_surrogate_check),
    "normalises text": (
        "REQ-TXT-2", _text(lambda text: unicodedata.normalize("NFC", text))),
    "drops a byte order mark": ("REQ-TXT-2", _text(lambda text: text.removeprefix("\ufeff"))),
    "ignores the terminator of a text": (
        "REQ-TXT-3", _instead(rb"^(u1:a)[^;]$", rb"\1;")),
    "forgets the offset of a datetime": ("REQ-DTM-3", _instead(rb"[+-]\d\d:\d\d;$", b"Z;")),
    "rounds what is below a microsecond": (
        "REQ-DTM-4", _instead(rb"(d[^;]*\.\d{5})\d9+(?=Z;)", rb"\g<1>9")),
    "takes the second 60": ("REQ-DTM-2", _instead(rb":60(?=[.Z])", b":59")),
    "a year is 365 days": ("REQ-DUR-4", _decoded("timedelta", _year_as_days)),
    "ordered dicts lose their kind": ("REQ-DCT-3", _decoded("ordered_dict", _a_dict)),
    "resolves urls": ("REQ-EXT-3", _decoded("extension", _resolved)),
    "loses the first octet of a blob": ("REQ-BLB-3", _decoded("blob", _loses_first_chunk)),
    "takes blobs without end": ("REQ-BLB-4", _takes_cut_chunks),
    "sorts by length": ("REQ-CAN-1", _by_length),
    "refuses depth 64": ("REQ-LIM-1", _depth),
    "refuses leading zeros of a length": (
        "REQ-LEN-2",
        lambda request, reply: {"fault": "malformed", "at": 1}
        if re.match(rb"[ub]0\d+:", _octets(request)) and "value" in reply else reply),
}  # fmt: skip

FAULTS = tuple(
    Fault(name, "codec", requirement, _run(name)) for name, (requirement, _) in _TABLE.items()
)
