"""Which requirements of the standard have cases: to be accepted, and to be refused.

`spec/coverage.json` says what the cases alone do not: by which of them it shows that an
implementation breaks a requirement, and which requirements can have one kind only, and why.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, cast

import attrs

from .cases import Case, Vector
from .shapes import array_of

__all__ = ["Covered", "Remarks", "covered", "remarks", "requirements", "table"]

_MARK: Final = re.compile(r"^\*\*(REQ-[A-Z]+-[0-9]+)\.\*\*", re.MULTILINE)


@attrs.frozen
class Remarks:
    """What `spec/coverage.json` says, by requirement.

    `detected` names the cases that an implementation fails which breaks it; `lacking` the kinds
    ("accepting", "rejecting") that it cannot have, with the reason in one line.
    """

    detected: Mapping[str, Sequence[str]] = attrs.field(factory=dict[str, Sequence[str]])
    lacking: Mapping[str, tuple[Sequence[str], str]] = attrs.field(
        factory=dict[str, tuple[Sequence[str], str]]
    )


@attrs.frozen
class Covered:
    """How many cases a requirement has that must be accepted, and that must be refused.

    Cases that an implementation fails which breaks it count as `rejecting`: where nothing can be
    refused, that is how a violation shows. `refusing` are those in which something is refused.
    """

    requirement: str
    accepting: int = 0
    rejecting: int = 0
    refusing: int = 0
    excused: tuple[str, ...] = ()
    reason: str = ""

    @property
    def missing(self) -> list[str]:
        """The kinds that it has no case of, excused or not."""
        kinds = {"accepting": self.accepting, "rejecting": self.rejecting}
        return [kind for kind, number in kinds.items() if not number]

    @property
    def lacks(self) -> str:
        """What is missing without a reason, in words; nothing if it has all that it can have."""
        missing = [kind for kind in self.missing if kind not in self.excused]
        return f"no {' and no '.join(missing)} case" if missing else ""


def remarks() -> Remarks:
    """Return what is said beside the cases of the installed standard."""
    source = files("hyperglyph.spec").joinpath("coverage.json")
    document = json.loads(source.read_text(encoding="utf-8"))
    return Remarks(
        {name: entry["by"] for name, entry in document["detected"].items()},
        {name: (entry["lacks"], entry["reason"]) for name, entry in document["lacking"].items()},
    )


def requirements(text: str | None = None) -> list[str]:
    """Return the numbers of all requirements of the standard, in its order."""
    if text is None:
        standard = files("hyperglyph.spec").joinpath("hyperglyph-1.0.md")
        text = standard.read_text(encoding="utf-8")
    return list(dict.fromkeys(_MARK.findall(text)))


def covered(
    cases: Iterable[Case], text: str | None = None, said: Remarks | None = None
) -> list[Covered]:
    """Return what each requirement of the standard has. `said` is by default what `remarks` is."""
    said = remarks() if said is None else said
    counts = {name: [0, 0, 0] for name in requirements(text)}
    for case in cases:
        accepts, refuses = _sides(case)
        for name in case.requirements:
            if name in counts:
                counts[name][0] += accepts
                counts[name][1] += refuses or case.name in said.detected.get(name, ())
                counts[name][2] += refuses
    nothing: tuple[Sequence[str], str] = ((), "")
    return [
        Covered(name, accepting, rejecting, refusing, tuple(kinds), reason)
        for name, (accepting, rejecting, refusing) in counts.items()
        for kinds, reason in [said.lacking.get(name, nothing)]
    ]


def _sides(case: Case) -> tuple[bool, bool]:
    """Whether something is accepted in a case, and whether something is refused in it."""
    if isinstance(case, Vector):
        return case.expect != "reject", case.expect != "accept"
    source: Mapping[str, Any] = case.source
    if case.kind == "server":
        answers = [step.get("response", {}) for step in source["steps"]]
        refused = [_is_refusal(answer) for answer in answers]
        return not all(refused), any(refused)
    if case.kind in ("client", "call"):
        errors = [_is_error(result) for result in source["results"]]
        return not all(errors), any(errors)
    if case.kind == "build":
        return source["expect"] == "accept", source["expect"] == "reject"
    if case.kind == "url":
        return any(source["urls"]), None in source["urls"]
    return "error" not in source, "error" in source


def _is_error(result: Mapping[str, Any]) -> bool:
    return "error" in result or any(map(_is_error, result.get("either", ())))


def _is_refusal(answer: Mapping[str, Any]) -> bool:
    status = answer.get("status", 200)
    first: object = array_of(cast("object", status))[0] if isinstance(status, list) else status
    return bool(answer.get("closed")) or str(first)[0] in "45"


def table(found: Iterable[Covered]) -> str:
    """Return the report for people: the counts, why a kind is missing, and what lacks a case."""
    rows = list(found)
    lines = [f"{row.requirement:16}{row.accepting:6}{row.rejecting:6}" for row in rows]
    excused = [
        f"{row.requirement}: no {' and no '.join(row.excused)} case: {row.reason}"
        for row in rows
        if row.excused
    ]
    lacking = [f"{row.requirement}: {row.lacks}" for row in rows if row.lacks]
    both = sum(not row.missing for row in rows)
    shown = sum(not row.missing and not row.refusing for row in rows)
    bare = sum(bool(row.lacks) and len(row.missing) == 2 for row in rows)
    return "\n".join(
        [
            "requirement     accept reject",
            *lines,
            "",
            *excused,
            *lacking,
            f"{len(rows)} requirements: {both} with cases of both kinds "
            f"({shown} of them by what an implementation fails that breaks them), "
            f"{len(rows) - both - len(lacking)} with all that they can have, "
            f"{len(lacking) - bare} with one kind, {bare} with none",
        ]
    )
