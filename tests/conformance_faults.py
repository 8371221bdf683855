"""Clients with one planted fault each: what is changed in a right one, and what has to catch it."""

from __future__ import annotations

import sys

import attrs

PREAMBLE = """
import sys
from http.cookiejar import CookieJar
import attrs
from hyperglyph.client import answers, client, core, exchange, origin, page, proxies
from hyperglyph.codec import MISSING, DecodeError, Error, Extension, Form, Input, Link, Truncated
from hyperglyph.conformance.testees.client import main
from hyperglyph.transport.http import forms, messages
from hyperglyph.transport.http.bodies import Body
from hyperglyph.transport.http.status import RemoteError, TransportError

def around(owner, name, change):
    real = getattr(owner, name)
    setattr(owner, name, lambda *a, **k: change(real, *a, **k))
"""


@attrs.frozen
class Fault:
    """`change` is the code that plants it; the cases of `patterns` are run, and one of those that
    then fail is about `requirement`.
    """

    change: str
    requirement: str
    patterns: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", f"{PREAMBLE}\n{self.change}\nsys.exit(main([]))"]


FAULTS = {
    "tells secrets to other origins": Fault(
        "origin.OriginPolicy.headers_for = lambda self, url, headers: headers",
        "REQ-SAFE-1",
        ("client-origin-*",),
    ),
    "goes from https to http": Fault(
        "around(origin.OriginPolicy, 'check_hop', lambda real, self, source, to: "
        "real(self, None, to))",
        "REQ-URL-11",
        ("client-url-*", "client-redirect-*"),
    ),
    "follows URLs with user names": Fault(
        "around(origin.OriginPolicy, 'check_hop', lambda real, self, source, to: "
        "real(self, source, to.replace('@', '')))",
        "REQ-URL-13",
        ("client-url-*", "request-url-*"),
    ),
    "follows any scheme by http": Fault(
        "around(proxies.Proxy, '_resolved', lambda real, self: "
        "real(self).replace('gopher:', 'http:').replace('ftp:', 'http:'))",
        "REQ-URL-10",
        ("request-url-*", "client-url-*"),
    ),
    "sends unsafe calls twice": Fault(
        """
async def sent(real, self, request):
    try:
        return await real(self, request)
    except TransportError:
        return await real(self, request)
around(exchange.Exchange, "_sent", sent)
""",
        "REQ-SAFE-2",
        ("client-fault-post-*", "client-fault-put-*"),
    ),
    "sends a Referer": Fault(
        "around(exchange.Exchange, '_headers', lambda real, self, packed: "
        "[*real(self, packed), ('Referer', self._source or 'x')])",
        "REQ-SAFE-14",
        ("client-origin-*",),
    ),
    "keeps cookies": Fault(
        "around(core.BaseClient, '__init__', lambda real, self, *a, **k: "
        "real(self, *a, cookies=CookieJar(), **k))",
        "REQ-SAFE-9",
        ("client-origin-*",),
    ),
    "ignores inline": Fault(
        "Link.inline = property(lambda self: False)", "REQ-LINK-3", ("client-link-*",)
    ),
    "takes any content for the answer": Fault(
        "Link.inline = property(lambda self: self.content is not None)",
        "REQ-LINK-4",
        ("client-link-*",),
    ),
    "follows links by any method": Fault(
        "Link.method = property(lambda self: 'GET')", "REQ-LINK-2", ("client-link-*",)
    ),
    "resolves against the URL before a redirect": Fault(
        """
async def run(real, self, make, url, source):
    response = await real(self, make, url, source)
    response.url = url
    return response
around(exchange.Exchange, "run", run)
""",
        "REQ-URL-2",
        ("client-url-*",),
    ),
    "takes no base from unknown extensions": Fault(
        "around(page, '_opened', lambda real, value, base: "
        "[(value, base)] if isinstance(value, Extension) else real(value, base))",
        "REQ-URL-3",
        ("url-*",),
    ),
    "spells URLs anew": Fault(
        "exchange.Request = lambda method, url, *a, **k: "
        "messages.Request(method, url.replace('%7e', '~').removesuffix('?'), *a, **k)",
        "REQ-URL-8",
        ("client-url-*",),
    ),
    "keeps the method at 303": Fault(
        "exchange._TO_GET, exchange._SAME_METHOD = "
        "frozenset(), frozenset({301, 302, 303, 307, 308})",
        "REQ-REDIR-1",
        ("client-redirect-30*",),
    ),
    "turns 307 into GET": Fault(
        "exchange._TO_GET, exchange._SAME_METHOD = "
        "frozenset({301, 302, 303, 307, 308}), frozenset()",
        "REQ-REDIR-3",
        ("client-redirect-30*",),
    ),
    "carries bodies to any origin": Fault(
        "origin.OriginPolicy.may_carry_body = lambda self, source, target: True",
        "REQ-REDIR-4",
        ("client-redirect-30*",),
    ),
    "follows redirects without end": Fault(
        "exchange.MAX_HOPS = 50", "REQ-REDIR-5", ("client-redirect-*",)
    ),
    "gives up after four redirects": Fault(
        "exchange.MAX_HOPS = 4", "REQ-REDIR-5", ("client-redirect-*",)
    ),
    "raises errors that are values": Fault(
        """
async def read(real, response, **k):
    answer = await real(response, **k)
    if isinstance(answer.value, Error):
        raise RemoteError(answer.value.message)
    return answer
around(core, "read_answer", read)
""",
        "REQ-ERROR-3",
        ("client-extension-*",),
    ),
    "sends no defaults": Fault(
        "around(proxies, 'bind_arguments', lambda real, name, inputs, args, kwargs: "
        "[(label, value) for at, (label, value) in enumerate(real(name, inputs, args, kwargs)) "
        "if at < len(args) or label in kwargs])",
        "REQ-ARG-3",
        ("client-argument-*",),
    ),
    "takes a default of nil for none": Fault(
        "Input.value = property(lambda self: "
        "MISSING if self.attributes.get('value') is None else self.attributes['value'])",
        "REQ-INPUT-3",
        ("client-argument-*",),
    ),
    "sends arguments in the order of the call": Fault(
        "around(proxies, 'bind_arguments', lambda real, name, inputs, args, kwargs: "
        "sorted(real(name, inputs, args, kwargs), "
        "key=lambda pair: list(kwargs).index(pair[0]) if pair[0] in kwargs else -1))",
        "REQ-ARG-5",
        ("client-argument-*", "request-order-*"),
    ),
    "sends nothing for no arguments": Fault(
        "around(forms, 'pack_body', lambda real, value, **k: "
        "real(value, **k) if value else Body(b'', None, 0))",
        "REQ-ENV-1",
        ("client-form-*",),
    ),
    "lets forms set any header": Fault(
        "forms._headers_of = lambda form: tuple(form.headers.items())",
        "REQ-FORM-4",
        ("request-header-*",),
    ),
    "lets line breaks into heads": Fault(
        "forms._check_value = lambda kind, name, value: None",
        "REQ-SAFE-7",
        ("request-header-*", "client-link-header-*"),
    ),
    "does not escape the name of a blob": Fault(
        "forms.pack_name = lambda name: f'form-data; name=\"{name}\"'",
        "REQ-ENV-8",
        ("request-disposition-*",),
    ),
    "escapes no plus": Fault(
        "around(forms, 'quote_from_bytes', lambda real, data, safe: real(data, safe='+'))",
        "REQ-ENV-3",
        ("request-query-*",),
    ),
    "gives no type to empty bodies": Fault(
        "around(proxies, 'pack', lambda real, *a: (lambda packed: packed if packed.body is None "
        "or packed.body.length else attrs.evolve(packed, headers=()))(real(*a)))",
        "REQ-HEAD-3",
        ("client-form-*",),
    ),
    "takes a cut sequence for a whole one": Fault(
        """
async def items(real, *a, **k):
    try:
        async for item in real(*a, **k):
            yield item
    except Truncated:
        pass
around(answers, "read_items", items)
""",
        "REQ-SEQ-3",
        ("client-sequence-*",),
    ),
    "hides what ended a sequence": Fault(
        """
async def items(real, *a, **k):
    try:
        async for item in real(*a, **k):
            yield item
    except answers.End:
        pass
around(answers, "read_items", items)
""",
        "REQ-SEQ-4",
        ("client-sequence-*",),
    ),
    "takes data of the first for that of all": Fault(
        "page._is_offer = lambda value: True", "REQ-PART-4", ("client-partial-*",)
    ),
    "makes a text of nothing": Fault(
        """
async def read(real, response, **k):
    if response.status == 204:
        return answers.Answer("", False)
    return await real(response, **k)
around(core, "read_answer", read)
""",
        "REQ-STATUS-2",
        ("client-status-20*",),
    ),
    "takes any body for a message": Fault(
        "answers.is_hyperglyph = lambda given: True", "REQ-STATUS-12", ("client-body-type-*",)
    ),
    "loses the status behind a body": Fault(
        """
async def read(real, response, **k):
    if "vnd" not in (response.header("content-type") or ""):
        raise DecodeError("no message", 0)
    return await real(response, **k)
around(core, "read_error", read)
""",
        "REQ-STATUS-6",
        ("client-status-error-*",),
    ),
    "ignores the coding of a body": Fault(
        "answers._is_gzip = lambda response: False", "REQ-HEAD-8", ("client-body-*",)
    ),
    "waits for ever": Fault(
        "messages.Deadline.left = lambda self: None", "REQ-TIME-4", ("client-fault-timeout",)
    ),
    "skips what is malformed": Fault(
        """
def decoded(real, *a, **k):
    try:
        return real(*a, **k)
    except DecodeError:
        return None, ()
from hyperglyph.transport.http import bodies
around(bodies.MessageSink, "close", decoded)
around(bodies.MessageSink, "feed", decoded)
""",
        "REQ-STATUS-14",
        ("client-body-malformed-*", "client-body-truncated-*"),
    ),
}
