"""Registering classes: what is taken, what is refused at once, and what becomes of members."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import attrs
import pytest
from object_help import ask, local, message, page_of, serve

import hyperglyph as glyph
from hyperglyph.codec import Form, Input, Link


class Plain:
    kind = "plain"

    def __init__(self, id: int, tag: str = "x") -> None:
        self.id = id
        self._tag = tag

    @property
    def double(self) -> int:
        return self.id * 2

    @functools.cached_property
    def triple(self) -> int:
        return self.id * 3

    def add(self, a: int, b: int = 2, *, c: int = 3) -> list[int]:
        return [self.id, a, b, c]

    @glyph.safe()
    def name(self) -> str:
        return f"{self.id}{self._tag}"

    @glyph.safe
    def find(self, text: str, limit: Any = glyph.optional) -> list[Any]:
        return [text, limit is glyph.optional]

    @classmethod
    def make(cls) -> Plain:
        return cls(0)

    @staticmethod
    def helper() -> int:
        return 0

    @glyph.hidden
    def secret(self) -> int:
        return 0

    @property
    @glyph.hidden()
    def password(self) -> str:
        return "password"

    @glyph.hidden  # type: ignore[prop-decorator]
    @property
    def pin(self) -> str:
        return "pin"

    @glyph.hidden  # type: ignore[prop-decorator]
    @functools.cached_property
    def key(self) -> str:
        return "key"

    def _private(self) -> int:
        return 0

    class Inner:
        pass


@attrs.define
class Slotted(glyph.Resource):
    id: int
    _tag: str = "x"
    size: int = attrs.field(init=False, default=7)
    other: str = attrs.field(default="o", alias="different")

    def name(self) -> str:
        return f"{self.id}{self._tag}{self.other}"


@attrs.frozen  # pyright: ignore
class Frozen(Slotted):
    more: tuple[int, ...] = (1,)


@dataclasses.dataclass
class Data:
    id: int
    tag: str = "x"
    shared: ClassVar[int] = 5
    many: list[int] = dataclasses.field(default_factory=list[int])

    def name(self) -> str:
        return f"{self.id}{self.tag}"


@dataclasses.dataclass(slots=True)
class SlottedData(Data):
    last: int = 1


class Base:
    def __init__(self, id: int) -> None:
        self.id = id

    @glyph.safe
    def read(self) -> str:
        return "base"

    @glyph.hidden
    def kept(self) -> str:
        return "base"

    def write(self) -> str:
        return "base"


class Derived(Base):
    def read(self) -> str:
        return f"derived {super().read()}"

    def kept(self) -> str:
        return "derived"

    def more(self) -> int:
        return self.id


def test_a_plain_class() -> None:
    router = serve(Plain)
    content = page_of(router, "Plain", id=1).content
    assert content == {
        "id": 1,
        "kind": "plain",
        "double": 2,
        "triple": 3,
        "add": Form("add", values=["a", Input("b", value=2), Input("c", value=3)]),
        "name": Link("name"),
        "find": Form("find", method="GET", values=["text", Input("limit", optional=True)]),
    }
    assert list(content) == ["id", "kind", "double", "triple", "add", "name", "find"]
    plain = local(router).Plain(5, "y")
    assert (plain.id, plain.double, plain.triple) == (5, 10, 15)
    assert plain.add(1) == [5, 1, 2, 3]
    assert plain.add(1, 4, c=6) == [5, 1, 4, 6]
    assert plain.name() == "5y"
    assert plain.find("ä + b") == ["ä + b", True]
    assert plain.find("t", 3) == ["t", False]


@pytest.mark.parametrize(
    ("cls", "arguments", "data", "name"),
    [
        (Slotted, {}, {"id": 3, "size": 7, "other": "o"}, "3xo"),
        (Slotted, {"tag": "t", "different": "d"}, {"id": 3, "size": 7, "other": "d"}, "3td"),
        (Frozen, {"more": [2]}, {"id": 3, "size": 7, "other": "o", "more": [2]}, "3xo"),
        (Data, {"many": [4]}, {"id": 3, "tag": "x", "many": [4], "shared": 5}, "3x"),
        (SlottedData, {}, {"id": 3, "tag": "x", "many": [], "last": 1, "shared": 5}, "3x"),
    ],
)
def test_attrs_classes_and_dataclasses(cls: Any, arguments: Any, data: Any, name: str) -> None:
    router = serve(cls)
    made = local(router)[cls.__name__](3, **arguments)
    content = glyph.content_of(made)
    assert callable(content.pop("name"))
    assert content == data
    assert made.name() == name


def test_inheritance() -> None:
    router = serve(Base, Derived)
    root = local(router)
    derived = root.Derived(1)
    # An override keeps the marks of what it overrides.
    assert derived.read() == "derived base"
    assert isinstance(page_of(router, "Derived", id=1).content["read"], Link)
    assert derived.write() == "base"
    assert derived.more() == 1
    assert set(derived) == {"id", "read", "write", "more"}
    assert set(root.Base(1)) == {"id", "read", "write"}


def test_the_ways_to_add_a_class() -> None:
    router = glyph.Router()
    assert router.add(Plain) is Plain
    assert router.add()(Data) is Data
    assert router.add(name="B-1")(Base) is Base
    root = local(router)
    assert list(root) == ["Plain", "Data", "B-1"]
    assert root["B-1"](4).id == 4


def make(version: int) -> type:
    class Thing:
        def __init__(self, n: int = 0) -> None:
            self.n = n

        def version(self) -> int:
            return version

    return Thing


def test_a_redefinition_replaces_and_instances_of_the_old_class_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = glyph.Router()
    first = router.add(make(1))
    router.add(lambda: first(3), name="old")
    root = local(router)
    held = root.Thing(5)
    with caplog.at_level(logging.INFO, "hyperglyph.server"):
        router.add(make(2))
    assert "Thing is replaced" in caplog.text
    assert held.version() == 2
    assert root.old().n == 3
    with pytest.raises(ValueError, match="'Thing' is the name of another"):
        router.add(Plain, name="Thing")


class Variable:
    def __init__(self, *ids: int) -> None: ...


class Keywords:
    def f(self, **options: int) -> None: ...


class Positional:
    def f(self, a: int, /) -> None: ...


class NoSelf:
    def f() -> None: ...  # type: ignore[misc]  # pyright: ignore


class EmbedsAsync:
    @glyph.embed
    async def f(self) -> None: ...


class AsyncGenerator:
    @glyph.embed
    async def f(self) -> AsyncIterator[int]:
        yield 1


class Generator:
    @glyph.embed
    def f(self) -> Iterator[int]:
        yield 1


class EmbedsArguments:
    @glyph.embed
    def f(self, a: int) -> None: ...


class BothNames:
    f = 1


class BothNamesBelow(BothNames):
    def f(self) -> None: ...  # type: ignore[override]  # pyright: ignore


class SafeProperty:
    @property
    @glyph.safe
    def p(self) -> int:
        return 1


class ParameterAndMethod:
    def __init__(self, f: int) -> None:
        self._f = f

    def f(self) -> None: ...


@dataclasses.dataclass
class UsedUp:
    id: int
    secret: dataclasses.InitVar[str]


@attrs.define(init=False)
class HandWritten:
    id: int

    def __init__(self, other: int) -> None:
        self.id = other


class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self) -> None: ...


class Number(int):
    pass


class Colour(enum.Enum):
    RED = 1


@glyph.hidden
def hidden_function() -> None: ...


@glyph.embed
def embedded_function() -> None: ...


@glyph.safe
class SafeClass: ...


class HiddenConstructor:
    @glyph.hidden
    def __init__(self) -> None: ...


@glyph.hidden("__init__")
class HiddenByName: ...


class UpgradesItself:
    def __glyph_upgrade__(self, state: dict[str, Any]) -> dict[str, Any]:
        return state


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (UpgradesItself, r"UpgradesItself\.__glyph_upgrade__ is not a class method"),
        (Variable, r"Variable: parameter \*ids cannot be offered"),
        (Keywords, r"Keywords\.f: parameter \*\*options cannot be offered"),
        (Positional, r"Positional\.f: parameter a is positional-only"),
        (NoSelf, r"NoSelf\.f takes no self"),
        (EmbedsAsync, r"EmbedsAsync\.f: what is embedded in a page is a plain function"),
        (AsyncGenerator, r"AsyncGenerator\.f: items come one by one"),
        (Generator, r"Generator\.f: items come one by one"),
        (EmbedsArguments, r"EmbedsArguments\.f: what is embedded in a page takes no parameters"),
        (BothNamesBelow, "BothNamesBelow: f is a method and an attribute"),
        (SafeProperty, r"SafeProperty\.p is no method"),
        (ParameterAndMethod, "ParameterAndMethod: parameter f has the name of a method"),
        (UsedUp, "UsedUp: parameter secret has no attribute to be read back from"),
        (HandWritten, "HandWritten: parameter other has no attribute"),
        (Abstract, "Abstract is abstract: f"),
        (Number, "Number is a kind of int"),
        (Colour, "Colour is a kind of Enum"),
        (glyph.Form, "Form is a kind of Extension"),
        (hidden_function, "only methods and classes can be hidden"),
        (embedded_function, "only methods can be embedded"),
        (SafeClass, "SafeClass is a class: only hidden and cache go with it"),
        (HiddenConstructor, r"HiddenConstructor\.__init__ is no method: decorate the class"),
        (HiddenByName, r"HiddenByName\.__init__ is no method: decorate the class"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(target: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        glyph.Router().add(target)


def test_what_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="int objects cannot be decorated"):
        glyph.safe(3)


def test_arguments_are_bound_before_the_call() -> None:
    class Strict:
        def __init__(self, id: int) -> None:
            self.id = id

        def fail(self, a: int) -> None:
            raise TypeError("inside")

    router = serve(Strict)
    url = ask(router, "POST", "/Strict", {"id": 1}).header("location")
    assert url is not None
    inside = ask(router, "POST", f"{url}fail", {"a": 1})
    assert (inside.status, message(inside)) == (500, "internal error")
    hint = "; if the form is from before a deploy, reload the page that it is on"
    cases: list[tuple[Any, str]] = [
        ({}, f"fail() missing 1 required argument: 'a'{hint}"),
        ({"b": 1, "a": 1}, f"fail() got an unexpected argument 'b'{hint}"),
        ({"self": 1, "a": 1}, f"fail() got an unexpected argument 'self'{hint}"),
        ([1], "the body of a form is a dict of arguments by name"),
    ]
    for arguments, text in cases:
        answer = ask(router, "POST", f"{url}fail", arguments)
        assert (answer.status, message(answer)) == (400, text)
    text = f"Strict() missing 1 required argument: 'id'{hint}"
    assert message(ask(router, "POST", "/Strict")) == text


def test_legacy_clients() -> None:
    @dataclasses.dataclass
    class Row:
        name: str

    class User:
        def __init__(self, id: Any) -> None:
            self.id = id

        @glyph.safe
        def find(self, text: str = "x", raw: bytes = b"r", other: Any = None) -> list[Any]:
            return [text, raw, other]

        @glyph.safe
        def bio(self) -> Row:
            return Row("bob")

    router = serve(User, legacy_clients=True)
    content = page_of(router, "User", id=b"1").content
    assert content["id"] == "1"  # text that came as bytes, and no annotation says otherwise
    assert content["bio"] == Link("bio")
    assert content["find"].method == "POST"
    assert content["find"].inputs[0].attributes == {"name": "text", "value": "x", "default": "x"}
    user = local(router).User(1)
    assert user.find(b"t", b"s", b"o") == ["t", b"s", "o"]
    assert user.bio() == {"name": "bob"}


def test_text_that_came_as_bytes() -> None:
    def f(a: str | None, b: Any, c: bytes) -> list[Any]:
        return [a, b, c]

    router = serve(f)
    assert local(router).f(b"\xc3\xa4", b"b", b"c") == ["ä", b"b", b"c"]
    answer = ask(router, "POST", "/f", {"a": b"\xff", "b": 1, "c": 1})
    assert (answer.status, message(answer)) == (400, "the argument 'a' is text, and not UTF-8")


def test_annotations_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    def f(a: Nowhere) -> Any:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
        return a  # pyright: ignore

    assert local(serve(f)).f(b"x") == b"x"
    assert "its annotations cannot be read" in caplog.text


def test_callables_of_every_kind_keep_their_annotations() -> None:
    class Shout:
        def __call__(self, text: str) -> str:
            return text.upper()

    def shout(text: str, mark: str) -> str:
        return text.upper() + mark

    router = glyph.Router()
    router.add(Shout(), name="object")
    router.add(functools.partial(shout, mark="!"), name="partial")
    root = local(router)
    assert (root.object(b"a"), root.partial(b"a")) == ("A", "A!")


def test_default_as_root_page() -> None:
    class Home:
        def __init__(self, title: str = "home") -> None:
            self.title = title

        def greet(self) -> str:
            return f"welcome to {self.title}"

    class Other(Home):
        def __init__(self, title: str) -> None:
            super().__init__(title)

    register: list[tuple[Callable[[glyph.Router], Any], str]] = [
        (lambda router: router.default(Home), "home"),
        (lambda router: router.default()(Home), "home"),
        (lambda router: router.default(Home("hall")), "hall"),
        (lambda router: router.default(router.add(Home, name="Renamed")("x")), "x"),
        (lambda router: router.default(Other("y")), "y"),
    ]
    for setup, title in register:
        for mount in ("", "/a/b"):
            router = glyph.Router()
            setup(router)
            root = local(router, mount)
            assert root.title == title
            assert root.greet() == f"welcome to {title}"
            assert glyph.url_of(root).startswith(f"http://localhost{mount}/")
            assert glyph.reload(root) == root
    with pytest.raises(TypeError, match="Other needs title"):
        glyph.Router().default(Other)
