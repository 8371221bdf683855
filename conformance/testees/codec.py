"""The testee for this package's own codec: `python -m hyperglyph.conformance.testees.codec`.

It is also the worked example of spec/README.md: everything a testee does is in this file.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from hyperglyph.codec import (
    DecodeError,
    EncodeError,
    Error,
    Extension,
    Form,
    Input,
    LimitExceeded,
    Link,
    Reader,
    Resource,
    Truncated,
    decode,
    encode,
)
from hyperglyph.transport.http.shapes import is_list

from ..typed import Typed, Unbuildable, from_json, to_json


def answer(request: Typed) -> dict[str, Any]:
    """Return the answer to a request, but for its `seq`."""
    try:
        match request["cmd"]:
            case "start":
                return _start()
            case "decode":
                return _decode(bytes.fromhex(request["wire"]), request.get("pieces"))
            case "encode":
                return {"wire": encode(from_json(request["value"])).hex()}
            case "canonical":
                return {"wire": encode(from_json(request["value"]), canonical=True).hex()}
            case "build":
                return _build(from_json(request["value"]))
            case "stop":
                return {"stopped": True}
            case unknown:
                return {"skipped": f"unknown command {unknown}"}
    except DecodeError as error:
        return {"fault": _fault(error), "at": error.offset, "message": str(error)}
    except EncodeError as error:
        return {"fault": "unencodable", "message": str(error)}
    except Unbuildable as error:
        return {"skipped": str(error)}
    except Exception:  # noqa: BLE001 - the runner is to hear of it, and to go on
        return {"errored": traceback.format_exc()}


def main() -> None:
    """Answer requests from standard input until it ends or says stop."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        reply = {"seq": request["seq"], **answer(request)}
        sys.stdout.buffer.write(json.dumps(reply).encode("ascii") + b"\n")
        sys.stdout.buffer.flush()
        if "stopped" in reply:
            break


def _start() -> dict[str, Any]:
    try:
        number = version("hyperglyph")
    except PackageNotFoundError:  # a bare checkout
        number = "unknown"
    return {"implementation": "hyperglyph", "language": "Python", "version": number}


def _decode(wire: bytes, sizes: Sequence[int] | None) -> dict[str, Any]:
    if sizes is None:
        return {"value": to_json(decode(wire))}
    reader = Reader()
    for piece in pieces(wire, sizes):
        reader.feed(piece)
    return {"value": to_json(reader.close())}


def pieces(wire: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Cut `wire` into pieces of these sizes, the last size repeating."""
    start = index = 0
    while start < len(wire):
        size = sizes[min(index, len(sizes) - 1)]
        yield wire[start : start + size]
        start += size
        index += 1


def _build(value: Extension) -> dict[str, Any]:
    """An extension as users build it: by the class of its name, with its attributes by name."""
    try:
        built = _BUILDERS[value.name](value.content, dict(value.attributes))
    except (TypeError, ValueError) as error:
        return {"fault": "unencodable", "message": str(error)}
    return {"wire": encode(built, canonical=True).hex()}


def _form(content: Any, attributes: dict[str, Any]) -> Extension:
    entries = attributes.pop("values")
    return Form(**attributes, values=list(map(_entry, entries)) if is_list(entries) else entries)


def _entry(entry: Any) -> Any:
    """An entry of a form's `values`: inputs are built, too."""
    is_input = isinstance(entry, Extension) and entry.name == "input"
    return Input(**entry.attributes) if is_input else entry


_BUILDERS: Final[Mapping[str, Callable[[Any, dict[str, Any]], Extension]]] = {
    "link": lambda content, attributes: Link(**attributes, content=content),
    "form": _form,
    "input": lambda content, attributes: Input(**attributes),
    "resource": lambda content, attributes: Resource(content, **attributes),
    "error": lambda content, attributes: Error(**attributes, content=content),
}


def _fault(error: DecodeError) -> str:
    if isinstance(error, Truncated):
        return "truncated"
    return "limit" if isinstance(error, LimitExceeded) else "malformed"


if __name__ == "__main__":
    main()
