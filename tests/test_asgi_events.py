"""Events that no well-made server sends: none of them keeps the event loop, or a call in flight."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from asgi_help import asgi, head
from object_help import serve as router_of

IDLE = 0.3
WHOLE: dict[str, Any] = {"type": "http.request", "body": b"O;"}
EMPTY: dict[str, Any] = {"type": "http.request", "body": b"", "more_body": True}


async def hello() -> str:
    return "Hello"


async def waits() -> str:
    await asyncio.sleep(0.1)
    return "done"


class Events:
    """Receives these events, and then the last of them for ever, without ever waiting."""

    #: So that a test of a loop that is never left fails instead of hanging.
    MOST = 2_000_000

    def __init__(self, *events: Any) -> None:
        self._events = itertools.chain(events, itertools.repeat(events[-1], self.MOST))

    async def __call__(self) -> Any:
        try:
            return next(self._events)
        except StopIteration:
            raise AssertionError("the loop was kept") from None


def status(path: str, *events: Any) -> int:
    """The status of an answer to such a receiver, and that another call was served meanwhile."""
    router = router_of(hello, waits, idle=IDLE, in_flight=2)
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def both() -> None:
        scope = head(path=path, raw_path=path.encode())
        first = asyncio.create_task(router.asgi(scope, Events(*events), send))
        await asyncio.sleep(0)
        assert (await asgi(router, head()))[0] == 200
        assert not first.done()
        await asyncio.wait_for(first, 10)

    asyncio.run(both())
    answered = sent[0]["status"]
    assert isinstance(answered, int)
    return answered


def test_empty_pieces_without_end_are_timed_out() -> None:
    assert status("/hello", EMPTY) == 408


def test_requests_behind_the_body_do_not_keep_the_loop() -> None:
    assert status("/waits", WHOLE) == 200


@pytest.mark.parametrize("head_is_taken", [False, True])
def test_an_answer_that_is_not_taken_ends(head_is_taken: bool) -> None:
    router = router_of(hello, idle=IDLE, in_flight=1)

    async def receive() -> Any:
        return WHOLE

    async def send(event: Any) -> None:
        if not head_is_taken or event["type"] != "http.response.start":
            await asyncio.Event().wait()

    async def again() -> None:
        await asyncio.wait_for(router.asgi(head(), receive, send), 5)
        assert (await asgi(router, head()))[0] == 200

    asyncio.run(again())
