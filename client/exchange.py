"""One call: its request, the redirects that follow, and the truth about what became of it.

Its steps are coroutines, which both faces of the client run (see `transport/http/waiting.py`).

Standard, sections 19.3 and 21.2 (REQ-SAFE-2, REQ-SAFE-3).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from hyperglyph.codec import EncodeError
from hyperglyph.transport.http.carried import CARRIED, Carried
from hyperglyph.transport.http.forms import OVERRIDES, Packed
from hyperglyph.transport.http.messages import Answered, AuthFlow, Deadline, Request
from hyperglyph.transport.http.ranges import range_from, unpack_content_range
from hyperglyph.transport.http.status import DeadlineExceeded, RemoteError, TransportError
from hyperglyph.transport.http.urls import is_loopback, origin_of, resolve
from hyperglyph.transport.http.waiting import each

from .deadline import Outgoing, timeout_header
from .options import Options
from .origin import OriginPolicy

if TYPE_CHECKING:
    from .cookies import Cookies

__all__ = ["MAX_HOPS", "Exchange", "Send", "Settings", "close", "drain"]

logger = logging.getLogger("hyperglyph.client")

MAX_HOPS: Final = 5

_TO_GET: Final = frozenset({301, 302, 303})
_SAME_METHOD: Final = frozenset({307, 308})

#: A body that nobody wants is read to its end if it is short, to have the connection back.
_DRAINED: Final = 64 * 1024


#: What a transport does, as the steps of a call see it.
Send = Callable[[Request], Coroutine[Any, Any, Answered]]


@attrs.frozen
class Settings:
    """What all calls of a client share."""

    send: Send
    policy: OriginPolicy
    connect: float | None
    idle: float | None
    standard: tuple[tuple[str, str], ...]
    cookies: Cookies | None
    auth: AuthFlow | None = None
    #: Whether PUT, PATCH and DELETE go as POST with the header `Method`.
    method_override: bool = False


@attrs.define
class Exchange:
    """A call under way. `done` says that the server has carried out what was asked."""

    settings: Settings
    options: Options
    deadline: Deadline = attrs.field(init=False)
    done: bool = attrs.field(default=False, init=False)
    #: Whether it was a GET that was answered.
    _safe: bool = attrs.field(default=False, init=False)
    #: The page that led to the request; None: the user did.
    _source: str | None = attrs.field(default=None, init=False)
    _hops: int = attrs.field(default=0, init=False)
    _started: float = attrs.field(factory=time.perf_counter, init=False)
    #: The call that is being served here meanwhile.
    _outer: Carried | None = attrs.field(factory=CARRIED.get, init=False)
    #: Whether it is its caller who sets the deadline.
    _outer_waits: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        limit = self.options.timeout
        left = None if self._outer is None else self._outer.time_left
        if left is not None and (limit is None or left < limit):
            self._outer_waits = True
            limit = left
        self.deadline = Deadline(limit)

    async def run(self, make: Callable[[str], Packed], url: str, source: str | None) -> Answered:
        """Send a request to `url`, found in the page at `source`, and follow where it leads.

        None is no page: the user asks for a URL of his own.

        `make` packs the request for a URL; it is asked again where a redirect keeps the body.
        The response is the caller's to read and to close; it is no redirect.
        """
        self.settings.policy.check_hop(source, url)
        self._source = source
        packed = make(url)
        try:
            while True:
                response = await self._send(packed, make)
                try:
                    location = _location(response)
                    if location is None:
                        self._safe = packed.method == "GET"
                        return response
                    packed = self._redirected(response, packed, location, make)
                    await drain(response)
                except BaseException:
                    await close(response)
                    raise
                await close(response)
        except TransportError as error:
            self.tell(error)
            raise

    async def resumed(self, response: Answered, size: int) -> Answered | None:
        """What is missing of a download that broke off behind `size` bytes; None where that cannot
        be asked, or is not what comes. It is asked for once.
        """
        etag = response.header("etag")
        if (
            not self._safe
            or response.status != 200
            or etag is None
            or not etag.startswith('"')
            or (response.header("accept-ranges") or "").strip().lower() != "bytes"
        ):
            return None
        headers = (("Range", range_from(size)), ("If-Range", etag))
        packed = Packed("GET", response.url, headers, None)
        try:
            rest = await self._send(packed, lambda _: packed)
        except TransportError:
            return None
        span = unpack_content_range(rest.header("content-range"))
        if rest.status == 206 and span is not None and span.start == size:
            length = response.header("content-length")
            coding = (rest.header("content-encoding") or "identity").strip().lower()
            whole = span.stop == span.size and length in (None, str(span.size))
            if whole and coding == "identity" and rest.header("etag") in (None, etag):
                return rest
        await close(rest)
        return None

    def tell(self, error: TransportError) -> None:
        """Make an error of this call say the truth about what became of it.

        REQ-TIME-4 and REQ-REDIR-9.
        """
        if self.done:
            error.outcome = "done"
        left = self.deadline.left()
        if isinstance(error, DeadlineExceeded) and left is not None and left <= 0:
            if self._outer_waits:
                error.message = "the deadline of the call that is being served here has passed"
                return
            error.message = (
                f"the call was not over within {self.options.timeout:g} s; "
                "client.options(timeout=...) gives it longer"
            )

    def _redirected(
        self, response: Answered, packed: Packed, location: str, make: Callable[[str], Packed]
    ) -> Packed:
        """The request that a redirect asks for. Raises RemoteError if it is not to be made.

        REQ-REDIR-1 to REQ-REDIR-7 and REQ-OLD-9.
        """
        self._hops += 1
        if self._hops > MAX_HOPS:
            _refuse(response, f"more than {MAX_HOPS} redirects")
        policy = self.settings.policy
        try:
            target = resolve(response.url, location)
            policy.check_hop(response.url, target)
        except ValueError as error:
            _refuse(response, f"a redirect that is not followed: {error}")
        self._source = response.url
        if response.status in _TO_GET:
            # The server has carried out what was asked; only its answer is missing.
            self.done = self.done or packed.method != "GET"
            accept = tuple(pair for pair in packed.headers if pair[0].lower() == "accept")
            return Packed("GET", target, accept, None)
        if packed.body is None:
            return attrs.evolve(packed, url=target)
        if not policy.may_carry_body(response.url, target):
            origin = "{}://{}:{}".format(*origin_of(target))
            _refuse(
                response,
                "a redirect leads with the request's body to an origin not listed: "
                f"if you trust it, Client(origins=[{origin!r}, ...])",
            )
        if packed.body.rest is None:
            return attrs.evolve(packed, url=target)
        try:
            return attrs.evolve(make(response.url), url=target)
        except EncodeError as error:
            _refuse(response, f"a redirect that is not followed: {error.reason}")

    async def _send(self, packed: Packed, make: Callable[[str], Packed]) -> Answered:
        """REQ-METHOD-1."""
        settings = self.settings
        method, headers = packed.method, self._headers(packed)
        if settings.method_override and method in OVERRIDES:
            headers.append(("Method", method))
            method = "POST"
        request = Request(
            method,
            packed.url,
            headers,
            deadline=self.deadline,
            connect=settings.connect,
            idle=settings.idle,
            safe=packed.method == "GET",
            addresses=settings.policy.addresses_from(self._source),
        )
        outgoing = self._fill(request, packed)
        if (
            settings.auth is None
            or not settings.policy.trusts(packed.url)
            or any(name.lower() == "authorization" for name, _ in request.headers)
        ):
            return await self._deliver(request, outgoing)
        flow = settings.auth(request)
        response = None
        try:
            asked = await anext(flow)
            while True:
                if asked is not request:
                    response = await self._aside(asked)
                else:
                    if outgoing is None and packed.body is not None:
                        if packed.body.rest is not None:  # it has been read
                            packed = attrs.evolve(packed, body=make(packed.url).body)
                        outgoing = self._fill(request, packed)
                    response = await self._deliver(request, outgoing)
                    outgoing = None
                asked = await flow.asend(response)
                await drain(response)
        except StopAsyncIteration:
            assert response is not None
            return response
        except BaseException:
            if response is not None:
                await close(response)
            raise
        finally:
            await flow.aclose()

    async def _aside(self, request: Request) -> Answered:
        """Send what is asked before the call: whatever becomes of it, the call is not done."""
        request.addresses = None  # the user's own class asks, no page
        try:
            return await self._sent(request)
        except TransportError as error:
            error.outcome = "not done"
            raise

    def _fill(self, request: Request, packed: Packed) -> Outgoing | None:
        if packed.body is None:
            return None
        outgoing = Outgoing(packed.body, self.deadline)
        request.body = outgoing.content()
        request.length = packed.body.length
        return outgoing

    async def _deliver(self, request: Request, outgoing: Outgoing | None) -> Answered:
        try:
            response = await self._sent(request)
        except TransportError as error:
            self.tell(error)
            self._log(request, f"failed ({error.phase}, {error.outcome})")
            if outgoing is not None and outgoing.failure is not None:
                raise outgoing.failure from None
            raise
        if outgoing is not None and outgoing.failure is not None:
            # In this process the server meets the caller's error first, and answers it.
            await close(response)
            raise outgoing.failure
        self.settings.policy.reached(request.url, response.address)
        cookies = self.settings.cookies
        if cookies is not None and self.settings.policy.trusts(request.url):
            cookies.keep(response)
        self._log(request, response.status)
        return response

    async def _sent(self, request: Request) -> Answered:
        send = self.settings.send
        try:
            return await send(request)
        except TransportError as error:
            # A server may close an idle connection while the request is on its way. Only what is
            # safe is sent again, once, on a new connection.
            if not (request.safe and error.reused and error.phase in ("send", "wait")):
                raise
            if isinstance(error, TimeoutError):
                raise
        return await send(request)

    def _headers(self, packed: Packed) -> list[tuple[str, str]]:
        """All headers but those of the adapter: the form's or link's, the user's, the client's.

        REQ-HEAD-1 and REQ-SAFE-14.
        """
        settings = self.settings
        headers = list(packed.headers)
        names = {name.lower() for name, _ in headers}
        given = [
            *settings.policy.headers_for(packed.url, self.options.headers),
            *(() if self._outer is None else self._outer.headers),
            *settings.standard,
        ]
        for name, value in given:
            if name.lower() not in names:
                names.add(name.lower())
                headers.append((name, value))
        cookies = settings.cookies
        if cookies is not None and "cookie" not in names and settings.policy.trusts(packed.url):
            cookie = cookies.header_for(packed.url)
            if cookie:
                headers.append(("Cookie", cookie))
        if not is_loopback(packed.url):  # between programs of one machine it is never worth it
            headers.append(("Accept-Encoding", "gzip"))
        headers += timeout_header(self.deadline)
        return headers

    def _log(self, request: Request, what: int | str) -> None:
        # Paths and queries hold tokens and arguments: the origin has to do.
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (time.perf_counter() - self._started) * 1000
            origin = "{}://{}:{}".format(*origin_of(request.url))
            logger.debug("%s %s: %s, %.1f ms", request.method, origin, what, milliseconds)


def _location(response: Answered) -> str | None:
    if response.status in _TO_GET or response.status in _SAME_METHOD:
        return response.header("location")
    return None


def _refuse(response: Answered, message: str) -> NoReturn:
    raise RemoteError.from_response(
        response.status, message, url=response.url, headers=response.headers
    )


async def close(response: Answered) -> None:
    """Close a response of either kind."""
    closing = response.close()
    if closing is not None:
        await closing


async def drain(response: Answered) -> None:
    """Read what is left of a body that nobody wants, unless it is long or cut short."""
    size = 0
    try:
        async for piece in each(response.body):
            size += len(piece)
            if size >= _DRAINED:
                break
    except TransportError:
        pass
    finally:
        await close(response)
