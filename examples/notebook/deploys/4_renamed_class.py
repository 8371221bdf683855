"""Deploy 4: the class has another name in the code, and its old one in the URLs."""

from importlib import import_module

import hyperglyph as glyph

before = import_module("3_new_state")
service = before.service

router = glyph.Router(docstrings=True)


@router.add(name="Workspace")
class Dataset(before.Workspace):
    """A dataset or a part of one, and what can be computed of it."""


@router.add()
@glyph.redirect()
def new_workspace() -> Dataset:
    """An empty workspace."""
    return Dataset(service.new_key())


if __name__ == "__main__":
    service.main(router)
