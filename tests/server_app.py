"""The service of test_servers.py, for any WSGI or ASGI server: `app`, or below /mounted in
`flask_app`, `django_app`, `starlette_app` and `fastapi_app`. As a program it is served by ours or
by cheroot: `python FILE KIND PORT`.
"""

from __future__ import annotations

import hashlib
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import hyperglyph as glyph

MOUNT = "/mounted"
SECRET = "a secret that all processes share"
VALUES: list[Any] = [1, True, None, "é", b"\x00\xff", {1, 2}, 2.5, 10**40, {"a": [1]}]

app = glyph.Router(secret=SECRET, trusted_proxies=["127.0.0.1"], gzip_requests=True, idle=1.0)


@app.add()
def hello(name: str = "World") -> str:
    return f"Hello {name}"


@app.add()
def same(value: object) -> object:
    return value


@app.add()
@glyph.safe()
def look(name: str, count: int = 1) -> str:
    return name * count


@app.add(name="größe & mehr")
@glyph.safe()
def odd() -> str:
    return "odd"


@app.add()
@glyph.safe()
def lines() -> list[str]:
    """Worth to be compressed."""
    return [f"line {number}" for number in range(2_000)]


@app.add()
class User(glyph.Resource):
    def __init__(self, number: int, name: str = "") -> None:
        self.number = number
        self.name = name

    @glyph.safe()
    def bio(self) -> str:
        return f"Likes HTTP, {self.number}"

    def message(self, subject: str, body: str = "") -> str:
        return f"to {self.number}: {subject}, {body}"

    @glyph.method("PUT", own_url=True)
    def replace(self, content: glyph.Blob) -> int:
        return len(content.read())

    @glyph.method("DELETE", own_url=True)
    def remove(self) -> str:
        return f"no {self.number}"


@app.add()
@glyph.redirect()
def user(number: int) -> User:
    return User(number)


@app.add()
def fail() -> None:
    raise glyph.Conflict("taken", code=7, data={"by": "ada"})


@app.add()
def crash() -> None:
    raise RuntimeError("a secret of the server")


@app.add()
def digest(file: glyph.Blob) -> list[object]:
    data = file.read()
    return [file.content_type, len(data), hashlib.sha256(data).hexdigest()]


@app.add()
async def size_of(file: glyph.Blob) -> int:
    """Looks at the file piece by piece."""
    size = 0
    while piece := file.read(65536):
        size += len(piece)
    return size


@app.add()
def zeros(size: int) -> glyph.Blob:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when it has gone out
    file.truncate(size)
    return glyph.blob(file, "application/x-zeros")


@app.add()
def append(path: str, text: str, seconds: float = 0.0) -> str:
    """Leave a trace in a file."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
    time.sleep(seconds)
    return text


def mounted(outer: Any) -> Any:
    """A WSGI application with the service below MOUNT, and the rest as before."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    return DispatcherMiddleware(outer, {MOUNT: app})


def flask_app() -> Any:
    from flask import Flask

    outer: Any = Flask("outer")
    outer.add_url_rule("/", "index", lambda: "Flask")
    outer.wsgi_app = mounted(outer.wsgi_app)
    return outer


def django_app() -> Any:
    # It has no types.
    conf, http, urls, wsgi = map(
        import_module, ("django.conf", "django.http", "django.urls", "django.core.wsgi")
    )

    def index(_: object) -> Any:
        return http.HttpResponse("Django")

    conf.settings.configure(
        ROOT_URLCONF=(urls.path("", index),),
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["127.0.0.1"],
    )
    return mounted(wsgi.get_wsgi_application())


def starlette_app() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def index(_: object) -> PlainTextResponse:
        return PlainTextResponse("Starlette")

    return Starlette(routes=[Route("/", index), Mount(MOUNT, app)])


def fastapi_app() -> Any:
    from fastapi import FastAPI

    outer = FastAPI()

    @outer.get("/")
    def index() -> str:  # pyright: ignore[reportUnusedFunction]
        return "FastAPI"

    outer.mount(MOUNT, app)
    return outer


def main() -> None:
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "own":
        glyph.Server(app, port=port, idle=1.0).run()
        return
    from cheroot.wsgi import Server

    makers: dict[str, Callable[[], Any]] = {
        "cheroot": lambda: app,
        "flask": flask_app,
        "django": django_app,
    }
    server = Server(("127.0.0.1", port), makers[kind](), numthreads=8, timeout=1)
    server.prepare()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
