"""Proxies as text, for shells, `help()` and notebooks. Nothing here makes a request.

Names, URLs and values come from the other side: what is not printable is escaped before it reaches
a terminal, and everything before it becomes HTML.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterator, Sequence
from reprlib import Repr
from typing import TYPE_CHECKING, Final

from hyperglyph.codec import MISSING, Extension, Form, Input, Link
from hyperglyph.transport.http.binding import signature_of

if TYPE_CHECKING:
    from .proxies import ResourceProxy

__all__ = [
    "describe_form",
    "describe_link",
    "describe_resource",
    "names_shown",
    "printable",
    "table",
]

#: A notebook's table, a page of help, an error's list of names: more rows help nobody.
_ROWS: Final = 50
_WIDTH: Final = 80
_DOC: Final = 20_000

_short = Repr()
_short.maxstring = _short.maxother = _WIDTH
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = 5


def printable(text: str, width: int = 2_000) -> str:
    """Text on one line, without what would steer a terminal, cut at `width`."""
    if len(text) > width:
        text = text[: width - 3] + "..."
    return text if text.isprintable() else repr(text)[1:-1]


def names_shown(names: Sequence[object], most: int = _ROWS) -> str:
    """Names as a list, for a message: `a, b, c`."""
    shown = [printable(str(name), _WIDTH) for name in names[:most]]
    if len(names) > most:
        shown.append("...")
    return ", ".join(shown)


def _value(value: object) -> str:
    return printable(_short.repr(value), _WIDTH)


def _docstring(extension: Extension) -> list[str]:
    """The lines that the server's author wrote about it, and an empty one; none if there are none.

    The attribute `doc` comes from the other side like everything else.
    """
    doc = extension.attributes.get("doc")
    if not isinstance(doc, str) or not doc.strip():
        return []
    lines = [printable(line.expandtabs(), 2 * _WIDTH) for line in doc[:_DOC].split("\n")]
    return [*lines, ""]


def describe_form(name: str, form: Form, inputs: Sequence[Input], url: str) -> str:
    """The `help()` of a form: where it sends, and every input, whatever its name."""
    lines = [*_docstring(form), f"A form: {printable(form.method, 20)} {printable(url)}"]
    in_signature = signature_of(inputs).parameters
    for entry in inputs:
        line = f"    {printable(entry.label, _WIDTH)}"
        if entry.value is not MISSING:
            line += f" = {_value(entry.value)}"
        elif entry.optional:
            line += " (may be left out)"
        if entry.label not in in_signature:
            line += f"    given as {printable(name, _WIDTH)}(**{{{_value(entry.label)}: ...}})"
        lines.append(line)
    return "\n".join(lines)


def describe_link(link: Link, url: str) -> str:
    """The `help()` of a link."""
    came = "; its answer came with the page" if link.inline else ""
    return "\n".join([*_docstring(link), f"A link: GET {printable(url)}{came}"])


def describe_resource(
    resource: ResourceProxy, kind: str, url: str | None, described: Extension
) -> str:
    """The `help()` of a resource: what it offers, a line each; `described` has its docstring."""
    first = f"{kind} at {printable(url)}" if url else f"{kind}, a record without a URL"
    lines = [*_docstring(described), first]
    lines += (f"    {name}{detail}" for name, detail in _rows(resource, " = "))
    return "\n".join(lines)


def table(resource: ResourceProxy, kind: str, url: str | None) -> str:
    """A resource as a small table in HTML."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'><code>{html.escape(detail)}</code></td></tr>"
        for name, detail in _rows(resource, "")
    )
    caption = html.escape(f"{kind} {printable(url or '')}".strip())
    return f"<table><caption>{caption}</caption>{rows}</table>"


def _rows(resource: ResourceProxy, equals: str) -> Iterator[tuple[str, str]]:
    """Name and detail of each member: the signature of what can be called, a short value."""
    names = list(resource)
    for name in names[:_ROWS]:
        try:
            value = resource[name]
            if callable(value):
                detail = printable(str(inspect.signature(value)), 2 * _WIDTH)
            else:
                detail = f"{equals}{_value(value)}"
        except ValueError as error:
            detail = f"{equals}(broken: {printable(str(error), _WIDTH)})"
        yield printable(str(name), _WIDTH), detail
    if len(names) > _ROWS:
        yield "...", f"{equals}and {len(names) - _ROWS} more"
