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
    """All that came out of one testee. `untrue` are lines of known failures that are none.

    `problem` says why it could not be tried at all; nothing if it could.
    """

    about: Implementation
    results: Sequence[Result]
    seconds: float
    untrue: Sequence[Known] = ()
    name: str = ""
    problem: str = ""

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
        if self.problem:
            return "does not start"
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


def for_programs(runs: Sequence[Run]) -> str:
    """Return the report as JSON: the totals, the requirements, and each result.

    That is an object; for several testees it is an array of them.
    """
    documents = [_document(run) for run in runs]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=1)


def _document(run: Run) -> dict[str, Any]:
    requirements: dict[str, Counter[str]] = {}
    for result in run.results:
        for requirement in result.case.requirements:
            requirements.setdefault(requirement, Counter())[result.outcome] += 1
    return {
        "testee": run.name,
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


def junit(runs: Sequence[Run]) -> str:
    """Return the report as JUnit's XML: a suite for each topic; of several testees, for each."""
    root = ElementTree.Element("testsuites", name=", ".join(run.title for run in runs))
    for run in runs:
        prefix = f"{run.name}." if len(runs) > 1 else ""
        for topic in sorted({result.case.topic for result in run.results}):
            results = [result for result in run.results if result.case.topic == topic]
            suite = ElementTree.SubElement(root, "testsuite", _counts(prefix + topic, results))
            for result in results:
                case = ElementTree.SubElement(
                    suite, "testcase", name=result.case.name, classname=f"hyperglyph.{topic}"
                )
                _outcome(case, result)
        for line in run.untrue:
            counts = {"name": f"{prefix}known", "tests": "1", "failures": "1"}
            suite = ElementTree.SubElement(root, "testsuite", counts)
            case = ElementTree.SubElement(
                suite, "testcase", name=line.pattern, classname=line.where
            )
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
