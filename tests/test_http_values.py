"""The pure half of HTTP: media types, URLs, binding, envelopes, statuses, deadlines."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections import OrderedDict
from typing import Any

import pytest

import hyperglyph as glyph
from hyperglyph.codec import Form, Input, Limits, Link, decode, encode
from hyperglyph.transport.http.binding import (
    MAX_ARGUMENTS,
    Parameters,
    bind_arguments,
    signature_of,
)
from hyperglyph.transport.http.bodies import pack_body, read_into
from hyperglyph.transport.http.forms import (
    NoneSink,
    form_sink,
    headers_of_link,
    pack,
    unpack_query,
)
from hyperglyph.transport.http.messages import Deadline, first_header
from hyperglyph.transport.http.negotiate import (
    MEDIA_TYPE,
    MediaType,
    is_hyperglyph,
    parse_accept,
    parse_media_type,
)
from hyperglyph.transport.http.status import declared_code, error_class, reason_phrase
from hyperglyph.transport.http.urls import check_url, is_same_authority, origin_of, resolve
from hyperglyph.transport.http.waiting import finish

# --- media types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text/html", MediaType("text/html")),
        ("Text/HTML; Charset=utf-8", MediaType("text/html", {"charset": "utf-8"})),
        ('a/b;c="d;\\"e";f=g', MediaType("a/b", {"c": 'd;"e', "f": "g"})),
        ("a/b;", MediaType("a/b")),
        ("a/b; x=1; x=2", MediaType("a/b", {"x": "1"})),
        ("a", None),
        ("a/b c", None),
        ("a/b; =1", None),
        ("", None),
    ],
)
def test_media_types(text: str, expected: MediaType | None) -> None:
    assert parse_media_type(text) == expected


def test_is_hyperglyph() -> None:
    assert is_hyperglyph(MEDIA_TYPE)
    assert is_hyperglyph("Application/VND.Hyperglyph ; x=y")
    assert not is_hyperglyph(None)
    assert not is_hyperglyph("text/plain; x=application/vnd.hyperglyph")
    assert not is_hyperglyph(MEDIA_TYPE + "-seq")


def test_accept() -> None:
    members = parse_accept(f'{MEDIA_TYPE};partial=1, a/b;x=",";q=0.9, */*;q=0.5, bad, c/d;q=x')
    assert [(member.type, weight) for member, weight in members] == [
        (MEDIA_TYPE, 1.0),
        ("a/b", 0.9),
        ("*/*", 0.5),
    ]
    assert members[0][0].parameters == {"partial": "1"}
    assert members[1][0].parameters == {"x": ","}
    long = ", ".join(f"a/{number};q=0.5" for number in range(40))
    assert len(long) > 256
    assert len(parse_accept(long)) == 40


def test_headers() -> None:
    headers = [("A", "1"), ("a", "2"), ("B", "3")]
    assert first_header(headers, "a") == "1"
    assert first_header(headers, "b") == "3"
    assert first_header(headers, "c") is None


# --- URLs -------------------------------------------------------------------------------------

# RFC 3986, section 5.4.1 and 5.4.2
RFC_BASE = "http://a/b/c/d;p?q"
RFC_CASES = """g:h g:h|g http://a/b/c/g|./g http://a/b/c/g|g/ http://a/b/c/g/|/g http://a/g
//g http://g|?y http://a/b/c/d;p?y|g?y http://a/b/c/g?y|#s http://a/b/c/d;p?q#s|g#s http://a/b/c/g#s
g?y#s http://a/b/c/g?y#s|;x http://a/b/c/;x|g;x http://a/b/c/g;x|g;x?y#s http://a/b/c/g;x?y#s
. http://a/b/c/|./ http://a/b/c/|.. http://a/b/|../ http://a/b/|../g http://a/b/g
../.. http://a/|../../ http://a/|../../g http://a/g|../../../g http://a/g|../../../../g http://a/g
/./g http://a/g|/../g http://a/g|g. http://a/b/c/g.|.g http://a/b/c/.g|g.. http://a/b/c/g..
..g http://a/b/c/..g|./../g http://a/b/g|./g/. http://a/b/c/g/|g/./h http://a/b/c/g/h
g/../h http://a/b/c/h|g;x=1/./y http://a/b/c/g;x=1/y|g;x=1/../y http://a/b/c/y
g?y/./x http://a/b/c/g?y/./x|g?y/../x http://a/b/c/g?y/../x|g#s/../x http://a/b/c/g#s/../x"""


