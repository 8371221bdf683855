"""Nothing is reachable that was not registered: security rows 10, 11, 12 and 20, over HTTP.

Every name that `dir()` finds on a resource, its class, a function, a module and `object` is tried
on every kind of URL, as it is and percent-encoded, by GET and POST.
"""

from __future__ import annotations

import gc
import http.client
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_help import ask, message, serve

import hyperglyph as glyph
from hyperglyph.codec import decode, encode

MEDIA_TYPE = "application/vnd.hyperglyph"
SECRET = "a secret for names " * 2

called: list[str] = []


class Base:
    def __init__(self, id: int = 1) -> None:
        self.id = id
        self.attribute = "a"
        self._private = "p"

    def inherited(self) -> str:
        return "inherited"


class Account(Base, glyph.Resource):
    level = 1

    @property
    def computed(self) -> int:
        return 2

    def method(self, a: int = 0) -> str:
        return "method"

    @glyph.safe
    def safe_method(self) -> str:
        return "safe"

    @glyph.hidden
    def hidden_method(self) -> None:
        called.append("hidden_method")

    def _underscore(self) -> None:
        called.append("_underscore")

    @classmethod
    def class_method(cls) -> None:
        called.append("class_method")

    @staticmethod
    def static_method() -> None:
        called.append("static_method")

    class Nested:
        def __init__(self) -> None:
            called.append("Nested")


class Secret:
    """Not registered."""

    def __init__(self) -> None:
        called.append("Secret")


def function(a: int = 0) -> str:
    return "function"


REGISTERED_ROOT = {"Account", "function"}
REGISTERED_METHODS = {"inherited", "method", "safe_method"}


def names() -> set[str]:
    instance = Account(1)
    objects: list[Any] = [
        object, type, instance, Account, Base, Secret, function, instance.method, glyph,
        glyph.Router, glyph.Router(), sys, os, sys.modules[__name__], property, Exception, 1, "",
        [], {}, gc, inspect.currentframe(), function.__code__, (n for n in "x"),
    ]  # fmt: skip
    found = {name for each in objects for name in dir(each)}
    found |= set(vars(instance)) | {"..", ".", "*", "**", "%", "a/b", "__init__/__globals__", ""}
    return found | {f"{name}/__call__" for name in REGISTERED_METHODS} | set(dir(__builtins__))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with glyph.Server(serve(Account, function, secret=SECRET)) as server:
        yield server.url


