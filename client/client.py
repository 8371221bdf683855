"""`Client`: opens pages and makes the calls of their proxies."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, overload

from hyperglyph.codec import Limits, Link
from hyperglyph.transport.http.addresses import AddressPolicy
from hyperglyph.transport.http.forms import Packed
from hyperglyph.transport.http.messages import Response, Transport
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.status import RemoteError, TransportError
from hyperglyph.transport.http.urls import Base

from .answers import read_answer, read_error
from .authentication import authenticated
from .exchange import Exchange, Settings, drain
from .options import CURRENT, UNCHANGED, Options
from .origin import OriginPolicy, checked_headers
from .page import Page, wrap
from .proxies import LinkProxy

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

__all__ = ["Client", "get"]

ACCEPT: Final = f"{MEDIA_TYPE};partial=1, */*;q=0.5"
_STANDARD: Final = (("Accept", ACCEPT), ("User-Agent", "hyperglyph"))

T = TypeVar("T")


def _make_transport(name: str) -> Transport:
    if name == "httpx":
        from hyperglyph.transport.adapters.httpx import HttpxTransport

        return HttpxTransport()
    raise ValueError(f"there is no transport {name!r}; there is: 'httpx', or give an instance")


class Client:
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
    through.
    """

    def __init__(
        self,
        transport: Transport | str | None = None,
        *,
        timeout: float | None = 30.0,
        connect: float | None = 5.0,
        idle: float | None = 15.0,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | Any = None,
        cookies: CookieJar | None = None,
        origins: Iterable[str] = (),
        addresses: Iterable[str] | AddressPolicy = (),
        limits: Limits | None = None,
        errors: Iterable[type[RemoteError]] = (),
        bytes_as_text: bool = False,
        method_override: bool = False,
    ) -> None:
        if transport is None or isinstance(transport, str):
            transport = _make_transport(transport or "httpx")
        self._transport = transport
        given, flow = authenticated(checked_headers(headers or {}), auth, transport)
        self._options = Options(timeout, given)
        self._policy = OriginPolicy(origins, addresses)
        jar = None
        if cookies is not None:
            from .cookies import Cookies

            jar = Cookies(cookies)
        self._settings = Settings(
            transport, self._policy, connect, idle, _STANDARD, jar, flow, method_override
        )
        self._limits = limits or Limits()
        self._errors = tuple(errors)
        self._bytes_as_text = bytes_as_text

    @overload
    def get(self, url: str) -> Any: ...
    @overload
    def get(self, url: str, *, as_: Callable[..., T]) -> T: ...
    def get(self, url: str, *, as_: object = None) -> Any:
        """What is at a URL: the root page of a service becomes an object with its functions.

        With `as_`, a Protocol or the server's own class, a type checker takes the result for one
        of that type. Nothing is checked when it runs.
        """
        self._policy.check_hop(None, url)
        self._policy.open(url)
        return self._follow(url, None)

    def options(
        self,
        *,
        timeout: float | Literal["unchanged"] | None = UNCHANGED,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Self]:
        """Other options for the calls of one block, in this thread or task:

            with client.options(timeout=2, headers={"X-Request-Id": "1"}):
                root.find_user("bob")

        Headers come on top of the client's own, and go where those go. Blocks may be nested.
        Raises ValueError for a header that cannot be sent.
        """
        changed = self._current().changed(timeout, checked_headers(headers or {}))
        return self._with_options(changed)

    @contextmanager
    def _with_options(self, options: Options) -> Generator[Self]:
        token = CURRENT.set({**CURRENT.get(), self: options})
        try:
            yield self
        finally:
            CURRENT.reset(token)

    def _current(self) -> Options:
        return CURRENT.get().get(self, self._options)

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

    def __repr__(self) -> str:
        return f"<Client over {self._transport.name}>"

    # --- for proxies --------------------------------------------------------------------------

    def _follow(
        self,
        url: str,
        source: str | None,
        headers: tuple[tuple[str, str], ...] = (),
        unchanged: Callable[[], Any] | None = None,
    ) -> Any:
        """GET a URL that was found in the page at `source`; None: one of the user's own.

        `unchanged` gives the value where conditions among the headers were answered with 304.
        """
        return self._exchange(
            lambda target: Packed("GET", target, headers, None), url, source, unchanged
        )

    def _exchange(
        self,
        make: Callable[[str], Packed],
        url: str,
        source: str | None,
        unchanged: Callable[[], Any] | None = None,
    ) -> Any:
        """Make a call to `url` and follow where it leads: its value, or its exception.

        `make` packs the request for a URL.
        """
        exchange = Exchange(self._settings, self._current())
        response = exchange.run(make, url, source)
        try:
            if response.status == 304 and unchanged is not None:
                drain(response)
                return unchanged()
            return self._value(response, exchange)
        except TransportError as error:
            exchange.tell(error)
            raise
        finally:
            response.close()

    def _value(self, response: Response, exchange: Exchange) -> Any:
        if not 200 <= response.status < 300:
            raise read_error(response, limits=self._limits, declared=self._errors)
        if response.status == 201 and (location := response.header("location")) is not None:
            drain(response)
            return LinkProxy(Page(self, response.url), Link(location), Base(response.url))
        answer = read_answer(
            response,
            limits=self._limits,
            deadline=exchange.deadline,
            bytes_as_text=self._bytes_as_text,
        )
        if not answer.has_extensions:
            return answer.value
        page = Page(self, response.url, answer.profiles)
        return wrap(answer.value, Base(response.url), page)


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
