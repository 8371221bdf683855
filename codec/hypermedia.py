"""The extensions of the standard: link, form, input, resource and error.

Constructors are strict. Decoded values are not: an attribute of the wrong type decodes as data,
and the property that reads it raises ValueError, so that one bad link does not lose a page.
Attributes stay as they came, those that nobody knows too; nothing here resolves a URL.

Standard, section 14 (REQ-EXT-5, REQ-EXT-6, REQ-EXT-8, REQ-OLD-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, cast

import attrs

from .types import Extension

__all__ = ["KINDS", "MISSING", "Collection", "Error", "Form", "Input", "Link", "Resource"]


class _Missing:
    """The value of an attribute that is not there, since nil is a value."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def _build(self: Extension, name: str, attributes: dict[str, Any], content: Any = None) -> None:
    """Fill a new extension, leaving out the attributes that are MISSING."""
    present = {key: value for key, value in attributes.items() if value is not MISSING}
    object.__setattr__(self, "name", name)
    object.__setattr__(self, "attributes", present)
    object.__setattr__(self, "content", content)


def _text(self: Extension, name: str, default: str | None = None) -> str | None:
    """A text attribute. The 2012 Python implementation sends some as bytes: read as UTF-8.

    REQ-EXT-9 and REQ-EXT-10.
    """
    value = self.attributes.get(name)
    if value is None:
        return default
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{self.name}: {name!r} is not UTF-8") from None
    if not isinstance(value, str):
        raise ValueError(f"{self.name}: {name!r} is not text but {type(value).__name__}")  # noqa: TRY004 - data
    return value


def _flag(self: Extension, name: str) -> bool:
    value = self.attributes.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ValueError(f"{self.name}: {name!r} is not true or false but {type(value).__name__}")  # noqa: TRY004
    return value


def _mapping(self: Extension, name: str) -> Mapping[str, str]:
    value = self.attributes.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(item, str)
        for key, item in cast("Mapping[object, object]", value).items()
    ):
        raise ValueError(f"{self.name}: {name!r} is not a dict of text")
    return cast("Mapping[str, str]", value)


def _require(kind: str, name: str, value: object, *types: type) -> None:
    wrong = not isinstance(value, types) or (isinstance(value, bool) and bool not in types)
    if value is not MISSING and wrong:
        names = " or ".join(expected.__name__ for expected in types)
        raise TypeError(f"{kind}: {name!r} is {names}, not {type(value).__name__}")


def _require_headers(kind: str, headers: object) -> None:
    """Headers are a dict of text to text, or MISSING."""
    _require(kind, "headers", headers, Mapping)
    if headers is not MISSING:
        for name, value in cast("Mapping[object, object]", headers).items():
            _require(kind, "headers", name, str)
            _require(kind, "headers", value, str)


@attrs.frozen(init=False, unsafe_hash=False)
class Link(Extension):
    """A link: calling it is a safe request. `inline` says that the content is the answer."""

    def __init__(
        self,
        url: str | _Missing = MISSING,
        *,
        method: str | _Missing = MISSING,
        inline: bool | _Missing = MISSING,
        content: Any = None,
        etag: str | _Missing = MISSING,
        last_modified: datetime | _Missing = MISSING,
        headers: Mapping[str, str] | _Missing = MISSING,
    ) -> None:
        _require("link", "url", url, str)
        _require("link", "method", method, str)
        _require("link", "inline", inline, bool)
        _require("link", "etag", etag, str)
        _require("link", "last_modified", last_modified, datetime)
        _require_headers("link", headers)
        attributes: dict[str, Any] = {
            "url": url,
            "method": method,
            "inline": inline,
            "etag": etag,
            "last_modified": last_modified,
            "headers": headers,
        }
        _build(self, "link", attributes, content)

    @property
    def url(self) -> str | None:
        return _text(self, "url")

    @property
    def method(self) -> str:
        method = _text(self, "method")
        return "GET" if method is None else method.upper()

    @property
    def inline(self) -> bool:
        return _flag(self, "inline")

    @property
    def etag(self) -> str | None:
        return _text(self, "etag")

    @property
    def last_modified(self) -> datetime | None:
        value = self.attributes.get("last_modified")
        if value is not None and not isinstance(value, datetime):
            raise ValueError("link: 'last_modified' is not a datetime")
        return value

    @property
    def headers(self) -> Mapping[str, str]:
        return _mapping(self, "headers")


@attrs.frozen(init=False, unsafe_hash=False)
class Input(Extension):
    """One argument of a form. A `value` is its default, nil too; `optional` may be left out.

    REQ-INPUT-5.
    """

    def __init__(
        self,
        name: str,
        *,
        value: Any = MISSING,
        type: str | _Missing = MISSING,  # noqa: A002 - the attribute's name
        optional: bool | _Missing = MISSING,
        default: Any = MISSING,
    ) -> None:
        _require("input", "name", name, str)
        _require("input", "type", type, str)
        _require("input", "optional", optional, bool)
        attributes: dict[str, Any] = {
            "name": name,
            "value": value,
            "type": type,
            "optional": optional,
            "default": default,
        }
        _build(self, "input", attributes)

    @property
    def label(self) -> str:
        """The name of the argument (the attribute `name`; `self.name` is the extension's)."""
        value = _text(self, "name")
        if value is None:
            raise ValueError("input: 'name' is missing")
        return value

    @property
    def value(self) -> Any:
        """The default, or MISSING. REQ-INPUT-3."""
        return self.attributes.get("value", MISSING)

    @property
    def optional(self) -> bool:
        return _flag(self, "optional")


