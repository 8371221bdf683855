"""Extensions that are alike but for one text, as the resources of a listing are but for their URLs.

A template spells once what they share; the encoder then writes the head of each, which is all of
it in front of its content, in one step. Whoever looks at one sees an extension like any other, and
its bytes are those of any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .scalars import write_unicode
from .types import Extension

__all__ = ["Filled", "Template"]


class Template:
    """The name and the attributes of such extensions: `varied` is what the first of these is
    called, `fixed` are the others.

    Raises Refused for text that the wire cannot carry.
    """

    __slots__ = ("_after", "_before", "_fixed", "_varied", "name")

    def __init__(self, name: str, varied: str, fixed: Mapping[str, str | bool]) -> None:
        self.name = name
        self._varied = varied
        self._fixed = dict(fixed)
        tokens = (write_unicode(key) + _token(value) for key, value in fixed.items())
        self._before = f"X{write_unicode(name)}D{write_unicode(varied)}"
        self._after = f"{''.join(tokens)};"

    def fill(self, text: str, content: Any) -> Filled:
        """The extension whose first attribute is `text`. Nothing is checked."""
        filled = _new(Filled)
        _set_template(filled, self)
        _set_text(filled, text)
        _set_content(filled, content)
        plain = text and text.isascii()  # as URLs are; the encoder knows how all else is spelled
        _set_head(filled, f"{self._before}u{len(text)}:{text};{self._after}" if plain else None)
        return filled

    def attributes(self, text: str) -> dict[str, Any]:
        return {self._varied: text, **self._fixed}


def _token(value: str | bool) -> str:
    if isinstance(value, bool):
        return "T;" if value else "F;"
    return write_unicode(value)


class Filled(Extension):
    """An extension that a template makes. Its attributes are there when they are asked for."""

    __slots__ = ("head", "template", "text")

    template: Template
    text: str
    #: How it is spelled in front of its content, one character a byte; None: as its attributes say.
    head: str | None

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.template.name

    @property
    def attributes(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.template.attributes(self.text)


_new = Filled.__new__
_set_content = vars(Extension)["content"].__set__
_set_head, _set_template, _set_text = (
    vars(Filled)[slot].__set__ for slot in ("head", "template", "text")
)
