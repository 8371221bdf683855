"""Deploy 5: the workspaces are at another service now, that of deploy 4 on another machine.

    python 5_moved.py --to URL ...

What remains here sends callers there. Both have the same secret, so a reference is good at both.
"""

import argparse
from importlib import import_module

import hyperglyph as glyph

before = import_module("4_renamed_class")
service = before.service

router = glyph.Router(docstrings=True)
new_place: str


@router.add(name="Workspace")
class Dataset(before.Dataset):
    """A dataset or a part of one, and what can be computed of it."""

    def __init__(self, key: str, start: int = 0, end: int | None = None) -> None:
        raise glyph.Moved(new_place)


@router.add()
def new_workspace() -> Dataset:
    """An empty workspace."""
    raise glyph.Moved(new_place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    options, others = parser.parse_known_args()
    new_place = options.to
    service.main(router, others)
