"""What a planted fault is."""

from collections.abc import Callable

import attrs

__all__ = ["Fault"]


@attrs.frozen
class Fault:
    """A fault by name. `requirement` is one that it breaks, and that a case which catches it names;
    `role` is the testee's, and `run` is the testee: it answers the requests on standard input.
    """

    name: str
    role: str
    requirement: str
    run: Callable[[], None]
