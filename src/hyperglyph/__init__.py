"""Share objects between programs over plain HTTP.

The names below are imported when they are first used, so that `import hyperglyph.codec` brings in
neither an HTTP library nor anything else that it does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # isort: off
    from .client.aio import AsyncClient
    from .client.calls import Call, coroutine_of
    from .client.about import client_of, content_of, reload, url_of
    from .client.items import AsyncItems, Items
    from .client.client import Client, get
    from .codec import Blob, Extension, Form, Input, Limits, Link, Period
    from .codec.errors import DecodeError, EncodeError, HyperglyphError, LimitExceeded, Truncated
    from .server.builders import blob, error, form, link
    from .server.authentication import basic_credentials
    from .server.context import context, principal
    from .server.decorators import cache, embed, hidden, method, optional, redirect, safe
    from .server.moved import Moved
    from .server.persistent import PersistentResource, forget, id_of, keep, recall
    from .server.resource import Resource
    from .server.router import Router
    from .server.state import EPHEMERAL, ConfigurationError
    from .server.stores import MemoryStore, RedisStore, SQLiteStore, Store, StoreError
    from .server.thread import Server
    from .transport.adapters.local import LocalTransport
    from .transport.adapters.local_async import AsyncLocalTransport
    from .transport.http.messages import (
        AsyncResponse, AsyncTransport, Incoming, Request, Response, Transport,
    )  # fmt: skip
    from .transport.http.status import (
        BadGateway, BadRequest, ClientError, Conflict, ContentTooLarge, DeadlineExceeded, Forbidden,
        GatewayTimeout, HeadersTooLarge, MethodNotAllowed, MisdirectedRequest, NotFound,
        PreconditionFailed, RemoteError, RequestTimeout, ServerError, StaleReference, Unauthorized,
        TooManyRequests, TransportError, Unavailable, UnsupportedMediaType, UriTooLong,
    )  # fmt: skip

__all__ = [
    "AsyncClient", "AsyncItems", "AsyncLocalTransport", "AsyncResponse", "AsyncTransport",
    "BadGateway", "BadRequest", "Blob", "Call", "Client", "ClientError", "ConfigurationError",
    "Conflict", "ContentTooLarge", "DeadlineExceeded", "DecodeError", "EPHEMERAL", "EncodeError",
    "Extension", "Forbidden", "Form", "GatewayTimeout", "HeadersTooLarge", "HyperglyphError",
    "Incoming", "Input", "Items", "LimitExceeded", "Limits", "Link", "LocalTransport",
    "MemoryStore", "MethodNotAllowed", "MisdirectedRequest", "Moved", "NotFound", "Period",
    "PersistentResource", "PreconditionFailed", "RedisStore", "RemoteError", "Request",
    "RequestTimeout", "Resource", "Response", "Router", "SQLiteStore", "Server", "ServerError",
    "StaleReference", "Store", "StoreError", "TooManyRequests", "Transport", "TransportError",
    "Truncated", "Unauthorized", "Unavailable", "UnsupportedMediaType", "UriTooLong",
    "basic_credentials", "blob", "cache", "client_of", "content_of", "context", "coroutine_of",
    "embed", "error", "forget", "form", "get", "hidden", "id_of", "keep", "link", "method",
    "optional", "principal", "recall", "redirect", "reload", "safe", "url_of",
]  # fmt: skip

_MODULES = {
    "client.aio": "AsyncClient",
    "client.calls": "Call coroutine_of",
    "client.items": "AsyncItems Items",
    "client.client": "Client get",
    "client.about": "client_of content_of reload url_of",
    "codec": "Blob Extension Form Input Limits Link Period",
    "codec.errors": "DecodeError EncodeError HyperglyphError LimitExceeded Truncated",
    "server.builders": "blob error form link",
    "server.authentication": "basic_credentials",
    "server.context": "context principal",
    "server.decorators": "cache embed hidden method optional redirect safe",
    "server.moved": "Moved",
    "server.persistent": "PersistentResource forget id_of keep recall",
    "server.resource": "Resource",
    "server.router": "Router",
    "server.state": "EPHEMERAL ConfigurationError",
    "server.stores": "MemoryStore RedisStore SQLiteStore Store StoreError",
    "server.thread": "Server",
    "transport.adapters.local": "LocalTransport",
    "transport.adapters.local_async": "AsyncLocalTransport",
    "transport.http.messages": "AsyncResponse AsyncTransport Incoming Request Response Transport",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


if not TYPE_CHECKING:  # or a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_HOME.get(name, 'transport.http.status')}")
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
