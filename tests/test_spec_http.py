"""The worked exchanges of the standard: whole, decodable, and what server and client really do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from abnf import ParseError, Rule
from http_peers import answers, exchange, peer
from scripted import Scripted, bare, page
from spec_exchanges import HOST, STANDARD, Message, exchanges, messages, parse, service

import hyperglyph as glyph
from hyperglyph.codec import Form, Input, Resource, SequenceReader, decode, encode
from hyperglyph.server.policy import deadline_of
from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.status import BadRequest

MEDIA_TYPE = "application/vnd.hyperglyph"
SEQUENCE = "application/vnd.hyperglyph-seq"
#: What a server says of itself and the moment, which the standard leaves out.
LEFT_OUT = {"date", "server", "connection"}
LOGREF = re.compile(rb"u6:logref;u12:[0-9a-f]{12};")

ALL = messages()
PAIRS = list(exchanges())
OURS = [pair for pair in PAIRS if pair[0].header("host") == HOST]


def is_chunked(message: Message) -> bool:
    return message.header("transfer-encoding") == "chunked"


def without_chunks(body: bytes) -> bytes:
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        joined, body = joined + rest[:length], rest[length + 2 :]
    return joined


def read(answer: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers (in lower case) and body of a response as it came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = without_chunks(body)
    return int(first.split()[1]), headers, body


# --- the blocks -------------------------------------------------------------------------------


def test_requests_and_responses_take_turns() -> None:
    assert len(PAIRS) >= 20
    assert len(OURS) >= 15
    assert [message.is_request for message in ALL] == [True, False] * (len(ALL) // 2)


@pytest.mark.parametrize("block", ["GET /", "GET / HTTP/2\n\nx", "HTTP/1.1 200 OK\nA:b\n\nx"])
def test_what_is_no_message_is_noticed(block: str) -> None:
    with pytest.raises(ValueError, match=r"^no "):
        parse(block)


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.wire.split(b"\r")[0].decode())
def test_length_is_that_of_the_body(message: Message) -> None:
    length = message.header("content-length")
    if length is None:
        assert not message.body or is_chunked(message)
    else:
        assert int(length) == len(message.body)


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.wire.split(b"\r")[0].decode())
def test_body_is_what_its_type_says(message: Message) -> None:
    content_type = message.header("content-type")
    if content_type == MEDIA_TYPE and message.body:
        value = decode(message.body)
        if b"B0:" not in message.body:
            assert encode(value) == message.body
    elif content_type == SEQUENCE:
        reader = SequenceReader()
        *_, end = reader.feed(message.body)
        reader.close()
        assert isinstance(end, glyph.Extension)
        assert end.name == "end"
    elif message.body and message.is_request:
        # A blob, or what the server refuses for it.
        assert message.header("content-disposition") or message.header("content-type")


@pytest.mark.parametrize(("request_", "response"), PAIRS)
def test_request_has_what_a_client_must_send(request_: Message, response: Message) -> None:
    assert request_.header("host")
    if request_.method == "GET":
        assert request_.header("content-length") is None
    else:
        assert request_.header("content-length") is not None
        if response.status != 415:
            blob = request_.header("content-disposition") is not None
            assert blob or request_.header("content-type") == MEDIA_TYPE
    if response.status != 415:
        assert MEDIA_TYPE in (request_.header("accept") or "")


# --- the server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[list[tuple[int, Mapping[str, str], bytes]]]:
    """What the service of the standard really answers, to all requests in order."""
    with glyph.Server(service()) as server:
        found: list[tuple[int, Mapping[str, str], bytes]] = []
        for request, _ in OURS:
            wire = request.wire.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
            found.append(read(exchange(server.url, wire)))
        yield found


@pytest.mark.parametrize("index", range(len(OURS)))
def test_server_answers_so(index: int, served: list[tuple[int, Mapping[str, str], bytes]]) -> None:
    shown = OURS[index][1]
    status, headers, body = served[index]
    assert status == shown.status
    same = b"u6:logref;u12:............;"
    assert LOGREF.sub(same, body) == LOGREF.sub(same, shown.body)
    said = {name: value for name, value in headers.items() if name not in LEFT_OUT}
    assert said == {name.lower(): value for name, value in shown.headers}


# --- the client -------------------------------------------------------------------------------


def shown_for(host: str) -> Message:
    """The response to the one request with that host."""
    [response] = [response for request, response in PAIRS if request.header("host") == host]
    return response


def test_client_makes_a_link_of_201(client: glyph.Client) -> None:
    with peer(answers(shown_for("things.example.net").wire)) as server:
        link = client.get(f"{server.url}things")
        assert glyph.url_of(link) == f"{server.url}things/7"
        assert len(server.requests) == 1


def test_client_tells_what_a_proxy_says(client: glyph.Client) -> None:
    with (
        peer(answers(shown_for("www.example.net").wire)) as server,
        pytest.raises(glyph.BadGateway, match=r"^Bad gateway$"),
    ):
        client.get(server.url)


def test_client_takes_nil_from_a_server_of_2012(client: glyph.Client) -> None:
    with peer(answers(shown_for("2012.example.net").wire)) as server:
        assert client.get(server.url) is None


def test_urls_lead_where_the_text_says() -> None:
    text = STANDARD.read_text(encoding="utf-8")
    chapter = text.split("## 15. ")[1].split("### 15.1. ")[0]
    pages = [json.loads(line)["wire"].encode() for line in chapter.split("\n") if line[:1] == "{"]
    says = re.findall(r"`(http://[^`]+)`", " ".join(chapter.split()))
    url, linked, default = says[-3:]

    transport = Scripted(*(bare(200, page, Content_Type=MEDIA_TYPE) for page in pages), bare(204))
    client = glyph.Client(transport)
    resource, form = client.get(url), client.get(url)
    assert glyph.url_of(resource.l) == linked
    assert form() is None
    assert transport.requests[-1].url == f"{url}e/"
    assert transport.sent(-1)["x"].url == default


def test_arguments_travel_as_the_text_says() -> None:
    text = STANDARD.read_text(encoding="utf-8").split("## 16. ")[1].split("## 17. ")[0]
    says = re.findall(r"`([^`]+)`", text)
    assert says[-6:-1] == ["f(1, c=2)", "a", "b", "c", "d"]
    values: list[str | Input] = ["a", Input("b", value=5), "c", Input("d", optional=True)]
    root = Resource({"f": Form("/f", values=values)}, url="/")
    transport = Scripted(page(root), bare(204))
    form = glyph.Client(transport).get("http://example.org/").f
    assert form(1, c=2) is None
    assert transport.requests[-1].body == says[-1].encode()


# --- the notations ----------------------------------------------------------------------------


class Notation(Rule):
    """The rules of the blocks marked `http-abnf` that stand for themselves."""


BLOCKS = re.findall(
    r"^```http-abnf\n(.*?)^```$", STANDARD.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
Notation.load_grammar(next(block for block in BLOCKS if "hyperglyph-timeout" in block))


@pytest.mark.parametrize(
    "text", ["1", "0.000", "30", "2.5", "", ".5", "1.", "-1", "+1", "1e3", "1 ", "1,5", "9" * 10]
)
def test_server_reads_the_deadline_by_its_grammar(text: str) -> None:
    try:
        Notation("hyperglyph-timeout").parse_all(text)
        expected = True
    except ParseError:
        expected = False
    request = Incoming("GET", "/", [("Hyperglyph-Timeout", text)])
    if expected:
        assert cast("float", deadline_of(request).left()) <= float(text)
    else:
        with pytest.raises(BadRequest, match=r"^malformed Hyperglyph-Timeout$"):
            deadline_of(request)
