"""The small codec as a testee (spec/testee.md): what a new language needs to be tried.

Started by `python -m hyperglyph.conformance run -- python examples/small_testee.py`.
"""

import json
import sys
import traceback
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from small_codec import Blob, Extension, Fault, as_decoded, decode, encode

SINGLETONS = {"nil": None, "true": True, "false": False}
PREFIXES = {"integer": "i", "float": "f", "timedelta": "p"}
KINDS = {int: "integer", float: "float", datetime: "datetime"}


class CannotBuild(Exception):
    """Python has no such value."""


def build(typed: dict[str, Any], key: bool = False) -> Any:
    """The value of a typed value (spec/README.md)."""
    kind = typed["type"]
    if kind in SINGLETONS:
        return SINGLETONS[kind]
    match kind:
        case "float" if typed["value"] == "nan":
            return float("nan")  # one more, which a container holds apart from others
        case "float" | "integer" | "timedelta":
            return decode(f"{PREFIXES[kind]}{typed['value']};".encode())
        case "datetime":
            return datetime.fromisoformat(typed["value"])
        case "unicode" if "codepoints" in typed:
            return "".join(chr(int(point, 16)) for point in typed["codepoints"])
        case "unicode":
            return typed["value"] if "value" in typed else typed["repeat"] * typed["times"]
        case "bytearray":
            return octets(typed)
        case "list":
            repeated = [typed["repeat"]] * typed["times"] if "repeat" in typed else []
            items = [build(item, key) for item in typed.get("items", repeated)]
            return tuple(items) if key else items
        case "set":
            items = distinct(typed["items"])
            return frozenset(items) if key else set(items)
        case "dict" | "ordered_dict":
            keys = distinct(pair[0] for pair in typed["pairs"])
            pairs = zip(keys, (build(pair[1]) for pair in typed["pairs"]), strict=True)
            return dict(pairs) if kind == "dict" else OrderedDict(pairs)
        case "extension":
            attributes, content = build(typed["attributes"]), build(typed["content"])
            return as_decoded(Extension, name=typed["name"], attributes=attributes, content=content)
        case "blob":
            return as_decoded(Blob, attributes=build(typed["attributes"]), content=octets(typed))
        case _:
            raise CannotBuild(f"no type {kind}")


def octets(typed: dict[str, Any]) -> bytes:
    return bytes.fromhex(typed["hex"] if "hex" in typed else typed["repeat"] * typed["times"])


def distinct(items: Iterable[dict[str, Any]]) -> list[Any]:
    built = [build(item, key=True) for item in items]
    try:
        if len(set(built)) == len(built):
            return built
    except TypeError as error:
        raise CannotBuild(str(error)) from error
    raise CannotBuild("equal keys")


def describe(value: Any) -> dict[str, Any]:
    """The typed value of a value."""
    match value:
        case None | bool():
            return {"type": {None: "nil", True: "true", False: "false"}[value]}
        case str():
            return {"type": "unicode", "value": value}
        case bytes():
            return {"type": "bytearray", "hex": value.hex()}
        case list() | tuple():
            return {"type": "list", "items": [describe(item) for item in value]}
        case set() | frozenset():
            return {"type": "set", "items": [describe(item) for item in value]}
        case dict():
            kind = "ordered_dict" if isinstance(value, OrderedDict) else "dict"
            pairs = [[describe(key), describe(item)] for key, item in value.items()]
            return {"type": kind, "pairs": pairs}
        case Extension():
            attributes, content = describe(value.attributes), describe(value.content)
            parts = {"name": value.name, "attributes": attributes, "content": content}
            return {"type": "extension", **parts}
        case Blob():
            attributes = describe(value.attributes)
            return {"type": "blob", "attributes": attributes, "hex": value.content.hex()}
        case _:
            spelled = encode(value)[1:-1].decode()
            return {"type": KINDS.get(type(value), "timedelta"), "value": spelled}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    match request["cmd"]:
        case "start":
            return {"implementation": "small_codec", "language": "Python", "version": "1.0"}
        case "stop":
            return {"stopped": True}
        case "decode" if "pieces" not in request:
            return {"value": describe(decode(bytes.fromhex(request["wire"])))}
        case "canonical" | "encode" as command:
            try:
                value = build(request["value"])
            except CannotBuild as error:
                return {"skipped": str(error)}
            except Fault as fault:  # what cannot be built is not encoded
                return {"fault": "unencodable", "message": str(fault)}
            return {"wire": encode(value, canonical=command == "canonical").hex()}
        case _:
            return {"skipped": "whole messages only, decoded and encoded"}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = answer(request)
        except Fault as fault:
            reply = {"fault": fault.kind, "message": str(fault)}
            reply |= {} if fault.at is None else {"at": fault.at}
        except Exception:  # noqa: BLE001 - the runner is to hear of it, and to go on
            reply = {"errored": traceback.format_exc()}
        print(json.dumps({"seq": request["seq"], **reply}), flush=True)
        if request["cmd"] == "stop":
            break


if __name__ == "__main__":
    main()
