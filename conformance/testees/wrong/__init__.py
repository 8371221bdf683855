"""Implementations with one planted fault each, to try the suite with: each has to be caught.

    python -m hyperglyph.conformance.testees.wrong         # lists them
    python -m hyperglyph.conformance.testees.wrong NAME    # is one of them

A fault is planted in this package's own codec, client or server. `FAULTS` has them all by name, and
is their one list: `tests/test_conformance_wrong.py` tries the suite with every one. To add one, put
a line into the table of its role: `in_codec`, `in_server`, `in_client`.
"""

from .faults import Fault
from .in_client import FAULTS as _IN_CLIENT
from .in_codec import FAULTS as _IN_CODEC
from .in_server import FAULTS as _IN_SERVER

__all__ = ["FAULTS", "Fault"]

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_IN_CODEC, *_IN_SERVER, *_IN_CLIENT)}
