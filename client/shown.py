"""Proxies as text, for shells, `help()` and notebooks. Nothing here makes a request.

Names, URLs and values come from the other side: what is not printable is escaped before it reaches
a terminal, and everything before it becomes HTML.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterator, Sequence
from itertools import islice
from reprlib import Repr
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

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
    "record",
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

    The attribute `doc` comes from the other side like everything else. REQ-EXT-13.
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


def record(resource: ResourceProxy) -> str:
    """The data of a record on one line: it has no URL under which to look for more."""
    shown = [f"{row.name}{row.detail}" for row in islice(_rows(resource, "="), 10)]
    return ", ".join(shown if len(resource) <= 10 else [*shown, "..."])


def describe_resource(
    resource: ResourceProxy, kind: str, url: str | None, described: Extension
) -> str:
    """The `help()` of a resource: what it offers, a line each; `described` has its docstring."""
    no_url = "a record without a URL" if kind == "record" else f"{kind}, a record without a URL"
    first = f"{kind} at {printable(url)}" if url else no_url
    lines = [*_docstring(described), first]
    for row in _rows(resource, " = "):
        lines.append(f"    {row.name}{row.detail}")
        if row.summary:
            lines.append(f"        {row.summary}")
    return "\n".join(lines)


def table(resource: ResourceProxy, kind: str, url: str | None) -> str:
    """A resource as a small table in HTML."""
    rows = list(_rows(resource, ""))
    with_summaries = any(row.summary for row in rows)
    left = "style='text-align:left'"
    lines: list[str] = []
    for row in rows:
        summary = f"<td {left}>{html.escape(row.summary)}</td>" if with_summaries else ""
        lines.append(
            f"<tr><th {left}>{html.escape(row.name)}</th>"
            f"<td {left}><code>{html.escape(row.detail)}</code></td>{summary}</tr>"
        )
    caption = html.escape(f"{kind} {printable(url or '')}".strip())
    return f"<table><caption {left}>{caption}</caption>{''.join(lines)}</table>"


class _Row(NamedTuple):
    """A member: `detail` is the signature of what can be called, else a short value."""

    name: str
    detail: str
    summary: str = ""


def _rows(resource: ResourceProxy, equals: str) -> Iterator[_Row]:
    names = list(resource)
    for name in names[:_ROWS]:
        summary = ""
        try:
            value = resource._here(name)  # pyright: ignore[reportPrivateUsage]
            if callable(value):
                detail = printable(str(inspect.signature(value)), 2 * _WIDTH)
                summary = next(iter(_docstring(cast("Any", value)._extension)), "")
            else:
                detail = f"{equals}{_value(value)}"
        except ValueError as error:
            detail = f"{equals}(broken: {printable(str(error), _WIDTH)})"
        yield _Row(printable(str(name), _WIDTH), detail, summary)
    if len(names) > _ROWS:
        yield _Row("...", f"{equals}and {len(names) - _ROWS} more")
