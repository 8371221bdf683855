"""Runs cases against a testee: each goes to the judge of its kind."""

from collections.abc import Callable, Iterable, Iterator

from .cases import Case, Vector
from .codec_judge import judge_codec
from .results import Result
from .server_judge import judge_server
from .testee import Testee

__all__ = ["run"]

Judge = Callable[[Case, Testee], Result]


def run(cases: Iterable[Case], testee: Testee, *, strict: bool = False) -> Iterator[Result]:
    """Yield the result of each case whose role the testee has.

    `strict`: a wrong offset fails a vector, instead of a note. A testee that crashes, hangs or
    answers garbage is started again for the next case.
    """
    for case in cases:
        if isinstance(case, Vector):
            yield judge_codec(case, testee, strict=strict)
        elif case.role in testee.roles:
            yield JUDGES[case.kind](case, testee)


#: By the kind of a scenario (spec/testee.md).
JUDGES: dict[str, Judge] = {"server": judge_server}
