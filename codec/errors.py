"""The exceptions of the codec, and the root of every exception of hyperglyph.

    HyperglyphError
     +- EncodeError (TypeError, ValueError)      a value that the wire cannot carry
     +- DecodeError (ValueError)                 bytes that are no message
         +- Truncated (EOFError)                 ... because they end too early
         +- LimitExceeded                        ... because they ask for more than `Limits` grants

Nothing else leaves the encoder or the decoder, except what a user's own hook raises and an OSError
of a blob's file (standard, section 12).
"""

from __future__ import annotations

__all__ = ["DecodeError", "EncodeError", "HyperglyphError", "LimitExceeded", "Truncated"]


class HyperglyphError(Exception):
    """The root of all exceptions that hyperglyph defines."""


class EncodeError(HyperglyphError, TypeError, ValueError):
    """A value cannot be encoded.

    `reason` says why; `path` leads to the value from the one that was given, `$`:
    `$.users[3].id`.
    """

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.reason} (at {self.path})"


class DecodeError(HyperglyphError, ValueError):
    """Bytes are not a message. `reason` says why, `offset` is the byte that shows it."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason, offset)
        self.reason = reason
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.reason} (at byte {self.offset})"


class Truncated(DecodeError, EOFError):
    """The input ended before the message did; `offset` is the length of the input."""


class LimitExceeded(DecodeError):
    """The message is larger, deeper or costlier than `Limits` grants."""


def shown(value: object) -> str:
    """A value for the text of an error: short, and told whatever its `__repr__` does."""
    try:
        return f"{value!r:.60}"
    except Exception:  # noqa: BLE001 - an integer too long to print, or a user's own fault
        return f"a {type(value).__name__}"


class Refused(ValueError):
    """A writer refuses a scalar; the encoder, which knows the path, makes an EncodeError of it."""


class Surrogate(Refused):
    """A writer refuses `text`, which no UTF-8 can carry; that may be a key."""

    def __init__(self, text: str, code_point: int) -> None:
        super().__init__(f"text holds a surrogate, U+{code_point:04X}")
        self.text = text
