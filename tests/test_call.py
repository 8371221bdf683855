"""The first call, as the project's story tells it: two processes and real sockets."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import hyperglyph as glyph


@pytest.fixture
def server(service_url: str, client: glyph.Client) -> Any:
    return client.get(service_url)


def test_hello(server: Any) -> None:
    assert server.hello() == "Hello World"
    assert server.hello("dave") == "Hello dave"
    assert server.hello(name="dave") == "Hello dave"
    assert server["hello"]("dave") == "Hello dave"


def test_the_mixed_list_comes_back_equal_in_value_and_type(server: Any) -> None:
    expected = [
        1,
        True,
        None,
        False,
        "a",
        b"b",
        {1, 2},
        2.5,
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        timedelta(hours=-1),
        OrderedDict([("first", 1), ("second", 2)]),
        10**40,
    ]
    for answer in (server.mixed(), server.echo(expected)):
        assert answer == expected
        assert [type(item) for item in answer] == [type(item) for item in expected]


def test_a_function_added_to_the_running_service(server: Any, client: glyph.Client) -> None:
    held = server.hello
    assert server.add_goodbye() is None
    again = glyph.reload(server)
    assert again.goodbye("dave") == "Goodbye dave"
    assert server.change_hello() is None
    assert held("dave") == "Hello dave"
    assert held() == "Hello World"
    newer = client.get(glyph.url_of(server))
    assert newer.hello("dave", "Good day,") == "Good day, dave"
    assert str(inspect.signature(newer.hello)) == "(name='World', greeting='Hello')"


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_a_blob_as_argument(server: Any, size: int) -> None:
    content = os.urandom(size)
    answer = server.digest(glyph.blob(content, "image/png"))
    digest = hashlib.sha256(content).hexdigest()
    assert answer == {"type": "image/png", "size": size, "sha256": digest}


def test_a_blob_from_a_file_and_from_a_stream(server: Any) -> None:
    class Stream(io.RawIOBase):
        left = 100_000

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), self.left)
            self.left -= size
            buffer[:size] = b"x" * size
            return size

    with io.BytesIO(b"x" * 100_000) as file:
        expected = server.digest(glyph.blob(file, "text/plain"))
        assert expected["size"] == 100_000
    with io.BufferedReader(Stream()) as stream:  # its size is not known: chunked
        assert server.digest(glyph.blob(stream, "text/plain")) == expected


def test_a_blob_as_result(server: Any) -> None:
    with server.lines(100_000) as blob:
        assert blob.content_type == "text/plain"
        assert blob.readline() == b"line 0\n"
        blob.seek(-12, io.SEEK_END)
        assert blob.read() == b"line 99999\n"[-12:].rjust(12, b"\n")


def test_blobs_inside_an_echo(server: Any) -> None:
    first, second = glyph.blob(b"1" * 70_000, "a/b"), glyph.blob(b"", "c/d")
    answer = server.echo({"one": [first], "two": second, "n": 3})
    with answer["one"][0] as one, answer["two"] as two:
        assert (one.content_type, one.read()) == ("a/b", b"1" * 70_000)
        assert (two.content_type, two.read()) == ("c/d", b"")


def test_functions_travel_as_forms(server: Any) -> None:
    function = server.greeting(polite=True)
    assert glyph.url_of(function) == glyph.url_of(server.hello)
    assert function("bob") == "Hello bob"
    values = server.every_type()
    assert values["function"]() == "Hello World"
    assert glyph.url_of(values["link"]) == "http://example.org/"
    values["blob"].close()


def test_errors(server: Any) -> None:
    with pytest.raises(glyph.NotFound, match="no user eve") as caught:
        server.find_user("eve")
    assert caught.value.data == {"name": "eve"}
    assert caught.value.logref
    with pytest.raises(glyph.ServerError) as failure:
        server.divide(1, 0)
    assert failure.value.message == "internal error"
    assert "division" not in str(failure.value)


def test_arguments_that_do_not_bind_raise_before_any_request(server: Any) -> None:
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: server.hello(1, 2, 3), "positional argument"),
        (lambda: server.hello(nam=1), "unexpected keyword argument 'nam'"),
        (lambda: server.add(), "missing 1 required argument: 'a'"),
        (lambda: server.add(1, a=1), "multiple values for argument 'a'"),
        (
            lambda: server.add({"b": [1, object()]}),
            r"cannot send builtins\.object; convert it first \(at \$\.a\.b\[1\]\)",
        ),
        (
            lambda: server.add(io.BytesIO()),
            r"cannot send _io\.BytesIO; send hyperglyph\.blob\(it, content_type\)",
        ),
    ]
    for call, message in cases:
        with pytest.raises(TypeError, match=message):
            call()


def test_the_module_level_get(service_url: str) -> None:
    assert glyph.get(service_url).add(1, 2) == 3
