"""Deploy 1: a new method. Who holds a workspace from before sees it after a reload."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import service

import hyperglyph as glyph

router = glyph.Router(docstrings=True)


@router.add()
class Workspace(service.Workspace):
    """A dataset, and what can be computed of it."""

    def histogram(self, bins: int = 10) -> dict[str, list[Any]]:
        """How many values lie in each of so many parts of equal width, between these edges."""
        service.check("bins", bins, 1, 10_000)
        found = self.describe()
        width = (found.max - found.min) / bins or 1.0
        counts = Counter[int]()
        with self._run("histogram") as pieces:
            for piece in pieces:
                counts.update([int((value - found.min) / width) for value in piece])
        counts[bins - 1] += counts.pop(bins, 0)  # the greatest belongs to the last part
        return {
            "edges": [found.min + number * width for number in range(bins + 1)],
            "counts": [counts[number] for number in range(bins)],
        }


@router.add()
@glyph.redirect()
def new_workspace() -> Workspace:
    """An empty workspace."""
    return Workspace(service.new_key())


if __name__ == "__main__":
    service.main(router)
