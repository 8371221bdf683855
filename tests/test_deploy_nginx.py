"""Behind nginx, with the configurations of examples/deploy: a cache, and a prefix with TLS."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme
from deploy_help import Nginx, Process, executions, free_port
from http_peers import MEDIA_TYPE, exchange, status_of

import hyperglyph as glyph
from hyperglyph.transport.adapters.httpx import HttpxTransport
from hyperglyph.transport.http.messages import Request

# --- a cache -------------------------------------------------------------------------------------


@attrs.frozen
class Cached:
    """A service behind a cache, and what it has executed."""

    url: str
    content: Path
    log: Path

    def ask(self, path: str, *fields: str, method: str = "GET", body: bytes = b"") -> Answer:
        """One raw request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *fields]
        if body:
            lines += [f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {len(body)}"]
        return Answer(exchange(self.url, "\r\n".join([*lines, "", ""]).encode() + body))

    @property
    def count(self) -> int:
        """How many times anything was executed."""
        return executions(self.log).total()


class Answer:
    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.status = status_of(data)
        self.headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        }

    @property
    def cache(self) -> str | None:
        return self.headers.get("x-cache-status")


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Cached]:
    content = tmp_path / "content"
    content.write_text("one")
    log = tmp_path / "log"
    port = free_port()
    with Process(log, "--content", str(content)) as process:
        instead = {
            "/var/cache/nginx/service": str(tmp_path / "cache"),
            "127.0.0.1:8000": f"127.0.0.1:{port}",
            "127.0.0.1:8001": f"127.0.0.1:{process.port}",
        }
        with Nginx(tmp_path / "nginx", "cache.conf", instead).start(port):
            yield Cached(f"http://127.0.0.1:{port}/", content, log)


def test_a_public_result_is_served_from_the_cache(cached: Cached, client: glyph.Client) -> None:
    root = client.get(cached.url)
    assert [root.public() for _ in range(5)] == ["one"] * 5
    assert cached.count == 1
    first = cached.ask("/public", "Accept: */*")
    assert (first.cache, first.status) == ("MISS", 200)  # of another Accept
    again = cached.ask("/public", "Accept: */*")
    assert (again.cache, again.body) == ("HIT", first.body)
    assert cached.ask("/public", "Accept: */*", method="HEAD").cache == "HIT"
    etag = first.headers["etag"]
    assert cached.ask("/public", "Accept: */*", f"If-None-Match: {etag}").status == 304
    packed = cached.ask("/public", "Accept: */*", "Accept-Encoding: gzip")
    assert packed.cache == "MISS"  # and not the plain one
    assert cached.count == 3


def test_a_private_one_never_is(cached: Cached, client: glyph.Client) -> None:
    root = client.get(cached.url)
    assert [root.private() for _ in range(3)] == ["one for nobody"] * 3
    assert cached.count == 3
    for _ in range(2):
        assert cached.ask("/private").cache == "MISS"
    assert cached.count == 5


def test_nobody_gets_what_is_anothers(cached: Cached) -> None:
    """Even what is said to be public by mistake."""
    users = ["ada", "bob"]
    for path in ("private", "mine"):
        for _ in range(3):
            for user in users:
                with glyph.Client(auth=(user, "secret")) as client:
                    assert getattr(client.get(cached.url), path)() == f"one for {user}"
            with glyph.Client() as client:
                assert getattr(client.get(cached.url), path)() == "one for nobody"
    # Of `mine` once for each user, and always for nobody, whom no header tells from others.
    assert cached.count == 9 + 2 + 3
    for name in ("Authorization: Basic YWRhOng=", "Cookie: user=1"):
        assert cached.ask("/mine", "Accept: x/y", name).cache == "MISS"
        assert cached.ask("/mine", "Accept: x/y", name).cache == "HIT"


def test_a_change_is_noticed_once_it_may_be(cached: Cached) -> None:
    def soon_stale() -> Answer:
        return cached.ask("/soon_stale")

    first = soon_stale()
    cached.content.write_text("two")
    assert soon_stale().body == first.body  # so long as the author allows
    second = wait_for(soon_stale, "EXPIRED")
    assert second.body == b"u3:two;"
    assert second.headers["etag"] != first.headers["etag"]
    # What has not changed is answered with 304, and served again from the cache.
    assert wait_for(soon_stale, "REVALIDATED").body == b"u3:two;"