class Connection:
    """One kept connection; paths go out exactly as they are given."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=10)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes, dict[str, str]]:
        headers = {} if method == "GET" else {"Content-Type": MEDIA_TYPE}
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, data, {key.lower(): value for key, value in answer.getheaders()}

    def close(self) -> None:
        self._connection.close()


def test_every_name_over_http(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    connection = Connection(url)
    status, _, headers = connection.ask("POST", "/Account", encode({"id": 1}))
    assert status == 303
    instance = headers["location"]
    tried = 0
    reached: set[tuple[str, str]] = set()
    for name in sorted(names()):
        plain = quote(name, safe="/*")
        encoded = "".join(f"%{byte:02X}" for byte in name.encode())
        for kind, prefix, tail in (
            ("root", "/", ""),
            ("instance", instance, ""),
            ("method", f"{instance}method/", ""),
            ("function", "/function/", ""),
            ("class", "/Account/", ""),
            ("class token", "/Account/", "/"),
            ("class method", "/Account/", "/method"),
            ("state", "/Account/", "/x/y"),
        ):
            # Where names are looked up, all spellings and methods; where none are, one.
            deep = kind in ("root", "instance")
            for spelling in {plain, encoded} if deep else {plain}:
                for method in ("GET", "POST") if deep else ("POST",):
                    status, data, _ = connection.ask(method, f"{prefix}{spelling}{tail}")
                    tried += 1
                    if status not in (400, 404, 405):
                        reached.add((kind, name))
                    assert status < 500, (method, prefix, name)
                    assert b"Traceback" not in data
    connection.close()
    # An empty name is the page itself; all else is what was registered.
    expected = {("root", name) for name in REGISTERED_ROOT | {""}}
    expected |= {("instance", name) for name in REGISTERED_METHODS | {""}}
    assert reached == expected
    assert called == []
    assert tried > 10_000
    with capsys.disabled():
        print(
            f"\n{tried} requests for {len(names())} names: {len(reached)} reached, all registered"
        )


def test_pages_show_what_is_registered_and_nothing_else(url: str) -> None:
    connection = Connection(url)
    root = decode(connection.ask("GET", "/")[1])
    assert set(root.content) == REGISTERED_ROOT
    location = connection.ask("POST", "/Account", encode({"id": 1}))[2]["location"]
    data = connection.ask("GET", location)[1]
    connection.close()
    assert set(decode(data).content) == REGISTERED_METHODS | {
        "id",
        "attribute",
        "level",
        "computed",
    }
    for word in (b"private", b"hidden", b"static", b"class_method", b"Nested", b"__", b"object"):
        assert word not in data


def test_no_name_from_the_wire_goes_to_getattr() -> None:
    """What reads attributes by a name that is a variable is counted, file by file."""
    root = Path(__file__).resolve().parent.parent
    found: dict[str, int] = {}
    for folder in ("client", "server", "transport"):
        for file in sorted((root / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            calls = re.findall(
                r"\b(?:getattr|setattr|getattr_static)\([^,()]+(?:\([^)]*\))?, (?!\")\w", text
            )
            if calls:
                found[f"{folder}/{file.relative_to(root / folder).as_posix()}"] = len(calls)
    # Marks and hidden names under fixed private names, data and state by names of the class; the
    # client reads the members of an error, which it names itself, and what the caller's own program
    # wrote behind a call that is still to be awaited.
    assert found == {
        "client/answers.py": 1,
        "client/calls.py": 1,
        "server/attributes.py": 1,
        "server/decorators.py": 3,
        "server/pages.py": 3,
        "server/state.py": 1,
    }
    assert "getattr" not in (root / "server" / "router.py").read_text(encoding="utf-8")
    sources = "".join(file.read_text(encoding="utf-8") for file in (root / "server").rglob("*.py"))
    assert re.findall(r"\bimport_module\((?!\")", sources) == []
    assert "__import__" not in sources


# --- mass assignment ----------------------------------------------------------------------------


@attrs.define
class Profile:
    name: str
    admin: bool = attrs.field(default=False, init=False)
    _secret: str = "s"

    @glyph.safe
    def rights(self) -> list[Any]:
        return [self.admin, self._secret]

    def rename(self, name: str, *, upper: bool = False) -> str:
        return name.upper() if upper else name


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "admin", "_secret", "secret", "self", "cls", "__class__", "upper", "a" * 200,
             "", "return", "args", "kwargs", "__dict__"]
        ),
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    )
)  # fmt: skip
def test_only_parameters_are_bound(arguments: dict[str, Any]) -> None:
    router = serve(Profile, secret=SECRET)
    created = ask(router, "POST", "/Profile", arguments)
    binds = "name" in arguments and set(arguments) <= {"name", "secret"}
    assert created.status == (303 if binds else 400)
    url = ask(router, "POST", "/Profile", {"name": "x"}).header("location")
    renamed = ask(router, "POST", f"{url}rename", arguments)
    binds = "name" in arguments and set(arguments) <= {"name", "upper"}
    if not binds:
        assert renamed.status == 400
    else:
        assert renamed.status in (200, 204, 500)


def test_arguments_are_bounded() -> None:
    def many(**kwargs: int) -> None: ...

    source = ", ".join(f"a{n}=0" for n in range(101))
    space: dict[str, Any] = {}
    exec(f"def wide({source}): ...", space)  # a function of a hundred and one parameters
    with pytest.raises(TypeError, match="more than 100 parameters"):
        glyph.Router().add(space["wide"])
    with pytest.raises(TypeError, match="kwargs"):
        glyph.Router().add(many)


# --- leaks in errors ----------------------------------------------------------------------------


def leak(kind: str) -> Any:
    path = "/srv/private/passwords.txt"
    if kind == "raise":
        raise RuntimeError(f"cannot open {path}")
    if kind == "exit":
        sys.exit(path)
    if kind == "unencodable":
        return {path: object()}
    if kind == "unregistered":
        return Secret
    if kind == "declared":
        raise glyph.Conflict("said on purpose")
    return glyph.link("http://h/")


class Leaky:
    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def bad(self) -> None:
        raise RuntimeError("/srv/private/passwords.txt")


@pytest.mark.parametrize("kind", ["raise", "exit", "unencodable", "unregistered"])
def test_errors_say_nothing_but_their_logref(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(serve(leak), "POST", "/leak", {"kind": kind})
    error = decode(b"".join(answer.body))
    assert (answer.status, error.message, error.content, error.code) == (
        500,
        "internal error",
        {},
        None,
    )
    assert re.fullmatch("[0-9a-f]{12}", error.logref)
    assert f"logref {error.logref}" in caplog.text
    assert "Traceback" in caplog.text


def test_errors_of_pages_and_of_what_is_declared() -> None:
    router = serve(leak, Leaky)
    url = ask(router, "POST", "/Leaky", {"path": "/srv"}).header("location") or ""
    answer = ask(router, "GET", url)
    assert (answer.status, message(answer)) == (500, "internal error")
    told = ask(router, "POST", "/leak", {"kind": "declared"})
    assert (told.status, message(told)) == (409, "said on purpose")


def test_errors_about_tokens_do_not_show_them() -> None:
    router = serve(Account, secret=SECRET)
    url = ask(router, "POST", "/Account", {"id": 1}).header("location") or ""
    token = url.split("/")[2]
    for bad in (token[:-2], "A" + token[1:], token[::-1], "%00", "x" * 2100):
        answer = ask(router, "GET", f"/Account/{bad}/")
        assert answer.status == 400
        assert bad not in message(answer)
