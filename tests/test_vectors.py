"""The vectors of the standard drive the codec: decoding, encoding, offsets, pieces and cuts.

Each test goes through one file and names every vector that went wrong, so that a change of the
codec shows all that it breaks.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from hyperglyph.codec import (
    DecodeError,
    EncodeError,
    LimitExceeded,
    Reader,
    Truncated,
    decode,
    encode,
    encode_pieces,
)
from hyperglyph.conformance.cases import Vector, load, read_documents
from hyperglyph.conformance.codec_judge import is_free
from hyperglyph.conformance.testees.codec import pieces
from hyperglyph.conformance.typed import Unbuildable, from_json, same, to_json

ROOT = Path(__file__).resolve().parent.parent
SPACES = b" \t\v\r\n"
#: Up to this length a message is split, and cut, at every byte, a longer one at some 23 places.
#: `make soak` goes to 4 KiB and 64 KiB; of what is longer still nearly every byte is one of a text.
SOAK = bool(os.environ.get("HYPERGLYPH_SOAK"))
EVERY_SPLIT = 4_096 if SOAK else 200
EVERY_CUT = 65_536 if SOAK else 1_000
DOCUMENTS = dict(read_documents())
FILES = {name: load([(name, document)]) for name, document in DOCUMENTS.items()}
VECTORS = [vector for vectors in FILES.values() for vector in vectors]
by_file = pytest.mark.parametrize("vectors", FILES.values(), ids=list(FILES))

# What a decoder made of octets: a typed value, or the kind of fault and its offset.
Outcome = dict[str, Any] | tuple[str, int]


def outcome(wire: bytes) -> Outcome:
    try:
        return to_json(decode(wire))
    except DecodeError as error:
        return fault(error)


def outcome_in_pieces(*cut: bytes) -> Outcome:
    reader = Reader()
    try:
        for piece in cut:
            reader.feed(piece)
        return to_json(reader.close())
    except DecodeError as error:
        return fault(error)


def fault(error: DecodeError) -> tuple[str, int]:
    if isinstance(error, Truncated):
        return "truncated", error.offset
    return "limit" if isinstance(error, LimitExceeded) else "malformed", error.offset


def agree(left: Outcome, right: Outcome) -> bool:
    if isinstance(left, tuple) or isinstance(right, tuple):
        return left == right
    return left == right or same(left, right)


def short(what: object) -> str:
    text = repr(what)
    return text if len(text) < 200 else text[:100] + "…" + text[-60:]


@by_file
def test_decode(vectors: list[Vector]) -> None:
    wrong: list[str] = []
    for vector in vectors:
        if vector.wire is None:
            continue
        got = outcome(vector.wire)
        if isinstance(got, tuple):
            right = vector.expect != "accept" and vector.fault in (None, got[0])
            right = right and vector.at in (None, got[1])
        else:
            right = vector.expect != "reject"
            right = right and (vector.value is None or same(got, vector.value))
        if not right:
            wrong.append(f"{vector.name}: {short(got)}")
    assert not wrong, "\n".join(wrong)


@by_file
def test_encode(vectors: list[Vector]) -> None:
    wrong: list[str] = []
    for vector in vectors:
        if vector.wire is None or vector.value is None:
            continue
        if isinstance(outcome(vector.wire), tuple):  # of either, refused
            continue
        for value in (from_json(vector.value), decode(vector.wire)):
            wrong += [f"{vector.name}: {fault}" for fault in encoding_faults(vector, value)]
    assert not wrong, "\n".join(wrong)


def encoding_faults(vector: Vector, value: object) -> Iterator[str]:
    assert vector.value is not None
    if vector.canonical is None:
        for canonical in (True, False):
            with pytest.raises(EncodeError):
                encode(value, canonical=canonical)
        return
    written = encode(value, canonical=True)
    if written != vector.canonical:
        yield f"canonical is {short(written)}"
    free = encode(value)
    if not is_free(vector.value) and free != vector.canonical:
        yield f"encodes to {short(free)}"
    if b"".join(encode_pieces(value)) != free:
        yield "encodes to other octets in pieces"
    for octets in {free, written}:
        if not agree(outcome(octets), dict(vector.value)):
            yield f"does not come back from {short(octets)}"


@by_file
def test_encode_vectors(vectors: list[Vector]) -> None:
    wrong: list[str] = []
    for vector in vectors:
        if vector.encode is None:
            continue
        try:
            value = from_json(vector.encode)
        except Unbuildable:  # then nobody can hand it to the encoder
            continue
        try:
            got: bytes | None = encode(value, canonical=True)
            encode(value)
        except EncodeError:
            got = None
        if (vector.expect == "accept" and got != vector.canonical) or (
            vector.expect == "reject" and got is not None
        ):
            wrong.append(f"{vector.name}: {short(got)}")
    assert not wrong, "\n".join(wrong)


@by_file
def test_pieces(vectors: list[Vector]) -> None:
    wrong: list[str] = []
    for vector in vectors:
        wire = vector.wire
        if wire is None:
            continue
        whole = outcome(wire)
        small = len(wire) <= 4_096  # what is longer is nearly all one text, or many like objects
        wrong += [
            f"{vector.name} in pieces of {sizes}"
            for sizes in (([1], [2], [7, 3, 100]) if small else ([4_001], [65_536, 1, 7]))
            if not agree(outcome_in_pieces(*pieces(wire, sizes)), whole)
        ]
        splits = range(1, len(wire), 1 if len(wire) <= EVERY_SPLIT else len(wire) // 23)
        wrong += [
            f"{vector.name} split at {cut}"
            for cut in splits
            if not agree(outcome_in_pieces(wire[:cut], wire[cut:]), whole)
        ]
    assert not wrong, "\n".join(wrong)


@by_file
def test_every_cut_is_truncated(vectors: list[Vector]) -> None:
    wrong: list[str] = []
    for vector in vectors:
        if vector.wire is None or vector.expect != "accept":
            continue
        wire = vector.wire.rstrip(SPACES)
        for cut in range(0, len(wire), 1 if len(wire) <= EVERY_CUT else len(wire) // 23):
            got = outcome(wire[:cut])
            if got != ("truncated", cut):
                wrong.append(f"{vector.name} cut at {cut}: {short(got)}")
    assert not wrong, "\n".join(wrong)


# The files themselves


def schema(name: str) -> Any:
    return json.loads(files("hyperglyph.spec").joinpath("schemas", name).read_text("utf-8"))


def validator_of(name: str) -> Any:
    """Return a validator that knows all schemas, since they refer to each other."""
    return _validator(schema(name))


def _validator(document: Any) -> Any:
    registry: Registry[Any] = Registry()
    for name in ("vectors.json", "scenarios.json"):
        known: Any = schema(name)
        registry = registry.with_resource(known["$id"], Resource.from_contents(known))
    return Draft202012Validator(document, registry=registry)


def taken_apart(source: Any, nodes: dict[str, Any]) -> Any:
    """Return `source` with each typed value in it emptied, and add these values to `nodes`.

    The values in the nodes are emptied too: together they fit the schema if `source` does. The
    validator recurses some twenty calls a level, too many for the depths that vectors have.
    """
    if isinstance(source, list):
        return [taken_apart(part, nodes) for part in cast("Sequence[Any]", source)]
    if not isinstance(source, dict):
        return source
    members = cast("dict[str, Any]", source)
    apart = {name: taken_apart(part, nodes) for name, part in members.items()}
    if "type" not in members:
        return apart
    nodes[json.dumps(apart)] = apart
    if members["type"] in ("dict", "ordered_dict"):
        return {"type": members["type"], "pairs": []}
    return {"type": "nil"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_file_fits_its_schema(name: str) -> None:
    document, nodes = DOCUMENTS[name], dict[str, Any]()
    found = list(validator_of("vectors.json").iter_errors(taken_apart(document, nodes)))
    typed = _validator({"$ref": "urn:hyperglyph:1.0:vectors#/$defs/typed"})
    found += [error for node in nodes.values() for error in typed.iter_errors(node)]
    errors = [f"{list(error.absolute_path)[:3]}: {short(error.message)}" for error in found]
    assert not errors, "\n".join(errors)
    assert name in (f"{document['topic']}{kind}.json" for kind in ("", "-generated"))


@pytest.mark.parametrize("name", ["vectors.json", "testee.json"])
def test_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    "vector",
    [
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "i1;", "expect": "accept"},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "i1;", "expect": "reject"},
        {"name": "A", "requirements": ["REQ-INT-1"], "wire": "i1;", "expect": "either"},
        {"name": "a", "requirements": [], "wire": "i1;", "expect": "either"},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "é", "expect": "either"},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": {"hex": "f"}, "expect": "either"},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "", "expect": "either", "x": 1},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "", "expect": "either",
         "value": {"type": "integer", "value": 1}},
        {"name": "a", "requirements": ["REQ-INT-1"], "wire": "", "expect": "either",
         "value": {"type": "nil", "value": ""}},
        {"name": "a", "requirements": ["REQ-INT-1"], "encode": {"type": "nil"}, "expect": "accept"},
    ],
)  # fmt: skip
def test_schema_refuses(vector: dict[str, Any]) -> None:
    document = {"topic": "t", "about": "…", "vectors": [vector]}
    assert not validator_of("vectors.json").is_valid(document)


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ({"seq": 1, "cmd": "start", "protocol": 1}, True),
        ({"seq": 1, "implementation": "x", "language": "y", "version": "1"}, True),
        ({"seq": 2, "cmd": "decode", "wire": "69313b"}, True),
        ({"seq": 2, "cmd": "decode", "wire": "69313b", "pieces": [1]}, True),
        ({"seq": 2, "value": {"type": "integer", "value": "1"}}, True),
        ({"seq": 2, "fault": "malformed", "at": 0, "message": "…"}, True),
        ({"seq": 2, "cmd": "canonical", "value": {"type": "nil"}}, True),
        ({"seq": 2, "wire": "4e3b"}, True),
        ({"seq": 2, "skipped": "…"}, True),
        ({"seq": 2, "errored": "…"}, True),
        ({"seq": 2, "cmd": "stop"}, True),
        ({"seq": 2, "stopped": True}, True),
        ({"seq": 1, "implementation": "x", "language": "y", "version": "1",
          "roles": ["client"]}, True),
        ({"seq": 2, "cmd": "serve", "port": 20123}, True),
        ({"seq": 2, "url": "http://127.0.0.1:20123/"}, True),
        ({"seq": 2, "cmd": "perform", "steps": [{"op": "get", "url": "x"}], "options": {}}, True),
        ({"seq": 2, "results": [{"value": {"type": "sequence"}}]}, True),
        ({"seq": 2, "results": [{"error": "status", "status": 404, "message": "…"}]}, True),
        ({"seq": 2, "urls": ["http://h/", None]}, True),
        ({"seq": 2, "method": "GET", "url": "http://h/", "headers": [["a", "b"]],
          "body": None}, True),
        ({"seq": 2, "error": "unusable"}, True),
        ({"seq": 1, "implementation": "x", "language": "y", "version": "1",
          "roles": ["proxy"]}, False),
        ({"seq": 2, "cmd": "perform", "steps": [], "options": {}}, False),
        ({"seq": 2, "results": [{"value": {"type": "nil"}, "error": "status"}]}, False),
        ({"seq": 2, "results": [{"error": "oops"}]}, False),
        ({"seq": 2, "urls": [1]}, False),
        ({"seq": 2}, False),
        ({"cmd": "stop"}, False),
        ({"seq": 2, "cmd": "decode", "wire": "i1;"}, False),
        ({"seq": 2, "value": {"type": "integer", "value": 1}}, False),
        ({"seq": 2, "value": {"type": "nil"}, "fault": "malformed"}, False),
    ],
)  # fmt: skip
def test_messages_of_testees(message: dict[str, Any], fits: bool) -> None:
    assert validator_of("testee.json").is_valid(message) is fits


def test_names_are_unique() -> None:
    counts = Counter(vector.name for vector in VECTORS)
    assert [name for name, count in counts.items() if count > 1] == []


def test_there_are_enough_by_hand() -> None:
    by_hand = sum(not vector.generated for vector in VECTORS)
    assert by_hand >= 600
    assert (len(VECTORS) - by_hand) / len(VECTORS) <= 0.6


def test_generated_ones_are_what_the_generator_makes() -> None:
    command = [sys.executable, str(ROOT / "tools" / "generate_vectors.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
