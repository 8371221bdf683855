"""Deploy 4: a renamed class. It is a Member now; references go on calling it User."""

from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("3_new_state")


class Member(before.User):
    """Somebody in the directory."""


service.User = Member


def routes() -> glyph.Router:
    router = glyph.Router()
    router.add(service.User, name="User")
    for served in (service.search, service.find_user, service.Results):
        router.add(served)
    return router


if __name__ == "__main__":
    service.serve(routes())
