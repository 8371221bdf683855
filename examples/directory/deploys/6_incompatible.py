"""Deploy 6: incompatible. A reference holds a handle and no number any more.

Numbers are given to somebody else when a user leaves, so what one meant in an old reference, nobody
can say: there is no default that would be right, and no `__glyph_upgrade__`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Self

import service

import hyperglyph as glyph

before = import_module("5_moved_objects")


class Member(service.User):
    def __init__(self, handle: str, language: str = "en") -> None:
        self.handle = handle
        number = service.here.people.id_of(handle.replace(".", " "))
        if number is None:
            raise glyph.NotFound(f"there is no user {handle!r:.80}")
        super().__init__(number, language)

    @classmethod
    def numbered(cls, number: int) -> Self:
        user = service.here.people.user(number)
        assert user is not None
        return cls(user["name"].replace(" ", "."))

    @classmethod
    def __glyph_home__(cls, state: Mapping[str, Any]) -> str | None:
        return super().__glyph_home__({"id": cls(state["handle"]).id})

    def speaking(self, language: str) -> Self:
        return type(self)(self.handle, language)


service.User = Member

if __name__ == "__main__":
    service.serve(before.routes(), prepare=before.hand_over)
