# -*- coding: utf-8 -*-
"""A testee (spec/testee.md) around the Python package of 2012, or one with its interface:

    python2.7 python_2012.py PATH

PATH is the folder that holds the package `hyperglyph`, with `hyperglyph.dump(value)` and
`hyperglyph.load(octets)` or, as some versions have it, `parse(octets)`. It runs under Python 2.7
and 3, needs nothing of this package, and is never imported by it.
"""

from __future__ import print_function, unicode_literals

import collections
import datetime
import io
import json
import sys
import traceback

sys.path.insert(0, sys.argv[1])
import hyperglyph  # noqa: E402

TEXT = type("")
ODICT = collections.OrderedDict
LOAD = getattr(hyperglyph, "load", None) or hyperglyph.parse
FLOATS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
EPOCH = datetime.datetime(1, 1, 1)


class Unbuildable(Exception):
    """Python cannot hold the value: there is nothing to try."""


class Refused(Exception):
    """Whatever the library raises is its way to refuse."""


class _UTC(datetime.tzinfo):
    def utcoffset(self, _):
        return datetime.timedelta(0)

    dst = utcoffset

    def tzname(self, _):
        return "UTC"


UTC = _UTC()


def octets(typed):
    if "repeat" in typed:
        return bytes(bytearray.fromhex(typed["repeat"])) * typed["times"]
    return bytes(bytearray.fromhex(typed["hex"]))


def text(typed):
    if "codepoints" in typed:
        spelled = "".join("\\U%08x" % int(code, 16) for code in typed["codepoints"])
        return spelled.encode("ascii").decode("unicode_escape")
    return typed["repeat"] * typed["times"] if "repeat" in typed else typed["value"]


def items(typed, key):
    if "repeat" in typed:
        return [build(typed["repeat"], key)] * typed["times"]
    return [build(item, key) for item in typed["items"]]


def pairs(typed, kind):
    try:
        built = kind((build(name, True), build(value)) for name, value in typed["pairs"])
    except TypeError as error:
        raise Unbuildable(TEXT(error))
    if len(built) != len(typed["pairs"]):
        raise Unbuildable("keys that are equal in Python")
    return built


def moment(spelled):
    if not spelled.endswith("Z"):
        return datetime.datetime.strptime(spelled[:19], "%Y-%m-%dT%H:%M:%S")
    date = datetime.datetime.strptime(spelled[:19], "%Y-%m-%dT%H:%M:%S")
    return date.replace(microsecond=int(spelled[20:-1].ljust(6, "0")), tzinfo=UTC)


def period(spelled):
    sign = -1 if spelled[0] == "-" else 1
    date, _, clock = spelled.lstrip("-P").partition("T")
    years, _, rest = date.partition("Y")
    months, _, days = rest.partition("M")
    if int(years) or int(months):
        raise Unbuildable("periods with years or months")
    hours, _, rest = clock.partition("H")
    minutes, _, seconds = rest.partition("M")
    whole, _, micro = seconds.rstrip("S").partition(".")
    parts = dict(days=int(days[:-1]), hours=int(hours), minutes=int(minutes), seconds=int(whole))
    try:
        return sign * datetime.timedelta(microseconds=int(micro or 0), **parts)
    except OverflowError as error:
        raise Unbuildable(TEXT(error))


def build(typed, key=False):
    kind = typed["type"]
    if kind in ("nil", "true", "false"):
        return {"nil": None, "true": True, "false": False}[kind]
    if kind == "integer":
        return int(typed["value"])
    if kind == "float":
        return FLOATS.get(typed["value"]) or float.fromhex(typed["value"])
    if kind == "unicode":
        return text(typed)
    if kind == "bytearray":
        return octets(typed)
    if kind == "datetime":
        return moment(typed["value"])
    if kind == "timedelta":
        return period(typed["value"])
    if kind == "list":
        return tuple(items(typed, key)) if key else items(typed, key)
    if kind == "set":
        try:
            built = (frozenset if key else set)(items(typed, True))
        except TypeError as error:
            raise Unbuildable(TEXT(error))
        if len(built) != len(typed["items"]):
            raise Unbuildable("items that are equal in Python")
        return built
    if kind in ("dict", "ordered_dict"):
        return pairs(typed, ODICT if kind == "ordered_dict" else dict)
    if kind == "extension":
        name = typed["name"] if isinstance(typed["name"], TEXT) else text(typed["name"])
        made = build(typed["attributes"]), build(typed["content"])
        return hyperglyph.Extension.__make__(name, *made)
    return hyperglyph.Blob(io.BytesIO(octets(typed)), build(typed["attributes"]))