@attrs.frozen(init=False, unsafe_hash=False)
class Form(Extension):
    """A form: calling it binds arguments to its inputs and sends them to its URL."""

    def __init__(
        self,
        url: str,
        *,
        method: str = "POST",
        values: Iterable[str | Input] = (),
        headers: Mapping[str, str] | _Missing = MISSING,
        envelope: str | _Missing = MISSING,
        content_type: str | _Missing = MISSING,
    ) -> None:
        _require("form", "url", url, str)
        _require("form", "method", method, str)
        _require_headers("form", headers)
        _require("form", "envelope", envelope, str)
        _require("form", "content_type", content_type, str)
        if isinstance(values, str):
            # It would be taken apart into inputs of one letter each.
            raise TypeError("form: 'values' is a list of str or Input, not str")
        entries = list(values)
        for entry in entries:
            _require("form", "values", entry, str, Input)
        names = [entry.label if isinstance(entry, Input) else entry for entry in entries]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"form: two inputs are named {name!r}")
        attributes: dict[str, Any] = {
            "method": method,
            "url": url,
            "values": entries,
            "headers": headers,
            "envelope": envelope,
            "content_type": content_type,
        }
        _build(self, "form", attributes)

    @property
    def url(self) -> str | None:
        return _text(self, "url")

    @property
    def method(self) -> str:
        """REQ-FORM-5."""
        method = _text(self, "method")
        return "POST" if method is None else method.upper()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The attribute `values`, tolerantly: names become inputs, what is neither is skipped.

        REQ-FORM-2.
        """
        entries = self.attributes.get("values")
        if entries is None:
            return ()
        if not isinstance(entries, list | tuple):
            raise ValueError("form: 'values' is not a list")  # noqa: TRY004 - data
        inputs: list[Input] = []
        seen: set[str] = set()
        for entry in cast("list[Any]", entries):
            if isinstance(entry, bytes):
                try:
                    entry = entry.decode()  # noqa: PLW2901
                except UnicodeDecodeError:
                    raise ValueError("form: the name of an input is not UTF-8") from None
            if isinstance(entry, str):
                entry = Input(entry)  # noqa: PLW2901
            if isinstance(entry, Input):
                if entry.label in seen:
                    raise ValueError(f"form: two inputs are named {entry.label!r}")
                seen.add(entry.label)
                inputs.append(entry)
        return tuple(inputs)

    @property
    def headers(self) -> Mapping[str, str]:
        return _mapping(self, "headers")

    @property
    def envelope(self) -> str | None:
        return _text(self, "envelope")

    @property
    def content_type(self) -> str | None:
        return _text(self, "content_type")


@attrs.frozen(init=False, unsafe_hash=False)
class Resource(Extension):
    """An object: its content maps names to data, links and forms."""

    def __init__(
        self,
        content: Mapping[str, Any],
        *,
        url: str | _Missing = MISSING,
        name: str | _Missing = MISSING,
        profile: str | _Missing = MISSING,
        partial: bool | _Missing = MISSING,
    ) -> None:
        _require("resource", "content", content, Mapping)
        _require("resource", "url", url, str)
        _require("resource", "name", name, str)
        _require("resource", "profile", profile, str)
        _require("resource", "partial", partial, bool)
        attributes: dict[str, Any] = {
            "url": url,
            "name": name,
            "profile": profile,
            "partial": partial,
        }
        _build(self, "resource", attributes, content)

    @property
    def url(self) -> str | None:
        return _text(self, "url")

    @property
    def label(self) -> str | None:
        """What the resource calls itself (the attribute `name`)."""
        return _text(self, "name")

    @property
    def profile(self) -> str | None:
        return _text(self, "profile")

    @property
    def partial(self) -> bool:
        return _flag(self, "partial")


@attrs.frozen(init=False, unsafe_hash=False)
class Error(Extension):
    """A failure told as data; `content` is a dict with more about it."""

    def __init__(
        self,
        message: str,
        *,
        logref: str = "",
        url: str | _Missing = MISSING,
        code: int | str | _Missing = MISSING,
        content: Mapping[str, Any] | None = None,
    ) -> None:
        _require("error", "message", message, str)
        _require("error", "logref", logref, str)
        _require("error", "url", url, str)
        _require("error", "code", code, int, str)
        attributes: dict[str, Any] = {
            "logref": logref,
            "message": message,
            "url": url,
            "code": code,
        }
        _build(self, "error", attributes, {} if content is None else content)

    @property
    def message(self) -> str:
        return _text(self, "message", "") or ""

    @property
    def logref(self) -> str:
        return _text(self, "logref", "") or ""

    @property
    def url(self) -> str | None:
        return _text(self, "url")

    @property
    def code(self) -> int | str | None:
        value = self.attributes.get("code")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
            raise ValueError(f"error: 'code' is neither int nor text but {type(value).__name__}")
        return value


@attrs.frozen(init=False, unsafe_hash=False)
class Collection(Extension):
    """Reserved by the standard: it decodes, encodes back, and has no meaning yet. REQ-EXT-11."""

    def __init__(self) -> None:
        _build(self, "collection", {})


#: What the decoder makes of the extension names that the standard defines.
KINDS: Final[Mapping[str, type[Extension]]] = {
    "link": Link,
    "form": Form,
    "input": Input,
    "resource": Resource,
    "error": Error,
    "collection": Collection,
}
