"""The shortcut of `decode` for messages that are spelled as encoders spell them.

Nearly every message is made of many small tokens, without white space or blobs. Cut at every `;`
by one call, it is a list of tokens in which an empty one ends a container, and most have been seen
before: `tokens` maps them to their values. That is twice as fast as asking for one byte after
another, and it knows only part of the grammar: whatever looks unusual is not taken, and then
`decoder.Parser` reads the message from its beginning. It alone says what is wrong with one.

So nothing may be taken here that `Parser` refuses or reads in another way. Text and byte arrays
are compared with their length as everywhere: a `;` inside one cuts it, and it is put together
again. The message is cut as Latin-1, one character a byte.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from operator import length_hint
from typing import Any, Final, NamedTuple

from .keys import make_dict, make_set
from .limits import LENGTH_DIGITS, Limits
from .numbers import DIRECT
from .times import read_datetime, read_timedelta
from .types import NAN, Extension

__all__ = ["NOT_TAKEN", "quick_decode"]

#: What `quick_decode` returns when it leaves a message to the parser.
NOT_TAKEN: Final = object()

_BULKY: Final = 128  # bytes a token: where they are long, cutting costs more than it saves
_SAMPLE: Final = 4096  # bytes by which that is judged
_KNOWN: Final = 512  # texts that are remembered while a message is read
_HEAD: Final = 32  # tokens of an extension's attributes that are compared with those of others
_HEADS: Final = 64  # times that a message may show how attributes look, or fail to

_TOKENS: Final[dict[str, Any]] = {
    "T": True,
    "F": False,
    "N": None,
    "u": "",
    "b": b"",
    "f0x0.0p+0": 0.0,
    "f-0x0.0p+0": -0.0,
    "finf": float("inf"),
    "f-inf": float("-inf"),
    "fnan": NAN,
}
_FLOAT: Final = re.compile(r"-?0x[01]\.[0-9a-f]{13}p[+-][0-9]{1,4}")
_TEXT_KEYS: Final = frozenset({str})
_MAPPINGS: Final = frozenset({dict, OrderedDict})

#: What a container costs of the node budget beside the `;` at its end (and an extension's name).
_EXTRA_NODES: Final = {"L": 0, "S": 3, "D": 3, "O": 3, "X": 3}
_OPENERS: Final = "".join(_EXTRA_NODES)


def _text_marks() -> tuple[str, ...]:
    """The beginning of a text of up to 999 bytes, by the length of the whole token."""
    marks = {len(mark) + size: mark for size in range(1000) if (mark := f"u{size}:")}
    return tuple(marks.get(length, ":") for length in range(max(marks) + 1))


_MARKS: Final = _text_marks()


def _is_value(items: list[Any], _: str) -> bool:
    return len(items) % 2 == 1


def _is_part(items: list[Any], prefix: str) -> bool:
    """Attributes behind a name, or content behind both."""
    if len(items) == 1:
        return prefix in ("D", "O")
    return len(items) == 2 and type(items[1]) in _MAPPINGS


#: Whether a container may begin in another one there. A key is no case for us: the parser makes it
#: one that has a hash. Classes of a user are called as the parser would, and take no other place.
_LIMITED: Final[dict[str, Callable[[list[Any], str], bool]]] = {
    "S": lambda _, __: False,
    "D": _is_value,
    "O": _is_value,
    "X": _is_part,
    "head": lambda items, _: len(items) == 2,  # an extension, name and attributes taken at once
}


class _Head(NamedTuple):
    """An extension's name and attributes; the tokens of these, that of the first value blank."""

    name: str
    attributes: dict[str, Any]
    tokens: list[str]
    first: str


class _Unusual(ValueError):
    """The parser has to look at it."""


def quick_decode(data: bytes, limits: Limits, extensions: Mapping[str, type[Extension]]) -> Any:
    """The root of a message without blobs, or NOT_TAKEN. Raises what classes of a user raise."""
    sample = data[:_SAMPLE]
    if len(data) > limits.message or len(sample) > _BULKY * sample.count(b";"):
        return NOT_TAKEN
    if data.count(b";") > limits.nodes:  # before a list of that size is made
        return NOT_TAKEN
    *tokens, rest = data.decode("latin-1").split(";")
    if rest:
        return NOT_TAKEN
    try:
        return _Shortcut(limits, extensions, ascii_only=data.isascii()).read(tokens)
    except (TypeError, ValueError, OverflowError, IndexError):
        return NOT_TAKEN  # an unhashable key, malformed text, a float out of range...


