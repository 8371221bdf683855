"""Docstrings travel if the router says so, and `help()` shows them to the caller."""

from __future__ import annotations

import dataclasses
import functools
import pydoc
from typing import Any

import pytest
from object_help import PARTIAL, ask, local, page, page_of, serve, value
from scripted import opened

import hyperglyph as glyph
from hyperglyph.codec import Extension, Form, Link, Resource
from hyperglyph.transport.http.shapes import is_dict, is_list


def greet(name: str = "World") -> str:
    """Say hello.

    To whom `name` says.
    """
    return f"Hello {name}"


@glyph.safe()
def now() -> int:
    """The time."""
    return 1


class User(glyph.Resource):
    """Somebody who is here."""

    def __init__(self, id: int) -> None:
        """Not what a caller looks for."""
        self.id = id

    def message(self, text: str) -> str:
        """Write to them."""
        return text

    @glyph.safe()
    def bio(self) -> str:
        """What they say of themselves."""
        return "Likes HTTP."

    @glyph.embed()
    def card(self) -> str:
        """In short."""
        return "U"

    @glyph.hidden()
    def secret(self) -> str:
        """A hidden one."""
        return "hidden"


def users() -> list[Any]:
    return [User(1), User(2)]


def shown(value: object) -> str:
    return pydoc.plain(pydoc.render_doc(value))


def docs_in(part: object) -> list[str]:
    """All docstrings in a message."""
    if is_list(part):
        return [doc for item in part for doc in docs_in(item)]
    found: list[str] = []
    if isinstance(part, Extension):
        if "doc" in part.attributes:
            found.append(part.attributes["doc"])
        content: object = part.content
        if is_dict(content):
            found += [doc for item in content.values() for doc in docs_in(item)]
    return found


def test_they_do_not_travel_unless_told_to() -> None:
    router = serve(greet, now, User, users)
    root = local(router)
    assert docs_in(page_of(router, "User", id=1)) == []
    assert docs_in(page(router, "users")) == []
    for proxy in (root.greet, root.now, root.User, root.User(1), root.User(1).message):
        text = shown(proxy)
        assert not any(doc in text for doc in ("Say", "time", "Somebody", "Write"))


def test_help_shows_them() -> None:
    root = local(serve(greet, now, User, docstrings=True))
    text = shown(root.greet)
    assert "Say hello.\n" in text
    assert "    To whom `name` says.\n" in text  # as it was indented: below its first line
    assert text.index("Say hello.") < text.index("A form: POST http://localhost/greet")
    assert "The time.\n" in shown(root.now)
    assert "Somebody who is here.\n" in shown(root.User)
    user = root.User(7)
    text = shown(user)
    assert text.index("Somebody who is here.") < text.index("User at http://localhost/User/")
    assert "message(text)" in text
    assert "Write to them.\n" in shown(user.message)
    assert "What they say of themselves.\n" in shown(user.bio)
    assert "In short.\n" in shown(user.card)
    assert user.card() == "U"
    assert user.message("x") == "x"


def test_nothing_else_travels() -> None:
    router = serve(greet, User, docstrings=True)
    assert docs_in(page_of(router, "User", id=1)) == [
        "Somebody who is here.",
        "Write to them.",
        "What they say of themselves.",
        "In short.",
    ]


def test_once_a_listing() -> None:
    router = serve(User, users, docstrings=True)
    found = local(router).users()
    assert "Somebody who is here." in shown(found[1])
    assert "Write to them." in shown(found[1].message)
    _, second = page(router, "users", Accept=PARTIAL)
    assert second.attributes["partial"] is True
    assert docs_in(second) == []


def test_forms_and_links_in_results_have_them() -> None:
    def both() -> list[Any]:
        return [glyph.form(greet), glyph.form(now), glyph.link(now), greet, User(1).message]

    assert docs_in(page(serve(greet, now, User, both, docstrings=True), "both")) == [
        "Say hello.\n\nTo whom `name` says.",
        "The time.",
        "The time.",
        "Say hello.\n\nTo whom `name` says.",
        "Write to them.",
    ]


class Bare(glyph.Resource):
    def __init__(self, id: int) -> None:
        self.id = id


@dataclasses.dataclass
class Data(glyph.Resource):
    id: int = 1


@dataclasses.dataclass
class Written(glyph.Resource):
    """Somebody wrote this."""

    id: int = 1


class Callable:
    """About the class."""

    def __call__(self) -> None: ...


def undocumented() -> None: ...


@pytest.mark.parametrize(
    ("target", "docs"),
    [
        (Bare, []),  # that of `Resource` is about `Resource`
        (Data, []),  # `dataclass` writes one, with all defaults
        (Written, ["Somebody wrote this."]),
        (Callable(), []),
        (undocumented, []),
        (functools.partial(greet, name="x"), ["Say hello.\n\nTo whom `name` says."]),
    ],
    ids=["bare", "dataclass", "written", "instance", "none", "partial"],
)
def test_whose_they_are(target: Any, docs: list[str]) -> None:
    router = glyph.Router(docstrings=True)
    router.add(target, name="it")
    assert docs_in(value(ask(router, "GET", "/"))) == docs


@pytest.mark.parametrize(
    ("doc", "lines"),
    [
        ("\x1b[1mbold\r\nsecond\tline\n\u202e", ["\\x1b[1mbold\\r", "second  line", "\\u202e"]),
        (b"bytes", []),
        (7, []),
        (" \n ", []),
        ("x" * 1_000, ["x" * 157 + "..."]),
    ],
    ids=["controls", "bytes", "number", "blank", "long"],
)
def test_what_a_hostile_page_says(doc: Any, lines: list[str]) -> None:
    form = Form("f")
    members = {
        "f": Form.from_wire("form", {**form.attributes, "doc": doc}, None),
        "l": Link.from_wire("link", {"url": "l", "doc": doc}, None),
    }
    attributes = {"url": "http://h/", "doc": doc}
    root, _ = opened(root=Resource.from_wire("resource", attributes, members))
    for proxy, first in ((root.f, "A form:"), (root.l, "A link:"), (root, "resource at")):
        text: str = proxy.__doc__
        before = text[: text.index(first)]
        assert before == "".join(f"{line}\n" for line in lines) + ("\n" if lines else "")
