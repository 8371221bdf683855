"""Validators and conditions: ETag, Last-Modified, 304, 412; Cache-Control; gzip both ways."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_peers import exchange, post, status_of
from hypothesis import given
from hypothesis import strategies as st
from object_help import ask, local, message, serve, value
from scripted import Scripted, bare, page

import hyperglyph as glyph
from hyperglyph.codec import Link, Resource, decode, encode
from hyperglyph.transport.http.codings import Inflater, Inflation, accepts_gzip, compressed
from hyperglyph.transport.http.conditional import (
    Validators,
    etag_of,
    gzip_etag,
    http_date,
    outcome_of,
)
from hyperglyph.transport.http.messages import Incoming

CHANGED = datetime(2024, 2, 29, 12, 0, 0, 500_000, tzinfo=UTC)
TAG = '"abc"'

# --- The rules, without HTTP ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "safe", "expected"),
    [
        ({}, True, None),
        ({"if-none-match": TAG}, True, 304),
        ({"if-none-match": f"W/{TAG}"}, True, 304),
        ({"if-none-match": f'"x", W/"y" ,, {TAG}'}, True, 304),
        ({"if-none-match": "*"}, True, 304),
        ({"if-none-match": '"x"'}, True, None),
        ({"if-none-match": f'"x" {TAG}'}, True, None),
        ({"if-none-match": "abc"}, True, None),
        ({"if-none-match": f'"{"x" * 5000}", {TAG}'}, True, None),
        ({"if-none-match": TAG}, False, 412),
        ({"if-match": TAG}, False, None),
        ({"if-match": TAG}, True, None),
        ({"if-match": "*"}, False, None),
        ({"if-match": f'"x", {TAG}'}, False, None),
        ({"if-match": f"W/{TAG}"}, False, 412),
        ({"if-match": '"x"'}, False, 412),
        ({"if-match": '"x"'}, True, 412),
        ({"if-match": "nonsense"}, False, 412),
        ({"if-match": '"x"', "if-none-match": TAG}, True, 412),
        ({"if-modified-since": "Thu, 29 Feb 2024 12:00:00 GMT"}, True, 304),
        ({"if-modified-since": "Thursday, 29-Feb-24 12:00:00 GMT"}, True, 304),
        ({"if-modified-since": "Thu Feb 29 12:00:00 2024"}, True, 304),
        ({"if-modified-since": "Thu, 29 Feb 2024 11:59:59 GMT"}, True, None),
        ({"if-modified-since": "Thu, 29 Feb 2024 12:00:00 GMT"}, False, None),
        ({"if-modified-since": "yesterday"}, True, None),
        ({"if-modified-since": "Thu, 29 Feb 99999999 12:00:00 GMT"}, True, None),
        ({"if-modified-since": "x" * 1000}, True, None),
        # A tag decides alone where there is one.
        (
            {"if-none-match": '"x"', "if-modified-since": "Thu, 29 Feb 2024 12:00:00 GMT"},
            True,
            None,
        ),
        ({"if-unmodified-since": "Thu, 29 Feb 2024 12:00:00 GMT"}, False, None),
        ({"if-unmodified-since": "Thu, 29 Feb 2024 11:59:59 GMT"}, False, 412),
        ({"if-unmodified-since": "Thu, 29 Feb 2024 11:59:59 GMT", "if-match": TAG}, False, None),
        ({"if-unmodified-since": "never"}, False, None),
    ],
)
def test_conditions(headers: dict[str, str], safe: bool, expected: int | None) -> None:
    def values(name: str) -> list[str]:
        return [headers[name]] if name in headers else []

    assert outcome_of(values, Validators(TAG, CHANGED), safe=safe) == expected


def test_what_has_no_version_matches_nothing() -> None:
    def of(**headers: str) -> int | None:
        return outcome_of(
            lambda name: [headers[name]] if name in headers else [], Validators(), safe=True
        )

    assert of(**{"if-none-match": "*"}) is None
    assert of(**{"if-match": "*"}) == 412
    assert of(**{"if-modified-since": http_date(CHANGED)}) is None
    assert of(**{"if-unmodified-since": http_date(CHANGED)}) is None


@given(st.text(max_size=80))
def test_no_header_is_an_error(text: str) -> None:
    for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
        request = Incoming("GET", "/", [(name, text)])
        outcome = outcome_of(request.values, Validators(TAG, CHANGED), safe=True)
        assert outcome in (None, 304, 412)


def test_tags_and_dates() -> None:
    assert etag_of(b"x") != etag_of(b"y")
    assert gzip_etag(TAG) == '"abc-gzip"'
    assert http_date(CHANGED) == "Thu, 29 Feb 2024 12:00:00 GMT"
    east = CHANGED.astimezone(datetime.now().astimezone().tzinfo)
    assert http_date(east) == http_date(CHANGED)
    soon = datetime.now(UTC) + timedelta(days=9)
    assert http_date(soon) <= http_date(datetime.now(UTC) + timedelta(seconds=2))


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (["gzip"], True),
        (["br, GZIP;q=0.5"], True),
        (["*"], True),
        (["gzip;q=0"], False),
        (["*, gzip;q=0.0"], False),
        (["*;q=0"], False),
        (["identity"], False),
        (["br", "x-gzip"], True),
        (["gzip;q=nonsense"], False),
        ([], False),
    ],
)
def test_who_asks_for_gzip(header: list[str], wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


def test_what_is_worth_compressing() -> None:
    assert compressed(b"x" * 1000) is None
    assert compressed(os.urandom(5000)) is None
    packed = compressed(b"x" * 5000)
    assert packed is not None
    assert packed == compressed(b"x" * 5000)
    assert gzip.decompress(packed) == b"x" * 5000


def inflated(pieces: Iterable[bytes]) -> list[bytes]:
    inflater = Inflater()
    steps = [step for piece in pieces for step in inflater.feed(piece)]
    return [*steps, *inflater.close()]


def test_inflating_in_any_pieces() -> None:
    data = os.urandom(1000) * 300
    packed = gzip.compress(data)
    for size in (1, 7, 1000, len(packed)):
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        steps = inflated(pieces)
        assert b"".join(steps) == data
        assert max(map(len, steps)) <= 65_536
    for wrong in (packed[:-1], packed + b"x", packed * 2, b"plain", packed[:-6] + b"\0" * 6):
        with pytest.raises(Inflation):
            inflated([wrong])


# --- The server's side ----------------------------------------------------------------------------


def pages(**options: Any) -> glyph.Router:
    @glyph.safe()
    def large() -> str:
        return "text " * 1000

    @glyph.safe()
    def nothing() -> None: ...

    @glyph.cache(max_age=60, public=True)
    @glyph.safe()
    def news(start: int = 0) -> list[int]:
        glyph.context().last_modified = CHANGED
        return [start]

    def unsafe() -> str:
        return "text " * 1000

    @glyph.cache(max_age=5)
    class Thing(glyph.Resource):
        def __init__(self, number: int) -> None:
            self.number = number

        def __glyph_modified__(self) -> datetime:
            return CHANGED

        @glyph.safe()
        def twice(self) -> int:
            return 2 * self.number

    return serve(large, nothing, news, unsafe, Thing, **options)


@pytest.fixture
def router() -> glyph.Router:
    return pages()


def test_safe_answers_have_validators(router: glyph.Router) -> None:
    for path in ("/", "/large", "/news"):
        first = ask(router, "GET", path)
        etag = first.header("etag")
        assert etag is not None
        assert etag == etag_of(b"".join(first.body))
        again = ask(router, "GET", path, If_None_Match=etag)
        assert (again.status, b"".join(again.body)) == (304, b"")
        for name in ("etag", "vary", "cache-control", "last-modified"):
            assert again.header(name) == first.header(name)
        assert again.header("content-type") is None
        assert ask(router, "GET", path, If_None_Match='"other"').status == 200
        assert ask(router, "HEAD", path, If_None_Match=etag).status == 304
        assert ask(router, "HEAD", path).header("etag") == etag
    assert ask(router, "POST", "/large").header("etag") is None
    assert ask(router, "POST", "/large", If_None_Match="*").status == 200


def test_dates_where_they_are_declared(router: glyph.Router) -> None:
    date = http_date(CHANGED)
    url = ask(router, "POST", "/Thing", {"number": 4}).header("location")
    assert url is not None
    for path in ("/news", url):
        assert ask(router, "GET", path).header("last-modified") == date
        assert ask(router, "GET", path, If_Modified_Since=date).status == 304
        earlier = http_date(CHANGED - timedelta(seconds=1))
        assert ask(router, "GET", path, If_Modified_Since=earlier).status == 200
        assert ask(router, "GET", path, If_Unmodified_Since=earlier).status == 412
    assert ask(router, "GET", "/large").header("last-modified") is None


def test_dates_are_instants() -> None:
    def naive() -> int:
        glyph.context().last_modified = datetime(2024, 1, 1)
        return 1

    router = serve(naive)
    assert ask(router, "POST", "/naive").status == 500


def test_cache_control(router: glyph.Router) -> None:
    url = ask(router, "POST", "/Thing", {"number": 4}).header("location")
    assert url is not None
    for path, control in {
        "/": "private, no-cache",
        "/large": "private, no-cache",
        "/nothing": "private, no-cache",
        "/news": "public, max-age=60",
        url: "private, max-age=5",
        f"{url}twice": "private, no-cache",
        "/nowhere": "private, no-cache",
        "/unsafe": "private, no-cache",
    }.items():
        answer = ask(router, "GET", path)
        assert answer.header("cache-control") == control, path
        assert answer.header("vary") == "Accept, Accept-Encoding, Authorization"
    assert ask(router, "GET", "/news?Du5:start;u1:x;u1:y;i1;;").header("cache-control") == (
        "private, no-cache"  # 400
    )


def test_what_can_be_cached_is_refused_at_once() -> None:
    @glyph.cache(max_age=1)
    def unsafe() -> None: ...

    with pytest.raises(TypeError, match=r"^unsafe: only what is safe can be cached$"):
        serve(unsafe)
    with pytest.raises(ValueError, match="0 or more"):
        glyph.cache(max_age=-1)
    for wrong in (1.5, True, "1"):
        with pytest.raises(TypeError, match="whole number"):
            glyph.cache(max_age=wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    class Thing(glyph.Resource):
        @property
        @glyph.cache(max_age=1)
        def data(self) -> int:
            return 1

    with pytest.raises(TypeError, match="is no method"):
        serve(Thing)


def test_a_call_has_no_version(router: glyph.Router) -> None:
    answer = ask(router, "POST", "/unsafe", If_Match='"x"')
    assert answer.status == 412
    assert message(answer) == "If-Match is for forms whose URL is that of an object"


def test_gzip_out() -> None:
    router = pages(gzip=True)
    plain = ask(router, "GET", "/large")
    packed = ask(router, "GET", "/large", Accept_Encoding="gzip")
    body = b"".join(packed.body)
    assert packed.header("content-encoding") == "gzip"
    assert packed.header("content-length") == str(len(body))
    assert gzip.decompress(body) == b"".join(plain.body)
    assert packed.header("etag") == gzip_etag(plain.header("etag") or "")
    for tag, coding, status in [
        (packed.header("etag"), "gzip", 304),
        (plain.header("etag"), "gzip", 200),
        (plain.header("etag"), "identity", 304),
    ]:
        asked = ask(router, "GET", "/large", If_None_Match=tag or "", Accept_Encoding=coding)
        assert asked.status == status
    assert ask(router, "GET", "/news", Accept_Encoding="gzip").header("content-encoding") is None
    assert ask(router, "POST", "/unsafe", Accept_Encoding="gzip").header("content-encoding")
    assert (
        ask(pages(gzip=False), "GET", "/large", Accept_Encoding="gzip").header("content-encoding")
        is None
    )


def test_gzip_between_processes(serve: Any, client: glyph.Client) -> None:
    for coded in (True, False):
        router = pages(gzip=coded)
        url = serve(router=router)
        assert client.get(url).large() == "text " * 1000
        head = exchange(
            url,
            b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
            b"Connection: close\r\n\r\n",
        ).partition(b"\r\n\r\n")[0]
        assert (b"content-encoding: gzip" in head.lower()) is coded


def test_gzip_in() -> None:
    def echo(text: str) -> str:
        return text

    body = gzip.compress(encode({"text": "x" * 1000}))

    def send(url: str, data: bytes, *headers: str) -> bytes:
        return exchange(url, post("/echo", data, *headers))

    with glyph.Server(serve(echo)) as server:
        assert status_of(send(server.url, body, "Content-Encoding: gzip")) == 415
    with glyph.Server(serve(echo, gzip_requests=True)) as server:
        answer = send(server.url, body, "Content-Encoding: gzip")
        assert status_of(answer) == 200
        assert decode(answer.partition(b"\r\n\r\n")[2]) == "x" * 1000
        assert status_of(send(server.url, body[:-3], "Content-Encoding: gzip")) == 400
        twice = gzip.compress(body)
        assert status_of(send(server.url, twice, "Content-Encoding: gzip")) == 400
        for codings in ("gzip, gzip", "br", "gzip, br"):
            assert status_of(send(server.url, twice, f"Content-Encoding: {codings}")) == 415
        bomb = gzip.compress(b" " * 100_000_000)
        assert status_of(send(server.url, bomb, "Content-Encoding: gzip")) == 413


def test_on_one_machine_nobody_asks() -> None:
    asked: list[str | None] = []

    def note() -> str:
        asked.append(glyph.context().header("accept-encoding"))
        return "x" * 5000

    with glyph.Server(serve(note)) as server, glyph.Client() as client:
        client.get(server.url).note()
    assert asked == [None]
    transport = Scripted(page(1), page(1), page(1), page(1))
    for url in ("http://127.1.2.3/", "http://[::1]:80/", "http://h/", "http://127.0.0.1.example/"):
        glyph.Client(transport).get(url)
    found = [transport.header(index, "accept-encoding") for index in range(4)]
    assert found == [None, None, "gzip", "gzip"]


# --- The client's side ----------------------------------------------------------------------------


def linked(**attributes: Any) -> tuple[Any, Scripted]:
    link = Link("l", content=Resource({"x": 1}, url="r"), **attributes)
    transport = Scripted(page(Resource({"l": link}, url="http://h/p/")))
    return glyph.Client(transport).get("http://h/p/"), transport


def test_links_with_validators_are_revalidated() -> None:
    root, transport = linked(etag=TAG, last_modified=CHANGED)
    transport.given += [bare(304), page("new"), bare(304)]
    assert root.l().x == 1
    assert transport.header(1, "if-none-match") == TAG
    assert transport.header(1, "if-modified-since") == "Thu, 29 Feb 2024 12:00:00 GMT"
    assert root.l() == "new"
    assert glyph.url_of(root.l()) == "http://h/p/r"


@pytest.mark.parametrize("instance", [False, True])
def test_the_root_page_has_what_its_class_says(instance: bool) -> None:
    @glyph.cache(max_age=60, public=True)
    class Home(glyph.Resource):
        def __glyph_modified__(self) -> datetime:
            return CHANGED

    router = glyph.Router(secret=glyph.EPHEMERAL)
    router.default(Home() if instance else Home)
    answer = ask(router, "GET", "/")
    assert answer.header("cache-control") == "public, max-age=60"
    assert answer.header("last-modified") == "Thu, 29 Feb 2024 12:00:00 GMT"
    since = answer.header("last-modified") or ""
    assert ask(router, "GET", "/", if_modified_since=since).status == 304


def test_links_without_content_ask_for_it() -> None:
    transport = Scripted(page(Resource({"l": Link("l", etag=TAG)}, url="http://h/p/")))
    root = glyph.Client(transport).get("http://h/p/")
    transport.given += [page(7), bare(304)]
    assert root.l() == 7
    assert transport.header(1, "if-none-match") is None
    with pytest.raises(glyph.RemoteError):
        root.l()  # nobody asked a condition


def test_validators_are_no_way_into_the_head() -> None:
    root, transport = linked(etag='"a"\r\nX: y')
    with pytest.raises(ValueError, match="etag"):
        root.l()
    assert len(transport.requests) == 1


def test_one_round(router: glyph.Router) -> None:
    """A link that this server's own page could hold: its validators are those of the answer."""
    answer = ask(router, "GET", "/large")
    link = Link("/large", content=value(answer), etag=answer.header("etag") or "")

    @glyph.safe()
    def holder() -> Link:
        return link

    router.add(holder)
    root = local(router)
    held = root.holder()
    assert held() is not None
    assert held() == "text " * 1000
