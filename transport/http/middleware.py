"""Functions around a request and its response, on both sides: `middleware=[...]`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar, cast

from .messages import Answered, AsyncResponse, Incoming, Request, Response
from .waiting import finish

__all__ = ["AsyncMiddleware", "Middleware", "ServerMiddleware", "around", "in_steps"]

RequestT = TypeVar("RequestT", Request, Incoming)

#: For `Client`: what sends a request is handed on to the next one, and in the end to the transport.
Middleware = Callable[[Request, Callable[[Request], Response]], Response]
#: For `AsyncClient`.
AsyncMiddleware = Callable[[Request, Callable[[Request], Awaitable[Answered]]], Awaitable[Answered]]
#: For `Router`.
ServerMiddleware = Callable[
    [Incoming, Callable[[Incoming], Awaitable[Response]]], Awaitable[Response]
]

_Step = Callable[[Any], Coroutine[Any, Any, Any]]
_BOTH: Final = (Response, AsyncResponse)


def in_steps(middleware: Middleware) -> AsyncMiddleware:
    """One that blocks, as a coroutine function that never waits for an event loop."""

    async def step(request: Request, send: Any) -> Answered:
        return middleware(request, lambda sent: cast("Response", finish(send(sent))))

    return step


def around(middleware: Sequence[Callable[..., Any]], send: _Step) -> _Step:
    """What sends a request through all of these, the first one outermost.

    Whatever they do, each response that `send` gives is closed: with the one that comes out, or
    where none does. Raises what they raise, and TypeError for what is no response.
    """
    if not middleware:
        return send

    async def sent(request: Any) -> Any:
        given: list[Answered] = []

        async def innermost(request: Any) -> Any:
            response = await send(request)
            _close_once(response)
            given.append(response)
            return response

        step: _Step = innermost
        for one in reversed(middleware):
            step = _linked(one, step)
        try:
            result = await step(request)
        except BaseException:
            await _close_all(given)
            raise
        await _close_with(result, [response for response in given if response is not result])
        return result

    return sent


def _linked(middleware: Callable[..., Any], send: _Step) -> _Step:
    async def step(request: Any) -> Any:
        result = await middleware(request, send)
        if not isinstance(result, _BOTH):
            raise TypeError(
                f"the middleware {getattr(middleware, '__qualname__', middleware)} returned "
                f"{type(result).__name__}: it has to return the response"
            )
        if not result.url and isinstance(request, Request):
            result.url = request.url
        return result

    return step


def _close_once(response: Any) -> None:
    """A copy, with other headers, shares `on_close` with what it was made of."""
    pending = [response.on_close]
    if isinstance(response, AsyncResponse):

        async def aclose() -> None:
            while pending:
                await pending.pop()()

        response.on_close = aclose
    else:

        def close() -> None:
            while pending:
                pending.pop()()

        response.on_close = close


async def _close_all(responses: Sequence[Answered]) -> None:
    for response in responses:
        closing = response.close()
        if closing is not None:
            await closing


async def _close_with(result: Any, others: Sequence[Answered]) -> None:
    """Have others closed when the result is, which may be made of them."""
    if not others:
        return
    on_close = result.on_close
    if isinstance(result, AsyncResponse):

        async def aclose() -> None:
            try:
                await on_close()
            finally:
                await _close_all(others)

        result.on_close = aclose
    elif any(isinstance(other, AsyncResponse) for other in others):
        await _close_all(others)  # nothing of them is in a body that need not be waited for
    else:

        def close() -> None:
            try:
                on_close()
            finally:
                for other in others:
                    cast("Response", other).close()

        result.on_close = close
