"""Registering functions, the root page, results, exceptions, contexts, without sockets."""

from __future__ import annotations

import functools
import io
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_peers import MEDIA_TYPE

import hyperglyph as glyph
from hyperglyph.codec import MISSING, Form, Input, decode, encode
from hyperglyph.transport.http.messages import Incoming, Response


def local(router: Any, mount: str = "", **options: Any) -> Any:
    client = glyph.Client(glyph.LocalTransport(router, mount=mount), **options)
    return client.get(f"http://localhost{mount}/")


def identity(x: Any) -> Any:
    return x


def constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def ask(router: glyph.Router, path: str, body: bytes | Iterator[bytes] = b"O;") -> Response:
    pieces = (body,) if isinstance(body, bytes) else body
    headers = [("Host", "localhost"), ("Content-Type", MEDIA_TYPE)]
    return router.handle(Incoming("POST", path, headers, pieces, target=path))


def page(router: glyph.Router, mount: str = "") -> Any:
    answer = router.handle(Incoming("GET", "/", [("Host", "localhost")], mount=mount))
    return decode(b"".join(answer.body))


# --- registering ------------------------------------------------------------------------------


def test_the_four_ways_to_add() -> None:
    router = glyph.Router()

    @router.add()
    def one() -> int:
        return 1

    @router.add
    def two() -> int:
        return 2

    @router.add(name="drei")
    def three() -> int:
        return 3

    assert router.add(lambda: 4, name="four")() == 4
    assert (one(), two(), three()) == (1, 2, 3)  # unchanged
    server = local(router)
    assert (server.one(), server.two(), server.drei(), server.four()) == (1, 2, 3, 4)
    assert list(server) == ["one", "two", "drei", "four"]
    assert repr(router) == "<Router with 4 names>"


def test_methods_and_callable_objects() -> None:
    class Counter:
        count = 0

        def increase(self, by: int = 1) -> int:
            self.count += by
            return self.count

        def __call__(self) -> int:
            return self.count

    counter, router = Counter(), glyph.Router()
    router.add(counter.increase)
    router.add(counter, name="count")
    router.add(functools.partial(counter.increase, by=10), name="by_ten")
    server = local(router)
    assert (server.increase(), server.increase(5), server.by_ten(), server.count()) == (
        1,
        6,
        16,
        16,
    )


def variable(*args: Any) -> None: ...


def keywords(**kwargs: Any) -> None: ...


