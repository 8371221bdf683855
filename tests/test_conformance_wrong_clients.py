"""The suite has to catch each wrong client (test_conformance_wrong.py)."""

from __future__ import annotations

import pytest
from wrong_help import is_caught, of

from hyperglyph.conformance.testees.wrong import Fault


@pytest.mark.parametrize("fault", of("client"), ids=lambda fault: fault.name)
def test_a_wrong_client_is_caught(fault: Fault) -> None:
    is_caught(fault)
