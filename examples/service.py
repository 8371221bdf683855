"""A small service that shows every kind of value. `python examples/service.py` serves it.

It prints its URL and stays up until it is interrupted. `tour.py` drives it from another process.
"""

import argparse
import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

import hyperglyph as glyph

router = glyph.Router()


@router.add()
def hello(name: str = "World") -> str:
    return "Hello " + name


@router.add()
def add(a: Any, b: Any = 1) -> Any:
    return a + b


@router.add()
def every_type() -> dict[str, Any]:
    """One value of each type that can travel."""
    return {
        "integer": 10**40,
        "text": "snøwman ☃",
        "bytes": b"\x00\xff",
        "float": 0.1,
        "true and false": [True, False],
        "nil": None,
        "datetime": datetime(2012, 9, 1, 12, 30, tzinfo=UTC),
        "timedelta": timedelta(days=3, seconds=1.5),
        "period": glyph.Period(years=1, months=6),
        "list": [1, "two", [3.0]],
        "set": {1, 2, 3},
        "dict": {"one": 1, (2, 2): "a tuple as a key"},
        "ordered dict": OrderedDict(z=1, a=2),
        "extension": glyph.Extension("celsius", {"scale": "°C"}, 21.5),
        "blob": glyph.blob(b"bytes beside the message", "text/plain"),
        "function": hello,
        "link": glyph.link("http://example.org/"),
    }


@router.add()
def mixed() -> list[Any]:
    moment = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)
    ordered = OrderedDict([("first", 1), ("second", 2)])
    return [
        1,
        True,
        None,
        False,
        "a",
        b"b",
        {1, 2},
        2.5,
        moment,
        timedelta(hours=-1),
        ordered,
        10**40,
    ]


@router.add()
def echo(value: Any) -> Any:
    return value


@router.add()
def digest(file: Any) -> dict[str, Any]:
    """Reads a blob as it reads any file; only 64 KiB of it are in memory at once."""
    sha256 = hashlib.sha256()
    while piece := file.read(65536):
        sha256.update(piece)
    return {"type": file.content_type, "size": file.size, "sha256": sha256.hexdigest()}


@router.add()
def lines(count: int) -> glyph.Blob:
    """A blob as the result."""
    return glyph.blob(b"".join(b"line %d\n" % number for number in range(count)), "text/plain")


@router.add()
def find_user(name: str) -> dict[str, Any]:
    """Fails with a class that the caller can catch."""
    raise glyph.NotFound(f"no user {name}", data={"name": name})


@router.add()
def divide(a: float, b: float) -> float:
    """Fails with an exception that nobody declared: the caller gets a reference into the log."""
    return a / b


@router.add()
def nothing() -> None:
    """Nil is a value too."""


@router.add()
def add_goodbye() -> None:
    """Adds a function to the service while it runs."""

    def goodbye(name: str) -> str:
        return "Goodbye " + name

    router.add(goodbye)


@router.add()
def change_hello() -> None:
    """Redefines `hello`; callers that hold the old form do not notice."""

    def hello(name: str = "World", greeting: str = "Hello") -> str:
        return f"{greeting} {name}"

    hello.__qualname__ = "hello"  # what a module that is loaded again would say
    router.add(hello)


@router.add()
def greeting(polite: bool = False) -> Any:
    """Returns a function, not its result."""
    return hello if polite else add


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    with glyph.Server(router, port=parser.parse_args().port) as server:
        print(server.url, flush=True)
        try:
            server.join()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
