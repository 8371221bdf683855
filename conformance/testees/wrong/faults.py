"""What a planted fault is."""

from collections.abc import Callable

import attrs

__all__ = ["Fault"]


@attrs.frozen
class Fault:
    """A planted fault. `requirement` is the one that it breaks, `run` is the testee that has it."""

    name: str
    role: str
    requirement: str
    run: Callable[[], None]
