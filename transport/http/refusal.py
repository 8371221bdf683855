"""The answer to what is no request: it is made before a router is asked, and by no router.

Standard, section 19.6 (REQ-STATUS-20).
"""

from __future__ import annotations

import logging
import secrets

from hyperglyph.codec import Error, encode

from .messages import Response
from .negotiate import MEDIA_TYPE

__all__ = ["refusal"]

logger = logging.getLogger("hyperglyph.server")


def refusal(status: int, message: str) -> Response:
    """A response with an error extension, whose logref stands in the log at level DEBUG."""
    logref = secrets.token_hex(6)
    logger.debug("logref %s: refused a request: %d %s", logref, status, message)
    body = encode(Error(message, logref=logref))
    headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))]
    return Response(status, headers, (body,))
