"""How a request becomes arguments: the envelopes, read. `transport/http/forms.py` writes them.

Standard, sections 18.2 and 18.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import attrs

from hyperglyph.codec import DecodeError, LimitExceeded, Limits
from hyperglyph.codec.blob import DEFAULT_CONTENT_TYPE
from hyperglyph.transport.http.bodies import BlobSink, InflatingSink, Sink, read_into
from hyperglyph.transport.http.codings import Inflation
from hyperglyph.transport.http.disposition import unpack_name
from hyperglyph.transport.http.forms import NoneSink, form_sink, unpack_query
from hyperglyph.transport.http.messages import Incoming
from hyperglyph.transport.http.negotiate import is_hyperglyph
from hyperglyph.transport.http.status import BadRequest, ContentTooLarge, UnsupportedMediaType

from .calls import Call
from .endpoints import FunctionEndpoint

__all__ = ["Reading"]

T = TypeVar("T")


@attrs.frozen
class Reading:
    """Reads arguments within `limits`; `gzip`: from compressed bodies, too."""

    limits: Limits
    gzip: bool

    def check(self, request: Incoming, envelope: str) -> None:
        """What an unsafe request must say of its body, empty or not.

        Raises UnsupportedMediaType. REQ-HEAD-4 and REQ-ENV-13.
        """
        types = request.values("content-type")
        if envelope == "blob":
            if len(types) > 1 or len(request.values("content-disposition")) != 1:
                raise UnsupportedMediaType(
                    "a file is sent here as the body, with its content type and "
                    'Content-Disposition: form-data; name="..."'
                )
        elif len(types) != 1 or not is_hyperglyph(types[0]):
            raise UnsupportedMediaType("an unsafe request carries the content type of hyperglyph")
        if _is_gzip(request):
            if not self.gzip:
                raise UnsupportedMediaType(
                    "compressed requests are not taken here; Router(gzip_requests=True) takes them"
                )
        elif _codings(request):
            raise UnsupportedMediaType("the one content coding that may be taken is gzip, once")

    async def arguments(self, call: Call, function: FunctionEndpoint) -> object:
        """The arguments in the body or query, by name; the blobs among them are `call.received`.

        Raises BadRequest and ContentTooLarge, and what the body raises.
        REQ-ENV-10 to REQ-ENV-12, REQ-STATUS-7 and REQ-STATUS-9.
        """
        request, limits = call.request, self.limits
        if call.method == "GET":
            return unpack_query(request.query, limits=limits)
        envelope = function.envelope_for(call.method)
        limit = limits.blob_size
        if envelope != "blob":
            limit = limits.message + limits.blobs * limits.blob_size
        if request.length is not None and request.length > limit:
            raise ContentTooLarge(f"the body has more than {limit} bytes")
        try:
            if envelope in ("none", "query"):
                nothing = await _received(request, NoneSink())
                return nothing if envelope == "none" else unpack_query(request.query, limits=limits)
            if envelope == "blob":
                return await self._blob(call, function)
            value, call.received = await _received(request, form_sink(limits, call.deadline.pause))
        except LimitExceeded as error:
            raise ContentTooLarge(str(error)) from None
        except Inflation as error:
            raise BadRequest(str(error)) from None
        except DecodeError as error:
            raise BadRequest(f"malformed message: {error}") from None
        finally:
            call.deadline.resume()
        return value

    async def _blob(self, call: Call, function: FunctionEndpoint) -> Mapping[str, object]:
        """REQ-ENV-13 and REQ-ENV-14."""
        # Only a file that has come whole is handed on; until then no instance waits for it.
        name = unpack_name(call.request.values("content-disposition")[0])
        function.parameters.bind({name: None})
        content_type = call.request.header("content-type") or DEFAULT_CONTENT_TYPE
        call.deadline.pause()
        sink = BlobSink({"content-type": content_type}, limits=self.limits)
        blob = await _received(call.request, sink)
        call.received = (blob,)
        return {name: blob}


async def _received(request: Incoming, sink: Sink[T]) -> T:
    """What the body of a request makes of a sink."""
    return await read_into(InflatingSink(sink) if _is_gzip(request) else sink, request.body)


def _codings(request: Incoming) -> list[str]:
    values = ",".join(request.values("content-encoding")).lower().split(",")
    return [value.strip() for value in values if value.strip() not in ("", "identity")]


def _is_gzip(request: Incoming) -> bool:
    """Whether the body is compressed, in one layer."""
    return _codings(request) in (["gzip"], ["x-gzip"])
