"""Faults of a server that show on its pages: what forms, links and resources say of themselves."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import attrs

from hyperglyph.codec import (
    DecodeError,
    Extension,
    Form,
    Input,
    Link,
    Resource,
    decode,
    encode,
)
from hyperglyph.transport.http.messages import Handler, Incoming, Response
from hyperglyph.transport.http.negotiate import MEDIA_TYPE
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE
from hyperglyph.transport.http.shapes import is_list, is_mapping

from .faults import Fault
from .in_server import Middleware, answered, error, instead, run, with_header

__all__ = ["FAULTS"]

PARTIAL = f"{MEDIA_TYPE};partial=1"
END = b"Xu3:end;D;N;;"


def _page(change: Callable[[Any], Any]) -> Middleware:
    """Pages say something else: `change` is given the value, and may give another."""

    def altered(request: Incoming, response: Response, body: bytes) -> Response | None:
        if response.status != 200 or response.header("content-type") != MEDIA_TYPE:
            return None
        try:
            value = decode(body)
        except DecodeError:
            return None
        if b"B0:" in body:
            return None
        changed = encode(change(value))
        headers = [pair for pair in response.headers if pair[0].lower() != "content-length"]
        return Response(200, [*headers, ("Content-Length", str(len(changed)))], [changed])

    return answered(altered)


def _extensions(value: Any) -> Iterator[Extension]:
    """All extensions in a value, those in attributes aside."""
    if isinstance(value, Extension):
        yield value
        yield from _extensions(value.content)
    elif is_mapping(value):
        for item in value.values():
            yield from _extensions(item)
    elif is_list(value):
        for item in value:
            yield from _extensions(item)


def _each(kind: type, change: Callable[[Any], None]) -> Middleware:
    """Something is done to all links, forms or resources of each page."""

    def changed(value: Any) -> Any:
        for extension in _extensions(value):
            if isinstance(extension, kind):
                change(extension)
        return value

    return _page(changed)


def _attributes(extension: Extension) -> dict[str, Any]:
    return cast("dict[str, Any]", extension.attributes)


def _without_url(link: Link) -> None:
    if link.url is not None and link.url.endswith("today"):
        del _attributes(link)["url"]


def _content(extension: Extension, content: object) -> None:
    object.__setattr__(extension, "content", content)


def _links_for_forms(resource: Resource) -> None:
    content: Any = resource.content
    for name, value in content.items():
        if isinstance(value, Form) and not value.inputs:
            content[name] = Link(value.url or "")


def _says_envelope(form: Form) -> None:
    _attributes(form).setdefault("envelope", {"GET": "query"}.get(form.method, "form"))


def _by_query(form: Form) -> None:
    if form.method != "GET":
        _attributes(form)["envelope"] = "query"


def _optional_for_default(form: Form) -> None:
    for entry in _attributes(form)["values"]:
        if isinstance(entry, Input) and "value" in _attributes(entry):
            del _attributes(entry)["value"]
            _attributes(entry)["optional"] = True


def _without_empty_values(form: Form) -> None:
    if not _attributes(form)["values"]:
        del _attributes(form)["values"]


def _other_inline(link: Link) -> None:
    if link.inline:
        _content(link, 0)


def _blank_in_url(resource: Resource) -> None:
    _attributes(resource)["url"] = f"{resource.url or ''} "


def _url_with_a_colon(resource: Resource) -> None:
    if resource.url and resource.label == "Document":
        _attributes(resource)["url"] = f"doc:{resource.url.strip('/')}"


def _all_partial(value: Any) -> Any:
    """A listing has no full resource at all."""
    return _partial(value, 0, data=True)


def _without_data(value: Any) -> Any:
    return _partial(value, 1, data=False)


def _others_partial(value: Any) -> Any:
    return _partial(value, 1, data=True)


def _partial(value: Any, start: int, *, data: bool) -> Any:
    if is_list(value):
        for resource in value[start:]:
            if isinstance(resource, Resource):
                _attributes(resource)["partial"] = True
                kept = {
                    name: item
                    for name, item in resource.content.items()
                    if data and not isinstance(item, Extension)
                }
                _content(resource, kept)
    return value


def _asked_for_partial(change: Callable[[Any], Any]) -> Middleware:
    """Only those who have asked for partial resources get something else."""
    middleware = _page(change)

    def chosen(request: Incoming, inner: Handler) -> Response:
        asked = "partial" in (request.header("accept") or "")
        return middleware(request, inner) if asked else inner.handle(request)

    return chosen


def _body(change: Callable[[Incoming, bytes], bytes]) -> Middleware:
    """What a 200 holds is other octets."""

    def altered(request: Incoming, response: Response, body: bytes) -> Response | None:
        changed = change(request, body)
        if response.status != 200 or changed == body:
            return None
        return instead(200, changed, response.header("content-type") or MEDIA_TYPE)

    return answered(altered)


def _ends_by_item(request: Incoming, body: bytes) -> bytes:
    return b"i1;" + END if request.path.endswith("/ended") and body.startswith(b"i1;X") else body


def _at_once(request: Incoming, response: Response, body: bytes) -> Response | None:
    """A sequence that fails is nothing but its failure."""
    if response.header("content-type") == SEQUENCE_TYPE and b"u5:error;" in body:
        return error(500, "internal error")
    return None


def _forgets() -> Middleware:
    """References are of the process that has made the first of them."""
    made = False

    def middleware(request: Incoming, inner: Handler) -> Response:
        nonlocal made
        if request.path == "/Counter":
            made = True
        elif request.path.startswith("/Counter/") and not made:
            return error(400, "not a reference")
        return inner.handle(request)

    return middleware


def _no_deadline_in_turn(request: Incoming, inner: Handler) -> Response:
    if not request.path.endswith("/time_left"):
        return inner.handle(request)
    kept = [pair for pair in request.headers if pair[0].lower() != "hyperglyph-timeout"]
    return inner.handle(attrs.evolve(request, headers=kept))


def _tells_in_turn(request: Incoming, response: Response, body: bytes) -> Response | None:
    return error(500, "refused on purpose") if response.status == 502 else None


def _makes_all(request: Incoming, inner: Handler) -> Response:
    """A sequence is made to its end, whether or not somebody reads it."""
    response = inner.handle(request)
    if response.header("content-type") != SEQUENCE_TYPE:
        return response
    return attrs.evolve(response, body=[b"".join(response.body)])


def _raw_messages(request: Incoming, response: Response, body: bytes) -> Response | None:
    """A blob whose type is ours is sent raw, too."""
    if b"u12:content-type;u26:application/vnd.hyperglyph;" in body and body.startswith(b"B0:"):
        return instead(200, body.partition(b"c0:3:")[2][:3])
    return None


def _never_raw(request: Incoming, inner: Handler) -> Response:
    return inner.handle(with_header("accept", MEDIA_TYPE)(request))


def _not_acceptable(request: Incoming, inner: Handler) -> Response:
    accepted = request.header("accept") or "*/*"
    fits = MEDIA_TYPE in accepted or "*" in accepted
    return inner.handle(request) if fits else error(406, "not acceptable")


def _one_tag(request: Incoming, response: Response, body: bytes) -> Response | None:
    if response.header("etag") is None or response.header("content-encoding") is None:
        return None
    tag = _plain_tag(response)
    kept = [pair for pair in response.headers if pair[0].lower() != "etag"]
    return Response(response.status, [*kept, ("ETag", tag)], [body])


def _plain_tag(response: Response) -> str:
    """The entity tag without what tells that the body is compressed."""
    return (response.header("etag") or "").replace("-gzip", "")


def _untyped_uploads(request: Incoming, inner: Handler) -> Response:
    typed = request.method == "GET" or request.header("content-type") is not None
    return inner.handle(request) if typed else error(415, "no content type")


def _status(before: int, after: int) -> Middleware:
    return answered(
        lambda request, response, body: (
            attrs.evolve(response, status=after) if response.status == before else None
        )
    )


def _no_location(request: Incoming, response: Response, body: bytes) -> Response | None:
    kept = [pair for pair in response.headers if pair[0].lower() != "location"]
    moved = request.path.endswith("/moved") and response.status == 303
    return attrs.evolve(response, headers=kept) if moved else None


def _only_data(request: Incoming, response: Response, body: bytes) -> Response | None:
    """What is at the URL of a resource that has changed is not the resource."""
    if request.method != "GET" or b"u4:text;u3:one;" not in body:
        return None
    return instead(200, b"D;")


def _no_root(request: Incoming, response: Response, body: bytes) -> Response | None:
    return error(404, "nothing here") if request.path == "/" else None


_EVERY_ENVELOPE = _each(Form, _says_envelope)

_TABLE: dict[str, tuple[str, Middleware]] = {
    "links to what changes something": ("REQ-LINK-6", _each(Resource, _links_for_forms)),
    "inlines something else": ("REQ-LINK-7", _each(Link, _other_inline)),
    "forms without values": ("REQ-FORM-1", _each(Form, _without_empty_values)),
    "every envelope is said": ("REQ-FORM-7", _EVERY_ENVELOPE),
    "every envelope is said to old clients": ("REQ-OLD-2", _EVERY_ENVELOPE),
    "envelopes that do not go with the method": ("REQ-ENV-9", _each(Form, _by_query)),
    "defaults do not travel": ("REQ-INPUT-7", _each(Form, _optional_for_default)),
    "defaults do not travel to old clients": ("REQ-OLD-3", _each(Form, _optional_for_default)),
    "resources are not at their urls": ("REQ-RES-6", answered(_only_data)),
    "blanks in urls": ("REQ-URL-6", _each(Resource, _blank_in_url)),
    "a colon that makes a scheme": ("REQ-URL-7", _each(Resource, _url_with_a_colon)),
    "no full resource": ("REQ-PART-2", _asked_for_partial(_all_partial)),
    "partial resources without data": ("REQ-PART-3", _asked_for_partial(_without_data)),
    "partial whatever the forms": ("REQ-PART-7", _asked_for_partial(_others_partial)),
    "sequences without an end": (
        "REQ-SEQ-2", _body(lambda request, body: body.removesuffix(END))),
    "an item ends the sequence": ("REQ-SEQ-6", _body(_ends_by_item)),
    "no item before the last": ("REQ-SEQ-10", answered(_at_once)),
    "forgets its references": ("REQ-REF-8", _forgets()),
    "calls in turn have no deadline": ("REQ-TIME-5", _no_deadline_in_turn),
    "tells what has failed in turn": ("REQ-STATUS-17", answered(_tells_in_turn)),
    "makes what nobody reads": ("REQ-SEQ-9", _makes_all),
    "never a raw blob": ("REQ-BLOBHTTP-2", _never_raw),
    "raw messages": ("REQ-BLOBHTTP-7", answered(_raw_messages)),
    "one tag for every coding": ("REQ-COND-3", answered(_one_tag)),
    "compresses for everybody": (
        "REQ-HEAD-7", lambda request, inner: inner.handle(
            with_header("accept-encoding", "gzip")(request))),
    "406 for other types": ("REQ-HEAD-11", _not_acceptable),
    "uploads have to have a type": ("REQ-ENV-14", _untyped_uploads),
    "redirects lead nowhere": ("REQ-REDIR-8", answered(_no_location)),
    "links without urls": ("REQ-OLD-5", _each(Link, _without_url)),
    "white space behind a text": (
        "REQ-OLD-6",
        _body(lambda request, body: body + b"\n" if body.startswith(b"u2:") else body)),
    "201 for what was created": ("REQ-OLD-7", _status(303, 201)),
}  # fmt: skip

FAULTS = (
    *(
        Fault(name, "server", requirement, run(middleware))
        for name, (requirement, middleware) in _TABLE.items()
    ),
    Fault("no root for old clients", "server", "REQ-OLD-1", run(answered(_no_root), "old_router")),
)
