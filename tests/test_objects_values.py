"""Values in pages: records, what travels as its base, what cannot, converters, blobs."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from operator import attrgetter
from typing import Any, NamedTuple

import attrs
import pytest
from object_help import (
    User,
    ask,
    local,
    message,
    page,
    returning,
    serve,
)

import hyperglyph as glyph


@dataclasses.dataclass
class Row:
    name: str
    value: Any = None
    _private: int = 1


@attrs.frozen
class Point:
    x: int
    y: int


def test_records() -> None:
    router = returning(lambda: [Row("a", Point(1, 2)), Point(3, 4)])
    assert page(router)[0].attributes == {}
    row, point = local(router).f()
    assert (row.name, row.value.x, point.y) == ("a", 1, 4)
    with pytest.raises(ValueError, match="record"):
        glyph.url_of(row)
    with pytest.raises(TypeError):
        hash(point)
    assert row != point
    assert local(router).f()[1] == point


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    a: int
    b: int


def test_what_travels_as_its_base() -> None:
    values: list[Any] = [Level.LOW, Pair(1, 2), OrderedDict(b=1, a=2), {3, 1, 2}]
    router = returning(lambda: values)
    assert page(router) == [1, [1, 2], OrderedDict(b=1, a=2), {1, 2, 3}]


class Colour(enum.Enum):
    RED = 1


class Unregistered:
    def method(self) -> None: ...


class Below(User):
    pass


@dataclasses.dataclass
class BelowRow(glyph.Resource):
    a: int = 1


@dataclasses.dataclass
class Deep:
    a: Any


def generator() -> Iterator[int]:
    yield 1


async def coroutine() -> None: ...


async def generate() -> AsyncIterator[int]:
    yield 1


CASES: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: [{"a": uuid.UUID(int=1)}], "$[0].a", "an instance of uuid.UUID"),
    (lambda: decimal.Decimal(1), "$", "an instance of decimal.Decimal"),
    (lambda: [Colour.RED], "$[0]", "Colour"),
    (lambda: {"when": date(2024, 1, 1)}, "$.when", "an instance of datetime.date"),
    (lambda: Unregistered(), "$", f"an instance of {__name__}.Unregistered"),
    (lambda: [Below(1)], "$[0]", f"an instance of {__name__}.Below"),
    (lambda: BelowRow(), "$", f"an instance of {__name__}.BelowRow"),
    (lambda: Deep([object()]), "$.content.a[0]", "an instance of builtins.object"),
    (lambda: Unregistered, "$", f"a type {__name__}.Unregistered, which is not registered"),
    (lambda: Unregistered().method, "$", f"a method {__name__}.Unregistered.method"),
    (lambda: User(1).erase, "$", "a method object_help.User.erase"),
    (lambda: glyph.link(Unregistered()), "$", f"a link to an instance of {__name__}.Unreg"),
    (lambda: glyph.form(len), "$", "a form to a builtin_function_or_method builtins.len"),
    (lambda: glyph.form(User(1)), "$", "a form to an instance"),
    (lambda: glyph.link(User(1).message), "$", "message is not safe to follow"),
    (lambda: {"rows": generator()}, "$.rows", "a generator, which is sent only as the whole"),
    (lambda: [generate()], "$[0]", "a generator"),
    (lambda: [coroutine()], "$[0]", "a coroutine: await it, and return what it gives"),
]


@pytest.mark.parametrize(("result", "path", "text"), CASES)
def test_what_cannot_travel_is_named_in_the_log_alone(
    result: Callable[[], Any], path: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    router = returning(result)
    router.add(User)
    answer = ask(router, "POST", "/f")
    assert (answer.status, message(answer)) == (500, "internal error")
    assert text in caplog.text
    assert f"(at {path})" in caplog.text
    if "uuid" in text:
        assert "Router(convert={UUID: ...})" in caplog.text


def test_unregistered_functions_are_named(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(returning(lambda: [generator]), "POST", "/f").status == 500
    assert f"the result holds a function {__name__}.generator, which is not" in caplog.text


def test_convert() -> None:
    class Special(decimal.Decimal):
        pass

    def wrapped(number: decimal.Decimal) -> Any:
        return {"decimal": str(number)}

    def listed(member: enum.Enum) -> Any:
        return [member.name, uuid.UUID(int=2)]

    router = returning(
        lambda: [uuid.UUID(int=1), decimal.Decimal("1.5"), Special(2), Row("a"), Colour.RED],
        convert={
            uuid.UUID: str,
            decimal.Decimal: wrapped,
            Row: attrgetter("name"),
            enum.Enum: listed,
        },
    )
    assert page(router) == [
        str(uuid.UUID(int=1)), {"decimal": "1.5"}, {"decimal": "2"}, "a",
        ["RED", str(uuid.UUID(int=2))],
    ]  # fmt: skip


def test_blobs_in_pages() -> None:
    class File:
        def __init__(self, name: str) -> None:
            self.name = name

        @property
        def content(self) -> glyph.Blob:
            return glyph.blob(self.name.encode() * 100_000, "text/plain")

    file = local(serve(File)).File("ab")
    with file.content as blob:
        assert (blob.content_type, blob.size) == ("text/plain", 200_000)
