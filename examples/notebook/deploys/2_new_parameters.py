"""Deploy 2: a new parameter with a default. Forms from before go on without it."""

from dataclasses import replace
from importlib import import_module

import hyperglyph as glyph

before = import_module("1_new_methods")
service = before.service
from_bytes = import_module("datasets").from_bytes

router = glyph.Router(docstrings=True)


@router.add()
class Workspace(before.Workspace):
    """A dataset, and what can be computed of it."""

    def bootstrap(
        self, rounds: int = 1000, seed: int | None = None, confidence: float = 0.95
    ) -> service.Bootstrap:
        """How certain the mean is: that of many samples drawn from 10,000 of the values."""
        if not isinstance(confidence, float) or not 0 < confidence < 1:
            raise glyph.BadRequest(f"confidence is between 0 and 1, not {confidence!r:.40}")
        found = super().bootstrap(rounds, seed)
        means = sorted(from_bytes(found.means))
        outside = int(rounds * (1 - confidence) / 2)
        return replace(found, low=means[outside], high=means[-1 - outside])


@router.add()
@glyph.redirect()
def new_workspace() -> Workspace:
    """An empty workspace."""
    return Workspace(service.new_key())


if __name__ == "__main__":
    service.main(router)