@pytest.mark.parametrize("case", RFC_CASES.replace("\n", "|").split("|"))
def test_resolving_as_rfc_3986_says(case: str) -> None:
    reference, expected = case.split(" ")
    assert resolve(RFC_BASE, reference) == expected


def test_resolving_leaves_the_rest_as_it_is() -> None:
    assert resolve(RFC_BASE, None) == resolve(RFC_BASE, "") == RFC_BASE
    assert resolve("http://a", "b") == "http://a/b"
    assert resolve("http://a/x", "%7Eb?") == "http://a/%7Eb?"
    assert resolve("http://a/x", "http://B:80/%2e%2E/./c") == "http://B:80/%2e%2E/c"
    assert resolve("http://a/x/", "./9:b") == "http://a/x/9:b"
    assert resolve("http://a/x/", "9:b") == "http://a/x/9:b"


@pytest.mark.parametrize(
    "url",
    ["", "/x", "ftp://a/", "javascript:alert(1)", "file:///etc/passwd", "http:///x", "http://a b/",
     "http://a/\n", "http://ä/", "http://a:b/", "http://[::1/"],
)  # fmt: skip
def test_urls_that_cannot_be_requested(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        check_url(url)


def test_origins() -> None:
    assert origin_of("HTTP://A.b:80/x") == origin_of("http://a.B./y") == ("http", "a.b", "80")
    assert origin_of("https://u:p@h/") == ("https", "h", "443")
    assert origin_of("http://[::1]:8080/") == ("http", "[::1]", "8080")


# --- binding ----------------------------------------------------------------------------------

INPUTS = [Input("a"), Input("b", value=2), Input("c", optional=True)]


def test_binding_by_position_and_keyword() -> None:
    assert bind_arguments("f", INPUTS, (1,), {}) == [("a", 1), ("b", 2)]
    assert bind_arguments("f", INPUTS, (1, 3), {"c": 4}) == [("a", 1), ("b", 3), ("c", 4)]
    assert bind_arguments("f", INPUTS, (), {"c": 4, "a": 1}) == [("a", 1), ("b", 2), ("c", 4)]
    assert str(signature_of(INPUTS)) == "(a, b=2, c=Ellipsis)"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "f() missing 1 required argument: 'a'"),
        ((1, 2, 3, 4), {}, "f() takes 3 positional arguments but 4 were given"),
        ((1,), {"a": 1}, "f() got multiple values for argument 'a'"),
        ((1,), {"z": 1}, "f() got an unexpected keyword argument 'z'"),
    ],
)
def test_binding_fails_as_python_does(args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        bind_arguments("f", INPUTS, args, kwargs)
    assert str(caught.value) == message


def test_inputs_that_python_cannot_order_or_name() -> None:
    inputs = [Input("a", value=1), Input("b"), Input("@x"), Input("class")]
    assert str(signature_of(inputs)) == "(a=1, *, b)"
    bound = bind_arguments("f", inputs, (), {"b": 2, "@x": 3, "class": 4})
    assert bound == [("a", 1), ("b", 2), ("@x", 3), ("class", 4)]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        bind_arguments("f", inputs, (1, 2), {"@x": 3, "class": 4})


def test_what_the_signature_shows_may_be_given() -> None:
    assert bind_arguments("f", INPUTS, (1, ..., ...), {}) == [("a", 1), ("b", ...)]
    assert bind_arguments("f", INPUTS, (...,), {"c": ...}) == [("a", ...), ("b", 2)]


def test_too_many_inputs() -> None:
    inputs = [Input(f"i{number}") for number in range(MAX_ARGUMENTS + 1)]
    with pytest.raises(TypeError, match="more than 100"):
        bind_arguments("f", inputs, (), {})


def test_parameters_bind_by_name() -> None:
    def f(a: int, b: int = 2, *, c: int = 3) -> None: ...

    parameters = Parameters.of("f", f)
    assert parameters.bind({"a": 1, "c": 2}) == {"a": 1, "c": 2}
    assert parameters.bind(OrderedDict[str, int](a=1)) == {"a": 1}
    for body, message in [
        ({}, "missing 1 required argument: 'a'"),
        ({"a": 1, "d": 1}, "unexpected argument 'd'"),
        ({"a": 1, b"b": 1}, "unexpected argument b'b'"),
        ([1], "a dict of arguments"),
        (None, "a dict of arguments"),
    ]:
        with pytest.raises(glyph.BadRequest, match=message):
            parameters.bind(body)


# --- envelopes --------------------------------------------------------------------------------


def test_the_form_envelope() -> None:
    packed = pack(Form("x", values=["a", "b"]), "http://h/x", [("a", 1), ("b", "é")])
    assert packed.method == "POST"
    assert packed.headers == (("Content-Type", MEDIA_TYPE),)
    assert packed.body is not None
    assert packed.body.root == b"Ou1:a;i1;u1:b;u2:\xc3\xa9;;"
    assert finish(read_into(form_sink(Limits()), [packed.body.root])) == ({"a": 1, "b": "é"}, ())
    empty = pack(Form("x"), "http://h/x", [])
    assert empty.body is not None
    assert empty.body.root == b"O;"
    for nothing in ([], [b""]):
        assert finish(read_into(form_sink(Limits()), nothing)) == ({}, ())


def test_the_query_envelope() -> None:
    packed = pack(Form("x", method="GET", values=["a"]), "http://h/x", [("a", "b c+d")])
    assert packed.url == "http://h/x?Ou1%3Aa%3Bu5%3Ab%20c%2Bd%3B%3B"
    assert (packed.body, packed.headers) == (None, ())
    assert unpack_query(packed.url.partition("?")[2], limits=Limits()) == {"a": "b c+d"}
    assert unpack_query("Ou1:a;u3:b+c;;", limits=Limits()) == {"a": "b c"}
    assert pack(Form("x", method="GET"), "http://h/x", []).url == "http://h/x"
    assert unpack_query("", limits=Limits()) == {}
    with pytest.raises(glyph.BadRequest, match="malformed query"):
        unpack_query("O", limits=Limits())
    for query, message in [
        ("L;", "a dict of arguments by name"),
        ("N;", "a dict of arguments by name"),
        ("O%zz;", "two hexadecimal digits"),
        ("O;%", "two hexadecimal digits"),
        ("O;O;", "malformed query"),
        ("B0:Du12:content-type;u3:a/b;;;c0;", "blob cannot travel"),
        ("Ou1:a;LB0:D;;;;c0:1:x;c0;", "blob cannot travel"),
    ]:
        with pytest.raises(glyph.BadRequest, match=message):
            unpack_query(query)
    with pytest.raises(glyph.BadRequest, match="malformed query"):
        unpack_query("Ou1:a;u30:" + "x" * 30 + ";;", limits=Limits(message=20))
    with pytest.raises(ValueError, match="query of its own"):
        pack(Form("x", method="GET"), "http://h/x?y", [])
    with pytest.raises(ValueError, match="blob cannot travel"):
        pack(Form("x", method="GET", values=["a"]), "http://h/", [("a", glyph.blob(b"", "a/b"))])


def test_the_none_envelope() -> None:
    packed = pack(Form("x", method="DELETE"), "http://h/x", [])
    assert packed.body is not None
    assert (packed.method, packed.body.root) == ("DELETE", b"")
    for nothing in ([], [b""]):
        assert finish(read_into(NoneSink(), nothing)) == {}
    with pytest.raises(glyph.BadRequest, match="no arguments, but"):
        finish(read_into(NoneSink(), [b"", b"O;"]))
    with pytest.raises(ValueError, match="has inputs"):
        pack(Form("x", envelope="none", values=["a"]), "http://h/x", [("a", 1)])


def test_headers_of_links() -> None:
    assert headers_of_link(Link("x", headers={"accept": "a/b"})) == (("accept", "a/b"),)
    for headers, message in [
        ({"Cookie": "a"}, "no header but Accept"),
        ({"Accept": "a\n"}, "not p"),
    ]:
        with pytest.raises(ValueError, match=message):
            headers_of_link(Link("x", headers=headers))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (Form("x", method="TRACE"), "'TRACE' is not supported"),
        (Form("x", method=""), "'' is not supported"),
        (Form("x", envelope="query"), "does not go with POST"),
        (Form("x", envelope=""), "'' does not go with POST"),
        (Form("x", method="GET", envelope="form"), "does not go with GET"),
        (Form("x", content_type="text/plain"), "content type 'text/plain'"),
        (Form("x", headers={"Cookie": "a"}), "'Cookie' is not allowed"),
        (Form("x", method="GET", headers={"If-Match": "a"}), "'If-Match' is not allowed"),
        (Form("x", headers={"Accept": "a\r\nb"}), "not printable"),
        (Form("x", envelope="blob"), "carries one argument, not 0"),
    ],
)
def test_forms_that_are_refused_before_a_request(form: Form, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack(form, "http://h/x", [])


@pytest.mark.parametrize("sizes", [[0], [1, 65_536], [65_537], [200_000, 0, 65_536 * 2]])
def test_the_length_of_a_message_with_blobs(sizes: list[int]) -> None:
    value = {"list": [glyph.blob(b"x" * size, "a/b") for size in sizes], "text": "y" * 65_536}
    body = pack_body(value)
    assert body.rest is not None
    message = body.root + b"".join(body.rest)
    assert body.length == len(message)
    decoded = decode(message)
    assert [blob.size for blob in decoded["list"]] == sizes
    assert message == encode(value)
    for blob in decoded["list"]:
        blob.close()


@pytest.mark.parametrize("size", [65_536, 131_072])
def test_roots_around_the_size_of_a_piece(size: int) -> None:
    met: set[int] = set()
    for padding in range(size - 60, size):
        blob = glyph.blob(b"z", "a/b")
        body = pack_body(["x" * padding, blob])
        assert body.rest is not None
        met.add(len(body.root))
        assert body.root + b"".join(body.rest) == encode(["x" * padding, blob])
        assert pack_body("x" * padding).root == encode("x" * padding)
    assert {size - 1, size, size + 1} <= met


def test_a_stream_has_no_length() -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert pack_body(glyph.blob(Stream(b"x"), "a/b")).length is None


# --- statuses ---------------------------------------------------------------------------------


class NoFunds(glyph.Conflict):
    """Declared by a user."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} missing", data={"missing": missing})


def test_classes_by_status() -> None:
    assert error_class(404) is glyph.NotFound
    assert error_class(418) is glyph.ClientError
    assert error_class(500) is error_class(599) is glyph.ServerError
    assert error_class(409, "NoFunds", [NoFunds]) is NoFunds
    assert error_class(404, "NoFunds", [NoFunds]) is glyph.NotFound
    assert error_class(409, "other", [NoFunds]) is glyph.Conflict
    assert (declared_code(NoFunds), declared_code(glyph.Conflict)) == ("NoFunds", None)
    assert (reason_phrase(404), reason_phrase(799)) == ("Not Found", "Unknown")


def test_exceptions_copy_and_pickle() -> None:
    error = NoFunds.from_response(409, "3 missing", code="NoFunds", data={"missing": 3}, url="u")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is NoFunds
        assert vars(again) == vars(error)
        assert str(again) == "3 missing"
    failure = glyph.DeadlineExceeded("late", phase="wait", outcome="unknown")
    for again in (pickle.loads(pickle.dumps(failure)), copy.copy(failure)):
        assert isinstance(again, TimeoutError)
        assert str(again) == "late (phase: wait, outcome: unknown)"
    assert str(glyph.NotFound()) == "404 Not Found"
    assert str(glyph.NotFound("x", logref="y")) == "x (logref: y)"


def test_the_tree_of_exceptions() -> None:
    for name in glyph.__all__:
        value = getattr(glyph, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            assert issubclass(value, glyph.HyperglyphError), name
    assert issubclass(glyph.StaleReference, glyph.ClientError)
    assert glyph.StaleReference.status == 410


# --- deadlines --------------------------------------------------------------------------------


def test_a_deadline_stands_still_while_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    deadline = Deadline(10)
    now[0] += 4
    assert deadline.left() == 6
    deadline.pause()
    deadline.pause()
    now[0] += 50
    assert deadline.left() is None
    deadline.resume()
    deadline.resume()
    assert deadline.left() == 6
    assert Deadline(None).left() is None


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        (("http", "a"), "a:80", True),
        (("http", "A:80"), "a", True),
        (("https", "a"), "A:443", True),
        (("https", "a:443"), "a", True),
        (("http", "a"), "a:443", False),
        (("https", "a:80"), "a", False),
        (("http", "a:8080"), "a:8080", True),
        (("http", "[::1]:80"), "[::1]", True),
        (("http", "a"), "b", False),
        (("http", ""), "a", False),
    ],
)
def test_authorities_with_and_without_the_port(
    url: tuple[str, str], host: str, expected: bool
) -> None:
    assert is_same_authority(*url, host) is expected
