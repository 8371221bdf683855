"""What came out of a run: for people in a terminal, for programs, and for services that build.

`html` writes pages.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

import attrs

from .known import Known
from .results import OUTCOMES, Result, succeeded
from .testee import Implementation

__all__ = ["Run", "for_programs", "junit", "terminal"]


@attrs.frozen
class Run:
    """All that came out of one testee. `untrue` are lines of known failures that are none."""

    about: Implementation
    results: Sequence[Result]
    seconds: float
    untrue: Sequence[Known] = ()
    name: str = ""

    @property
    def conforms(self) -> bool:
        """Tell whether nothing counts against it, and something was run."""
        return succeeded(self.results) and not self.untrue

    @property
    def title(self) -> str:
        """What it says of itself."""
        return f"{self.about.name} {self.about.version} ({self.about.language})"

    @property
    def verdict(self) -> str:
        """The same as `conforms`, in words."""
        if not self.results:
            return "no case was run"
        known = sum(bool(result.known) for result in self.results)
        if not self.conforms:
            return "does not conform"
        return f"conforms but for {known} known failures" if known else "conforms"


def terminal(run: Run) -> str:
    """Return the report for people: what failed, then the counts by topic."""
    lines: list[str] = []
    for result in run.results:
        if result.fails:
            detail = result.detail.replace("\n", "\n    ")
            lines.append(f"{result.outcome:8}{result.case.name}\n    {detail}")
        elif result.outcome == "failed" and not result.known:
            lines.append(f"{result.case.level:8}{result.case.name}\n    {result.detail}")
        lines += [f"note    {result.case.name}\n    {note}" for note in result.notes]
    lines += [
        f"passed  {line.where}\n    {line.pattern}: no known failure any more"
        for line in run.untrue
    ]
    lines += _table(run.results)
    lines.append(f"{run.title}: {run.verdict}; {len(run.results)} cases in {run.seconds:.1f} s")
    return "\n".join(lines)


def _table(results: Sequence[Result]) -> Iterable[str]:
    topics = sorted({result.case.topic for result in results})
    shown = [name for name in OUTCOMES if any(result.outcome == name for result in results)]
    width = max(map(len, [*topics, "topic"]))
    yield "  ".join([f"{'topic':{width}}", *(f"{name:>7}" for name in shown)])
    for topic in [*topics, "all"]:
        of_topic = [result for result in results if topic in (result.case.topic, "all")]
        counts = Counter(result.outcome for result in of_topic)
        yield "  ".join([f"{topic:{width}}", *(f"{counts[name]:7}" for name in shown)])


def for_programs(run: Run) -> str:
    """Return the report as JSON: the totals, the requirements, and each result."""
    requirements: dict[str, Counter[str]] = {}
    for result in run.results:
        for requirement in result.case.requirements:
            requirements.setdefault(requirement, Counter())[result.outcome] += 1
    document: dict[str, Any] = {
        "implementation": run.about.name,
        "language": run.about.language,
        "version": run.about.version,
        "conforms": run.conforms,
        "seconds": round(run.seconds, 3),
        "totals": dict(Counter(result.outcome for result in run.results)),
        "requirements": {name: dict(requirements[name]) for name in sorted(requirements)},
        "results": [_result(result) for result in run.results],
        "no longer known failures": [line.pattern for line in run.untrue],
    }
    return json.dumps(document, indent=1)


def _result(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": result.case.name,
        "topic": result.case.topic,
        "level": result.case.level,
        "outcome": result.outcome,
        "fails": result.fails,
    }
    if result.detail:
        found["detail"] = result.detail
    if result.known:
        found["known"] = result.known
    if result.notes:
        found["notes"] = list(result.notes)
    return found


def junit(run: Run) -> str:
    """Return the report as JUnit's XML: a suite for each topic."""
    root = ElementTree.Element("testsuites", name=run.title)
    for topic in sorted({result.case.topic for result in run.results}):
        results = [result for result in run.results if result.case.topic == topic]
        suite = ElementTree.SubElement(root, "testsuite", _counts(topic, results))
        for result in results:
            case = ElementTree.SubElement(
                suite, "testcase", name=result.case.name, classname=f"hyperglyph.{topic}"
            )
            _outcome(case, result)
    for line in run.untrue:
        suite = ElementTree.SubElement(root, "testsuite", name="known", tests="1", failures="1")
        case = ElementTree.SubElement(suite, "testcase", name=line.pattern, classname=line.where)
        ElementTree.SubElement(case, "failure", message="no known failure any more")
    return ElementTree.tostring(root, encoding="unicode")


def _counts(topic: str, results: Sequence[Result]) -> dict[str, str]:
    return {
        "name": topic,
        "tests": str(len(results)),
        "failures": str(sum(result.fails for result in results)),
        "skipped": str(sum(not result.fails and result.outcome != "passed" for result in results)),
    }


def _outcome(case: ElementTree.Element, result: Result) -> None:
    if result.fails:
        ElementTree.SubElement(case, "failure", message=result.outcome).text = result.detail
    elif result.outcome != "passed":
        why = result.known or f"{result.case.level}: {result.outcome}"
        ElementTree.SubElement(case, "skipped", message=why).text = result.detail
