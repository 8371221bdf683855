"""Links, forms, inputs, resources and errors: strict to build, lenient to decode."""

import copy
import pickle
from collections import OrderedDict
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any

import pytest
from codec_help import both_ways, same

from hyperglyph.codec import (
    KINDS,
    MISSING,
    Collection,
    Error,
    Extension,
    Form,
    Input,
    Link,
    Resource,
    decode,
    encode,
)

NOW = datetime(2020, 1, 2, tzinfo=UTC)


def wired(name: str, content: Any = None, /, **attributes: Any) -> Any:
    """An extension as a decoder makes it."""
    return KINDS[name].from_wire(name, attributes, content)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Link(), b"Xu4:link;D;N;;"),
        (Link("/a", content=1), b"Xu4:link;Du3:url;u2:/a;;i1;;"),
        (
            Link("/", method="HEAD", inline=True, etag="e", last_modified=NOW, headers={"a": "b"}),
            b"Xu4:link;Du3:url;u1:/;u6:method;u4:HEAD;u6:inline;T;u4:etag;u1:e;"
            b"u13:last_modified;d2020-01-02T00:00:00.000Z;u7:headers;Du1:a;u1:b;;;N;;",
        ),
        (Form("/"), b"Xu4:form;Du6:method;u4:POST;u3:url;u1:/;u6:values;L;;N;;"),
        (
            Form("/", values=["a", Input("b")], envelope="form", content_type="x", headers={}),
            b"Xu4:form;Du6:method;u4:POST;u3:url;u1:/;u6:values;Lu1:a;Xu5:input;Du4:name;u1:b;;N;;;"
            b"u7:headers;D;u8:envelope;u4:form;u12:content_type;u1:x;;N;;",
        ),
        (Input("a", value=None), b"Xu5:input;Du4:name;u1:a;u5:value;N;;N;;"),
        (
            Input("a", type="integer", optional=True, default=3),
            b"Xu5:input;Du4:name;u1:a;u4:type;u7:integer;u8:optional;T;u7:default;i3;;N;;",
        ),
        (Resource({}), b"Xu8:resource;D;D;;"),
        (
            Resource({"a": 1}, url="/", name="n", profile="p", partial=True),
            b"Xu8:resource;Du3:url;u1:/;u4:name;u1:n;u7:profile;u1:p;u7:partial;T;;Du1:a;i1;;;",
        ),
        (Error("m"), b"Xu5:error;Du6:logref;u;u7:message;u1:m;;D;;"),
        (
            Error("m", logref="l", url="/", code=4, content={"a": 1}),
            b"Xu5:error;Du6:logref;u1:l;u7:message;u1:m;u3:url;u1:/;u4:code;i4;;Du1:a;i1;;;",
        ),
        (Collection(), b"Xu10:collection;D;N;;"),
    ],
)
def test_kinds(value: Extension, wire: bytes) -> None:
    both_ways(value, wire)
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value
    assert value != Extension.from_wire(value.name, value.attributes, value.content)
    assert repr(value).startswith(f"{type(value).__name__}(name={value.name!r}, attributes=")
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


NEEDED: dict[Any, dict[str, Any]] = {
    Form: {"url": "/"},
    Input: {"name": "a"},
    Resource: {"content": {}},
    Error: {"message": "m"},
}


@pytest.mark.parametrize(
    ("kind", "wrong", "says"),
    [
        (Link, {"url": 5}, "link: 'url' is str, not int"),
        (Link, {"method": None}, "link: 'method' is str, not NoneType"),
        (Link, {"inline": 1}, "link: 'inline' is bool, not int"),
        (Link, {"etag": b"e"}, "link: 'etag' is str, not bytes"),
        (Link, {"last_modified": "x"}, "link: 'last_modified' is datetime, not str"),
        (Link, {"headers": []}, "link: 'headers' is Mapping, not list"),
        (Form, {"url": None}, "form: 'url' is str, not NoneType"),
        (Form, {"values": "ab"}, "form: 'values' is a list of str or Input, not str"),
        (Form, {"headers": {"If-Match": 1}}, "form: 'headers' is str, not int"),
        (Link, {"headers": {1: "a/b"}}, "link: 'headers' is str, not int"),
        (Form, {"method": 1}, "form: 'method' is str, not int"),
        (Form, {"headers": 1}, "form: 'headers' is Mapping, not int"),
        (Form, {"envelope": 1}, "form: 'envelope' is str, not int"),
        (Form, {"content_type": 1}, "form: 'content_type' is str, not int"),
        (Form, {"values": [b"a"]}, "form: 'values' is str or Input, not bytes"),
        (Input, {"name": 1}, "input: 'name' is str, not int"),
        (Input, {"type": int}, "input: 'type' is str, not type"),
        (Input, {"optional": 0}, "input: 'optional' is bool, not int"),
        (Resource, {"content": []}, "resource: 'content' is Mapping, not list"),
        (Resource, {"url": 1}, "resource: 'url' is str, not int"),
        (Resource, {"name": 1}, "resource: 'name' is str, not int"),
        (Resource, {"profile": 1}, "resource: 'profile' is str, not int"),
        (Resource, {"partial": 1}, "resource: 'partial' is bool, not int"),
        (Error, {"message": None}, "error: 'message' is str, not NoneType"),
        (Error, {"logref": 1}, "error: 'logref' is str, not int"),
        (Error, {"url": 1}, "error: 'url' is str, not int"),
        (Error, {"code": 1.5}, "error: 'code' is int or str, not float"),
        (Error, {"code": True}, "error: 'code' is int or str, not bool"),
    ],
)
def test_constructors_are_strict(kind: Any, wrong: dict[str, Any], says: str) -> None:
    right: dict[str, Any] = NEEDED.get(kind, {})
    kind(**right)
    with pytest.raises(TypeError) as caught:
        kind(**right | wrong)
    assert str(caught.value) == says


