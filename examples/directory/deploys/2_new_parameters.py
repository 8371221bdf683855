"""Deploy 2: new parameters with defaults. `friends` was a link, having none: now it is a form."""

from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("1_new_methods")


class User(before.User):
    @glyph.safe()
    def friends(self, with_name: str = "") -> list[service.User]:
        """Friends from both shards, with `with_name` in their name."""
        return [friend for friend in super().friends() if with_name in friend.name]

    def message(self, subject: str, body: str, urgent: bool = False) -> None:
        """Put a message into the inbox; an urgent one says so."""
        super().message(f"Urgent: {subject}" if urgent else subject, body)


service.User = User

if __name__ == "__main__":
    service.serve(service.routes())
