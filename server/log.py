"""Tracebacks in the log: what a function raises may hold the text of a stranger."""

from __future__ import annotations

import logging
import re
import textwrap
import traceback
from typing import Final

__all__ = ["tame_traceback"]

#: All control characters but the tab and the end of a line.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def tame_traceback(record: logging.LogRecord) -> bool:
    """A filter that drops nothing: the traceback steers no terminal, and no line of it looks like
    a record of the log.
    """
    if record.exc_info and not record.exc_text:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        text = _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)
        record.exc_text = textwrap.indent(text, "  ")  # formatters take it as it is
    return True
