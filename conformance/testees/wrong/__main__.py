"""`python -m hyperglyph.conformance.testees.wrong NAME`."""

import sys

from . import FAULTS

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in FAULTS:
        sys.exit(f"one of {', '.join(FAULTS)}")
    FAULTS[sys.argv[1]].run()
