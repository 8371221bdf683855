"""Methods and envelopes: every cell of the table, both ways, over sockets and without."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest
from http_peers import MEDIA_TYPE, exchange, port_of, status_of
from object_help import local, message, page_of, reference, serve, value
from scripted import bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Form, Resource, decode, encode
from hyperglyph.transport.http.disposition import pack_name, unpack_name
from hyperglyph.transport.http.forms import ENVELOPES, OVERRIDES, pack
from hyperglyph.transport.http.messages import Incoming, Response

CELLS = [(method, envelope) for method, allowed in ENVELOPES.items() for envelope in allowed]
NO_CELLS = [
    (method, envelope)
    for method in ENVELOPES
    for envelope in ("form", "none", "query", "blob")
    if (method, envelope) not in CELLS
]
TYPE = "text/plain; charset=utf-8"


def told(*values: Any) -> list[Any]:
    return [glyph.context().method, *values]


def cell(method: str, envelope: str) -> Callable[..., Any]:
    """A function that is called so, and answers with the method that it sees."""

    @glyph.method(method, envelope=envelope)
    def none() -> list[Any]:
        return told()

    @glyph.method(method, envelope=envelope)
    def blob(content: glyph.Blob) -> list[Any]:
        return told(content.content_type, content.size, content.read())

    def some(a: Any, b: Any = 2) -> list[Any]:
        return told(a, b)

    if envelope in ("none", "blob"):
        return none if envelope == "none" else blob
    return glyph.method(method, envelope=envelope)(some)


def everything() -> glyph.Router:
    router = glyph.Router()
    for method, envelope in CELLS:
        router.add(cell(method, envelope), name=f"{method}-{envelope}")
    return router


@pytest.fixture(params=["socket", "local", "wsgi"])
def root(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[Callable[..., Any]]:
    """Opens the root page of all cells, with the options of a client."""
    router = everything()
    server = glyph.Server(router).start() if request.param == "socket" else None
    target: Any = router if request.param == "local" else router.wsgi
    clients: list[glyph.Client] = []

    def open_root(**options: Any) -> Any:
        transport = None if server else glyph.LocalTransport(target)
        clients.append(glyph.Client(transport, timeout=10, **options))
        return clients[-1].get(server.url if server else "http://localhost/")

    yield open_root
    for client in clients:
        client.close()
    if server is not None:
        server.stop()


@pytest.mark.parametrize("override", [False, True])
def test_every_cell(root: Callable[..., Any], override: bool) -> None:
    offers = root(method_override=override)
    for method, envelope in CELLS:
        call = offers[f"{method}-{envelope}"]
        if envelope == "none":
            assert call() == [method]
        elif envelope == "blob":
            for content in (b"", b"x", b"\x00\xff" * 100_000):
                assert call(glyph.blob(content, TYPE)) == [method, TYPE, len(content), content]
        else:
            assert call("é", b=[1]) == [method, "é", [1]]
            assert call(None) == [method, None, 2]


@pytest.mark.parametrize(("method", "envelope"), CELLS)
def test_the_form_of_a_cell(method: str, envelope: str) -> None:
    router = serve(cell(method, envelope))
    (offer,) = value(ask(router, "GET", "/")).content.values()
    if (method, envelope) == ("GET", "none"):
        assert isinstance(offer, glyph.Link)
        return
    assert offer.method == method
    # What is the default is not said: clients of 2012 know nothing else.
    assert offer.envelope == (None if envelope == ENVELOPES[method][0] else envelope)


@pytest.mark.parametrize(("method", "envelope"), NO_CELLS)
def test_what_does_not_go_together(method: str, envelope: str) -> None:
    with pytest.raises(ValueError, match=f"'{envelope}' does not go with {method}"):
        glyph.method(method, envelope=envelope)
    form = Form("f", method=method, envelope=envelope, values=["a"])
    caller, transport = opened(root=Resource({"f": form}))
    with pytest.raises(ValueError, match=f"'{envelope}' does not go with {method}"):
        caller.f(1)
    assert len(transport.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_method_override_on_the_wire(method: str) -> None:
    form = Form("f", method=method, envelope="form", values=["a"])
    for override in (True, False):
        caller, transport = opened(
            bare(307, Location="g"), page(1), root=Resource({"f": form}), method_override=override
        )
        assert caller.f(1) == 1
        for index in (1, 2):  # a redirect keeps the method, however it is written
            header = method if override and method in OVERRIDES else None
            assert transport.header(index, "method") == header
            assert transport.requests[index].method == ("POST" if header else method)
            assert not transport.requests[index].safe


def test_the_blob_envelope_on_the_wire() -> None:
    form = Form("f", method="PUT", values=["a"], headers={"If-Match": '"x"'})
    caller, transport = opened(bare(308, Location="g"), page(1), root=Resource({"f": form}))
    file = io.BytesIO(b"....content")
    file.seek(4)
    assert caller.f(glyph.blob(file, TYPE)) == 1
    for index in (1, 2):
        assert transport.requests[index].body == b"content"
        assert transport.requests[index].length == 7
        assert transport.header(index, "content-type") == TYPE
        assert transport.header(index, "content-disposition") == 'form-data; name="a"'
        assert transport.header(index, "if-match") == '"x"'


class Pipe(io.BufferedIOBase):
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._data.read(size)


def test_a_stream_of_unknown_length(root: Callable[..., Any]) -> None:
    stream: Any = Pipe(b"x" * 100_000)
    blob = glyph.blob(stream, "a/b")
    put = root()["PUT-blob"]
    assert put(blob)[2] == 100_000
    with pytest.raises(ValueError, match="cannot be rewound"):
        put(blob)


def test_what_a_blob_envelope_refuses_before_a_request() -> None:
    one, two = Form("f", method="PUT", values=["a"]), Form("f", method="PUT", values=["a", "b"])
    caller, transport = opened(root=Resource({"one": one, "two": two}))
    for wrong in (b"bytes", "text", None, [glyph.blob(b"", "a/b")]):
        with pytest.raises(TypeError, match=r"give hyperglyph\.blob"):
            caller.one(wrong)
    with pytest.raises(ValueError, match="carries one argument, not 2"):
        caller.two(glyph.blob(b"", "a/b"), glyph.blob(b"", "a/b"))
    for odd in ("a/b\r\nCookie: x", "a/b\x00", "a/\xe9", "text", "", "a/b; ="):
        with pytest.raises(ValueError, match=r"not printable ASCII|no media type"):
            caller.one(glyph.blob(b"", odd))
    closed = glyph.blob(b"", "a/b")
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        caller.one(closed)
    assert len(transport.requests) == 1


@pytest.mark.parametrize("size", [4, 6])
def test_a_file_that_changes_while_it_is_sent(size: int) -> None:
    file = io.BytesIO(b"x" * 5)

    form = Form("f", method="PUT", values=["a"])
    body = pack(form, "http://h/f", [("a", glyph.blob(file, "a/b"))]).body
    assert body is not None
    assert body.rest is not None
    assert body.length == 5
    file.truncate(min(size, 5))
    file.seek(0, io.SEEK_END)
    file.write(b"y" * (size - 5))
    sent = b""
    with pytest.raises(ValueError, match="changed its size"):  # noqa: PT012
        for piece in body.rest:
            sent += piece
    assert len(sent) <= 5


# --- names in Content-Disposition -----------------------------------------------------------------

NAMES = [
    "a", "a b", 'a"b', "a\\b", "a\\", '"', "", "a;b", "a=b", "name*", "é", "日本", "\U0001f600",
    "a\r\nCookie: x", "\0", "\x1b[2J", "\n", "a%0D%0A", "UTF-8''x", "%", "'", "\x7f", "../../x",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back_and_none_ends_the_header(name: str) -> None:
    header = pack_name(name)
    assert header.isascii()
    assert header.isprintable()
    assert unpack_name(header) == name


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_hostile_names_of_a_page_over_a_socket(name: str, serve: Any, no_leaks: None) -> None:
    form = Form("upload", method="PUT", values=[name])

    @glyph.method("PUT")
    def upload(content: glyph.Blob) -> int:
        raise AssertionError(content)

    @glyph.safe
    def offer() -> Form:
        return form

    with glyph.Client(timeout=10) as client:
        given = client.get(serve(upload, offer)).offer()
        with pytest.raises(glyph.BadRequest, match="unexpected argument"):
            given(**{name: glyph.blob(b"x", "a/b")})


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Form-Data;name=a", "a"),
        ('form-data ; filename="x" ; NAME = "a"', "a"),
        ("form-data; name=b; name*=utf-8'en'%C3%A9", "é"),
        ('form-data; name="a\\\'b"', "a'b"),
    ],
)
def test_other_spellings(header: str, name: str) -> None:
    assert unpack_name(header) == name


@pytest.mark.parametrize(
    "header",
    [
        "", "attachment; name=a", "form-data", 'form-data; filename="a"', "form-data; name=",
        'form-data; name="a', "form-data; name=a b", "form-data; name=a; name=b",
        "form-data name=a",
        "form-data; name*=a", "form-data; name*=latin-1''a", "form-data; name*=UTF-8''%zz",
        "form-data; name*=UTF-8''%ff", "form-data; name*=UTF-8''%", 'form-data; name="\xe9"',
        'form-data; name="a\x00"', 'form-data; name="a\\\n"', "form-data; name=a;",
    ],
)  # fmt: skip
def test_malformed_ones(header: str) -> None:
    with pytest.raises(glyph.BadRequest, match="Content-Disposition"):
        unpack_name(header)


# --- a server in its own words --------------------------------------------------------------------


def ask(
    router: glyph.Router, method: str, url: str, body: bytes = b"", /, **headers: str
) -> Response:
    router.allow_random_key()
    fields = [("Host", "localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    path, _, query = url.partition("?")
    return router.handle(Incoming(method, path, fields, (body,), query=query, target=url))


TYPED = {"Content_Type": MEDIA_TYPE}
FILE = {"Content_Type": "a/b", "Content_Disposition": 'form-data; name="content"'}


@pytest.mark.parametrize(("method", "envelope"), [(m, e) for m, e in CELLS if m != "GET"])
def test_unsafe_requests_say_what_they_are(method: str, envelope: str) -> None:
    router = glyph.Router()
    router.add(cell(method, envelope), name="f")
    assert ask(router, method, "/f").status == 415
    assert ask(router, method, "/f", Content_Type="text/plain").status == 415
    if envelope == "blob":
        assert ask(router, method, "/f", **TYPED).status == 415
        assert ask(router, method, "/f", b"x", **FILE).status == 200
        odd = {**FILE, "Content_Disposition": "form-data"}
        assert ask(router, method, "/f", **odd).status == 400
        other = {**FILE, "Content_Disposition": "form-data; name=x"}
        assert ask(router, method, "/f", **other).status == 400
        untyped = {"Content_Disposition": FILE["Content_Disposition"]}
        answer = value(ask(router, method, "/f", b"x", **untyped))
        assert answer == [method, "application/octet-stream", 1, b"x"]
        return
    assert ask(router, method, "/f", **FILE).status == 415
    body = b"" if envelope != "form" else encode({"a": 1})
    query = "?Ou1:a;i1;;" if envelope == "query" else ""
    assert ask(router, method, f"/f{query}", body, **TYPED).status == 200
    if envelope in ("none", "query"):
        assert ask(router, method, f"/f{query}", b"O;", **TYPED).status == 400


def test_what_the_header_method_may_say() -> None:
    router = everything()
    for method in OVERRIDES:
        answer = ask(router, "POST", f"/{method}-form", encode({"a": 1}), Method=method, **TYPED)
        assert value(answer) == [method, 1, 2]
        for sent in ("GET", "PUT", "PATCH", "DELETE"):
            if sent != method:
                assert ask(router, sent, f"/{method}-form", Method=method, **TYPED).status == 400
    for wrong in ("GET", "TRACE", "put", "", "PUT, PUT", "CONNECT"):
        answer = ask(router, "POST", "/POST-form", encode({"a": 1}), Method=wrong, **TYPED)
        assert answer.status == 400
    # Not overridden, it is another method than the form's.
    assert ask(router, "POST", "/PUT-form", encode({"a": 1}), **TYPED).status == 405


class Document(glyph.Resource):
    def __init__(self, name: str) -> None:
        self.name = name

    @glyph.safe
    def text(self) -> bytes | None:
        return STORE.get(self.name)

    @glyph.method("PUT", own_url=True)
    def replace(self, content: glyph.Blob) -> None:
        STORE[self.name] = content.read()

    @glyph.method("PATCH", envelope="form", own_url=True)
    @glyph.redirect
    def rename(self, name: str) -> Document:
        STORE[name] = STORE.pop(self.name)
        return Document(name)

    @glyph.method("DELETE", own_url=True)
    def delete(self) -> bool:
        return STORE.pop(self.name, None) is not None


STORE: dict[str, bytes] = {}


class Note(glyph.Resource):
    def __init__(self, id: int) -> None:
        self.id = id

    @glyph.method("DELETE", own_url=True)
    def delete(self) -> list[Any]:
        return told(self.id)


def notes() -> list[Note]:
    return [Note(1), Note(2)]


def test_what_the_methods_of_its_own_url_do(serve: Any, no_leaks: None) -> None:
    STORE.clear()
    url = serve(Document, notes, Note)
    for override in (False, True):
        with glyph.Client(timeout=10, method_override=override) as client:
            root = client.get(url)
            document = root.Document("a")
            assert glyph.url_of(document.replace) == glyph.url_of(document)
            assert document.replace(glyph.blob(b"one", "text/plain")) is None
            assert document.text() == b"one"
            renamed = document.rename("b")
            assert (renamed.name, renamed.text()) == ("b", b"one")
            assert renamed.delete() is True
            assert renamed.delete() is False
            # A partial one takes the form, and asks for its own deletion.
            assert [note.delete() for note in root.notes()] == [["DELETE", 1], ["DELETE", 2]]


def test_where_they_are_and_what_is_allowed_there() -> None:
    router = serve(Document)
    content = page_of(router, "Document", name="a").content
    assert [(content[n].url, content[n].method) for n in ("replace", "rename", "delete")] == [
        ("", "PUT"), ("", "PATCH"), ("", "DELETE"),
    ]  # fmt: skip
    url = ask(router, "POST", "/Document", encode({"name": "a"}), **TYPED).header("location")
    assert url is not None
    answer = ask(router, "POST", url, **TYPED)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, PUT, PATCH, DELETE")
    assert "only GET, HEAD, PUT" in message(answer)
    for name in ("replace", "rename", "delete"):  # they have no other URL
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert ask(router, method, url + name, **TYPED).status == 404
    plain = serve(Note)
    url = reference(plain, "Note", id=1)
    answer = ask(plain, "PUT", url, **FILE)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, DELETE")
    assert ask(plain, "DELETE", url[:-4] + "AAA/", **TYPED).status in (400, 404)


@pytest.mark.parametrize(("method", "envelope"), CELLS)
def test_allow_is_true_for_every_cell(method: str, envelope: str) -> None:
    router = glyph.Router()
    router.add(cell(method, envelope), name="f")
    refused = ask(router, "TRACE", "/f")
    allow = refused.header("allow") or ""
    assert allow == ("GET, HEAD, POST" if method == "GET" else method)
    for other in (*ENVELOPES, "HEAD"):
        status = ask(router, other, "/f", **TYPED).status
        assert (status == 405) == (other not in allow.split(", "))


def test_the_root_page_allows_get_alone() -> None:
    answer = ask(glyph.Router(), "DELETE", "/", **TYPED)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


# --- what is refused when it is registered --------------------------------------------------------


def marked(function: Any, *marks: Any) -> Any:
    for mark in marks:
        function = mark(function)
    return function


def f0() -> None: ...


def f1(a: Any) -> None: ...


def f2(a: Any, b: Any = 1) -> None: ...


@pytest.mark.parametrize(
    ("function", "marks", "text"),
    [
        (f0, (glyph.safe, glyph.method("PUT", envelope="form")), "f0: what is safe is asked"),
        (f0, (glyph.safe, glyph.method("POST")), "not with POST"),
        (
            f1,
            (glyph.method("DELETE"),),
            "f1: the envelope 'none' carries no arg.*query, blob, form",
        ),
        (f1, (glyph.method("POST", envelope="none"),), "f1: the envelope 'none'"),
        (f0, (glyph.method("PUT"),), "f0: the envelope 'blob' carries one.*also: form"),
        (f2, (glyph.method("PATCH"),), "f2: the envelope 'blob' carries one"),
        (f0, (glyph.method("DELETE"), glyph.cache(max_age=1)), "f0: only what is safe"),
        (f0, (glyph.method("DELETE", own_url=True),), "f0: only a method of a class"),
    ],
)
def test_marks_that_contradict_each_other(function: Any, marks: Any, text: str) -> None:
    made = FunctionType(function.__code__, globals(), function.__name__, function.__defaults__)
    with pytest.raises(TypeError, match=text):
        glyph.Router().add(marked(made, *marks))


def test_classes_that_contradict_themselves() -> None:
    class Two(glyph.Resource):
        @glyph.method("DELETE", own_url=True)
        def one(self) -> None: ...

        @glyph.method("DELETE", own_url=True)
        def two(self) -> None: ...

    class Data(glyph.Resource):
        @property
        @glyph.method("PUT")
        def one(self) -> None: ...

    @glyph.method("PUT")
    class Whole(glyph.Resource): ...

    class Embedded(glyph.Resource):
        @glyph.method("DELETE", own_url=True)
        @glyph.embed
        def one(self) -> None: ...

    for cls, text in [
        (Two, "Two: one and two are both what DELETE of its own URL does"),
        (Data, "Data.one is no method"),
        (Whole, "Whole is a class"),
        (Embedded, "Embedded.one: what is safe is asked for with GET"),
    ]:
        with pytest.raises(TypeError, match=text):
            glyph.Router().add(cls)


def test_the_decorator_itself() -> None:
    for name in ("put", "TRACE", "HEAD", ""):
        with pytest.raises(ValueError, match="there is no method"):
            glyph.method(name)
    for name in ("GET", "POST"):
        with pytest.raises(ValueError, match="own_url goes with PUT, PATCH and DELETE"):
            glyph.method(name, own_url=True)


def test_hidden_ones_are_not_answered_and_overriding_keeps_the_mark() -> None:
    class Base(glyph.Resource):
        def __init__(self, id: int = 1) -> None:
            self.id = id

        @glyph.method("DELETE", own_url=True)
        def delete(self) -> str:
            return "base"

    class Kept(Base):
        def delete(self) -> str:
            return "kept"

    class Hidden(Base):
        @glyph.hidden
        def delete(self) -> str:
            return "never"

    router = serve(Kept, Hidden)
    assert local(router).Kept(1).delete() == "kept"
    answer = ask(router, "DELETE", reference(router, "Hidden"), **TYPED)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


# --- files that are large, cut or too many --------------------------------------------------------


def head(length: int, *lines: str, method: str = "PUT", path: str = "/upload") -> bytes:
    fields = [
        f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}",
        "Content-Type: a/b", 'Content-Disposition: form-data; name="content"', *lines,
    ]  # fmt: skip
    return "\r\n".join([*fields, "", ""]).encode()


called: list[int] = []


@glyph.method("PUT")
def upload(content: glyph.Blob) -> int:
    called.append(content.size or 0)
    return content.size or 0


def test_a_cut_or_stalled_upload_is_no_call(serve: Any, no_leaks: None) -> None:
    called.clear()
    url = serve(upload, idle=0.2)
    assert status_of(exchange(url, head(3_000_000) + b"x" * 2_000_000)) == 408
    chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert status_of(exchange(url, chunked + b"2\r\nxx\r\nzz\r\n")) == 400
    assert called == []
    assert status_of(exchange(url, chunked + b"2\r\nxx\r\n0\r\n\r\n")) == 200
    assert called == [2]


def test_limits_of_a_blob(serve: Any, no_leaks: None) -> None:
    called.clear()
    router = glyph.Router(limits=glyph.Limits(blob_size=1000))
    url = serve(upload, router=router)
    assert status_of(exchange(url, head(1000, "Connection: close") + b"x" * 1000)) == 200
    assert status_of(exchange(url, head(1001, "Connection: close"))) == 413
    chunked = head(0, "Connection: close").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    assert status_of(exchange(url, chunked + b"3e9\r\n" + b"x" * 1001)) == 413
    assert called == [1000]


@pytest.mark.parametrize("envelope", ["blob", "form"])
def test_the_time_that_a_file_takes_is_not_the_calls(envelope: str) -> None:
    @glyph.method("PUT", envelope=envelope)
    def left(content: glyph.Blob) -> float:
        assert content.size == 5
        found = glyph.context().time_left
        assert found is not None
        return found

    body = b"01234" if envelope == "blob" else encode({"content": glyph.blob(b"01234", "a/b")})

    def slow() -> Iterator[bytes]:
        for piece in (body[:-2], body[-2:-1], body[-1:]):
            yield piece
            time.sleep(0.2)

    router = serve(left)
    headers = {**(FILE if envelope == "blob" else TYPED), "Hyperglyph_Timeout": "0.3"}
    fields = [("Host", "localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    answer = router.handle(Incoming("PUT", "/left", fields, slow(), target="/left"))
    assert 0.1 < value(answer) <= 0.3


def test_a_local_call_holds_no_file_in_memory(no_leaks: None) -> None:
    class Endless(Pipe):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.taken += len(data := b"x" * (size or 0))
            return data

    stream: Any = Endless(b"")
    router = glyph.Router(limits=glyph.Limits(blob_size=3_000_000))
    router.add(upload)
    for target in (router, router.wsgi):
        with pytest.raises(glyph.ContentTooLarge, match="more than 3000000 bytes"):
            local(target).upload(glyph.blob(stream, "a/b"))
        assert 3_000_000 <= stream.taken < 4_000_000
        stream = Endless(b"")


def test_an_error_of_the_callers_file_comes_out_as_it_is(root: Callable[..., Any]) -> None:
    class Failing(Pipe):
        def read(self, size: int | None = -1, /) -> bytes:
            if data := super().read(size):
                return data
            raise OSError("disk")

    offers = root()
    for name in ("PUT-blob", "POST-form"):
        stream: Any = Failing(b"x" * 200_000)
        with pytest.raises(OSError, match=r"^disk$"):
            offers[name](glyph.blob(stream, "a/b"))


def test_other_calls_are_served_while_one_uploads(serve: Any, no_leaks: None) -> None:
    url = serve(upload, cell("POST", "none"), threads=2)
    with socket.create_connection(("127.0.0.1", port_of(url)), 5) as slow:
        slow.sendall(head(10, "Connection: close") + b"12345")
        with glyph.Client(timeout=5) as client:
            assert client.get(url).none() == ["POST"]
        slow.sendall(b"67890")
        answer = b""
        while piece := slow.recv(65536):
            answer += piece
    assert decode(answer.partition(b"\r\n\r\n")[2]) == 10
