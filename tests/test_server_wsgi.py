"""The router under WSGI, and the in-process transport over any application."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from http_peers import MEDIA_TYPE

import hyperglyph as glyph
from hyperglyph.transport.adapters.wsgi import incoming
from hyperglyph.transport.http.messages import Request


def hello(name: str = "World") -> str:
    return f"1 {name}"


def wsgi(router: glyph.Router, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    body = environ.pop("body", b"O;")
    base: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/hello",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": MEDIA_TYPE,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    seen: list[Any] = []
    given = {**base, **{key.replace("__", "."): value for key, value in environ.items()}}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        seen.extend([status, dict(headers)])

    answer = router(given, start_response)
    pieces = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return seen[0], seen[1], pieces


def test_wsgi() -> None:
    router = glyph.Router()
    router.add(hello)
    status, headers, body = wsgi(router)
    assert (status, body) == ("200 OK", b"u7:1 World;")
    assert headers["Content-Length"] == str(len(body))
    assert wsgi(router, REQUEST_METHOD="HEAD", PATH_INFO="")[2] == b""
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert wsgi(router, wsgi__input_terminated=True, **chunks)[0] == "200 OK"
    assert wsgi(router, CONTENT_LENGTH="")[2] == b"u7:1 World;"  # no length: no body


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "+2"}, 400),
        ({"CONTENT_LENGTH": "x"}, 400),
        ({"CONTENT_LENGTH": "3"}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 400),
        ({"HTTP_HOST": "localhost,localhost"}, 421),
        ({"PATH_INFO": "/\xff"}, 404),
        ({"PATH_INFO": "hello"}, 404),
    ],
)
def test_wsgi_refusals(environ: dict[str, str], status: int) -> None:
    router = glyph.Router()
    router.add(hello)
    assert wsgi(router, **environ)[0].startswith(str(status))


@pytest.mark.parametrize(
    ("error", "status"), [(TimeoutError, 408), (OSError, 400), (ValueError, 400)]
)
def test_wsgi_inputs_that_fail(error: type[Exception], status: int) -> None:
    class Failing:
        def read(self, size: int) -> bytes:
            raise error("secret")

    router = glyph.Router()
    router.add(hello)
    answer = wsgi(router, wsgi__input=Failing())
    assert answer[0].startswith(str(status))
    assert b"secret" not in answer[2]


def test_local_transport_over_any_wsgi_application() -> None:
    closed: list[bool] = []

    class Late:
        """Calls start_response only when it is iterated."""

        def __init__(self, start_response: Any) -> None:
            self.start_response = start_response

        def __iter__(self) -> Iterator[bytes]:
            self.start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"late"

        def close(self) -> None:
            closed.append(True)

    def late(environ: Any, start_response: Any) -> Late:
        return Late(start_response)

    def silent(environ: Any, start_response: Any) -> list[bytes]:
        return []

    transport = glyph.LocalTransport(late)
    with glyph.Client(transport).get("http://localhost/") as blob:
        assert (blob.content_type, blob.read()) == ("text/plain", b"late")
    assert closed == [True]
    with pytest.raises(glyph.TransportError, match="no response"):
        glyph.LocalTransport(silent).send(Request("GET", "http://localhost/"))
    outside = glyph.LocalTransport(glyph.Router(), mount="/a").send(Request("GET", "http://x/b"))
    assert outside.status == 404
    assert repr(glyph.Client(transport)) == "<Client over local>"
    assert isinstance(transport, glyph.Transport)


@pytest.mark.parametrize("mount", ["/p", "/a b", "/é/ü"])
def test_the_mount_is_decoded_like_the_path(mount: str) -> None:
    router = glyph.Router()
    seen: list[str] = []

    @router.add()
    def gruss() -> str:
        return "hallo"

    def application(environ: Any, start_response: Any) -> Any:
        seen.append(environ["SCRIPT_NAME"])
        return router.wsgi(environ, start_response)

    with glyph.Client(glyph.LocalTransport(application, mount=mount)) as client:
        root = client.get(f"http://localhost{quote(mount)}/")
        assert glyph.url_of(root.gruss) == f"http://localhost{quote(mount)}/gruss"
        assert root.gruss() == "hallo"
    assert set(seen) == {mount.encode().decode("latin-1")}
    assert incoming({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/\xff/"}).mount == "/\ufffd"
