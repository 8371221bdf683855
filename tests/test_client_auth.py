"""`Client(auth=...)`: a pair for basic authentication, and httpx's own classes with its adapter."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from object_help import serve as router_of
from recorder import Recorder, recorders

import hyperglyph as glyph
from hyperglyph.codec import Form, Link
from hyperglyph.transport.adapters.httpx_common import httpx

pytestmark = pytest.mark.usefixtures("face")

Serve = Callable[..., str]

BASIC = "Basic Ym9iOnA6w6k="  # bob, p:é


def known(request: glyph.Incoming) -> str | None:
    pair = glyph.basic_credentials(request)
    return "bob" if pair == ("bob", "p:é") else None


def whoami() -> Any:
    return glyph.principal()


def size_of(file: Any) -> tuple[int, Any]:
    return len(file.read()), glyph.principal()


class Digest:
    """HTTP's digest authentication (RFC 7616) of one user, to be given to a router."""

    def __init__(self) -> None:
        self.challenges = 0
        self.accepted = 0
        self.forgets = False  # once, as after a restart

    def __call__(self, request: glyph.Incoming) -> str:
        given = request.header("authorization") or ""
        forgets, self.forgets = self.forgets, False
        if given.startswith("Digest ") and not forgets:
            parts = dict(
                part.strip().split("=", 1) for part in given.removeprefix("Digest ").split(",")
            )
            fields = {name: value.strip('"') for name, value in parts.items()}
            assert fields["uri"] == request.target
            user = self._hash("bob:users:secret")
            call = self._hash(f"{request.method}:{request.target}")
            rest = ":".join(fields[name] for name in ("nonce", "nc", "cnonce", "qop"))
            if fields["response"] == self._hash(f"{user}:{rest}:{call}"):
                self.accepted += 1
                return fields["username"]
        self.challenges += 1
        raise glyph.Unauthorized(
            "who?",
            challenge=f'Digest realm="users", qop="auth", nonce="n{self.challenges}", '
            "algorithm=SHA-256",
        )

    @staticmethod
    def _hash(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


class OnePass(io.BytesIO):
    """A file that cannot go back."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation("seek")


@pytest.fixture
def home(no_leaks: None) -> Iterator[list[Recorder]]:
    with recorders(2) as made:
        yield made


# --- basic ----------------------------------------------------------------------------------------


def test_basic_over_http(serve: Serve) -> None:
    url = serve(router=router_of(whoami, authenticate=known))
    for auth in (("bob", "p:é"), httpx.BasicAuth("bob", "p:é")):
        with glyph.Client(auth=auth) as client:
            assert client.get(url).whoami() == "bob"
    with glyph.Client(auth=("bob", "wrong")) as client, pytest.raises(glyph.Unauthorized):
        client.get(url)


def test_basic_in_process() -> None:
    transport = glyph.LocalTransport(router_of(whoami, authenticate=known))
    with glyph.Client(transport, auth=("bob", "p:é")) as client:
        page = client.get("http://localhost/")
        assert page.whoami() == "bob"
        with (
            client.options(headers={"Authorization": "Basic x"}),
            pytest.raises(glyph.Unauthorized),
        ):
            page.whoami()
    with pytest.raises(TypeError, match="transport 'local' knows no authentication classes"):
        glyph.Client(transport, auth=httpx.BasicAuth("bob", "x"))


@pytest.mark.parametrize(
    ("auth", "error", "text"),
    [
        (("bob",), TypeError, "pair of texts"),
        (("bob", b"x"), TypeError, "pair of texts"),
        (("bob", "x", "y"), TypeError, "pair of texts"),
        (("b:ob", "x"), ValueError, "colon"),
        (("bob", "x\r\nX: y"), ValueError, "control characters"),
        ("bob:x", TypeError, r"auth is \(user, password\) or what httpx takes, not str"),
    ],
)
def test_what_is_no_auth(auth: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        glyph.Client(auth=auth)


def test_auth_and_a_header_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="not both"):
        glyph.Client(auth=("a", "b"), headers={"authorization": "x"})


# --- httpx's classes ------------------------------------------------------------------------------


def test_digest(serve: Serve) -> None:
    """Asked once, then told in advance; what is sent twice is executed once."""
    digest = Digest()
    calls: list[int] = []

    def count(by: int) -> int:
        calls.append(by)
        return len(calls)

    @glyph.safe
    def search(text: str) -> str:
        return text

    url = serve(router=router_of(whoami, count, search, size_of, authenticate=digest))
    with glyph.Client(auth=httpx.DigestAuth("bob", "secret")) as client:
        page = client.get(url)
        assert (digest.challenges, digest.accepted) == (1, 1)
        assert page.whoami() == "bob"
        assert page.count(5) == 1
        assert page.search("a b/ü?") == "a b/ü?"
        assert digest.challenges == 1
        assert calls == [5]
    with glyph.Client(auth=httpx.DigestAuth("bob", "wrong")) as client:
        with pytest.raises(glyph.Unauthorized):
            client.get(url)
        assert digest.challenges == 3


def test_digest_with_a_body_that_is_sent_twice(serve: Serve) -> None:
    digest = Digest()
    url = serve(router=router_of(size_of, authenticate=digest))
    with glyph.Client(auth=httpx.DigestAuth("bob", "secret")) as client:
        page = client.get(url)
        digest.forgets = True
        assert page.size_of(glyph.blob(b"x" * 300_000, "text/plain")) == [300_000, "bob"]
        assert (digest.challenges, digest.accepted) == (2, 2)
        digest.forgets = True
        with pytest.raises(glyph.EncodeError, match="cannot be rewound"):
            page.size_of(glyph.blob(OnePass(b"x" * 300_000), "text/plain"))
        assert (digest.challenges, digest.accepted) == (3, 2)
        assert page.size_of(glyph.blob(b"x", "text/plain")) == [1, "bob"]


def test_netrc(tmp_path: Any, serve: Serve) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login bob password p:é\n", "utf-8")
    url = serve(router=router_of(whoami, authenticate=known))
    with glyph.Client(auth=httpx.NetRCAuth(str(path))) as client:
        assert client.get(url).whoami() == "bob"


def test_a_function_of_a_request(home: list[Recorder]) -> None:
    def sign(request: httpx.Request) -> httpx.Request:
        request.headers["X-Signed"] = f"{request.method} {request.url.path}"
        request.headers["User-Agent"] = "signer"
        return request

    home[0].pages["/"] = Link("a%7Eb?c=%2f")
    with glyph.Client(auth=sign) as client:
        client.get(home[0].url)()
    seen = home[0].seen
    assert [request.header("x-signed") for request in seen] == ["GET /", "GET /a~b"]
    assert seen[1].path == "/a%7Eb?c=%2f"  # as the page spelled it
    assert seen[0].header("user-agent") == "signer"
    assert seen[0].header("accept") is not None


class Signed(httpx.Auth):
    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["X-Digest"] = hashlib.sha256(request.content).hexdigest()
        yield request


def test_one_that_signs_the_body(home: list[Recorder]) -> None:
    home[0].pages["/"] = Form("f", values=["a"])
    with glyph.Client(auth=Signed()) as client:
        form = client.get(home[0].url)
        form("x" * 100_000)
        body = home[0].seen[-1].body
        assert len(body) > 100_000
        assert home[0].seen[-1].header("x-digest") == hashlib.sha256(body).hexdigest()
        with pytest.raises(ValueError, match="which holds a blob"):
            form(glyph.blob(b"x", "text/plain"))
    assert len(home[0].seen) == 2


class Token(httpx.Auth):
    """Asks another server for a token, before the first call and when the server says 401."""

    requires_response_body = True

    def __init__(self, url: str) -> None:
        self.url = url
        self.token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self.token is None:
            response = yield httpx.Request("POST", self.url, content=b"give me one")
            self.token = f"token-of-{len(response.content)}-bytes"
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


def test_one_that_asks_for_a_token(home: list[Recorder]) -> None:
    service, tokens = home
    service.pages["/"] = "content"
    tokens.pages["/token"] = "abc"
    with glyph.Client(auth=Token(tokens.url + "token")) as client:
        assert client.get(service.url) == "content"
        assert client.get(service.url) == "content"
    (asked,) = tokens.seen
    assert (asked.method, asked.body, asked.path) == ("POST", b"give me one", "/token")
    assert asked.header("content-length") == "11"
    assert [seen.header("authorization") for seen in service.seen] == [
        "Bearer token-of-7-bytes"
    ] * 2


def test_a_token_that_cannot_be_had(home: list[Recorder]) -> None:
    url = home[0].url
    with glyph.Client(auth=Token("http://127.0.0.1:1/")) as client:
        with pytest.raises(glyph.TransportError) as caught:
            client.get(url)
        assert caught.value.outcome == "not done"
    assert home[0].seen == []


def test_an_auth_that_fails(home: list[Recorder]) -> None:
    def broken(request: httpx.Request) -> httpx.Request:
        raise LookupError("no key")

    with glyph.Client(auth=broken) as client, pytest.raises(LookupError, match="no key"):
        client.get(home[0].url)
    assert home[0].seen == []


def test_nothing_of_it_is_shown() -> None:
    for auth in (("bob", "s3cr3t"), httpx.DigestAuth("bob", "s3cr3t")):
        with glyph.Client(auth=auth) as client:
            assert "s3cr3t" not in repr(client)


@pytest.mark.parametrize("override", [False, True])
def test_digest_with_every_envelope(override: bool, serve: Serve) -> None:
    digest = Digest()
    calls: list[Any] = []

    @glyph.method("DELETE", envelope="query")
    def remove(name: str) -> None:
        calls.append(name)

    @glyph.method("DELETE")
    def clear() -> None:
        calls.append(None)

    @glyph.method("PUT")
    def put(file: glyph.Blob) -> None:
        calls.append(file.read())

    url = serve(router=router_of(remove, clear, put, authenticate=digest))
    auth = httpx.DigestAuth("bob", "secret")
    with glyph.Client(auth=auth, method_override=override) as client:
        page = client.get(url)
        for call, *arguments in (
            (page.remove, "é?"),
            (page.clear,),
            (page.put, glyph.blob(b"x", "a/b")),
        ):
            digest.forgets = True  # so that the body goes twice
            call(*arguments)
    assert calls == ["é?", None, b"x"]
