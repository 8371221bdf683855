"""Known failures: cases that a testee is known not to pass, each with a reason, and still run.

A file of them has a line for each: a pattern for names of cases, with the wildcards of a shell, or
a requirement of the standard. What stands behind `#` is the reason. A line whose cases all pass is
reported: what it says is no longer true.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import attrs

from .cases import Case
from .results import Result

__all__ = ["Known", "apply", "read", "read_file", "shipped"]


@attrs.frozen
class Known:
    """One line. `where` is its place, for people."""

    pattern: str
    reason: str
    where: str

    def fits(self, case: Case) -> bool:
        """Tell whether the line is about this case."""
        return self.pattern in case.requirements or fnmatchcase(case.name, self.pattern)


def read(text: str, name: str) -> list[Known]:
    """Return the lines of a file called `name`. Raise ValueError for one without a reason."""
    lines: list[Known] = []
    reason = ""
    for number, line in enumerate(text.splitlines(), 1):
        pattern, mark, said = (part.strip() for part in line.partition("#"))
        if mark and not pattern:
            reason = said  # a heading, for all the lines up to the next
        elif pattern:
            if " " in pattern or not (said or reason):
                raise ValueError(f"{name}, line {number}: a pattern, # and the reason")
            lines.append(Known(pattern, said or reason, f"{name}, line {number}"))
    return lines


def shipped(name: str) -> list[Known]:
    """Return the lines of a file of this package."""
    return read(files("hyperglyph.conformance").joinpath("known", name).read_text("utf-8"), name)


def read_file(path: Path, cases: Sequence[Case]) -> list[Known]:
    """Return the lines of a file. Raise OSError, or ValueError for a line that is none.

    One that is about none of `cases`, which are all there are, is misspelt: it is none, too.
    """
    lines = read(path.read_text("utf-8"), path.name)
    for line in lines:
        if not any(map(line.fits, cases)):
            raise ValueError(
                f"{line.where}: {line.pattern} is the name of no case and no requirement that has "
                "one: `hyperglyph-conformance list` names them"
            )
    return lines


def apply(results: Iterable[Result], lines: Sequence[Known]) -> tuple[list[Result], list[Known]]:
    """Return the results, in which known failures no longer count, and the lines that are untrue.

    A line is untrue if cases that it is about were run, and all of them passed.
    """
    seen: set[Known] = set()
    failed: set[Known] = set()
    judged: list[Result] = []
    for result in results:
        fitting = [line for line in lines if line.fits(result.case)]
        seen.update(fitting)
        if result.outcome != "passed":
            failed.update(fitting)
        excused = bool(fitting) and result.fails
        judged.append(_excused(result, fitting[0]) if excused else result)
    return judged, [line for line in lines if line in seen and line not in failed]


def _excused(result: Result, line: Known) -> Result:
    return attrs.evolve(result, fails=False, known=line.reason)
