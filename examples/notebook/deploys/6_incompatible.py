"""Deploy 6: every workspace has an owner, and nobody can tell whose the old ones are.

A new parameter without a default makes old references stale. `__glyph_upgrade__` is asked first,
and may say in the author's own words what to do about it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import hyperglyph as glyph

before = import_module("4_renamed_class")
service = before.service

router = glyph.Router(docstrings=True)


@router.add(name="Workspace")
class Dataset(before.Dataset):
    """A dataset or a part of one, and what can be computed of it."""

    def __init__(self, key: str, owner: str, start: int = 0, end: int | None = None) -> None:
        super().__init__(key, start, end)
        self.owner = owner

    def part(self, start: int = 0, end: int | None = None) -> "Dataset":
        """The values from one position to before another: a workspace too, on the same data."""
        part = super().part(start, end)
        return Dataset(self._key, self.owner, part._start, part._end)

    @classmethod
    def __glyph_upgrade__(cls, state: Mapping[str, Any]) -> NoReturn:
        raise glyph.StaleReference(
            "workspaces have an 'owner' now, and this one is from before: call "
            "new_workspace(owner) and load() the data again",
            data={"parameter": "owner"},
        )


@router.add()
@glyph.redirect()
def new_workspace(owner: str) -> Dataset:
    """An empty workspace of somebody's."""
    return Dataset(service.new_key(), owner)


if __name__ == "__main__":
    service.main(router)