class _Shortcut:
    def __init__(
        self, limits: Limits, extensions: Mapping[str, type[Extension]], *, ascii_only: bool
    ) -> None:
        self._limits = limits
        self._extensions = extensions
        self._ascii_only = ascii_only
        self._heads: dict[str, _Head] = {}  # the last of each name, by its token
        self._to_learn = _HEADS

    def read(self, tokens: list[str]) -> Any:
        """The value of a whole message. Raises for whatever is unusual."""
        ascii_only, marks, openers = self._ascii_only, _MARKS, _EXTRA_NODES
        known, longest = _TOKENS.copy(), len(marks)
        extensions, heads = self._extensions, self._heads
        depth, width = self._limits.depth, min(self._limits.integer_digits, DIRECT)
        is_float, to_float = _FLOAT.fullmatch, float.fromhex
        limited = _LIMITED
        stack: list[tuple[str, list[Any]]] = []
        kind = prefix = ""
        items: list[Any] = []
        append = items.append
        nodes = self._limits.nodes - len(tokens)
        following = iter(tokens)
        for token in following:
            if token in known:
                append(known[token])
                continue
            if token and (prefix := token[0]) in openers:
                if (
                    prefix == "X"
                    and (token in heads or self._to_learn)
                    and (attributes := self._like_last(token, tokens, length_hint(following)))
                ):
                    last = heads[token]
                    nodes -= openers["X"] + openers["D"]
                    if nodes < 0 or len(stack) + 1 >= depth:
                        raise _Unusual
                    if kind in limited and not limited[kind](items, prefix):
                        raise _Unusual
                    stack.append((kind, items))
                    kind, items = "head", [last.name, attributes]
                    append = items.append
                    next(islice(following, len(last.tokens) - 1, None))
                    continue
                rest = token.lstrip(_OPENERS)
                for prefix in token[: len(token) - len(rest)]:
                    nodes -= openers[prefix]
                    if nodes < 0 or len(stack) >= depth:
                        raise _Unusual
                    if kind in limited and not limited[kind](items, prefix):
                        raise _Unusual
                    stack.append((kind, items))
                    kind, items = prefix, []
                append = items.append
                if rest in known:
                    append(known[rest])
                    continue
                token, prefix = rest, rest[:1]  # noqa: PLW2901
            if not token:
                value: Any = items
                if kind == "head":
                    name, attributes, content = items
                    value = extensions.get(name, Extension).from_wire(name, attributes, content)
                elif kind != "L":
                    value = self._close(kind, items)
                kind, items = stack.pop()
                append = items.append
                append(value)
            elif prefix == "u":
                if len(token) < longest and token.startswith(mark := marks[len(token)]):
                    text = token[len(mark) :]
                    if not ascii_only and not text.isascii():
                        text = text.encode("latin-1").decode()
                    if len(known) < _KNOWN:
                        known[token] = text
                    append(text)
                else:
                    append(_content(token, following).encode("latin-1").decode())
            elif prefix == "i":
                digits = token[1:]
                if len(digits) > width or not (
                    digits.isdecimal() or (digits[0] == "-" and digits[1:].isdecimal())
                ):
                    raise _Unusual
                append(int(digits))
            elif prefix == "f":
                literal = token[1:]
                if not is_float(literal):
                    raise _Unusual
                append(to_float(literal))
            elif prefix == "b":
                append(_content(token, following).encode("latin-1"))
            elif prefix == "d":
                append(read_datetime(token[1:].encode("latin-1"), 0))
            elif prefix == "p":
                append(read_timedelta(token[1:].encode("latin-1"), 0))
            else:
                raise _Unusual
        if stack or len(items) != 1:
            raise _Unusual
        return items[0]

    def _like_last(self, opener: str, tokens: list[str], left: int) -> dict[str, Any] | None:
        """The attributes of an extension, if the last of its name had the same but for the first.

        A listing holds a thousand such resources, each with a URL of its own: to compare their
        tokens takes less time than to fill a dict for each.
        """
        at = len(tokens) - left
        last = self._heads.get(opener)
        if last is not None:
            _, attributes, expected, first = last
            found = tokens[at : at + len(expected)]
            token, found[1] = found[1], ""
            if found == expected and (text := self._text(token)) is not None:
                return {**attributes, first: text}
        self._learn(opener, tokens, at)
        return None

    def _learn(self, opener: str, tokens: list[str], at: int) -> None:
        """Remember a head for those that follow: attributes that hold no container."""
        if not self._to_learn:
            return
        self._to_learn -= 1
        found = tokens[at : at + _HEAD]
        if not found[0].startswith("D") or "" not in found:
            return
        del found[found.index("") + 1 :]
        # What differs is a whole value behind a whole key: neither has a `;` that cuts it.
        name, first, value = map(self._text, (opener[1:], found[0][1:], found[1]))
        if name is None or first is None or value is None:
            return
        if any(token[0] in _OPENERS for token in found[1:-1]):
            return
        try:
            alone = _Shortcut(self._limits, {}, ascii_only=self._ascii_only)
            attributes: dict[str, Any] = alone.read(found)
        except (TypeError, ValueError, OverflowError, IndexError):
            return
        if _TEXT_KEYS.issuperset(map(type, attributes)):
            found[1] = ""
            self._heads[opener] = _Head(name, attributes, found, first)

    def _text(self, token: str) -> str | None:
        """A text that is one token; None for another value, and where a `;` in it cuts it."""
        if len(token) >= len(_MARKS) or not token.startswith(mark := _MARKS[len(token)]):
            return None
        text = token[len(mark) :]
        return text if self._ascii_only else text.encode("latin-1").decode()

    def _close(self, kind: str, items: list[Any]) -> Any:
        if kind == "S":
            members = make_set(items, self._limits)
            if members is None:
                raise _Unusual
            return members
        if kind == "X":
            return self._extension(items)
        mapping = None if len(items) % 2 else make_dict(items, self._limits)
        if mapping is None:
            raise _Unusual
        return mapping if kind == "D" else OrderedDict(mapping)

    def _extension(self, items: list[Any]) -> Extension:
        name, attributes, content = items
        if (
            type(name) is not str
            or type(attributes) not in _MAPPINGS
            or not _TEXT_KEYS.issuperset(map(type, attributes))
        ):
            raise _Unusual
        return self._extensions.get(name, Extension).from_wire(name, attributes, content)


def _content(token: str, following: Iterator[str]) -> str:
    """The octets of a text or byte array, with the tokens into which a `;` cut it."""
    head, colon, content = token.partition(":")
    digits = head[1:]
    if not colon or not digits.isdecimal() or len(digits) > LENGTH_DIGITS:
        raise _Unusual
    length, parts = int(digits), [content]
    missing = length - len(content)
    while missing > 0:
        part = next(following, None)
        if part is None:
            raise _Unusual
        parts.append(part)
        missing -= 1 + len(part)
    if missing:
        raise _Unusual
    return ";".join(parts)
