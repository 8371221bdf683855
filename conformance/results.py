"""What comes out of a case, whatever judged it."""

from collections.abc import Iterable, Sequence

import attrs

from .cases import Case

#: Of a text that a testee has given, so many characters are kept.
_KEPT = 8 * 1024

OUTCOMES = ("passed", "failed", "skipped", "errored", "crashed", "hung", "garbage")


def legible(text: str) -> str:
    """A text that a testee may have given, such as can be shown anywhere.

    It is cut where it is long; line breaks and tabs stay, and what else is not printable is
    escaped: it would steer a terminal, and XML and UTF-8 have no place for some of it.
    """
    if len(text) > _KEPT:
        text = f"{text[:_KEPT]}… {len(text) - _KEPT} characters more"
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _all_legible(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(legible, texts))


@attrs.frozen
class Result:
    """What came out of one case.

    `detail` says why it did not pass, `notes` what a testee SHOULD do and does not. `fails` tells
    whether it counts against the testee, `known` why it does not although it should. `seen` holds
    the octets that went to and fro, each with a word on what they are.
    """

    case: Case
    outcome: str
    detail: str = attrs.field(default="", converter=legible)
    notes: tuple[str, ...] = attrs.field(default=(), converter=_all_legible)
    fails: bool = True
    seen: tuple[tuple[str, bytes], ...] = ()
    known: str = ""


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
