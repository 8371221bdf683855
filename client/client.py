"""`Client`: opens pages and makes the calls of their proxies."""

from __future__ import annotations

import atexit
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from hyperglyph.transport.http.messages import Answered, Request, Response, Transport
from hyperglyph.transport.http.middleware import in_steps
from hyperglyph.transport.http.waiting import finish

from .core import BaseClient
from .exchange import Send
from .items import Items

__all__ = ["Client", "get"]

T = TypeVar("T")


class Client(BaseClient[Transport]):
    """Calls other programs. Usable from any thread, and as a context manager.

    `transport` is an adapter or its name. `timeout` bounds a whole call, less the time that the
    bytes of blobs take; `connect` the time to a connection; `idle` each wait for bytes of the peer,
    but for the first of an answer, since who computes is not idle; all in seconds, None for no
    limit. `headers`, `auth`, and the `cookies` that are kept in a jar if one is given, go to the
    first origin opened and to those in `origins` only. A page from a public address leads to public
    addresses only, not into this machine or the network around it, and to those in `addresses`:
    addresses and networks ("10.0.0.0/8"), or a function that says it of an `ipaddress` object; a
    URL of your own may lead anywhere. Behind a proxy, addresses are the proxy's affair. `auth` is
    (user, password), or an instance of one of httpx's authentication classes where that is the
    transport. `errors` are exception classes to raise for the answers that carry their status and
    code. `bytes_as_text` is for servers on the Python implementation of 2012, which has one type
    for both: bytes in results become text where they are UTF-8. `method_override` sends PUT, PATCH
    and DELETE as POST with the header `Method`, for ways on which nothing but GET and POST gets
    through. `middleware` are functions (request, send) that return a response, mostly what
    `send(request)` does: each request goes through them, the first one outermost, at each hop of a
    redirect and again where it is repeated. They see all headers: look at `request.url` before you
    add a secret.
    """

    @overload
    def get(self, url: str) -> Any: ...
    @overload
    def get(self, url: str, *, as_: Callable[..., T]) -> T: ...
    def get(self, url: str, *, as_: object = None) -> Any:
        """What is at a URL: the root page of a service becomes an object with its functions.

        With `as_`, a Protocol or the server's own class, a type checker takes the result for one
        of that type. Nothing is checked when it runs.
        """
        return self._open(url)

    def close(self) -> None:
        """Close all connections. Proxies that are still held open new ones when used."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _make_transport(self, name: str) -> Transport:
        if name == "httpx":
            from hyperglyph.transport.adapters.httpx import HttpxTransport

            return HttpxTransport()
        raise ValueError(f"there is no transport {name!r}; there is: 'httpx', or give an instance")

    def _sender(self, transport: Transport) -> Send:
        if iscoroutinefunction(transport.send):
            raise TypeError(f"{type(transport).__name__} is for AsyncClient: it has to be awaited")

        async def send(request: Request) -> Response:
            return transport.send(request)

        return send

    def _steps(self, middleware: tuple[Callable[..., Any], ...]) -> Sequence[Callable[..., Any]]:
        for one in middleware:
            if iscoroutinefunction(one):
                raise TypeError(f"the middleware {one.__qualname__} is for AsyncClient")
        return tuple(map(in_steps, middleware))

    def _run(self, steps: Callable[[], Coroutine[Any, Any, Any]], shown: str) -> Any:
        return finish(steps())

    def _items(self, stream: Callable[[], AsyncGenerator[Any, None]], response: Answered) -> Items:
        return Items(stream, response)

    def _after(self, value: Any, step: Callable[[Any], Any]) -> Any:
        return step(value)


_default: Client | None = None
_default_lock = threading.Lock()


@overload
def get(url: str) -> Any: ...
@overload
def get(url: str, *, as_: Callable[..., T]) -> T: ...
def get(url: str, *, as_: object = None) -> Any:
    """What is at a URL, by a client that the whole process shares and that keeps no headers."""
    global _default  # noqa: PLW0603 - made once
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Client()
                atexit.register(_default.close)
    return _default.get(url)
