"""Starts the service of `service.py` in another process, drives it, and prints what happens."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import hyperglyph as glyph

SERVICE = Path(__file__).with_name("service.py")


def show(call: str, answer: Any) -> None:
    print(f">>> {call}\n{answer!r}")


def show_error(call: str, function: Any, *args: Any, **kwargs: Any) -> None:
    try:
        answer = function(*args, **kwargs)
    except (glyph.HyperglyphError, TypeError) as error:
        print(f">>> {call}\n{type(error).__name__}: {error}")
    else:
        raise AssertionError(f"{call} gave {answer!r}")


def drive(url: str) -> None:
    server = glyph.get(url)
    show(f"server = glyph.get({url!r}); server", server)
    show("server.hello()", server.hello())
    show('server.hello("dave")', server.hello("dave"))
    show("inspect.signature(server.add)", inspect.signature(server.add))
    show("server.add(1, 2)", server.add(1, 2))
    show("server.add(b=[2], a=[1])", server.add(b=[2], a=[1]))
    show("server.nothing()", server.nothing())
    show("server.mixed()", server.mixed())
    for name, value in server.every_type().items():
        if isinstance(value, glyph.Blob):
            show(f"server.every_type()[{name!r}].read()", value.read())
        else:
            show(f"server.every_type()[{name!r}]", value)
    show("server.echo({1: {2, 3}})", server.echo({1: {2, 3}}))
    show("server.greeting(polite=True)()", server.greeting(polite=True)())

    print("\n# blobs")
    blob = glyph.blob(b"0123456789" * 100_000, "application/x-digits")
    show("server.digest(blob)", server.digest(blob))
    with server.lines(3) as answer:
        show("server.lines(3).read()", answer.read())

    print("\n# errors")
    show_error("server.hello(1, 2)", server.hello, 1, 2)
    show_error('server.find_user("eve")', server.find_user, "eve")
    show_error("server.divide(1, 0)", server.divide, 1, 0)

    print("\n# the service changes while it runs")
    held = server.hello
    show("server.add_goodbye()", server.add_goodbye())
    show("server.change_hello()", server.change_hello())
    server = glyph.reload(server)
    show('server.goodbye("dave")', server.goodbye("dave"))
    show('server.hello("dave", greeting="Good day,")', server.hello("dave", greeting="Good day,"))
    show('held("dave")', held("dave"))


def main() -> int:
    command = [sys.executable, str(SERVICE)]
    service = subprocess.Popen(  # noqa: S603 - our own script
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with service:
        try:
            assert service.stdout is not None
            drive(service.stdout.readline().strip())
        finally:
            service.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
