"""Which vectors execute which lines of the codec.

Each vector is run under a trace in a child of its own, so that no cache which an earlier one filled
hides a line. A mutant can only be noticed by vectors that execute its statement: all others run as
they do without it. What runs while the codec is imported concerns every vector.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FrameType
from typing import Any

from forked import run_forked
from trial import CODEC, InProcess, fails

_SECONDS = 300.0  # for one vector; the slowest takes two


class Reach:
    """The vectors that execute a line: bit i of a mask stands for the i-th vector."""

    def __init__(self, count: int) -> None:
        self._all = (1 << count) - 1
        self._masks: dict[tuple[str, int], int] = defaultdict(int)

    def add(self, lines: dict[str, list[int]], index: int | None) -> None:
        """Note the lines of the vector with this index; None: of all vectors."""
        mask = self._all if index is None else 1 << index
        for file, numbers in lines.items():
            for number in numbers:
                self._masks[file, number] |= mask

    def indices(self, file: str, lines: Iterable[int]) -> list[int]:
        """The vectors that execute any of these lines."""
        mask = 0
        for number in lines:
            mask |= self._masks.get((file, number), 0)
        return [index for index, bit in enumerate(reversed(f"{mask:b}")) if bit == "1"]


def trace(vectors: Sequence[Any], jobs: int) -> Reach:
    """Run all vectors, which has to find the codec imported and unused."""
    _import_all()  # here, not in each child
    testee = InProcess()
    reach = Reach(len(vectors))
    work: list[tuple[int, Callable[[], object]]] = [(-1, _import_afresh)]
    work += [(index, partial(fails, vector, testee)) for index, vector in enumerate(vectors)]
    traced = ((index, partial(_traced, function)) for index, function in work)
    for index, said in run_forked(traced, jobs, _SECONDS):
        if said is None:
            raise RuntimeError("a trace died: too little memory, or a vector that hangs")
        reach.add(json.loads(said), None if index < 0 else index)
    return reach


def _import_afresh() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "hyperglyph"]:
        del sys.modules[name]
    _import_all()


def _import_all() -> None:
    import hyperglyph.conformance.codec_judge
    import hyperglyph.conformance.testees.codec  # noqa: F401


def _traced(function: Callable[[], object]) -> bytes:
    """The lines of each file of the codec that `function` executes, as JSON."""
    executed: dict[str, set[int]] = {}
    watchers: dict[str, Any] = {}

    def watcher(filename: str) -> Any:
        folder, file = os.path.split(os.path.realpath(filename))
        if folder != str(CODEC):
            return None
        add = executed.setdefault(file, set()).add

        def watch(frame: FrameType, event: str, _: object) -> Any:
            if event == "line":
                add(frame.f_lineno)
            return watch

        return watch

    def enter(frame: FrameType, event: str, _: object) -> Any:
        filename = frame.f_code.co_filename
        if filename not in watchers:
            watchers[filename] = watcher(filename)
        return watchers[filename]

    sys.settrace(enter)
    try:
        function()
    finally:
        sys.settrace(None)
    return json.dumps({file: sorted(lines) for file, lines in executed.items()}).encode()
