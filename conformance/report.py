"""What came out of a run, for people and for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .results import OUTCOMES, Result, succeeded
from .testee import Implementation


def terminal(about: Implementation, results: Sequence[Result], seconds: float) -> str:
    """Return the report for people: what failed, then the counts by topic."""
    lines: list[str] = []
    for result in results:
        if result.fails:
            detail = result.detail.replace("\n", "\n    ")
            lines.append(f"{result.outcome:8}{result.case.name}\n    {detail}")
        lines += [f"note    {result.case.name}\n    {note}" for note in result.notes]
    topics = sorted({result.case.topic for result in results})
    shown = [name for name in OUTCOMES if any(result.outcome == name for result in results)]
    width = max(map(len, [*topics, "topic"]))
    lines.append("  ".join([f"{'topic':{width}}", *(f"{name:>7}" for name in shown)]))
    for topic in [*topics, "all"]:
        of_topic = [result for result in results if topic in (result.case.topic, "all")]
        counts = Counter(result.outcome for result in of_topic)
        lines.append("  ".join([f"{topic:{width}}", *(f"{counts[name]:7}" for name in shown)]))
    verdict = "conforms" if succeeded(results) else "does not conform"
    if not results:
        verdict = "no case was run"
    lines.append(
        f"{about.name} {about.version} ({about.language}): {verdict}; "
        f"{len(results)} cases in {seconds:.1f} s"
    )
    return "\n".join(lines)


def for_programs(about: Implementation, results: Sequence[Result], seconds: float) -> str:
    """Return the report as JSON: the totals, the requirements, and each result."""
    requirements: dict[str, Counter[str]] = {}
    for result in results:
        for requirement in result.case.requirements:
            requirements.setdefault(requirement, Counter())[result.outcome] += 1
    document: dict[str, Any] = {
        "implementation": about.name,
        "language": about.language,
        "version": about.version,
        "conforms": succeeded(results),
        "seconds": round(seconds, 3),
        "totals": dict(Counter(result.outcome for result in results)),
        "requirements": {name: dict(requirements[name]) for name in sorted(requirements)},
        "results": [_result(result) for result in results],
    }
    return json.dumps(document, indent=1)


def _result(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": result.case.name,
        "topic": result.case.topic,
        "outcome": result.outcome,
        "fails": result.fails,
    }
    if result.detail:
        found["detail"] = result.detail
    if result.notes:
        found["notes"] = list(result.notes)
    return found
