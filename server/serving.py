"""How a request becomes a call, and a result a response.

    request -> policy -> place -> instance, arguments -> your function -> page -> response

Written once, as coroutines, for threads and event loops; how they differ is in `running.py`. No
I/O: bytes come in with the `Incoming` request and go out with the `Response`; adapters wait.

Standard, sections 18 and 19.
"""

from __future__ import annotations

import copy
import inspect
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import attrs

from hyperglyph.codec import Blob
from hyperglyph.transport.http.messages import Incoming, Response
from hyperglyph.transport.http.middleware import ServerMiddleware, around
from hyperglyph.transport.http.sequences import accepts_sequence
from hyperglyph.transport.http.status import (
    GatewayTimeout,
    NotFound,
    RemoteError,
    TransportError,
)

from .again import Again, pause_before
from .authentication import Guard
from .calls import (
    Call,
    answer,
    discard_blobs,
    error_response,
    no_content,
    redirection,
    told_of,
)
from .context import Context, serving
from .endpoints import ClassEndpoint
from .flight import InFlight
from .forwarded import Forwarded
from .log import tame_traceback
from .moved import Moved
from .pages import Pages
from .policy import (
    Policy,
    check_conditions,
    deadline_of,
    effective_method,
)
from .raw import is_welcome, raw_answer
from .reading import Reading
from .references import References
from .running import Running
from .sequences import gathered, is_items, sequence
from .table import ROOT, Endpoints, Place
from .versions import check_version

__all__ = ["Serving"]

logger = logging.getLogger("hyperglyph.server")
logger.addFilter(tame_traceback)


