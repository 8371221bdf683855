"""Known failures: cases that a testee is known not to pass, each with a reason, and still run.

A file of them has a line for each: a pattern for names of cases, with the wildcards of a shell, or
a requirement of the standard. What stands behind `#` is the reason. A line whose cases all pass is
reported: what it says is no longer true. Not so where the word `flaky` stands behind the pattern,
for what passes or fails by chance.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Final

import attrs

from .cases import Case
from .results import Result

__all__ = ["Known", "apply", "is_shipped", "read", "read_file", "shipped"]

_FOLDER: Final = files("hyperglyph.conformance").joinpath("known")


@attrs.frozen
class Known:
    """One line. `where` is its place, for people. `flaky`: what it is about may pass, too."""

    pattern: str
    reason: str
    where: str
    flaky: bool = False

    def fits(self, case: Case) -> bool:
        """Tell whether the line is about this case."""
        return self.pattern in case.requirements or fnmatchcase(case.name, self.pattern)


def read(text: str, name: str) -> list[Known]:
    """Return the lines of a file called `name`. Raise ValueError for one that is none."""
    lines: list[Known] = []
    reason = ""
    for number, line in enumerate(text.splitlines(), 1):
        pattern, mark, said = (part.strip() for part in line.partition("#"))
        if mark and not pattern:
            reason = said  # a heading, for all the lines up to the next
        elif pattern:
            where = f"{name}, line {number}"
            pattern, _, word = pattern.partition(" ")
            if word.strip() not in ("", "flaky") or not (said or reason):
                raise ValueError(f"{where}: a pattern, perhaps the word flaky, # and the reason")
            lines.append(Known(pattern, said or reason, where, bool(word)))
    return lines


def shipped(name: str) -> list[Known]:
    """Return the lines of a file of this package, in its folder `known`."""
    return read(_FOLDER.joinpath(name).read_text("utf-8"), name)


def is_shipped(name: str) -> bool:
    """Tell whether this package has a file of this name."""
    return _FOLDER.joinpath(name).is_file()


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

    A line that is not flaky is untrue if cases that it is about were run, and all of them passed.
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
    return judged, [line for line in lines if line in seen - failed and not line.flaky]


def _excused(result: Result, line: Known) -> Result:
    return attrs.evolve(result, fails=False, known=line.reason)
