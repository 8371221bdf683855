"""Methods and envelopes: every cell of the table, both ways, over sockets and without."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest
from envelopes_help import CELLS, FILE, TYPE, TYPED, Pipe, ask, cell, everything, told
from object_help import local, message, page_of, reference, serve, value
from scripted import bare, opened, page

import hyperglyph as glyph
from hyperglyph.codec import Form, Resource, encode
from hyperglyph.transport.http.forms import ENVELOPES, OVERRIDES

NO_CELLS = [
    (method, envelope)
    for method in ENVELOPES
    for envelope in ("form", "none", "query", "blob")
    if (method, envelope) not in CELLS
]


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


def test_a_stream_of_unknown_length(root: Callable[..., Any]) -> None:
    stream: Any = Pipe(b"x" * 100_000)
    blob = glyph.blob(stream, "a/b")
    put = root()["PUT-blob"]
    assert put(blob)[2] == 100_000
    with pytest.raises(ValueError, match="cannot be rewound"):
        put(blob)


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


# --- a server in its own words --------------------------------------------------------------------


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
