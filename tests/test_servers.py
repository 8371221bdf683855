"""One list of calls over every server, and the table in docs/servers.md of what each cannot do.

What every server has to do is asserted for each. Where they differ, what is seen goes into a row of
the table: the last test of each server compares it with the page.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme
from http_peers import MEDIA_TYPE, exchange, post, status_of
from server_app import VALUES
from server_help import COLUMNS, KINDS, TABLE, Kind, Running, heading, running

import hyperglyph as glyph
from hyperglyph.codec import decode
from hyperglyph.transport.adapters.httpx import HttpxTransport

MIB = 1024 * 1024


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name.strip("`"))
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    kind: Kind = request.param
    with running(kind) as started:
        yield started


@pytest.fixture
def root(server: Running) -> Iterator[Any]:
    with glyph.Client(timeout=20) as client:
        yield client.get(server.url)


def get(server: Running, path: str, *headers: str, method: str = "GET") -> tuple[bytes, bytes]:
    """Head and body of an answer."""
    lines = [f"{method} {server.kind.mount}{path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    answer = exchange(server.origin, "\r\n".join([*lines, *headers, "", ""]).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def header(head: bytes, name: str) -> str | None:
    found = re.search(rf"(?im)^{name}: *(.*?)\r?$", head.decode())
    return None if found is None else found[1]


# --- what every server does ----------------------------------------------------------------------


def test_values(root: Any) -> None:
    assert (root.hello(), root.hello("é" * 1000)) == ("Hello World", "Hello " + "é" * 1000)
    for value in VALUES:
        back = root.same(value)
        assert (type(back), back) == (type(value), value)
    assert root.same("x" * 2 * MIB) == "x" * 2 * MIB


def test_references(server: Running, root: Any) -> None:
    user = root.User(7, name="Ada")
    assert (user.number, user.name, user.bio()) == (7, "Ada", "Likes HTTP, 7")
    assert user.message("lol", body="ß") == "to 7: lol, ß"
    assert glyph.reload(user) == user
    assert glyph.url_of(user).startswith(f"{server.url}User/")
    assert root.user(8).number == 8  # by 303
    assert root.same(user) is not None
    # With and without the slash at its end, a prefix means the same.
    with glyph.Client() as client:
        again = client.get(server.url.rstrip("/"))
        assert glyph.url_of(again) == server.url
        assert again.user(9).bio() == "Likes HTTP, 9"


def test_get_forms_and_methods(root: Any) -> None:
    assert root.look("a+b c/d?e&f#g%", count=2) == "a+b c/d?e&f#g%" * 2
    assert root.look("x" * 3000) == "x" * 3000
    assert root["größe & mehr"]() == "odd"
    user = root.User(7)
    assert user.replace(glyph.blob(b"x" * 100_000, "text/plain")) == 100_000
    assert user.remove() == "no 7"


def test_method_override(server: Running) -> None:
    with glyph.Client(method_override=True) as client:
        user = client.get(server.url).User(7)
        assert user.remove() == "no 7"
        assert user.replace(glyph.blob(b"abc", "text/plain")) == 3


def test_errors(server: Running, root: Any) -> None:
    with pytest.raises(glyph.Conflict) as declared:
        root.fail()
    assert (declared.value.message, declared.value.code) == ("taken", 7)
    assert declared.value.data == {"by": "ada"}
    with pytest.raises(glyph.ServerError) as crashed:
        root.crash()
    assert re.fullmatch(r"[0-9a-f]{12}", crashed.value.logref)
    assert "secret" not in str(crashed.value)
    with glyph.Client() as client:
        with pytest.raises(glyph.NotFound):
            client.get(f"{server.url}nothing")
        with pytest.raises(glyph.ClientError):
            client.get(f"{server.url}User/forged/")
    assert status_of(get(server, "/hello")[0]) == 405
    wrong = post(f"{server.kind.mount}/hello", b"O;").replace(MEDIA_TYPE.encode(), b"text/plain")
    assert status_of(exchange(server.origin, wrong)) == 415


@pytest.mark.parametrize("size", [0, 1, 3 * MIB + 1])
def test_blobs(root: Any, size: int) -> None:
    data = b"0123456789" * (size // 10) + b"x" * (size % 10)
    expected = ["text/plain", size, hashlib.sha256(data).hexdigest()]
    assert root.digest(glyph.blob(data, "text/plain")) == expected
    assert root.digest(glyph.blob(io.BytesIO(data), "text/plain")) == expected
    with root.zeros(size) as blob:
        assert blob.content_type == "application/x-zeros"
        assert blob.read() == bytes(size)


def test_many_calls_on_one_connection_and_on_many(root: Any) -> None:
    assert [root.hello(str(number)) for number in range(50)][-1] == "Hello 49"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(root.hello, map(str, range(50))))
    assert answers == [f"Hello {number}" for number in range(50)]


def test_caches_and_compression(server: Running) -> None:
    head, body = get(server, "/lines")
    etag = header(head, "etag")
    assert etag is not None
    assert header(head, "content-length") == str(len(body))
    only_head, nothing = get(server, "/lines", method="HEAD")
    assert (status_of(only_head), header(only_head, "etag"), nothing) == (200, etag, b"")
    unchanged, nothing = get(server, "/lines", f"If-None-Match: {etag}")
    assert (status_of(unchanged), header(unchanged, "etag"), nothing) == (304, etag, b"")
    packed, compressed = get(server, "/lines", "Accept-Encoding: gzip")
    assert header(packed, "content-encoding") == "gzip"
    assert header(packed, "etag") != etag
    assert gzip.decompress(compressed) == body
    sent = gzip.compress(b"Du4:name;u3:Ada;;")
    request = post(f"{server.kind.mount}/hello", sent, "Content-Encoding: gzip")
    assert exchange(server.origin, request).endswith(b"u9:Hello Ada;")


def test_a_body_that_is_cut_is_no_call(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    name = str(path)
    body = f"Du4:path;u{len(name)}:{name};u4:text;u1:x;;".encode()
    whole = post(f"{server.kind.mount}/append", body)
    assert status_of(exchange(server.origin, whole)) == 200
    assert path.read_text() == "x"
    for cut in (1, len(body) - 1):
        with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
            connection.sendall(whole[:-cut])
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(3)
            try:
                answer = connection.recv(65536)
            except OSError:
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 2"), answer
    assert path.read_text() == "x"


def test_the_peer_is_known(server: Running) -> None:
    """So that what a trusted proxy says can count."""
    head, body = get(server, "/", "X-Forwarded-Prefix: /before")
    assert status_of(head) == 200
    assert decode(body).attributes["url"] == f"/before{server.kind.mount}/"


def test_what_is_around_is_still_there(server: Running) -> None:
    if server.kind.outer:
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = exchange(server.origin, request)
        assert status_of(answer) == 200
        assert server.kind.outer in answer.partition(b"\r\n\r\n")[2]


# --- over HTTP/2 ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def http2_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")  # pyright: ignore[reportUnknownMemberType]
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "pem")  # pyright: ignore[reportUnknownMemberType]
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType]
    plain = next(kind for kind in KINDS if kind.name == "hypercorn")
    pem = str(folder / "pem")
    secure = attrs.evolve(plain, command=(*plain.command, "--certfile", pem, "--keyfile", pem))
    with running(secure) as started:
        trusting.set_alpn_protocols(["http/1.1", "h2"])
        with (
            socket.create_connection(("127.0.0.1", started.port), 5) as connection,
            trusting.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
        ):
            assert secured.selected_alpn_protocol() == "h2"
        transport = HttpxTransport(http2=True, verify=trusting)
        with glyph.Client(transport, timeout=20) as client:
            yield client.get(started.url.replace("http:", "https:"))


def test_calls_over_http2(http2_root: Any) -> None:
    test_values(http2_root)
    test_get_forms_and_methods(http2_root)
    for size in (0, 1, 3 * MIB + 1):
        test_blobs(http2_root, size)
    test_many_calls_on_one_connection_and_on_many(http2_root)
    with pytest.raises(glyph.Conflict, match="taken"):
        http2_root.fail()


# --- in what they differ -------------------------------------------------------------------------


def refusal(answer: bytes) -> str:
    """A status, or that there is none."""
    return str(status_of(answer)) if answer else "closes"


def chunked_upload(server: Running) -> str:
    body = b"4\r\nDu4:\r\nd\r\nname;u3:Ada;;\r\n0\r\n\r\n"
    head = post(f"{server.kind.mount}/hello", b"").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    answer = exchange(server.origin, head + body)
    return "yes" if answer.endswith(b"u9:Hello Ada;") else f"no: {refusal(answer)}"


def early_refusal(server: Running) -> str:
    """Of a body that is declared to be too long, and of which nothing is sent."""
    head = post(f"{server.kind.mount}/hello").replace(b"Length: 2", b"Length: 999999999999")
    answer = exchange(server.origin, head[: -len(b"O;")], timeout=1.0)
    return "yes" if answer and status_of(answer) == 413 else f"no: {refusal(answer)}"


def continued(server: Running) -> str:
    request = post(f"{server.kind.mount}/hello", b"O;", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", server.port), 2) as connection:
        connection.sendall(request[: -len(b"O;")])
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            return "no"
        if not answer.startswith(b"HTTP/1.1 100"):
            return f"no: {refusal(answer)}"
        connection.sendall(b"O;")
        while b"HTTP/1.1 200" not in answer or not answer.endswith(b"Hello World;"):
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece
    return "yes"


def half_sent(server: Running) -> str:
    """What becomes of a body whose rest does not come, while others are served."""
    request = post(f"{server.kind.mount}/hello", b"O;")[:-1]
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(request)
        with glyph.Client(timeout=5) as client:
            assert client.get(server.url).hello() == "Hello World"
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            return "waits"
        except ConnectionResetError:
            answer = b""
    return refusal(answer)


def two_hosts(server: Running) -> str:
    """The last is one that is answered for."""
    request = post(f"{server.kind.mount}/hello", b"O;", "Host: 127.0.0.1", host="evil.example")
    return refusal(exchange(server.origin, request))


def long_url(server: Running) -> str:
    return refusal(get(server, f"/look?{'x' * 4200}")[0])


def large_head(server: Running) -> str:
    headers = [f"X-{number}: {'x' * 1000}" for number in range(100)]
    return refusal(get(server, "/lines", *headers)[0])


def sigterm(server: Running, folder: Path) -> str:
    """Whether a call in flight ends when its server is asked to."""
    trace = folder / "trace"
    with (
        running(server.kind) as ending,
        glyph.Client(timeout=10) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(client.get(ending.url).append, str(trace), "x", 0.5)
        deadline = time.monotonic() + 5
        while not trace.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ending.process.terminate()
        try:
            answer = call.result()
        except glyph.TransportError as error:
            return f"lost, outcome {error.outcome}"
        ending.process.wait(15)
    assert answer == "x"
    return "ends"


def test_the_table(server: Running, tmp_path: Path) -> None:
    probes: tuple[Callable[[Running], str], ...] = (
        *(chunked_upload, early_refusal, continued, half_sent, two_hosts, long_url, large_head),
        lambda server: sigterm(server, tmp_path),
    )
    # A half-sent body is waited for; the others need not wait, too.
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(half_sent, server)
        for name, probe in zip(COLUMNS, probes, strict=True):
            if probe is not half_sent:
                server.seen[name] = probe(server)
        server.seen["half-sent body"] = waiting.result()
    assert server.row in TABLE.read_text("utf-8").splitlines(), f"it should say:\n{server.row}"


def test_the_table_has_no_row_too_many() -> None:
    text = TABLE.read_text("utf-8")
    _, found, rows = text.partition(f"{heading()}\n")
    assert found, f"it should begin with:\n{heading()}"
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows.split("\n\n")[0].splitlines()]
    assert names == [kind.name for kind in KINDS]
