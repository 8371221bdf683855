"""A generator's result: its items, each as a message, sent as soon as there are there.

To whom Accept does not name the type of sequences goes a list, which is bounded.

Standard, section 20.2.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import islice
from typing import Any, Final, TypeGuard, cast

from hyperglyph.transport.http.bodies import Body
from hyperglyph.transport.http.messages import Response
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE, check_item, pack_end
from hyperglyph.transport.http.status import ServerError
from hyperglyph.transport.http.waiting import Pieces

from .calls import Call, discard_blobs, error_page, told_of
from .context import Context, serving
from .running import Running, is_cancelled

__all__ = ["Items", "gathered", "is_items", "sequence"]

logger = logging.getLogger("hyperglyph.server")

#: How many items whoever wants a list gets.
MOST: Final = 10_000

Items = Generator[Any, Any, Any] | AsyncGenerator[Any, Any]
Pack = Callable[[object], Body]

_END: Final = object()


def is_items(result: object) -> TypeGuard[Items]:
    """Whether a result is to be sent item by item."""
    return inspect.isgenerator(result) or inspect.isasyncgen(result)


async def gathered(items: Items, call: Call, running: Running) -> list[Any]:
    """All items. Raises ServerError if there are too many, and what the generator raises.

    REQ-SEQ-7.
    """
    if inspect.isasyncgen(items):
        found = await running.wait(_awaited(items), call, call.request.caller)
    else:
        found = await running.step(_taken, items)
    if len(found) > MOST:
        discard_blobs(found)
        raise ServerError(
            f"the result has more than {MOST:,} items: ask for it with "
            f"Accept: {SEQUENCE_TYPE}, and it comes item by item"
        )
    return found


def _taken(items: Generator[Any, Any, Any]) -> list[Any]:
    try:
        return list(islice(items, MOST + 1))
    finally:
        items.close()


async def _awaited(items: AsyncGenerator[Any, Any]) -> list[Any]:
    found: list[Any] = []
    try:
        async for item in items:
            found.append(item)
            if len(found) > MOST:
                break
    finally:
        await items.aclose()
    return found


def sequence(call: Call, items: Items, context: Context, pack: Pack) -> Response:
    """The response with the items. The instances in use are let go behind the last one.

    The total deadline is over with the head: the caller takes item after item as long as it likes.
    REQ-SEQ-2 and REQ-SEQ-10.
    """
    call.deadline.pause()
    if call.principal is not None:  # nobody knows yet what the items will depend on
        context.personal = True
    sending = _Sending(call, items, context, pack, call.stack.pop_all())
    headers = [("Content-Type", SEQUENCE_TYPE), *call.get_headers()]
    body: Pieces
    if isinstance(items, AsyncGenerator):
        body = sending.awaited(items)
    else:
        body = sending.taken(items)

    def close() -> None:
        if isinstance(body, Generator):  # an async one is closed by who has the loop
            with suppress(ValueError):  # a thread that is still in it closes it
                body.close()
        sending.given_up()

    # Where there is no event loop, the router makes a plain one of an async body.
    return Response(200, headers, cast("Iterable[bytes]", body), on_close=close)


class _Sending:
    """The items of one call on their way."""

    def __init__(
        self, call: Call, items: Items, context: Context, pack: Pack, stack: ExitStack
    ) -> None:
        self._call = call
        self._items = items
        self._context = context
        self._pack = pack
        self._stack = stack

    def taken(self, items: Generator[Any, Any, Any]) -> Generator[bytes, None, None]:
        """The pieces of a generator's items."""
        try:
            while True:
                with self._inside():
                    item = next(items, _END)
                    body = None if item is _END else self._packed(item)
                if body is None:
                    break
                yield from self._pieces(body)
            with self._inside():
                self._stack.close()
            end = pack_end()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the caller is told
            end = self._failed(error)
        finally:
            with self._logged():
                items.close()
        yield end

    async def awaited(self, items: AsyncGenerator[Any, Any]) -> AsyncIterator[bytes]:
        """The pieces of an async generator's items."""
        try:
            while True:
                with self._inside():
                    item = await anext(items, _END)
                    body = None if item is _END else self._packed(item)
                if body is None:
                    break
                for piece in self._pieces(body):
                    yield piece
            with self._inside():
                self._stack.close()
            end = pack_end()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and is_cancelled():
                raise
            end = self._failed(error)
        finally:
            with self._logged():
                await items.aclose()
        yield end

    def _inside(self) -> AbstractContextManager[None]:
        """Where `context()` tells of the call. An item may come in another thread than the last."""
        return serving(self._context)

    @contextmanager
    def _logged(self) -> Generator[None]:
        """The same, for what fails when nobody is left to be told."""
        try:
            with self._inside():
                yield
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and is_cancelled():
                raise
            logger.exception("logref %s: closing %s failed", self._call.logref, self._call.route)

    def _packed(self, item: object) -> Body:
        try:
            body = self._pack(item)
        except BaseException:
            discard_blobs(item)
            raise
        self._call.blobs = body.blobs
        check_item(body.root)
        return body

    def _pieces(self, body: Body) -> Iterator[bytes]:
        yield body.root
        if body.rest is not None:
            yield from body.rest
        self._call.discard()

    def _failed(self, error: BaseException) -> bytes:
        """What closes the items in place of those that do not come. REQ-SEQ-4."""
        declared = told_of(self._call, error)
        with self._logged():
            self._stack.__exit__(type(error), error, error.__traceback__)
        page, declared = error_page(self._call, declared)
        return pack_end(page, declared.status)

    def given_up(self) -> None:
        """The response is over, sent or not. REQ-SEQ-9."""
        if inspect.isgenerator(self._items) and not self._items.gi_running:
            with self._logged():
                self._items.close()
        with self._logged():
            self._stack.__exit__(GeneratorExit, GeneratorExit(), None)
        self._call.close()
