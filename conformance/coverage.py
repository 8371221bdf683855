"""Which requirements of the standard have cases: to be accepted, and to be refused."""

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final, cast

import attrs

from .cases import Case, Vector
from .shapes import array_of

__all__ = ["Covered", "covered", "requirements", "table"]

_MARK: Final = re.compile(r"^\*\*(REQ-[A-Z]+-[0-9]+)\.\*\*", re.MULTILINE)


@attrs.frozen
class Covered:
    """How many cases a requirement has that must be accepted, and that must be refused."""

    requirement: str
    accepting: int = 0
    rejecting: int = 0

    @property
    def lacks(self) -> str:
        """What is missing, in words; nothing if there is one of each."""
        missing = [
            what
            for what, number in (("accepting", self.accepting), ("rejecting", self.rejecting))
            if not number
        ]
        return f"no {' and no '.join(missing)} case" if missing else ""


def requirements(text: str | None = None) -> list[str]:
    """Return the numbers of all requirements of the standard, in its order."""
    if text is None:
        standard = files("hyperglyph.spec").joinpath("hyperglyph-1.0.md")
        text = standard.read_text(encoding="utf-8")
    return list(dict.fromkeys(_MARK.findall(text)))


def covered(cases: Iterable[Case], text: str | None = None) -> list[Covered]:
    """Return what each requirement of the standard has."""
    counts = {name: [0, 0] for name in requirements(text)}
    for case in cases:
        sides = _sides(case)
        for name in case.requirements:
            if name in counts:
                counts[name][0] += sides[0]
                counts[name][1] += sides[1]
    return [Covered(name, *pair) for name, pair in counts.items()]


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
        errors = ["error" in result for result in source["results"]]
        return not all(errors), any(errors)
    if case.kind == "url":
        return any(source["urls"]), None in source["urls"]
    return "error" not in source, "error" in source


def _is_refusal(answer: Mapping[str, Any]) -> bool:
    status = answer.get("status", 200)
    first: object = array_of(cast("object", status))[0] if isinstance(status, list) else status
    return bool(answer.get("closed")) or str(first)[0] in "45"


def table(found: Iterable[Covered]) -> str:
    """Return the report for people: the counts, then what lacks a case."""
    rows = list(found)
    lines = [f"{row.requirement:16}{row.accepting:6}{row.rejecting:6}" for row in rows]
    lacking = [f"{row.requirement}: {row.lacks}" for row in rows if row.lacks]
    bare = sum(not (row.accepting or row.rejecting) for row in rows)
    return "\n".join(
        [
            "requirement     accept reject",
            *lines,
            "",
            *lacking,
            f"{len(rows)} requirements: {len(rows) - len(lacking)} with cases of both kinds, "
            f"{len(lacking) - bare} with one kind, {bare} with none",
        ]
    )
