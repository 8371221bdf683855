"""What the two adapters on httpcore are told of their connections, and the pools made of that."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs

from .httpx_common import httpx
from .httpx_http2 import check_h2

__all__ = ["PoolOptions"]

PoolT = TypeVar("PoolT")

#: In seconds. Servers keep idle connections longer (our own 15), so one of this age is alive.
_KEEPALIVE: Final = 4.0


@attrs.frozen(kw_only=True)
class PoolOptions:
    """The options of `HttpxTransport` and `AsyncHttpxTransport`, which say what they mean.

    `given`: a transport made for httpx makes the connections, as it was told itself.
    Raises ValueError for what does not go together, and ImportError where HTTP/2 is missing.
    """

    unix: str | None
    proxy: str | None
    verify: ssl.SSLContext | None
    http2: bool
    max_connections: int
    given: bool

    def __attrs_post_init__(self) -> None:
        if self.given and (self.unix or self.proxy or self.verify or self.http2):
            raise ValueError("unix, proxy, verify and http2 are then the given transport's own")
        if self.http2 and self.proxy:
            raise ValueError("through a proxy goes HTTP/1.1: leave http2 or proxy out")
        if self.http2:
            check_h2()

    def pool(
        self,
        scheme: str,
        backend: object,
        plain: Callable[..., PoolT],
        http2: Callable[..., PoolT],
        proxy: Callable[..., PoolT],
    ) -> PoolT:
        """A new pool for the URLs of a scheme, of the one of three classes that fits."""
        context = self.verify
        if context is None and scheme == "https":
            context = httpx.create_ssl_context()
        shared: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": self.max_connections,
            "keepalive_expiry": _KEEPALIVE,
            "network_backend": backend,
        }
        if self.proxy is not None:
            return proxy(self.proxy, **shared)
        kind = http2 if self.http2 else plain
        return kind(
            max_keepalive_connections=self.max_connections, retries=0, uds=self.unix, **shared
        )
