"""Sequences: generators at the server, iterators at the caller, over threads and event loops."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from asgi_help import uvicorn_server
from http_peers import MEDIA_TYPE, answers, peer, response
from object_help import ask, value

import hyperglyph as glyph
from hyperglyph.codec import DecodeError, Extension, Truncated, decode, encode
from hyperglyph.transport.http.messages import Response
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE, pack_end
from hyperglyph.transport.http.status import RemoteError

router = glyph.Router(secret=glyph.EPHEMERAL)

#: What the generators below tell of their lives.
ended: dict[str, threading.Event] = {}
counted: dict[str, int] = {}


class NoMore(glyph.Conflict):
    """Declared by the service."""


@router.add
class User(glyph.Resource):
    def __init__(self, id: int) -> None:
        self.id = id

    @glyph.safe
    def bio(self) -> str:
        return f"bio {self.id}"

    def friends(self, count: int) -> Iterator[User]:
        for number in range(count):
            yield User(self.id + number)


@router.add
def numbers(count: int, key: str = "") -> Iterator[int]:
    try:
        for number in range(count):
            counted[key] = number
            yield number
    finally:
        if key:
            ended[key].set()


@router.add
async def anumbers(count: int, key: str = "") -> AsyncIterator[int]:
    try:
        for number in range(count):
            await asyncio.sleep(0)
            counted[key] = number
            yield number
    finally:
        if key:
            ended[key].set()


@router.add
def chunks(key: str) -> Iterator[bytes]:
    for number in itertools.count():
        counted[key] = number
        yield b"x" * 60_000


@router.add
async def achunks(key: str) -> AsyncIterator[bytes]:
    for number in itertools.count():
        counted[key] = number
        yield b"x" * 60_000


@router.add
def fails(how: str) -> Iterator[int]:
    yield 1
    yield from {"declared": declared, "undeclared": undeclared, "value": unsendable}[how]()


@router.add
async def afails(how: str) -> AsyncIterator[int]:
    yield 1
    for item in {"declared": declared, "undeclared": undeclared, "value": unsendable}[how]():
        yield item


def declared() -> Iterator[int]:
    raise NoMore("no more", data={"left": 0})


def undeclared() -> Iterator[int]:
    raise ZeroDivisionError("a secret")


def unsendable() -> Iterator[Any]:
    yield object()


@router.add
@glyph.safe
def squares(count: int) -> Iterator[int]:
    return (number**2 for number in range(count))


@router.add
def mixed() -> Iterator[Any]:
    yield None
    yield glyph.blob(b"x" * 200_000, "text/plain")
    yield {"form": hello}
    yield [1, [2]]


@router.add
def hello(name: str = "World") -> str:
    return f"Hello {name}"


@router.add
def end_as_item() -> Iterator[Any]:
    yield Extension("end", {}, None)


@router.add
def slow() -> Iterator[float]:
    for _ in range(4):
        time.sleep(0.1)
        yield time.monotonic()


@router.add
def told() -> Iterator[str | None]:
    """What `context()` says, in whatever thread an item is made."""
    for _ in range(3):
        yield glyph.context().header("x-mark")


@router.add
async def atold() -> AsyncIterator[str | None]:
    for _ in range(3):
        await asyncio.sleep(0)
        yield glyph.context().header("x-mark")


@contextmanager
def threads() -> Generator[str]:
    with glyph.Server(router) as server:
        yield server.url


SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "threads": threads,
    "uvicorn": lambda: uvicorn_server(router),
}


@pytest.fixture(params=sorted(SERVERS), scope="module")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with SERVERS[request.param]() as served:
        yield served


@pytest.fixture
def root(url: str) -> Iterator[Any]:
    with glyph.Client(timeout=10, errors=[NoMore]) as client:
        yield client.get(url)


def failure(answer: Response) -> Any:
    """The error extension of an answer."""
    return decode(b"".join(answer.body))


def watch(key: str) -> threading.Event:
    counted.pop(key, None)
    return ended.setdefault(key, threading.Event())


BOTH = pytest.mark.parametrize("prefix", ["", "a"])


@BOTH
def test_items_come_one_after_the_other(root: Any, prefix: str) -> None:
    numbers = root[f"{prefix}numbers"]
    assert list(numbers(1000)) == list(range(1000))
    assert list(numbers(0)) == []
    items = numbers(2)
    assert repr(items).startswith("<items of http://")
    assert iter(items) is items
    assert [next(items), next(items), next(items, "over"), next(items, "over")] == [0, 1] + [
        "over"
    ] * 2
    assert repr(items).endswith(", over>")


def test_items_are_values_of_every_kind(root: Any) -> None:
    nothing, blob, record, numbers = list(root.mixed())
    assert nothing is None
    assert blob.read() == b"x" * 200_000
    blob.close()
    assert record["form"]("you") == "Hello you"
    assert numbers == [1, [2]]


def test_items_are_objects(root: Any) -> None:
    users = list(root.User(3).friends(3))
    assert [user.id for user in users] == [3, 4, 5]
    assert [user.bio() for user in users] == ["bio 3", "bio 4", "bio 5"]


def test_a_safe_one_is_asked_for_with_get(root: Any) -> None:
    assert list(root.squares(4)) == [0, 1, 4, 9]


def test_an_item_comes_as_soon_as_it_is_there(root: Any) -> None:
    late = [time.monotonic() - made for made in root.slow()]
    assert len(late) == 4
    assert late[0] < 0.25  # all four take 0.4


@BOTH
def test_an_error_in_the_middle_is_raised_in_the_middle(root: Any, prefix: str) -> None:
    items = root[f"{prefix}fails"]("declared")
    assert next(items) == 1
    with pytest.raises(NoMore, match="no more") as raised:
        next(items)
    assert raised.value.data == {"left": 0}
    assert raised.value.logref
    assert list(items) == []


@BOTH
@pytest.mark.parametrize("how", ["undeclared", "value"])
def test_what_fails_undeclared_says_nothing(
    root: Any, prefix: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    items = root[f"{prefix}fails"](how)
    assert next(items) == 1
    with pytest.raises(glyph.ServerError) as raised:
        next(items)
    assert raised.value.message == "internal error"
    assert raised.value.logref in caplog.text


def test_no_item_is_taken_for_the_end(root: Any) -> None:
    with pytest.raises(glyph.ServerError):
        list(root.end_as_item())


@BOTH
def test_ended_early_by_the_caller(root: Any, prefix: str) -> None:
    key = f"early {prefix}{root}"
    closed = watch(key)
    with root[f"{prefix}numbers"](1_000_000_000, key) as items:
        assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert closed.wait(5)
    assert root.hello() == "Hello World"


def test_dropped_by_the_caller(root: Any) -> None:
    key = f"dropped {root}"
    closed = watch(key)
    items = root.numbers(1_000_000_000, key)
    assert next(items) == 0
    del items
    assert closed.wait(5)


@BOTH
def test_the_server_does_not_run_ahead(root: Any, prefix: str) -> None:
    key = f"ahead {prefix}{root}"
    watch(key)
    with root[f"{prefix}chunks"](key) as items:
        assert len(next(items)) == 60_000
        before = -1
        while counted[key] != before:  # until what is between them is full
            before = counted[key]
            time.sleep(0.3)
        assert before < 500
        assert all(len(item) == 60_000 for item in itertools.islice(items, 600))
        assert counted[key] >= 600


@pytest.mark.parametrize("name", ["told", "atold"])
def test_context_tells_of_the_call(root: Any, name: str) -> None:
    with glyph.client_of(root).options(headers={"X-Mark": "here"}):
        assert list(root[name]()) == ["here"] * 3


def test_the_deadline_is_over_with_the_head(root: Any) -> None:
    with glyph.client_of(root).options(timeout=0.25):
        assert len(list(root.slow())) == 4


# --- asyncio --------------------------------------------------------------------------------------


async def everything(url: str) -> None:
    async with glyph.AsyncClient(errors=[NoMore]) as client:
        root = await client.get(url)
        for name in ("numbers", "anumbers"):
            assert [item async for item in await root[name](500)] == list(range(500))
            key = f"async {name} {url}"
            closed = watch(key)
            async with await root[name](1_000_000_000, key) as items:
                assert [await anext(items) for _ in range(3)] == [0, 1, 2]
            assert await asyncio.to_thread(closed.wait, 5)
        items = await root.afails("declared")
        assert await anext(items) == 1
        with pytest.raises(NoMore):
            await anext(items)
        users = [user async for user in await root.User(1).friends(2)]
        assert [await user.bio() for user in users] == ["bio 1", "bio 2"]


def test_items_for_asyncio(url: str) -> None:
    asyncio.run(everything(url))


def test_a_cancelled_task_ends_the_generator(url: str) -> None:
    key = f"cancelled {url}"
    closed = watch(key)

    async def body() -> None:
        async with glyph.AsyncClient() as client:
            root = await client.get(url)

            async def read() -> None:
                async for _ in await root.anumbers(1_000_000_000, key):
                    await asyncio.sleep(0.01)

            task = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(body())
    assert closed.wait(5)


def test_items_that_nobody_reads_warn() -> None:
    async def body() -> None:
        transport = glyph.AsyncClient()
        async with transport as client:
            with glyph.Server(router) as server:
                root = await client.get(server.url)
                items = await root.numbers(1)
                with pytest.warns(ResourceWarning, match="never read: <items of"):
                    del items

    asyncio.run(body())


# --- Whoever does not know of them ----------------------------------------------------------------


@BOTH
def test_others_get_a_list(prefix: str) -> None:
    assert value(ask(router, "POST", f"/{prefix}numbers", {"count": 3})) == [0, 1, 2]
    for accept in ("*/*", MEDIA_TYPE, f"{SEQUENCE_TYPE};q=0, */*"):
        answer = ask(router, "POST", f"/{prefix}numbers", {"count": 3}, accept=accept)
        assert value(answer) == [0, 1, 2]


@BOTH
def test_which_is_bounded(prefix: str) -> None:
    key = f"bounded {prefix}"
    closed = watch(key)
    answer = ask(router, "POST", f"/{prefix}numbers", {"count": 1_000_000_000, "key": key})
    assert answer.status == 500
    assert "more than 10,000 items" in failure(answer).message
    assert closed.wait(5)
    assert counted[key] == 10_000


@BOTH
def test_and_fails_as_a_whole(prefix: str) -> None:
    answer = ask(router, "POST", f"/{prefix}fails", {"how": "declared"})
    assert (answer.status, failure(answer).code) == (409, "NoMore")
    answer = ask(router, "POST", f"/{prefix}fails", {"how": "undeclared"})
    assert (answer.status, failure(answer).message) == (500, "internal error")


def test_the_head_alone() -> None:
    key = "head"
    watch(key)
    answer = ask(router, "HEAD", "/squares?Ou5%3Acount%3Bi3%3B%3B", accept=SEQUENCE_TYPE)
    assert answer.status == 200
    assert answer.header("content-type") == SEQUENCE_TYPE
    assert answer.header("etag") is None
    assert list(answer.body) == []
    answer.close()


# --- Persistent objects ---------------------------------------------------------------------------


def test_an_instance_is_written_back_behind_the_last_item() -> None:
    class Counter(glyph.PersistentResource, store=glyph.MemoryStore()):
        def __init__(self) -> None:
            self.count = 0

        def up(self, times: int) -> Iterator[int]:
            for _ in range(times):
                self.count += 1
                yield self.count

        async def aup(self, times: int) -> AsyncIterator[int]:
            for _ in range(times):
                self.count += 1
                yield self.count

        def now(self) -> int:
            return self.count

    own = glyph.Router(secret=glyph.EPHEMERAL)
    own.add(Counter)
    with glyph.Client(glyph.LocalTransport(own)) as client:
        counter = client.get("http://localhost/").Counter()
        assert list(counter.up(3)) == [1, 2, 3]
        assert counter.now() == 3
        assert list(counter.aup(2)) == [4, 5]
        assert counter.now() == 5
        with counter.up(10) as items:
            assert next(items) == 6
        assert counter.now() == 5  # ended early, it has failed


# --- Hostile servers ------------------------------------------------------------------------------


def served(body: bytes, status: int = 200) -> Any:
    return peer(answers(response(status, body, content_type=SEQUENCE_TYPE)))


@pytest.mark.parametrize(
    ("body", "items", "error"),
    [
        (encode(1), [1], Truncated),
        (encode(1) + pack_end()[:-1], [1], Truncated),
        (encode(1) + b"!", [1], DecodeError),
        (pack_end() + encode(1), [], DecodeError),
        (b"", [], Truncated),
    ],
)
def test_what_is_no_sequence_is_no_whole_one(
    body: bytes, items: list[Any], error: type[Exception]
) -> None:
    got: list[Any] = []
    with served(body) as there, glyph.Client(timeout=5) as client:
        stream = client.get(there.url)
        with pytest.raises(error):
            got.extend(stream)
    assert got == items


def test_an_error_status_is_an_error() -> None:
    with (
        served(encode(1) + pack_end(), 404) as there,
        glyph.Client(timeout=5) as client,
        pytest.raises(RemoteError),
    ):
        client.get(there.url)