def positional(a: Any, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (variable, TypeError, r"parameter \*args"),
        (keywords, TypeError, r"parameter \*\*kwargs"),
        (positional, TypeError, "parameter a is positional-only"),
        (glyph.Form, TypeError, "Form is a kind of Extension"),
        (3, TypeError, "int objects cannot be called"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(function: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        glyph.Router().add(function, name="f")


@pytest.mark.parametrize("name", ["", "_x", "__class__", "a/b", ".", "..", "a\nb"])
def test_names_that_no_url_can_carry(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        glyph.Router().add(lambda: 0, name=name)


def test_objects_without_a_name() -> None:
    router = glyph.Router()
    for nameless in (lambda: 0, functools.partial(int)):
        with pytest.raises(ValueError, match="need name="):
            router.add(nameless)


def test_names_that_are_no_identifiers() -> None:
    router = glyph.Router()
    for name in ("a b", "ü", "a:b", "class", "?", "%41", "a.b"):
        router.add(constant(name), name=name)
    server = local(router)
    for name in server:
        assert server[name]() == name


def define(version: int) -> Callable[..., Any]:
    def hello(name: str = "World") -> str:
        return f"{version} {name}"

    return hello


def test_a_redefinition_replaces_and_another_function_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = glyph.Router()
    first = router.add(define(1))
    router.add(first)
    server = local(router)
    with caplog.at_level(logging.INFO, "hyperglyph.server"):
        router.add(define(2))
    assert "hello is replaced" in caplog.text
    assert server.hello() == "2 World"
    with pytest.raises(ValueError, match="'hello' is the name of another function"):
        router.add(ask, name="hello")
    with pytest.raises(ValueError, match="another function"):
        router.add(lambda: 0, name="hello")


def test_functions_are_added_from_many_threads() -> None:
    router = glyph.Router()

    def add(start: int) -> None:
        for number in range(start, start + 50):
            router.add(constant(number), name=f"f{number}")

    threads = [threading.Thread(target=add, args=(50 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(page(router).content) == 400


# --- the root page ----------------------------------------------------------------------------


OPAQUE = object()
BLOB = glyph.Blob(b"", "a/b")


def test_the_root_page() -> None:
    router = glyph.Router()

    @router.add()
    def f(a: Any, b: Any = (1, None), *, c: Any = OPAQUE, d: Any = BLOB) -> str:
        return f"{a} {b} {type(c).__name__} {type(d).__name__}"

    root = page(router)
    assert root.attributes == {"url": "/"}
    form: Form = root.content["f"]
    assert form.attributes["values"] == [
        "a",
        Input("b", value=[1, None]),
        Input("c", optional=True),
        Input("d", optional=True),
    ]
    assert (form.method, form.url) == ("POST", "f")
    assert form.inputs[2].value is MISSING
    server = local(router)
    assert server.f(1) == "1 [1, None] object Blob"
    assert server.f(1, 2, c=3) == "1 2 int Blob"


def test_the_root_page_follows_the_table() -> None:
    router = glyph.Router()
    assert page(router).content == {}
    router.add(define(1))
    assert list(page(router).content) == ["hello"]
    assert page(router, "/pre fix").attributes == {"url": "/pre%20fix/"}
    assert page(router).attributes == {"url": "/"}


@pytest.mark.parametrize("mount", ["", "/prefix", "/a/b c"])
@pytest.mark.parametrize("form", ["core", "wsgi"])
def test_mount_prefixes_with_and_without_their_slash(mount: str, form: str) -> None:
    router = glyph.Router()
    hello = router.add(define(1))
    router.add(lambda: hello, name="function")
    target = router if form == "core" else router.wsgi
    transport = glyph.LocalTransport(target, mount=mount)
    quoted = mount.replace(" ", "%20")
    for slash in ("", "/"):
        server = glyph.Client(transport).get(f"http://localhost{quoted}{slash}")
        assert server.hello("x") == "1 x"
        assert glyph.url_of(server) == f"http://localhost{quoted}/"
        assert glyph.url_of(server.hello) == f"http://localhost{quoted}/hello"
        assert server.function()("y") == "1 y"


def test_many_functions_cost_no_more() -> None:
    router = glyph.Router()
    for number in range(3000):
        router.add(constant(number), name=f"f{number}")
    assert local(router).f2999() == 2999


# --- results ----------------------------------------------------------------------------------


def test_results() -> None:
    router = glyph.Router()
    router.add(identity, name="echo")
    assert ask(router, "/echo", encode({"x": None})).status == 204
    answer = ask(router, "/echo", encode({"x": {1: [2]}}))
    assert (answer.status, b"".join(answer.body)) == (200, b"Di1;Li2;;;")
    assert answer.header("content-type") == MEDIA_TYPE
    assert ask(router, "/echo", encode(OrderedDict(x=1))).status == 200
    large = "x" * 1_000_000
    pieces = list(ask(router, "/echo", encode({"x": large})).body)
    assert decode(b"".join(pieces)) == large
    assert max(map(len, pieces)) == 65_536


def test_blobs_live_until_the_response_has_gone_out() -> None:
    kept: list[glyph.Blob] = []
    router = glyph.Router()

    @router.add()
    def swap(blob: Any) -> Any:
        made = glyph.blob(b"y" * 100, "a/b")
        kept.extend([blob, made])
        return [made, blob]

    answer = ask(router, "/swap", encode({"blob": glyph.blob(b"x" * 2_000_000, "c/d")}))
    assert [blob.closed for blob in kept] == [False, False]
    first, second = decode(b"".join(answer.body))
    answer.close()
    assert [blob.closed for blob in kept] == [True, True]
    assert (first.size, second.size) == (100, 2_000_000)
    first.close()
    second.close()


def test_blobs_of_a_failed_call_are_closed() -> None:
    kept: list[Any] = []
    router = glyph.Router()

    @router.add()
    def fail(blob: Any) -> None:
        kept.append(blob)
        raise glyph.Conflict("no")

    assert ask(router, "/fail", encode({"blob": glyph.blob(b"x", "a/b")})).status == 409
    assert kept[0].closed


def test_a_blob_that_cannot_be_read_ends_the_response(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError("disk on fire")
            return super().read(size)

    router = glyph.Router()
    router.add(lambda: glyph.blob(Bad(b"x" * 100_000), "a/b"), name="bad")
    answer = ask(router, "/bad")
    with pytest.raises(OSError, match="on fire"):
        list(answer.body)
    assert "could not be read" in caplog.text


# --- exceptions -------------------------------------------------------------------------------


class NoFunds(glyph.Conflict):
    """Declared by a user, with a constructor of its own."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} missing", data={"missing": missing})


def test_declared_exceptions_reach_the_caller_as_the_same_class() -> None:
    router = glyph.Router()

    @router.add()
    def pay() -> None:
        raise NoFunds(3)

    @router.add()
    def busy() -> None:
        raise glyph.Unavailable("later", code=7)

    server = local(router, errors=[NoFunds])
    with pytest.raises(NoFunds, match="3 missing") as caught:
        server.pay()
    assert (caught.value.code, caught.value.data, caught.value.status) == (
        "NoFunds",
        {"missing": 3},
        409,
    )
    with pytest.raises(glyph.Conflict) as other:
        local(router).pay()
    assert type(other.value) is glyph.Conflict
    with pytest.raises(glyph.Unavailable) as busy_error:
        server.busy()
    assert (busy_error.value.code, busy_error.value.message) == (7, "later")


def test_failures_of_calls_made_inside_are_502_without_their_text() -> None:
    inner, outer = glyph.Router(), glyph.Router()

    @inner.add()
    def fail() -> None:
        raise glyph.NotFound("secret")

    server = local(inner)
    outer.add(lambda: server.fail(), name="outer")

    def unreachable() -> None:
        raise glyph.TransportError("secret", phase="connect", outcome="not done")

    outer.add(unreachable)
    for call in (local(outer).outer, local(outer).unreachable):
        with pytest.raises(glyph.BadGateway) as caught:
            call()
        assert "secret" not in str(caught.value)


def test_an_error_whose_data_cannot_travel(caplog: pytest.LogCaptureFixture) -> None:
    router = glyph.Router()

    @router.add()
    def fail() -> None:
        raise glyph.Conflict("x", data={"y": object()})

    with pytest.raises(glyph.ServerError, match="internal error"):
        local(router).fail()
    assert "cannot be encoded" in caplog.text


def test_error_values_are_results() -> None:
    router = glyph.Router()
    router.add(lambda: glyph.error("just data", code=3), name="f")
    answer = local(router).f()
    assert (answer.message, answer.code, answer.content) == ("just data", 3, {})


# --- context ----------------------------------------------------------------------------------


def test_the_context_of_a_call() -> None:
    router = glyph.Router()

    @router.add()
    def look() -> list[Any]:
        context = glyph.context()
        left = context.time_left
        assert left is not None
        assert 8 < left <= 9
        return [context.method, context.route, context.header("User-Agent"), len(context.logref)]

    assert local(router, timeout=9).look() == ["POST", "/look", "hyperglyph", 12]
    with pytest.raises(RuntimeError, match="there is no call"):
        glyph.context()