@attrs.define(eq=False)
class Serving:
    """Answers requests by what a router has registered, as its options say."""

    endpoints: Endpoints
    guard: Guard
    pages: Pages
    references: References
    policy: Policy
    forwarded: Forwarded
    flight: InFlight
    reading: Reading
    #: Whether answers are compressed for those who ask.
    gzip: bool
    middleware: tuple[ServerMiddleware, ...]
    #: Makes the object that is the root page, if there is one.
    default: Callable[[ExitStack], object] | None = None
    #: The class of that object.
    default_class: ClassEndpoint | None = None

    async def serve(self, request: Incoming, running: Running) -> Response:
        """Answer a request. Raises nothing but what ends the process or cancels the task."""
        started = time.perf_counter()
        call = self._call(request)
        refusal = self.flight.enter()
        try:
            if refusal is not None:
                raise refusal
            call.request = self.forwarded.applied(request)
            self.policy.check(call.request)
            if self.middleware:
                response = await self._around(call, running)
            else:
                response = await self._respond(call, running)
        except BaseException as error:  # noqa: BLE001 - told to the caller, or raised
            try:
                response = self._told(call, error, running)
            except BaseException:
                call.close()
                self.flight.leave()
                raise
        if request.method == "HEAD":
            response.body = ()
        if refusal is None:
            self.flight.leave_with(response)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s %s %d %s bytes %.1f ms logref %s",
                call.method or "-",
                call.route,
                response.status,
                response.header("content-length") or "?",
                (time.perf_counter() - started) * 1000,
                call.logref,
            )
        return response

    async def _around(self, outer: Call, running: Running) -> Response:
        """The answer that the middleware gives, which sees responses and no exceptions."""

        async def handle(request: Incoming) -> Response:
            call = self._call(request)
            call.logref = outer.logref
            try:
                return await self._respond(call, running)
            except BaseException as error:  # noqa: BLE001 - told to the caller, or raised
                try:
                    return self._told(call, error, running)
                except BaseException:
                    call.close()
                    raise
            finally:
                outer.method, outer.route = call.method, call.route

        outer.route = "the middleware"
        response: Response = await around(self.middleware, handle)(outer.request)
        return response

    def _call(self, request: Incoming) -> Call:
        return Call(request, secrets.token_hex(6), self.guard.vary, self.guard.challenge)

    def _told(self, call: Call, error: BaseException, running: Running) -> Response:
        """The answer to an exception, which is raised where it ends the process or the task.

        REQ-STATUS-10 and REQ-SAFE-4.
        """
        if not isinstance(error, RemoteError | TransportError) and (
            isinstance(error, KeyboardInterrupt | GeneratorExit) or running.is_cancelled()
        ):
            raise error
        return error_response(call, told_of(call, error))

    async def _respond(self, call: Call, running: Running) -> Response:
        request = call.request
        call.method = effective_method(request)
        call.deadline = deadline_of(request)
        call.principal = await self.guard.principal(call, running)
        place = self.endpoints.find(request.path)
        if place is None:
            raise NotFound("there is nothing of that name")
        call.route = place.route
        cache = place.cache
        if place is ROOT and self.default_class is not None:
            cache = self.default_class.marks.cache
        call.cache = cache or call.cache
        call.may_compress = self.gzip
        asked = place.asked(call.method)
        if asked is None:
            call.refuse_method(place.allow)
        place = asked
        if call.method != "GET":
            assert place.call is not None
            envelope = place.call.envelope_for(call.method)
            self.reading.check(request, envelope)
            if not place.call.marks.own_url:
                check_conditions(request)
        call.context = context = Context(
            call.method,
            call.route,
            request.headers,
            call.deadline,
            call.logref,
            call.principal,
            request.caller,
        )
        try:
            with serving(context):
                return await self._reached(call, place, context, running)
        except Moved as moved:
            return redirection(call, moved.target(request), 307)

    async def _reached(
        self, call: Call, place: Place, context: Context, running: Running
    ) -> Response:
        """The answer of a place that may be asked so."""
        request = call.request
        if (home := self.references.elsewhere(place, request)) is not None:
            return redirection(call, home, 307)
        if place is ROOT and self.default is None:
            return answer(call, self.pages.root(request.mount))
        arguments = None if place.call is None else await self.reading.arguments(call, place.call)
        _check_deadline(call, "the deadline passed before the call began")

        def attempts(running: Running) -> Any:
            return self._attempts(call, place, arguments, context, running)

        waits = place.call is not None and place.call.waits
        return await running.whole(attempts, call, waits=waits)

    async def _attempts(
        self, call: Call, place: Place, given: object, context: Context, running: Running
    ) -> Response:
        """Make the call, and again where it lost a race and its class says that it may be."""
        retries = 0 if call.received else place.retries
        attempt = 0
        while True:
            # What a call does to its arguments is not for the next to see.
            mine = given if attempt == retries else copy.deepcopy(given)
            try:
                return await self._attempt(call, place, mine, context, running)
            except Again as again:
                attempt += 1
                pause = pause_before(attempt, call.deadline)
                if attempt > retries or pause is None:
                    raise again.conflict from None
                call.discard()
                await running.sleep(pause)

    async def _attempt(
        self, call: Call, place: Place, given: object, context: Context, running: Running
    ) -> Response:
        """Make the call, and a response of its result.

        Instances are let go before the answer is: what they keep is kept by then.
        """
        blocks = self.endpoints.opens
        try:
            if blocks:
                result = await running.step(self._made, call, place, given)
            else:
                result = self._made(call, place, given)
            if inspect.iscoroutine(result):
                result = await running.wait(result, call, call.request.caller)
            if is_items(result):
                if accepts_sequence(call.request.values("accept")):
                    message = self.pages.message
                    return sequence(
                        call,
                        result,
                        context,
                        lambda item: message(call.request.mount, partial=call.partial).pack(item),
                    )
                result = await gathered(result, call, running)
        except BaseException as error:
            leave = call.stack.__exit__
            if blocks:
                await running.step(leave, type(error), error, error.__traceback__)
            else:
                leave(type(error), error, error.__traceback__)
            raise
        if blocks:
            return await running.step(self._concluded, call, place, result, context)
        return self._concluded(call, place, result, context)

    def _made(self, call: Call, place: Place, given: object) -> Any:
        """What stands at a place: the instance, or what the function returns."""
        if place is ROOT:
            assert self.default is not None
            assert self.default_class is not None
            root = self.default(call.stack)
            call.last_modified = self.default_class.last_modified(root)
            return root
        function = place.call
        instance: object = None
        if place.token is not None:
            assert place.owner is not None
            if function is not None:  # what does not bind costs no instance
                function.parameters.bind(given)
            instance = self.references.instance(place.owner, place.token, call.stack)
            if function is None:
                call.last_modified = place.owner.last_modified(instance)
                return instance
        assert function is not None
        if function.marks.own_url:
            check_version(call, self.pages, instance, place.owner)
        arguments = self.references.arguments(
            function, function.parameters.bind(given), call.request, call.stack
        )
        if place.token is None:
            return function.function(**arguments)
        return function.function(instance, **arguments)

    def _concluded(self, call: Call, place: Place, result: object, context: Context) -> Response:
        """The response of a result."""
        with call.stack:
            try:
                _check_deadline(call, "the deadline passed before the answer was there")
                return self._answer(call, place, result, context)
            except BaseException:
                discard_blobs(result)
                raise

    def _answer(self, call: Call, place: Place, result: object, context: Context) -> Response:
        """REQ-STATUS-19, REQ-REDIR-8 and REQ-OLD-7."""
        message = self.pages.message(call.request.mount, partial=call.partial)
        function = place.call
        if place is ROOT:
            url = message.elsewhere(result)
        elif function is None:
            url = None  # it is here that the instance was asked for
        else:
            call.last_modified = context.last_modified
            if result is None:
                return no_content(call)
            if function.marks.redirect or place.creates:
                url = message.url(result)
            else:
                url = message.elsewhere(result)
        if url is not None:
            return redirection(call, url)
        if type(result) is Blob and is_welcome(call, result):
            return raw_answer(call, result)
        return answer(call, message.pack(result))


def _check_deadline(call: Call, message: str) -> None:
    """REQ-TIME-3."""
    left = call.deadline.left()
    if left is not None and left <= 0:
        raise GatewayTimeout(message)
