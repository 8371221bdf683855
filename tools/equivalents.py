"""`mutation-equivalent.txt`: the mutants that no vector can notice, each under its reason.

    = A remainder is never negative.

    times.py:write_datetime
    - fraction = b"%03d" % (micro // 1000) if micro % 1000 == 0 else b"%06d" % micro
    + fraction = b"%03d" % (micro // 1000) if micro % 1000 <= 0 else b"%06d" % micro

A reason stands above the mutants it is true of, up to the next. A block is one line of the source
(`#2` behind the function: the second such line in it), and each `+` line is one mutant of it.
There is no way to list a whole line or function.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import attrs

LIST = Path(__file__).with_name("mutation-equivalent.txt")


@attrs.frozen(order=True)
class Key:
    """What identifies a mutant across edits elsewhere in the file.

    `before` and `after` are the line, `nth` tells it from the same line earlier in the function.
    """

    file: str
    function: str
    nth: int
    before: str
    after: str

    @property
    def head(self) -> str:
        where = f"{self.file}:{self.function}"
        return where if self.nth == 1 else f"{where} #{self.nth}"


def blocks(keys: Iterable[Key]) -> str:
    """Mutants in the form of the list, those of one line together."""
    grouped = groupby(keys, key=lambda key: (key.head, key.before))
    return "\n\n".join(
        "\n".join([head, f"- {before}", *(f"+ {key.after}".rstrip() for key in group)])
        for (head, before), group in grouped
    )


def read_equivalents(text: str) -> dict[Key, str]:
    """The listed mutants and their reasons. Raises ValueError for what is not understood."""
    listed: dict[Key, str] = {}
    reason = ""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines and lines[0].startswith("= "):
            reason = " ".join(line[2:] for line in lines)
            if any(not line.startswith("= ") for line in lines):
                raise ValueError(f"a reason is a block of its own:\n{block}")
        elif lines:
            for key in _read_block(lines, block):
                if not reason:
                    raise ValueError(f"no reason stands above:\n{block}")
                if key in listed:
                    raise ValueError(f"listed twice:\n{blocks([key])}")
                listed[key] = reason
    return listed


def _read_block(lines: list[str], block: str) -> list[Key]:
    where, _, nth = lines[0].partition(" #")
    file, _, function = where.partition(":")
    marks = "".join(line[0] for line in lines[1:])
    if not function or not marks.startswith("-+") or marks.strip("+") != "-":
        raise ValueError(f"not FILE:FUNCTION, a '- ' line and '+ ' lines:\n{block}")
    before = lines[1][2:]
    return [Key(file, function, int(nth or 1), before, line[2:]) for line in lines[2:]]