def test_an_input_is_named_once() -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Form("/", values=["a", Input("b"), Input("a")])
    assert str(caught.value) == "form: two inputs are named 'a'"


def test_properties() -> None:
    link = Link("/", method="get", inline=True, etag="e", last_modified=NOW, headers={"a": "b"})
    assert (link.url, link.method, link.inline, link.etag) == ("/", "GET", True, "e")
    assert (link.last_modified, link.headers) == (NOW, {"a": "b"})
    form = Form("/", method="put", values=["a", Input("b", value=None, optional=True)])
    assert (form.url, form.method, form.headers) == ("/", "PUT", {})
    assert (form.envelope, form.content_type) == (None, None)
    first, second = form.inputs
    assert (first.label, first.value, first.optional) == ("a", MISSING, False)
    assert (second.label, second.value, second.optional) == ("b", None, True)
    resource = Resource({}, url="/r", name="n", profile="p", partial=True)
    assert (resource.url, resource.label, resource.profile, resource.partial) == (
        *("/r", "n", "p"),
        True,
    )
    error = Error("m", logref="l", url="/e", code="c")
    assert (error.message, error.logref, error.url, error.code) == ("m", "l", "/e", "c")


def test_properties_of_what_is_not_there() -> None:
    link, form = wired("link"), wired("form")
    assert (link.url, link.method, link.inline, link.etag) == (None, "GET", False, None)
    assert (link.last_modified, link.headers) == (None, {})
    assert (form.url, form.method, form.inputs) == (None, "POST", ())
    resource, error = wired("resource"), wired("error")
    assert (resource.url, resource.label, resource.partial) == (None, None, False)
    assert (error.message, error.logref, error.url, error.code) == ("", "", None, None)
    assert wired("input", name=None).value is MISSING


def test_nil_is_like_not_there() -> None:
    link = wired("link", url=None, method=None, inline=None, headers=None, last_modified=None)
    assert (link.url, link.method, link.inline, link.headers) == (None, "GET", False, {})
    assert wired("form", values=None).inputs == ()
    assert wired("error", message=None, code=None).message == ""


def test_empty_text_is_there() -> None:
    assert wired("link", method="").method == ""
    assert wired("form", method="").method == ""


def test_bytes_of_2012_are_read_as_text() -> None:
    assert wired("link", url=b"/\xc3\xa9").url == "/é"
    form = wired("form", values=[b"a", ("b",), None, 5, Input("c")])
    assert [entry.label for entry in form.inputs] == ["a", "c"]
    assert wired("form", values=("x",)).inputs == (Input("x"),)


@pytest.mark.parametrize(
    ("value", "name", "says"),
    [
        (wired("link", url=5), "url", "link: 'url' is not text but int"),
        (wired("link", url=b"\xff"), "url", "link: 'url' is not UTF-8"),
        (wired("link", method=[]), "method", "link: 'method' is not text but list"),
        (wired("link", inline=1), "inline", "link: 'inline' is not true or false but int"),
        (wired("link", headers=[]), "headers", "link: 'headers' is not a dict of text"),
        (wired("link", headers={1: "a"}), "headers", "link: 'headers' is not a dict of text"),
        (wired("link", headers={"a": 1}), "headers", "link: 'headers' is not a dict of text"),
        (
            wired("link", last_modified="x"),
            "last_modified",
            "link: 'last_modified' is not a datetime",
        ),
        (wired("form", values={}), "inputs", "form: 'values' is not a list"),
        (wired("form", values=[b"\xff"]), "inputs", "form: the name of an input is not UTF-8"),
        (wired("form", values=["a", b"a"]), "inputs", "form: two inputs are named 'a'"),
        (wired("form", values=[wired("input")]), "inputs", "input: 'name' is missing"),
        (wired("input", name=3), "label", "input: 'name' is not text but int"),
        (wired("error", code=True), "code", "error: 'code' is neither int nor text but bool"),
        (wired("error", code=1.0), "code", "error: 'code' is neither int nor text but float"),
    ],
)
def test_wrong_attributes_decode_and_raise_when_read(
    value: Extension, name: str, says: str
) -> None:
    assert same(decode(encode(value)), value)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        getattr(value, name)
    assert str(caught.value) == says


def test_attributes_stay_as_they_came() -> None:
    wire = b"Xu4:link;Ou5:extra;i1;u3:url;b1:/;;Li1;;;"
    link = decode(wire)
    assert type(link) is Link
    assert type(link.attributes) is OrderedDict
    assert (link.url, link.content) == ("/", [1])
    assert encode(link) == wire
    assert encode(link, canonical=True) == wire


def test_missing() -> None:
    assert repr(MISSING) == "MISSING"
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
    assert copy.deepcopy(MISSING) is MISSING


@pytest.mark.parametrize("value", [Link("/"), Form("/"), Input("a"), Resource({}), Error("no")])
def test_extensions_are_not_hashable(value: Extension) -> None:
    assert not isinstance(value, Hashable)
