"""Deploy 3: new state with defaults. A reference from before has none of it: it is the whole."""

from importlib import import_module

import hyperglyph as glyph

before = import_module("2_new_parameters")
service = before.service

router = glyph.Router(docstrings=True)


@router.add()
class Workspace(before.Workspace):
    """A dataset or a part of one, and what can be computed of it."""

    def __init__(self, key: str, start: int = 0, end: int | None = None) -> None:
        super().__init__(key)
        self._start, self._end = start, end

    def part(self, start: int = 0, end: int | None = None) -> "Workspace":
        """The values from one position to before another: a workspace too, on the same data."""
        service.check("start", start, 0, self.count)
        if end is not None:
            service.check("end", end, start, self.count)
        part = self._part()[start:end]
        return type(self)(self._key, part.start, part.stop)

    def _part(self) -> range:
        return super()._part()[self._start : self._end]


@router.add()
@glyph.redirect()
def new_workspace() -> Workspace:
    """An empty workspace."""
    return Workspace(service.new_key())


if __name__ == "__main__":
    service.main(router)
