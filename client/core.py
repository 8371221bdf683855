"""What `Client` and `AsyncClient` share: everything but who waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeVar

from hyperglyph.codec import Limits, Link
from hyperglyph.transport.http.addresses import AddressPolicy
from hyperglyph.transport.http.forms import Packed
from hyperglyph.transport.http.messages import Answered, AsyncTransport, Transport
from hyperglyph.transport.http.middleware import around
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE
from hyperglyph.transport.http.status import RemoteError, TransportError
from hyperglyph.transport.http.urls import Base

from .answers import Answer, is_sequence, read_answer, read_error, read_sequence
from .authentication import authenticated
from .exchange import Exchange, Send, Settings, close, drain
from .options import CURRENT, UNCHANGED, Options
from .origin import OriginPolicy, checked_headers
from .page import Page, wrap
from .proxies import LinkProxy

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

__all__ = ["BaseClient"]

ACCEPT: Final = f"{MEDIA_TYPE};partial=1, {SEQUENCE_TYPE};q=0.9, */*;q=0.5"
_STANDARD: Final = (("Accept", ACCEPT), ("User-Agent", "hyperglyph"))

TransportT = TypeVar("TransportT", bound=Transport | AsyncTransport)


class BaseClient(ABC, Generic[TransportT]):
    """The settings of a client, and the steps of its calls, which are coroutines.

    A face says how they are run (`_run`): at once, or when somebody awaits.
    """

    def __init__(
        self,
        transport: TransportT | str | None = None,
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
        middleware: Iterable[Callable[..., Any]] = (),
    ) -> None:
        if transport is None or isinstance(transport, str):
            transport = self._make_transport(transport or "httpx")
        send = around(self._steps(tuple(middleware)), self._sender(transport))
        self._transport: TransportT = transport
        given, flow = authenticated(checked_headers(headers or {}), auth, transport)
        self._options = Options(timeout, given)
        self._policy = OriginPolicy(origins, addresses)
        jar = None
        if cookies is not None:
            from .cookies import Cookies

            jar = Cookies(cookies)
        self._settings = Settings(
            send, self._policy, connect, idle, _STANDARD, jar, flow, method_override
        )
        self._limits = limits or Limits()  # REQ-SAFE-13
        self._errors = tuple(errors)
        self._bytes_as_text = bytes_as_text

    def options(
        self,
        *,
        timeout: float | Literal["unchanged"] | None = UNCHANGED,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Self]:
        """Other options for the calls made in one block, in this thread or task:

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self._transport.name}>"

    # --- for the faces ------------------------------------------------------------------------

    @abstractmethod
    def _make_transport(self, name: str) -> TransportT:
        """The transport of a name. Raises ValueError."""

    @abstractmethod
    def _sender(self, transport: TransportT) -> Send:
        """What sends over a transport. Raises TypeError for one of the other kind."""

    @abstractmethod
    def _steps(self, middleware: tuple[Callable[..., Any], ...]) -> Sequence[Callable[..., Any]]:
        """What the user has put around requests, as steps. Raises TypeError for the other kind."""

    @abstractmethod
    def _run(self, steps: Callable[[], Coroutine[Any, Any, Any]], shown: str) -> Any:
        """What the steps of a call give, or something that gives it when awaited.

        `shown` says to a person what is called.
        """

    @abstractmethod
    def _items(self, stream: Callable[[], AsyncGenerator[Any, None]], response: Answered) -> Any:
        """The items that a response gives, for whoever takes one after another."""

    @abstractmethod
    def _after(self, value: Any, step: Callable[[Any], Any]) -> Any:
        """What `step` makes of what `_run` has given."""

    # --- for proxies --------------------------------------------------------------------------

    def _open(self, url: str) -> Any:
        """What is at a URL of the user's own."""
        self._policy.check_hop(None, url)
        self._policy.open(url)
        return self._follow(url, None)

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
        options = self._current()
        return self._run(lambda: self._call(options, make, url, source, unchanged), url)

    def _held(self, value: Callable[[], Any], shown: str) -> Any:
        """What needs no request, as a call gives it."""

        async def steps() -> Any:
            return value()

        return self._run(steps, shown)

    async def _call(
        self,
        options: Options,
        make: Callable[[str], Packed],
        url: str,
        source: str | None,
        unchanged: Callable[[], Any] | None,
    ) -> Any:
        exchange = Exchange(self._settings, options)
        response = await exchange.run(make, url, source)
        if 200 <= response.status < 300 and is_sequence(response):
            return self._items(lambda: self._each(response, exchange), response)
        try:
            if response.status == 304 and unchanged is not None:
                await drain(response)
                return unchanged()
            return await self._value(response, exchange)
        except TransportError as error:
            exchange.tell(error)
            raise
        finally:
            await close(response)

    async def _value(self, response: Answered, exchange: Exchange) -> Any:
        """REQ-STATUS-3."""
        if not 200 <= response.status < 300:
            raise await read_error(response, limits=self._limits, declared=self._errors)
        if response.status == 201 and (location := response.header("location")) is not None:
            await drain(response)
            return LinkProxy(Page(self, response.url), Link(location), Base(response.url))
        answer = await read_answer(
            response,
            limits=self._limits,
            deadline=exchange.deadline,
            idle=self._settings.idle,
            resumed=exchange.resumed,
            bytes_as_text=self._bytes_as_text,
        )
        return self._wrapped(answer, response)

    def _wrapped(self, answer: Answer, response: Answered) -> Any:
        if not answer.has_extensions:
            return answer.value
        page = Page(self, response.url, answer.profiles)
        return wrap(answer.value, Base(response.url), page)

    async def _each(self, response: Answered, exchange: Exchange) -> AsyncGenerator[Any, None]:
        """The items of a sequence, each as a message of its own."""
        exchange.deadline.pause()  # for good: only the idle limit says how long a gap may be
        answers = read_sequence(
            response,
            limits=self._limits,
            declared=self._errors,
            bytes_as_text=self._bytes_as_text,
        )
        try:
            async for answer in answers:
                yield self._wrapped(answer, response)
        except TransportError as error:
            exchange.tell(error)
            raise
        finally:
            await answers.aclose()
