"""Proxies in a shell: names, completion, help, signatures, tables, equality, pickling, types."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import re
import rlcompleter
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, assert_type

import pytest
from scripted import ROOT, opened, page

import hyperglyph as glyph
from hyperglyph.client.proxies import FormProxy, LinkProxy, ResourceProxy
from hyperglyph.codec import Extension, Form, Input, Link, Period, Resource

pytestmark = pytest.mark.usefixtures("face")

ODD = Form(
    "odd",
    values=[
        Input("first", value=1),
        "required",
        Input("@x", optional=True),
        Input("class", value="c"),
        Input("last", optional=True),
    ],
)


def requests_of(transport: Any) -> int:
    return len(transport.requests)


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ResourceProxy, FormProxy, LinkProxy])
def test_proxies_have_no_public_names(cls: type) -> None:
    assert [name for name in dir(cls) if not name.startswith("_")] == []


def test_every_name_of_the_content_can_be_had() -> None:
    names = [
        "get",
        "items",
        "keys",
        "name",
        "url",
        "copy",
        "client",
        "mro",
        "@x",
        "_p",
        "__class__",
    ]
    root, _ = opened(root=Resource({name: index for index, name in enumerate(names)}))
    for index, name in enumerate(names):
        assert root[name] == index
        if name.isidentifier() and not name.startswith("_"):
            assert getattr(root, name) == index
    assert root.__class__ is ResourceProxy
    assert dir(root) == sorted(names[:8])


def test_missing_names() -> None:
    root, transport = opened()
    with pytest.raises(AttributeError) as caught:
        _ = root.xx
    assert str(caught.value) == (
        "the resource at http://h/root/ has no 'xx'; there is: @z, _y, f, l, x"
    )
    assert (caught.value.name, caught.value.obj) == ("xx", root)
    assert not hasattr(root, "items")
    assert getattr(root, "items", 7) == 7
    many = {f"n{number}": 1 for number in range(10_000)}
    many["\x1b[2J"] = 1
    root, _ = opened(root=Resource(many, url="/", profile="Big"))
    with pytest.raises(AttributeError, match="the Big at http://h/ has no 'q'") as caught:
        _ = root.q
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()
    record, _ = opened(root=Resource({}))
    with pytest.raises(AttributeError, match="the record has no 'q'; there is: nothing"):
        _ = record.q
    assert requests_of(transport) == 1


def test_completion() -> None:
    root, transport = opened()
    completer = rlcompleter.Completer({"root": root})
    assert completer.attr_matches("root.") == ["root.f(", "root.l()", "root.x"]
    assert root._ipython_key_completions_() == ["f", "l", "x", "_y", "@z"]
    assert requests_of(transport) == 1


def test_looking_makes_no_request() -> None:
    root, transport = opened(root={"r": ROOT, "i": Link("i", inline=True, content=[ROOT])})
    one = root["r"]
    looks: list[Callable[[Any], Any]] = [
        repr, str, dir, bool, len, list, hash, copy.copy, copy.deepcopy, pydoc.render_doc,
        glyph.content_of, glyph.url_of, lambda it: it._repr_html_(), lambda it: it == root["i"],
        lambda it: "q" in it, lambda it: it.f.__doc__, inspect.getdoc, callable, inspect.isroutine,
    ]  # fmt: skip
    for look in looks:
        look(one)
    root["i"]()
    assert requests_of(transport) == 1


# --- signatures and help ----------------------------------------------------------------------


def test_signatures_are_true() -> None:
    root, transport = opened(page(1), page(2), page(3), root={"odd": ODD})
    odd = root["odd"]
    signature = inspect.signature(odd)
    assert str(signature) == "(first=1, *, required, last=Ellipsis)"
    assert odd(5, required=2) == 1
    assert odd(required=2, **{"@x": 3, "class": 4}) == 2
    bound = signature.bind(required=2)
    bound.apply_defaults()
    assert odd(*bound.args, **bound.kwargs) == 3
    bodies = [transport.sent(index) for index in (1, 2, 3)]
    assert [list(body.items()) for body in bodies] == [
        [("first", 5), ("required", 2), ("class", "c")],
        [("first", 1), ("required", 2), ("@x", 3), ("class", 4)],
        [("first", 1), ("required", 2), ("class", "c")],
    ]
    with pytest.raises(TypeError, match=r"odd\(\) takes 1 positional argument but 2 were given"):
        odd(1, 2)
    with pytest.raises(TypeError, match="unexpected keyword argument '@y'"):
        odd(required=1, **{"@y": 1})
    with pytest.raises(TypeError, match="cannot send"):
        odd(required=...)
    assert requests_of(transport) == 4


def test_inputs_of_any_name() -> None:
    root, transport = opened(page(1), root=[Form("f", values=["self", "args", "name"])])
    assert root[0](1, name=3, args=2) == 1
    assert list(transport.sent(1).items()) == [
        ("self", 1),
        ("args", 2),
        ("name", 3),
    ]


def test_help() -> None:
    root, _ = opened(root=Resource({"odd": ODD, "l": Link("l"), "x": "\x1b[1m"}, profile="User"))
    text = pydoc.plain(pydoc.render_doc(root.odd))
    assert "odd(first=1, *, required, last=Ellipsis)" in text
    assert "A form: POST http://h/odd" in text
    for line in (
        "first = 1",
        "@x (may be left out)    given as odd(**{'@x': ...})",
        "class = 'c'    given as odd(**{'class': ...})",
        "last (may be left out)\n",
    ):
        assert line in text + "\n"
    text = pydoc.plain(pydoc.render_doc(root.l))
    assert "l()" in text
    assert "A link: GET http://h/l" in text
    text = pydoc.plain(pydoc.render_doc(root))
    assert "User, a record without a URL" in text
    assert "odd(first=1, *, required, last=Ellipsis)" in text
    assert "x = " in text
    assert "\x1b" not in text + repr(root)


def test_help_and_tables_say_what_a_method_does() -> None:
    content = {
        "f": Form.from_wire(
            "form", {"url": "f", "values": ["a"], "doc": "Send <it>.\n\nTwice."}, None
        ),
        "l": Link.from_wire("link", {"url": "l", "doc": 3}, None),
    }
    wire = {"url": "/u", "profile": "User", "doc": "A user."}
    root, _ = opened(root=Resource.from_wire("resource", wire, content))
    assert root.__doc__.splitlines() == [
        "A user.",
        "",
        "User at http://h/u",
        "    f(a)",
        "        Send <it>.",
        "    l()",
    ]
    cells = re.findall("<t[hd] .*?</t[hd]>", root._repr_html_())
    assert [re.sub("<.*?>", "", cell) for cell in cells] == [
        *("f", "(a)", "Send &lt;it&gt;."),
        *("l", "()", ""),
    ]
    # What is said of it makes no other object of it.
    plain, _ = opened(root=Resource(content, url="/u", profile="User"))
    assert plain == root


def test_a_record_shows_its_data() -> None:
    record, _ = opened(root=Resource({"mean": 2.5, "f": Form("f", values=["a"]), "x": "\x1b"}))
    assert repr(record) == r"<record: mean=2.5, f(a), x='\x1b'>"
    record, _ = opened(root=Resource({f"n{number}": number for number in range(11)}))
    assert repr(record).endswith("n9=9, ...>")
    assert repr(opened(root=Resource({}, profile="User"))[0]) == "<User: >"
    assert record.__doc__.startswith("a record without a URL\n    n0 = 0")
    assert "'>record</caption>" in record._repr_html_()


def test_links_take_no_arguments() -> None:
    root, transport = opened()
    with pytest.raises(TypeError, match=r"l\(\) takes 0 positional arguments but 1 was given"):
        root.l(1)
    with pytest.raises(TypeError, match=r"l\(\) got an unexpected keyword argument 'a'"):
        root.l(a=1)
    assert requests_of(transport) == 1


def test_names_of_forms_and_links() -> None:
    values = [Form("a/b?c"), Link("."), Extension("form", {"url": 3}), Form("é")]
    root, _ = opened(root=values)
    assert [value.__name__ for value in root] == ["b", "link", "form", "é"]

    class Holder:
        form = root[0]

    assert Holder().form is root[0]


# --- tables -----------------------------------------------------------------------------------


def test_a_table_for_notebooks() -> None:
    content: dict[Any, Any] = {
        "f": Form("f", values=[Input("a", value="<script>")]),
        "<img>": Link("l"),
        "x": "<b>&" * 1000,
        "bad": Extension("form", {"url": "x", "values": 3}),
        5: "\x1b",
        **{f"n{number}": number for number in range(100)},
    }
    wire = {"url": "/<u>", "profile": "User"}
    root, transport = opened(root=Resource.from_wire("resource", wire, content))
    table = root._repr_html_()
    caption = "<caption style='text-align:left'>User http://h/&lt;u&gt;</caption>"
    assert table.startswith(f"<table>{caption}<tr>")
    for text in ("&lt;script&gt;", "&lt;img&gt;", "broken: form", "and 55 more"):
        assert text in table
    for text in ("<script>", "<img>", "<b>", "\x1b"):
        assert text not in table
    assert len(table) < 15_000
    assert requests_of(transport) == 1


# --- equality and pickling --------------------------------------------------------------------


def test_equality() -> None:
    def resource(**attributes: Any) -> Resource:
        return Resource.from_wire("resource", attributes, {"x": len(attributes)})

    values = [
        resource(url="a"),
        resource(url="/a"),
        resource(url="a", partial=True, name="P"),
        resource(url="a", profile="P"),
        Link("a"),
        Link("a", headers={"Accept": "x"}),
        Form("a"),
        resource(url=3),
        resource(url=3),
        Resource({"x": [Link("l")]}),
        Resource({"x": [Link("./l")]}),
        Resource({"x": [Link("m")]}),
    ]
    proxies, transport = opened(root=values)
    same = [(0, 1), (0, 2), (1, 2), (7, 8), (9, 10)]
    for i, one in enumerate(proxies):
        for j in range(i + 1, len(proxies)):
            assert (one == proxies[j]) is ((i, j) in same), (i, j)
    for i, j in same[:4]:
        assert hash(proxies[i]) == hash(proxies[j])
    proxies[10].x  # noqa: B018 - what was looked at is still equal
    assert proxies[9] == proxies[10]
    assert len({*proxies[:9]}) == 6
    assert requests_of(transport) == 1


def test_what_pickles_and_what_does_not() -> None:
    value: list[Any] = [
        1, 2.5, "é", b"x", None, True, {1, 2}, OrderedDict(a=1), {"k": [1]}, Period(1, 2),
        datetime(2024, 2, 29, tzinfo=UTC), timedelta(1), 10**50, Extension("x-y", {"a": 1}, [2]),
    ]  # fmt: skip
    root, _ = opened(page(value), root=ROOT)
    result = root.f(1)
    assert pickle.loads(pickle.dumps(result)) == value
    assert copy.deepcopy(result) == value
    for proxy in (root, root.f, root.l):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="url_of"):
                pickle.dumps([proxy], protocol)


# --- types ------------------------------------------------------------------------------------


class Service(Protocol):
    """What a user writes to tell the type checker what is there."""

    x: int

    def f(self, a: int, b: object = ...) -> int: ...


class Root:
    """A server's own class."""

    x: int


def test_typed_roots() -> None:
    """What `make types` proves here: mypy and pyright know the type."""
    _, transport = opened(page(ROOT), page(ROOT), page(ROOT), page(7))
    client = glyph.Client(transport)
    service = assert_type(client.get("http://h/", as_=Service), Service)
    root = assert_type(client.get("http://h/", as_=Root), Root)
    anything = assert_type(client.get("http://h/"), Any)
    assert (assert_type(service.x, int), root.x, anything.x) == (1, 1, 1)
    assert assert_type(service.f(1), int) == 7


def test_a_typed_root_of_the_shared_client(service_url: str) -> None:
    class Adds(Protocol):
        def add(self, a: int, b: int) -> int: ...

    root = glyph.get(service_url, as_=Adds)
    assert assert_type(root.add(1, 2), int) == 3
    shared: Any = glyph.client_of(root)
    shared.close()  # or its connection would be taken for a leak