def show_float(value):
    if value != value:
        return "nan"
    return value.hex() if abs(value) != FLOATS["inf"] else "inf" if value > 0 else "-inf"


def show_moment(value):
    if value.tzinfo is not None:
        value = (value - value.utcoffset()).replace(tzinfo=None)
    micro = value.microsecond
    fraction = "%06d" % micro if micro % 1000 else "%03d" % (micro // 1000)
    fields = (value.year, value.month, value.day, value.hour, value.minute, value.second, fraction)
    return {"type": "datetime", "value": "%04d-%02d-%02dT%02d:%02d:%02d.%sZ" % fields}


def show_period(value):
    sign = "-" if value < datetime.timedelta(0) else ""
    value = abs(value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = ".%06d" % value.microseconds if value.microseconds else ""
    fields = (sign, value.days, hours, minutes, seconds, fraction)
    return {"type": "timedelta", "value": "%sP0Y0M%dDT%dH%dM%d%sS" % fields}


def show_text(value):
    codes = [ord(char) for char in value]
    if any(0xD800 <= code <= 0xDFFF for code in codes) and sys.maxunicode > 0xFFFF:
        return {"type": "unicode", "codepoints": ["%04x" % code for code in codes]}
    return {"type": "unicode", "value": value}


def show(value):
    if value is None or value is True or value is False:
        return {"type": {None: "nil", True: "true", False: "false"}[value]}
    if isinstance(value, float):
        return {"type": "float", "value": show_float(value)}
    if isinstance(value, TEXT):
        return show_text(value)
    if isinstance(value, bytes):
        return {"type": "bytearray", "hex": "".join("%02x" % one for one in bytearray(value))}
    if isinstance(value, datetime.datetime):
        return show_moment(value)
    if isinstance(value, datetime.timedelta):
        return show_period(value)
    if isinstance(value, (set, frozenset)):
        return {"type": "set", "items": [show(item) for item in value]}
    if isinstance(value, (list, tuple)):
        return {"type": "list", "items": [show(item) for item in value]}
    if isinstance(value, dict):
        kind = "ordered_dict" if isinstance(value, ODICT) else "dict"
        shown = [[show(name), show(held)] for name, held in value.items()]
        return {"type": kind, "pairs": shown}
    if isinstance(value, hyperglyph.Blob):
        value.fh.seek(0)
        shown = show(value.fh.read())["hex"]
        return {"type": "blob", "attributes": show(value._attributes), "hex": shown}
    if isinstance(value, hyperglyph.Extension):
        name, attributes, content = value.__getstate__()
        shown = {"attributes": show(attributes), "content": show(content)}
        return dict(shown, type="extension", name=name)
    return {"type": "integer", "value": TEXT(int(value))}


def call(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        raise Refused("%s: %s" % (type(error).__name__, error))


def answer(request):
    command = request["cmd"]
    if command == "start":
        language = "Python %d.%d" % sys.version_info[:2]
        return {"implementation": "hyperglyph.py", "language": language, "version": "2012"}
    if command == "stop":
        return {"stopped": True}
    if "pieces" in request or command not in ("decode", "encode", "canonical"):
        return {"skipped": "no such thing in 2012"}
    try:
        if command == "decode":
            return {"value": show(call(LOAD, bytes(bytearray.fromhex(request["wire"]))))}
        wire = call(hyperglyph.dump, build(request["value"]))
        return {"wire": show(bytes(wire))["hex"]}
    except Refused as error:
        return {"fault": "refused", "message": TEXT(error)[:200]}
    except Unbuildable as error:
        return {"skipped": TEXT(error)}
    except Exception:
        return {"errored": TEXT(traceback.format_exc())}


while True:
    line = sys.stdin.readline()
    if not line:
        break
    asked = json.loads(line)
    reply = dict(answer(asked), seq=asked["seq"])
    print(json.dumps(reply))
    sys.stdout.flush()
    if "stopped" in reply:
        break