def wait_for(ask: Any, status: str) -> Answer:
    """The first answer that is no hit."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer: Answer = ask()
        if answer.cache != "HIT":
            assert answer.cache == status
            return answer
        time.sleep(0.05)
    raise AssertionError("it never becomes stale")


def test_the_header_method_poisons_nothing(cached: Cached) -> None:
    wrong = [(m, v) for m in ("GET", "HEAD") for v in ("DELETE", "PUT", "PATCH", "POST")]
    for method, value in wrong:
        refused = cached.ask("/public", f"Method: {value}", method=method)
        assert refused.status == 400
    clean = cached.ask("/public")
    assert (clean.cache, clean.status, clean.body) == ("MISS", 200, b"u3:one;")
    for method, value in wrong:
        served = cached.ask("/public", f"Method: {value}", method=method)
        assert (served.cache, served.status) == ("HIT", 200)
    # Nor does what is called as POST fill or empty the place of a GET.
    assert cached.ask("/public", method="POST", body=b"O;").cache is None
    assert cached.ask("/public", "Method: DELETE", method="POST", body=b"O;").status == 405
    assert cached.ask("/public").cache == "HIT"
    done = cached.ask("/delete", "Method: DELETE", method="POST", body=b"Du4:call;u4:gone;;")
    assert done.status == 200
    assert executions(cached.log)["gone"] == 1
    assert cached.ask("/delete").status == 405


def test_hosts_share_nothing(cached: Cached) -> None:
    """Links may depend on the host that was asked, so it is part of the key."""
    assert cached.ask("/public").cache == "MISS"
    data = exchange(
        cached.url, b"GET /public HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    assert Answer(data).cache == "MISS"
    forged = cached.ask("/public", "X-Forwarded-Host: evil.example", "X-Forwarded-Prefix: /evil")
    assert forged.cache == "HIT"


# --- a prefix, with TLS at the proxy -------------------------------------------------------------


@attrs.frozen
class Prefixed:
    url: str
    port: int
    direct: str
    transport: glyph.Transport
    client: glyph.Client


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def told(request: pytest.FixtureRequest) -> bool:
    """Whether the router trusts the proxy."""
    return bool(request.param)


@pytest.fixture
def prefixed(tmp_path: Path, told: bool) -> Iterator[Prefixed]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "chain.pem"), append=True)
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    transport = HttpxTransport(verify=context)
    port = free_port()
    trust = ("--proxy", "127.0.0.1") if told else ()
    with Process(tmp_path / "log", *trust) as process:
        instead = {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "example.org;": "localhost;",
            "/etc/ssl/example.org": str(tmp_path),
            "127.0.0.1:8001": f"127.0.0.1:{process.port}",
        }
        with (
            Nginx(tmp_path / "nginx", "prefix.conf", instead).start(port),
            glyph.Client(transport) as client,
        ):
            url = f"https://localhost:{port}/service/"
            yield Prefixed(url, port, process.url, transport, client)


def test_a_prefix_with_tls_at_the_proxy(prefixed: Prefixed, told: bool) -> None:
    if not told:
        # The page names a place that is not the service's, and so does each redirect.
        root = prefixed.client.get(prefixed.url)
        assert glyph.url_of(root) == f"https://localhost:{prefixed.port}/"
        with pytest.raises(glyph.NotFound):
            root.item(7)
        return
    root = prefixed.client.get(prefixed.url)
    assert glyph.url_of(root) == prefixed.url
    item = root.item(7)
    assert glyph.url_of(item).startswith(f"{prefixed.url}Item/")
    assert (item.number, item.double(), item.add("x")) == (7, 14, 7)
    assert glyph.reload(item) == item
    assert prefixed.client.get(prefixed.url.rstrip("/")).item(8).number == 8
    assert root.asked()["host"] == f"localhost:{prefixed.port}"
    # The same reference is good without the proxy, too.
    with glyph.Client() as client:
        token = re.sub(r".*/service/", "", glyph.url_of(item))
        assert client.get(prefixed.direct + token).double() == 14


def test_pages_of_other_origins_stay_outside(prefixed: Prefixed) -> None:
    """What a browser says of its page is compared with the host that it has asked."""
    for origin, status in (
        (f"https://localhost:{prefixed.port}", 200),
        ("https://evil.example", 403),
        (f"http://127.0.0.1:{prefixed.port}", 403),
    ):
        headers = [("Content-Type", MEDIA_TYPE), ("Origin", origin)]
        request = Request("POST", f"{prefixed.url}add", headers, b"Du4:call;u1:x;;")
        response = prefixed.transport.send(request)
        assert response.status == status
        response.close()


@pytest.mark.parametrize("told", [True], indirect=True)
def test_the_proxy_writes_what_counts_itself(prefixed: Prefixed) -> None:
    """What a peer puts into these headers does not get through nginx."""
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "ftp",
    }
    with prefixed.client.options(headers=forged):
        root = prefixed.client.get(prefixed.url)
        assert glyph.url_of(root) == prefixed.url
        assert root.asked()["host"] == f"localhost:{prefixed.port}"


@pytest.mark.parametrize("told", [False], indirect=True)
def test_who_is_not_trusted_forges_nothing(prefixed: Prefixed) -> None:
    """Here nobody is: not even a peer of this very machine."""
    with glyph.Client(headers={"X-Forwarded-Prefix": "/evil"}) as client:
        assert glyph.url_of(client.get(prefixed.direct)) == prefixed.direct
