"""A jar of the user's, for the origins that his headers go to. Without one no cookie is kept.

By their own rules cookies know hosts, not ports; here the origin decides first.

Standard, section 21.2 (REQ-SAFE-9).
"""

from __future__ import annotations

import email.message
import urllib.request
from http.cookiejar import CookieJar

from hyperglyph.transport.http.messages import Answered

__all__ = ["Cookies"]


class _Head:
    """The head of a response, as the jar wants it."""

    def __init__(self, response: Answered) -> None:
        self._message = email.message.Message()
        for name, value in response.headers:
            if name.lower() in ("set-cookie", "set-cookie2"):
                self._message[name] = value

    def info(self) -> email.message.Message:
        return self._message


class Cookies:
    """Reads and fills a `CookieJar`, which has a lock of its own."""

    def __init__(self, jar: CookieJar) -> None:
        self._jar = jar

    def header_for(self, url: str) -> str | None:
        request = urllib.request.Request(url)  # noqa: S310 - nothing is opened
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def keep(self, response: Answered) -> None:
        request = urllib.request.Request(response.url)  # noqa: S310
        self._jar.extract_cookies(_Head(response), request)  # type: ignore[arg-type]
