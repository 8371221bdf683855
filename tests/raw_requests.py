"""Requests that no honest client sends, as bytes, and what each of them must get: a table.

`test_raw_requests.py` sends each to a server that serves `hello(name="World")`, `size_of(file)`,
the safe `find(text="")` and `stored(file)`, which takes a blob envelope, and `Note(id)`, a class.
"""

from __future__ import annotations

import attrs
from http_peers import MEDIA_TYPE, post

__all__ = ["ROWS", "Row", "chunked", "request"]


@attrs.frozen
class Row:
    """One request and its answer.

    `statuses` are those of the answers, in order: mostly one; none where the connection is closed
    without a word. An answer of 4xx or 5xx holds an error extension, unless it has no body. What is
    not 2xx was not carried out: `calls` is how many calls were.

    `ends` closes the sender's half of the connection behind the data. A row that is `half` sent
    stops there and waits: its answer comes at the idle limit, and not before.

    `head` says that another server than ours answers a fault of this kind by itself, before an
    application sees it. It has then to say 4xx or 5xx, or to close; and nothing is carried out.
    """

    name: str
    data: bytes
    statuses: tuple[int, ...]
    calls: int = 0
    ends: bool = False
    half: bool = False
    head: bool = False


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """A request with just these headers, Host, and Connection: close."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A call of `hello` in chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    typed = (f"Content-Type: {MEDIA_TYPE}", "Transfer-Encoding: chunked")
    return request("POST", "/hello", *typed, body=chunks + end)


def _kept(data: bytes) -> bytes:
    return data.replace(b"Connection: close", b"X: y")


def _length(value: str, body: bytes = b"O;") -> bytes:
    typed = (f"Content-Type: {MEDIA_TYPE}", f"Content-Length: {value}")
    return request("POST", "/hello", *typed, body=body)


def _typed(*types: str) -> bytes:
    lines = [f"Content-Type: {value}" for value in types]
    return request("POST", "/hello", "Content-Length: 2", *lines, body=b"O;")


def _file(body: bytes, *headers: str) -> bytes:
    return post("/stored", body, *headers).replace(b"POST", b"PUT", 1)


def _headed(*headers: str) -> bytes:
    return post("/hello", b"O;", *headers)


def _bad_head(name: str, data: bytes, status: int) -> Row:
    return Row(name, data, (status,), head=True)


GET = request("GET", "/")
HOST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"

HEADS = [
    _bad_head("no request line", b"\r\n\r\n\r\n\r\n", 400),
    _bad_head("nonsense", b"nonsense\r\n\r\n", 400),
    _bad_head("HTTP/0.9", b"GET /\r\n\r\n", 400),
    _bad_head("HTTP/1.2", GET.replace(b"1.1", b"1.2", 1), 400),
    _bad_head("HTTP/3.0", GET.replace(b"1.1", b"3.0", 1), 400),
    _bad_head("two blanks in the line", GET.replace(b" /", b"  /", 1), 400),
    _bad_head("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    _bad_head("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    _bad_head("a method of 33 letters", request("G" * 33, "/"), 400),
    _bad_head("a method with a blank in front", b" " + GET, 400),
    _bad_head("NUL in the method", GET.replace(b"GET", b"G\0T"), 400),
    _bad_head("NUL in the target", request("GET", "/a\0b"), 400),
    _bad_head("ESC in the target", request("GET", "/a\x1bb"), 400),
    _bad_head("CR in the target", request("GET", "/a\rb"), 400),
    _bad_head("no ASCII in the target", request("GET", "/\xe9"), 400),
    _bad_head("star as target", request("OPTIONS", "*"), 400),
    _bad_head("authority as target", request("CONNECT", "127.0.0.1:80"), 400),
    _bad_head("another host as target", request("GET", "http://evil/"), 400),
    _bad_head("fragment in the target", request("GET", "/#x"), 400),
    _bad_head("folded header", HOST + b"X: a\r\n b\r\n\r\n", 400),
    _bad_head("blank before the colon", b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", 400),
    _bad_head("no name before the colon", HOST + b": x\r\n\r\n", 400),
    _bad_head("no colon", HOST + b"x\r\n\r\n", 400),
    _bad_head("bare LF", HOST.replace(b"\r\n", b"\n") + b"X: y\r\n\r\n", 400),
    _bad_head("NUL in a header", HOST + b"X: a\0b\r\n\r\n", 400),
    _bad_head("ESC in a header", HOST + b"X: a\x1b[2Jb\r\n\r\n", 400),
    _bad_head("CR in a header", HOST + b"X: a\rY: b\r\n\r\n", 400),
    _bad_head("NUL in a header's name", HOST + b"X\0: a\r\n\r\n", 400),
    _bad_head("long head", HOST + b"X: " + b"a" * 70_000, 431),
    _bad_head("long name", HOST + b"X" * 70_000, 431),
    _bad_head("many headers", HOST + b"X: y\r\n" * 128 + b"\r\n", 431),
    _bad_head("expectation", _headed("Expect: tea"), 417),
    Row("a head in small letters", GET.replace(b"GET", b"get"), (405,), head=True),
]

HOSTS = [
    _bad_head("two hosts", _headed("Host: 127.0.0.1"), 400),
    _bad_head("two hosts that differ", _headed("Host: evil.example"), 400),
    _bad_head("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    Row("no host in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", (400,)),
    Row("another host", post("/hello", host="evil.example"), (421,)),
    Row("rebound name", post("/hello", host="evil.example:8080"), (421,)),
    Row("public address on a loopback server", post("/hello", host="192.0.2.1"), (421,)),
    Row("no name at all", post("/hello", host=""), (421,), head=True),
    Row("two names in one header", post("/hello", host="127.0.0.1, evil"), (421,), head=True),
    Row("user name in the host", post("/hello", host="a@127.0.0.1"), (421,), head=True),
    Row("path in the host", post("/hello", host="127.0.0.1/x"), (421,), head=True),
    Row("loopback and then more", post("/hello", host="127.0.0.1.evil.example"), (421,)),
]

BODIES = [
    Row("two lengths", _headed("Content-Length: 2"), (400,), head=True),
    Row("two lengths that differ", _headed("Content-Length: 0"), (400,), head=True),
    Row("two lengths in one header", _length("2, 2"), (400,), head=True),
    Row("signed length", _length("+2"), (400,), head=True),
    Row("negative length", _length("-1"), (400,), head=True),
    Row("length with _", _length("1_0"), (400,), head=True),
    Row("hexadecimal length", _length("0x2"), (400,), head=True),
    Row("empty length", _length(""), (400,), head=True),
    Row("length of 30 digits", _length("9" * 30), (400,), head=True),
    Row("length with NUL", _length("2\0"), (400,), head=True),
    Row("huge length", _length("99999999999", b""), (413,)),
    Row("short length", _length("1"), (400,)),
    Row("no length", request("POST", "/hello", f"Content-Type: {MEDIA_TYPE}"), (200,), calls=1),
    Row("no length but a body", _length("0"), (200,), calls=1),
    Row("body that ends early", _length("3"), (400,), ends=True, head=True),
    Row(
        "length and chunks",
        post("/hello", b"0\r\n\r\n", "Transfer-Encoding: chunked"),
        (400,),
        head=True,
    ),
    Row("other coding", _headed("X: y").replace(b"Content-Length: 2", b"Transfer-Encoding: gzip"),
        (501,), head=True),
    Row("two codings", chunked(b"O;").replace(b": chunked", b": gzip, chunked"), (501,), head=True),
    Row("chunked twice", chunked(b"O;").replace(b": chunked", b": chunked, chunked"), (501,),
        head=True),
    Row("xchunked", chunked(b"O;").replace(b": chunked", b": xchunked"), (501,), head=True),
    Row("chunked in quotes", chunked(b"O;").replace(b": chunked", b': "chunked"'), (501,),
        head=True),
    Row("chunks in 1.0", chunked(b"O;").replace(b"HTTP/1.1", b"HTTP/1.0"), (400,), head=True),
    Row("malformed message", post("/hello", b"O"), (400,)),
    Row("data behind the message", post("/hello", b"O;i1;"), (400,)),
    Row("a list", post("/hello", b"L;"), (400,)),
    Row("NUL", post("/hello", b"\0"), (400,)),
    Row("unknown argument", post("/hello", b"Ou1:x;i1;;"), (400,)),
    Row("bytes as a name", post("/hello", b"Ob4:name;i1;;"), (400,)),
    Row("one argument twice", post("/hello", b"Ou4:name;i1;u4:name;i1;;"), (400,)),
    Row("missing argument", post("/size_of"), (400,)),
    Row("no UTF-8 in text", post("/hello", b"Ou4:name;u1:\xff;;"), (400,)),
    Row("deep", post("/hello", b"L" * 1000), (413,)),
    Row("long text declared", post("/hello", b"Ou4:name;u9999999999:"), (413,)),
    Row("blob without its chunks", post("/size_of", b"Ou4:file;B0:Du12:content-type;u3:a/b;;;;"),
        (400,)),
    Row("17 blobs", post("/hello", b"Ou4:name;L" + b"".join(
        b"B%d:Du12:content-type;u3:a/b;;;" % number for number in range(17)) + b";;"), (413,)),
    Row("large message", post("/hello", b"Ou4:name;u5000000:" + b"x" * 5_000_000 + b";;"), (413,)),
    Row("large message in chunks", chunked(b"Ou4:name;u4194300:", *[b"x" * 50_000] * 90), (413,)),
    Row("control characters as data", post("/hello", b"Ou4:name;u4:\r\n\0\x1b;;"), (200,), calls=1),
]  # fmt: skip

CHUNKS = [
    Row(name, chunked(b"O;", end=end), (400,), head=True)
    for name, end in [
        ("negative chunk", b"-1\r\n\r\n"),
        ("signed chunk", b"+1\r\nx\r\n0\r\n\r\n"),
        ("chunk with 0x", b"0x1\r\n;\r\n"),
        ("chunk with _", b"1_0\r\n"),
        ("no hexadecimal chunk", b"g\r\n"),
        ("empty chunk size", b"\r\n"),
        ("chunk longer than its size", b"2\r\nabc\r\n"),
        ("bare LF behind a chunk size", b"1\nx\r\n"),
        ("NUL in a chunk size", b"1\0\r\nx\r\n"),
        ("trailer without a colon", b"0\r\nbad\r\n\r\n"),
        ("NUL in a trailer", b"0\r\nA: \0\r\n\r\n"),
        ("chunk size of 16 digits", b"F" * 16 + b"\r\n"),
        ("chunk size without end", b"0" * 5000),
        ("65 trailers", b"0\r\n" + b"A: b\r\n" * 65),
    ]
]
ENDS = [
    Row("chunks that end early", chunked(b"O;", end=b"5\r\nab"), (400,), ends=True, head=True),
    Row("chunks without their end", chunked(b"O;", end=b""), (400,), ends=True, head=True),
    Row("chunks with extensions and a trailer",
        chunked(b"Ou4:na", b"me;", b"u3:bob;;", end=b"000;x=y\r\nTrailer: z\r\n\r\n"),
        (200,), calls=1),
]  # fmt: skip

TYPES = [
    Row("no content type", request("POST", "/hello"), (415,)),
    Row("no content type, but a body", _typed(), (415,)),
    Row("two content types", _typed(MEDIA_TYPE, MEDIA_TYPE), (415,)),
    Row("text/plain", _typed("text/plain"), (415,)),
    Row("form of a page", _typed("application/x-www-form-urlencoded"), (415,)),
    Row("file of a page", _typed("multipart/form-data; boundary=x"), (415,)),
    Row("json", _typed("application/json"), (415,)),
    Row("ours as a parameter", _typed(f"text/plain; x={MEDIA_TYPE}"), (415,)),
    Row("a sequence", _typed(f"{MEDIA_TYPE}-seq"), (415,)),
    Row("two in one header", _typed(f"{MEDIA_TYPE}, text/plain"), (415,)),
    Row("empty content type", _typed(""), (415,)),
    Row("in capitals, with a parameter", _typed(f"{MEDIA_TYPE.upper()}; x=y"), (200,), calls=1),
    Row("a file without its name", _file(b"x"), (415,)),
    Row("a file with two names", _file(b"x", *["Content-Disposition: a"] * 2), (415,)),
    Row("a file with a malformed name", _file(b"x", "Content-Disposition: x"), (400,)),
    Row(
        "a file with a foreign name",
        _file(b"x", 'Content-Disposition: form-data; name="other"'),
        (400,),
    ),
    Row("compressed", _headed("Content-Encoding: gzip"), (415,)),
    Row("compressed twice", _headed("Content-Encoding: gzip, gzip"), (415,)),
    Row("compressed by other means", _headed("Content-Encoding: br"), (415,)),
]

NAMES = [
    Row("no such name", post("/nobody"), (404,)),
    Row("a path below", post("/hello/x"), (404,)),
    Row("a slash behind", post("/hello/"), (404,)),
    Row("two slashes in front", post("//hello"), (404,)),
    Row("an encoded slash", post("/hello%2F"), (404,)),
    Row("dots", post("/../hello"), (404,)),
    Row("encoded dots", post("/%2e%2e/hello"), (404,)),
    Row("no UTF-8", post("/%ff"), (404,)),
    Row("an encoded NUL", post("/hello%00"), (404,)),
    Row("an encoded line", post("/hello%0d%0aX:%20y"), (404,)),
    Row("a name of Python's", post("/__class__"), (404,)),
    Row("a method of a function", post("/hello/__globals__"), (404,)),
    Row("a private name of a class", post("/Note/x/_secret"), (404,)),
    Row("long URL", request("GET", "/" + "a" * 4_001), (414,)),
    Row("long query", request("GET", "/find?" + "a" * 4_001), (414,)),
    Row("malformed query", request("GET", "/find?nonsense"), (400,)),
    Row("query with half an escape", request("GET", "/find?O%"), (400,)),
    Row("query that is cut", request("GET", "/find?Ou4:text;u2:a"), (400,)),
    Row("query of a list", request("GET", "/find?L;"), (400,)),
    Row("query with a blob", request("GET", "/find?Ou4:text;B0:D;;;"), (400,)),
    Row("query with an unknown name", request("GET", "/find?Ou1:x;i1;;"), (400,)),
    Row("control characters in a query", request("GET", "/find?Ou4:text;u2:%00%1b;;"), (200,),
        calls=1),
]  # fmt: skip

TOKENS = [
    Row("no token", request("GET", "/Note//text"), (400,)),
    Row("a token of one letter", request("GET", "/Note/x/text"), (400,)),
    Row("a forged token", request("GET", f"/Note/{'A' * 60}/text"), (400,)),
    Row("a token of other letters", request("GET", "/Note/%00%0d%0a/text"), (400,)),
    Row("a token of no UTF-8", request("GET", "/Note/%ff/"), (400,)),
    Row("a token of 2,049 letters", request("GET", f"/Note/{'A' * 2_049}/"), (400,)),
    Row("a forged token, posted to", post(f"/Note/{'A' * 60}/"), (405,)),
]

METHODS = [
    Row("PUT", post("/hello").replace(b"POST", b"PUT"), (405,)),
    Row("PATCH", post("/hello").replace(b"POST", b"PATCH"), (405,)),
    Row("DELETE", post("/hello").replace(b"POST", b"DELETE"), (405,)),
    Row("GET of what is not safe", request("GET", "/hello"), (405,)),
    Row("HEAD of what is not safe", request("HEAD", "/hello"), (405,)),
    Row("POST to what is safe", post("/find"), (200,), calls=1),
    Row("OPTIONS", request("OPTIONS", "/hello"), (405,)),
    Row("TRACE", request("TRACE", "/hello"), (405,)),
    Row("a method of one's own", request("BREW", "/hello"), (405,), head=True),
    Row("post to the root", post("/"), (405,)),
    Row("Method: POST", _headed("Method: POST"), (200,), calls=1),
    Row("Method: PUT", _headed("Method: PUT"), (405,)),
    Row("Method: GET", _headed("Method: GET"), (400,)),
    Row("Method: HEAD", _headed("Method: HEAD"), (400,)),
    Row("Method: TRACE", _headed("Method: TRACE"), (400,)),
    Row("Method in small letters", _headed("Method: put"), (400,)),
    Row("empty Method", _headed("Method:"), (400,)),
    Row("two methods in one header", _headed("Method: PUT, DELETE"), (400,)),
    Row("two Method headers", _headed("Method: PUT", "Method: DELETE"), (400,)),
    Row("one Method twice", _headed("Method: PUT", "Method: PUT"), (400,)),
    Row("POST and PUT", _headed("Method: POST", "Method: PUT"), (400,)),
    Row("POST twice", _headed("Method: POST", "Method: POST"), (400,)),
    Row("Method on GET", request("GET", "/find", "Method: DELETE"), (400,)),
    Row("Method on PUT", _headed("Method: DELETE").replace(b"POST", b"PUT"), (400,)),
]

ORIGINS = [
    Row("origin", _headed("Origin: http://evil.example"), (403,)),
    Row("null origin", _headed("Origin: null"), (403,)),
    Row("empty origin", _headed("Origin:"), (403,)),
    Row("another port", _headed("Origin: http://127.0.0.1:1"), (403,)),
    Row("a longer name", _headed("Origin: http://127.0.0.1.evil.example"), (403,)),
    Row("another scheme", _headed("Origin: ftp://127.0.0.1"), (403,)),
    Row("two origins", _headed("Origin: http://127.0.0.1", "Origin: http://evil"), (403,)),
    Row("cross-site", _headed("Sec-Fetch-Site: cross-site"), (403,)),
    Row("same-site", _headed("Sec-Fetch-Site: same-site"), (403,)),
    Row("our own origin", _headed("Origin: http://127.0.0.1"), (200,), calls=1),
    Row("our own origin by TLS", _headed("Origin: https://127.0.0.1"), (200,), calls=1),
]

DEADLINES = [
    Row("no time left", _headed("Hyperglyph-Timeout: 0"), (504,)),
    Row("no time left to look", request("GET", "/find", "Hyperglyph-Timeout: 0.000"), (504,)),
    *(
        Row(f"time left: {value!r}", _headed(f"Hyperglyph-Timeout: {value}"), (400,))
        for value in ("1e9", "-1", "+1", "", "nan", "inf", "1_0", "1,5", ".5", "9" * 10)
    ),
    Row("two deadlines", _headed(*["Hyperglyph-Timeout: 5"] * 2), (400,)),
]

CONDITIONS = [
    Row("If-Match", _headed('If-Match: "x"'), (412,)),
]

PIPELINES = [
    Row("three in a row", _kept(_headed()) * 2 + _headed(), (200, 200, 200), calls=3),
    Row("the second is none", _kept(_headed()) + b"nonsense\r\n\r\n" + _headed(), (200, 400),
        calls=1, head=True),
    Row("one behind a close", _headed() + _headed(), (200,), calls=1),
    Row("one behind a refusal", b"nonsense\r\n\r\n" + _headed(), (400,), head=True),
    Row("one in the rest of a body", _kept(_length("2", b"O;O;")) + b"\r\n" + _headed(),
        (200, 400), calls=1, head=True),
    Row("one hidden behind chunks",
        _kept(chunked(b"O;")).replace(b"X: y", b"Content-Length: 4") + _headed(), (400,),
        head=True),
    Row("a refused body is read over", _kept(_headed("Origin: null")) + _headed(), (403, 200),
        calls=1),
    Row("a body of a GET is read over",
        _kept(request("GET", "/find", "Content-Length: 2", body=b"O;")) + _headed(), (200, 200),
        calls=2),
]  # fmt: skip

#: Half-sent: the peer is there, and says no more.
HALVES = [
    Row("nothing at all", b"", (), half=True, head=True),
    Row("half a request line", b"POST /he", (408,), half=True, head=True),
    Row("half a head", _headed()[:60], (408,), half=True, head=True),
    Row("a head without its last line", _headed()[:-4], (408,), half=True, head=True),
    Row("no body", _length("2", b""), (408,), half=True),
    Row("half a body", _length("2", b"O"), (408,), half=True),
    Row("half a blob",
        post("/size_of", b"Ou4:file;B0:Du12:content-type;u3:a/b;;;;c0:9:abc").replace(
            b"Content-Length: 4", b"Content-Length: 9"), (408,), half=True),
    Row("half a file",
        _file(b"abc", 'Content-Disposition: form-data; name="file"').replace(
            b"Content-Length: 3", b"Content-Length: 9"), (408,), half=True),
    Row("half a chunk size", chunked(b"O", end=b"5"), (408,), half=True),
    Row("half a chunk", chunked(b"O", end=b"5\r\n;"), (408,), half=True),
    Row("no end of the chunks", chunked(b"O;", end=b""), (408,), half=True),
    Row("half a trailer", chunked(b"O;", end=b"0\r\nA: "), (408,), half=True),
]  # fmt: skip

ROWS: list[Row] = [
    *HEADS, *HOSTS, *BODIES, *CHUNKS, *ENDS, *TYPES, *NAMES, *TOKENS, *METHODS, *ORIGINS,
    *DEADLINES,
    *CONDITIONS, *PIPELINES, *HALVES,
]  # fmt: skip
