"""What comes out of a case, whatever judged it."""

from collections.abc import Sequence

import attrs

from .cases import Case

OUTCOMES = ("passed", "failed", "skipped", "errored", "crashed", "hung", "garbage")


@attrs.frozen
class Result:
    """What came out of one case.

    `detail` says why it did not pass, `notes` what a testee SHOULD do and does not. `fails` tells
    whether it counts against the testee. `seen` holds the octets that went to and fro, each with
    a word on what they are, where the judge has kept them.
    """

    case: Case
    outcome: str
    detail: str = ""
    notes: tuple[str, ...] = ()
    fails: bool = True
    seen: tuple[tuple[str, bytes], ...] = ()


class NotPassed(Exception):
    """A judge has come to its end: the case did not pass."""

    def __init__(self, outcome: str, detail: str, *, fails: bool = True) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.fails = fails


def succeeded(results: Sequence[Result]) -> bool:
    """Tell whether none fails and at least one was run."""
    ran = any(result.outcome != "skipped" for result in results)
    return ran and not any(result.fails for result in results)
