"""The vectors of `spec/vectors`, loaded and chosen."""

import json
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, cast

import attrs

from .typed import Typed, wire


@attrs.frozen(kw_only=True)
class Vector:
    """One vector. Either `wire` (to decode) or `encode` (to encode) is there.

    `canonical` is what the canonical encoder makes of the value, None if it has to refuse it or
    if there is no value. `source` is the JSON as it stands in its file.
    """

    name: str
    topic: str
    generated: bool
    requirements: tuple[str, ...]
    expect: str
    wire: bytes | None = None
    value: Typed | None = None
    encode: Typed | None = None
    canonical: bytes | None = None
    fault: str | None = None
    at: int | None = None
    source: Typed = attrs.field(repr=False, eq=False)


def load(documents: Iterable[tuple[str, Typed]] | None = None) -> list[Vector]:
    """Return all vectors in the order of file names and of each file.

    `documents` are pairs of file name and content, those of the installed standard by default.
    """
    if documents is None:
        documents = read_documents()
    return [
        _vector(source, document["topic"], name.endswith("-generated.json"))
        for name, document in documents
        for source in cast("list[dict[str, Any]]", document["vectors"])
    ]


def read_documents() -> list[tuple[str, Typed]]:
    """Return the file names and contents of the standard's vectors."""
    folder = files("hyperglyph.spec").joinpath("vectors")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".json")]
    return [
        (entry.name, json.loads(entry.read_text(encoding="utf-8")))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


def choose(
    vectors: Iterable[Vector],
    *,
    topics: Sequence[str] = (),
    requirements: Sequence[str] = (),
    patterns: Sequence[str] = (),
) -> list[Vector]:
    """Return those that fit one of each; an empty choice is fitted by all.

    Patterns are for names, with the wildcards of a shell.
    """
    return [
        vector
        for vector in vectors
        if (not topics or vector.topic in topics)
        and (not requirements or any(name in vector.requirements for name in requirements))
        and (not patterns or any(fnmatchcase(vector.name, pattern) for pattern in patterns))
    ]


def _vector(source: dict[str, Any], topic: str, generated: bool) -> Vector:
    octets = wire(source["wire"]) if "wire" in source else None
    value = source.get("value")
    canonical = octets if value is not None else None
    if "canonical" in source:
        written = source["canonical"]
        canonical = None if written is None else wire(written)
    return Vector(
        name=source["name"],
        topic=topic,
        generated=generated,
        requirements=tuple(source["requirements"]),
        expect=source["expect"],
        wire=octets,
        value=value,
        encode=source.get("encode"),
        canonical=canonical,
        fault=source.get("fault"),
        at=source.get("at"),
        source=source,
    )
