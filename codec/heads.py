"""Extensions of which a message holds many, alike but for the URL: their heads are read at once.

A listing holds a thousand resources with the same name and attributes. To open, fill and close a
dict for each takes longer than to compare its tokens with those of the last, and to copy what these
were. As in `quick.py`, what looks unusual is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["TEXT_HEADS", "Head", "Heads"]

_WIDEST: Final = 32  # tokens of attributes that are compared
_LESSONS: Final = 64  # times that a message may show how attributes look, or fail to
_TEXT_KEYS: Final = frozenset({str})


def _text_heads() -> tuple[str, ...]:
    heads = {len(head) + size: head for size in range(1000) if (head := f"u{size}:")}
    return tuple(heads.get(length, ":") for length in range(max(heads) + 1))


#: The head of a text of up to 999 bytes, by the length of the whole token.
TEXT_HEADS: Final = _text_heads()


class Head(NamedTuple):
    """The name of an extension, its attributes, and how many tokens the attributes are."""

    name: str
    attributes: dict[str, Any]
    size: int


class _Seen(NamedTuple):
    """The last head of a name: what it was, and the tokens of its attributes."""

    head: Head
    tokens: list[str]
    url: int  # the place of its token, which is blank; 0 if there is none


class Heads:
    """Heads in the tokens of one message. `known` are tokens whose values have been read."""

    def __init__(self, known: Mapping[str, Any], *, ascii_only: bool) -> None:
        self._known = known
        self._ascii_only = ascii_only
        self._seen: dict[str, _Seen] = {}
        self._lessons = _LESSONS

    def read(self, opener: str, tokens: list[str], at: int) -> Head | None:
        """The head whose attributes begin at `at`, behind `opener`: an `X` with the name.

        None if the attributes are not scalars of one token each, or have not come before. Raises
        ValueError for malformed ones.
        """
        last = self._seen.get(opener)
        if last is None:
            return self._learn(opener, tokens, at)
        (name, attributes, size), expected, url = last
        found = tokens[at : at + size]
        attributes = attributes.copy()
        if 0 < url < len(found):
            text = self._text(found[url])
            if text is None:
                return None
            attributes["url"], found[url] = text, ""
        if found != expected:
            return self._learn(opener, tokens, at)
        return Head(name, attributes, size)

    def _learn(self, opener: str, tokens: list[str], at: int) -> Head | None:
        """The same, token by token, and remember it."""
        if self._lessons == 0:
            return None
        self._lessons -= 1
        found = tokens[at : at + _WIDEST]
        if found[0] == "D":  # there are none
            del found[1:]
        elif found[0].startswith("D") and "" in found:
            del found[found.index("") + 1 :]
        else:
            return None
        scalars = [opener[1:], found[0][1:], *found[1:-1]] if found[1:] else [opener[1:]]
        values: list[Any] = [
            self._known[scalar] if scalar in self._known else self._text(scalar)
            for scalar in scalars
        ]
        name, keys = values[0], values[1::2]
        # None is what could not be read; nil is seldom there.
        if None in values or not _TEXT_KEYS.issuperset(map(type, [name, *keys])):
            return None
        attributes: dict[str, Any] = dict(zip(keys, values[2::2], strict=True))
        if len(attributes) != len(keys):
            return None
        url = 2 * keys.index("url") + 1 if "url" in attributes else 0
        if url:
            found[url] = ""
        self._seen[opener] = _Seen(Head(name, attributes, len(found)), found, url)
        return Head(name, attributes.copy(), len(found))

    def _text(self, token: str) -> str | None:
        """A text of one token; None for something else, and for one that a `;` inside it cut."""
        if len(token) >= len(TEXT_HEADS) or not token.startswith(head := TEXT_HEADS[len(token)]):
            return None
        text = token[len(head) :]
        return text if self._ascii_only or text.isascii() else text.encode("latin-1").decode()
