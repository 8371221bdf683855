"""Implementations with one planted fault each, to try the suite with: each has to be caught.

    python -m hyperglyph.conformance.testees.wrong         # lists them
    python -m hyperglyph.conformance.testees.wrong NAME    # is one of them

A fault is planted in this package's own codec, client or server. `FAULTS` has them all by name, and
is their one list: `tests/test_conformance_wrong*.py` try the suite with every one. To add one, put
a line into a table: `in_codec`; `in_server` for what a server does, `in_pages` for what it says;
`in_client` for what a client sends and follows, `in_results` for what it makes of answers.
"""

from .faults import Fault
from .in_client import FAULTS as _IN_CLIENT
from .in_codec import FAULTS as _IN_CODEC
from .in_pages import FAULTS as _IN_PAGES
from .in_results import FAULTS as _IN_RESULTS
from .in_server import FAULTS as _IN_SERVER

__all__ = ["FAULTS", "Fault"]

_ALL = (*_IN_CODEC, *_IN_SERVER, *_IN_PAGES, *_IN_CLIENT, *_IN_RESULTS)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}
assert len(FAULTS) == len(_ALL), "two faults have one name: only the second would be tried"
