"""A plain HTTP server for the tests of the client: it records what it is sent, and says what its
routes say; `/hop?STATUS&LOCATION` redirects.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import attrs

from hyperglyph.codec import encode

MEDIA_TYPE = "application/vnd.hyperglyph"


@attrs.frozen
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def mentions(self, text: str) -> bool:
        everything = repr((self.path, self.headers, self.body))
        return text in everything


class Recorder:
    """The server: `pages` maps paths to values; `headers` go out with every answer."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.seen: list[Seen] = []
        self.pages: dict[str, Any] = {}
        self.headers: list[tuple[str, str]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = list(self.headers.items())
                recorder.seen.append(Seen(self.command, self.path, given, body))
                status, extra, content = recorder.answer(self.path)
                self.send_response(status)
                for name, value in (*extra, *recorder.headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None: ...  # it hung up

        self._server = Server((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def answer(self, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        if path.startswith("/hop?"):
            status, _, location = path[5:].partition("&")
            return int(status), [("Location", unquote(location))], b"moved"
        return 200, [("Content-Type", MEDIA_TYPE)], encode(self.pages.get(path, path))

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


@contextmanager
def recorders(count: int) -> Generator[list[Recorder]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Recorder()) for _ in range(count)]
