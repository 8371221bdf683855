"""The service of the tests of deployments: `python FILE --log LOG --port PORT [OPTIONS]`.

Each execution of a call is written to LOG at once, so that a process may be killed at any time.
"""

from __future__ import annotations

import argparse
import os
import time

import hyperglyph as glyph


class Log:
    """A file to which several processes append."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, what: str) -> None:
        os.write(self._file, f"{what}\n".encode())


def who_asks(request: glyph.Incoming) -> str:
    """The name in the basic authentication; everybody may come in."""
    credentials = glyph.basic_credentials(request)
    return "nobody" if credentials is None else credentials[0]


def make_router(log: Log, folder: str, proxies: list[str], hosts: list[str]) -> glyph.Router:
    router = glyph.Router(authenticate=who_asks, trusted_proxies=proxies, allowed_hosts=hosts)

    @router.add()
    def add(call: str, seconds: float = 0.0) -> int:
        """Unsafe: once and only once."""
        log.note(call)
        time.sleep(seconds)
        return os.getpid()

    @router.add()
    @glyph.method("PUT", envelope="form")
    def put(call: str, seconds: float = 0.0) -> int:
        log.note(call)
        time.sleep(seconds)
        return os.getpid()

    @router.add()
    @glyph.method("DELETE", envelope="form")
    def delete(call: str, seconds: float = 0.0) -> int:
        log.note(call)
        time.sleep(seconds)
        return os.getpid()

    @router.add()
    @glyph.safe()
    def look(call: str, seconds: float = 0.0) -> int:
        log.note(call)
        time.sleep(seconds)
        return os.getpid()

    @router.add()
    class Item(glyph.Resource):
        """What references lead to."""

        def __init__(self, number: int) -> None:
            self.number = number

        @glyph.safe()
        def double(self) -> int:
            return self.number * 2

        def add(self, call: str) -> int:
            log.note(call)
            return self.number

    @router.add()
    @glyph.redirect()
    def item(number: int) -> Item:
        return Item(number)

    def content() -> str:
        log.note("executed")
        with open(folder, encoding="utf-8") as file:
            return file.read()

    @router.add()
    @glyph.safe()
    @glyph.cache(max_age=60, public=True)
    def public() -> str:
        return content()

    @router.add()
    @glyph.safe()
    @glyph.cache(max_age=1, public=True)
    def soon_stale() -> str:
        return content()

    @router.add()
    @glyph.safe()
    @glyph.cache(max_age=60)
    def private() -> str:
        return f"{content()} for {glyph.principal()}"

    @router.add()
    @glyph.safe()
    @glyph.cache(max_age=60, public=True)
    def mine() -> str:
        """Public by mistake: it depends on who asks."""
        return f"{content()} for {glyph.principal()}"

    @router.add()
    @glyph.safe()
    def asked() -> dict[str, str | None]:
        """How the request looks from inside."""
        context = glyph.context()
        return {name: context.header(name) for name in ("host", "x-forwarded-for")}

    return router


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--content", default=os.devnull)
    parser.add_argument("--proxy", action="append", default=[])
    parser.add_argument("--allow", action="append", default=[])
    options = parser.parse_args()
    router = make_router(Log(options.log), options.content, options.proxy, options.allow)
    glyph.Server(router, port=options.port).run()


if __name__ == "__main__":
    main()
