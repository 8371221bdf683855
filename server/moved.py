"""`Moved`: what a function raises when its call is meant for another service.

Standard, section 19.3.
"""

from __future__ import annotations

from hyperglyph.codec import HyperglyphError
from hyperglyph.transport.http.messages import Incoming

from .homes import repeated_at, root_of_service

__all__ = ["Moved"]


class Moved(HyperglyphError):
    """The call is to be made again, with its arguments, on the service whose root is at `url`.

        class User(Resource):
            def __init__(self, id):
                self.id = id
                if id in elsewhere:
                    raise Moved("https://other.example.org/")

    Raised by a function, a constructor or a method, it is answered with 307: the same path and
    query below `url`. A client follows it, references that are held go on working, and what comes
    back leads to the new place. For that the other service registers the same names, and has the
    same secret. With a body, which every POST has, a client follows to another origin only if it
    lists it: `Client(origins=[...])`.

    Raises ValueError for a `url` that is not absolute, or has a query or fragment.
    """

    def __init__(self, url: str) -> None:
        self._root = root_of_service(url)
        super().__init__(f"the call is meant for {url}")
        self.url = url

    def target(self, request: Incoming) -> str:
        """Where a request is to be made again."""
        return repeated_at(self._root, request)
