"""Results to what the codec can carry: the root page, and functions inside results."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from hyperglyph.codec import Form, Resource
from hyperglyph.transport.http.bodies import pack_body

from .endpoints import Endpoints

__all__ = ["Pages", "Unservable"]


class Unservable(TypeError):
    """A result holds an object that is not registered and is no data."""


def describe(value: object) -> str:
    """What an object is, for a log line: its kind and name, not its content."""
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None) or type(value).__module__
    if isinstance(name, str):
        return f"{type(value).__name__} {module}.{name}"
    return f"instance of {type(value).__module__}.{type(value).__qualname__}"


class Pages:
    """Makes pages of what is registered in `endpoints`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._root: tuple[int, str, bytes] | None = None

    def root(self, mount: str) -> bytes:
        """The encoded root page: a resource with a form for each function.

        It names its own absolute path, so that it means the same with and without the trailing
        slash of its URL.
        """
        cached = self._root
        if cached is not None and cached[0] == self._endpoints.version and cached[1] == mount:
            return cached[2]
        version, table = self._endpoints.snapshot()
        forms = {name: endpoint.form for name, endpoint in table.items()}
        page = pack_body(Resource(forms, url=f"{quote(mount)}/")).root
        self._root = version, mount, page
        return page

    def convert(self, value: object, mount: str) -> Form:
        """What stands in a result for an object that the codec does not know.

        Raises Unservable, naming the object, if it is not registered.
        """
        endpoint = self._endpoints.of_function(value)
        if endpoint is None:
            what = describe(value)
            if callable(value):
                raise Unservable(f"the result holds a {what}, which is not registered")
            raise Unservable(f"the result holds an {what}, which cannot be encoded")
        return endpoint.form_at(f"{quote(mount)}/")

    def convert_at(self, mount: str) -> Callable[[object], Form]:
        """`convert` for one mount prefix, as the encoder wants it."""

        def convert(value: object) -> Form:
            return self.convert(value, mount)

        return convert
