"""`python -m hyperglyph.conformance.testees.wrong [NAME]`."""

import argparse

from . import FAULTS

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m hyperglyph.conformance.testees.wrong",
        description="An implementation with one fault; without a name, the list of them.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    name = parser.parse_args().name
    if name is None:
        for fault in FAULTS.values():
            print(f"{fault.role:8}{fault.requirement:16}{fault.name}")
    elif name in FAULTS:
        FAULTS[name].run()
    else:
        parser.error(f"no fault is called {name!r}; without a name they are listed")
