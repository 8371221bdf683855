"""Implementations with one planted fault each, to try the suite with: each has to be caught.

    python -m hyperglyph.conformance.testees.wrong NAME

A fault is planted in this package's own codec, client or server. `FAULTS` has them by name, each
with the requirement that names what is wrong.
"""

from .faults import Fault
from .in_client import FAULTS as _IN_CLIENT
from .in_codec import FAULTS as _IN_CODEC
from .in_pages import FAULTS as _IN_PAGES
from .in_results import FAULTS as _IN_RESULTS
from .in_server import FAULTS as _IN_SERVER

__all__ = ["FAULTS", "Fault"]

FAULTS: dict[str, Fault] = {
    fault.name: fault for fault in (*_IN_CODEC, *_IN_SERVER, *_IN_PAGES, *_IN_CLIENT, *_IN_RESULTS)
}
