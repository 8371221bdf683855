"""The vectors of `spec/vectors` and the scenarios of `spec/http`, loaded and chosen."""

import json
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, Final, TypeVar, cast

import attrs

from .typed import Typed, wire

#: The role in which a testee is tried by each kind of case.
ROLES: Final = {
    "codec": "codec",
    "build": "codec",
    "server": "server",
    "client": "client",
    "call": "client",
    "url": "client",
    "request": "client",
}
LEVELS: Final = ("must", "should", "may")


@attrs.frozen(kw_only=True)
class Case:
    """One thing to try. `level` says whether not passing fails the testee: only a "must" does.

    `source` is the JSON as it stands in its file.
    """

    name: str
    topic: str
    requirements: tuple[str, ...]
    kind: str
    level: str = "must"
    source: Typed = attrs.field(repr=False, eq=False)

    @property
    def role(self) -> str:
        """What the testee is in it: "codec", "server" or "client"."""
        return ROLES[self.kind]


@attrs.frozen(kw_only=True)
class Vector(Case):
    """One vector. Either `wire` (to decode) or `encode` (to encode) is there.

    `canonical` is what the canonical encoder makes of the value, None if it has to refuse it or
    if there is no value.
    """

    kind: str = "codec"
    generated: bool
    expect: str
    wire: bytes | None = None
    value: Typed | None = None
    encode: Typed | None = None
    canonical: bytes | None = None
    fault: str | None = None
    at: int | None = None


@attrs.frozen(kw_only=True)
class Scenario(Case):
    """One scenario of `spec/http`; what is in it its kind says (spec/testee.md)."""


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


def load_scenarios(documents: Iterable[tuple[str, Typed]] | None = None) -> list[Scenario]:
    """Return all scenarios, as `load` does the vectors."""
    if documents is None:
        documents = read_documents("http")
    return [
        Scenario(
            name=source["name"],
            topic=document["topic"],
            requirements=tuple(source["requirements"]),
            kind=document["kind"],
            level=source.get("level", "must"),
            source=source,
        )
        for _, document in documents
        for source in cast("list[dict[str, Any]]", document["scenarios"])
    ]


def read_documents(folder: str = "vectors") -> list[tuple[str, Typed]]:
    """Return the file names and contents of the standard's vectors, or of another folder."""
    where = files("hyperglyph.spec").joinpath(folder)
    found = [entry for entry in where.iterdir() if entry.name.endswith(".json")]
    return [
        (entry.name, json.loads(entry.read_text(encoding="utf-8")))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


CaseT = TypeVar("CaseT", bound=Case)


def choose(
    cases: Iterable[CaseT],
    *,
    topics: Sequence[str] = (),
    requirements: Sequence[str] = (),
    patterns: Sequence[str] = (),
) -> list[CaseT]:
    """Return those that fit one of each; an empty choice is fitted by all.

    Patterns are for names, with the wildcards of a shell.
    """
    return [
        case
        for case in cases
        if (not topics or case.topic in topics)
        and (not requirements or any(name in case.requirements for name in requirements))
        and (not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns))
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
