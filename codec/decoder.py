"""Bytes to values: the executable form of the standard's grammar.

    message = object ws *( trailer ws )
    object  = integer / unicode / bytearray / float / datetime / timedelta / nil / true / false
            / list / set / dict / ordered-dict / extension / blob

`Parser` decodes the object. Scalars are read by functions, one a prefix, from a table; containers
are frames on an explicit stack, so neither the interpreter's recursion limit nor the C stack
matters. The same loop serves whole messages and pieces: a token that is not there yet raises
`NeedMore`, the state is kept, and parsing goes on at that token. What follows the root is read by
`trailers.py`. Messages that come whole, spelled as encoders spell them, are read by `quick.py`,
which gives the same values sooner, or none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from .blob import Blob
from .errors import DecodeError, LimitExceeded, Truncated
from .hypermedia import KINDS
from .keys import check_keys, inside_keys, make_dict, make_set
from .limits import DEFAULT_LIMITS, Limits
from .quick import NOT_TAKEN, quick_decode
from .scalars import SCALARS, Buffer, read_unicode
from .scanner import (
    CLOSE,
    COLON,
    NeedMore,
    Whitespace,
    object_offset,
    read_count,
    show_byte,
)
from .trailers import Trailers
from .types import Extension

__all__ = ["Parser", "decode"]


def decode(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = DEFAULT_LIMITS,
    extensions: Mapping[str, type[Extension]] = KINDS,
) -> Any:
    """Decode one whole message.

    `extensions` maps names to the classes that their extensions become; all others become plain
    `Extension`. Blobs come with all their content.

    Raises DecodeError for the first fault in the order of the bytes, Truncated where the message
    is cut, LimitExceeded where it goes beyond `limits`. Standard, part I
    (REQ-MSG-1, REQ-EXT-7).
    """
    data = data if type(data) is bytes else bytes(memoryview(data))  # bytes(5) would be zeros
    root = quick_decode(data, limits, extensions)
    if root is not NOT_TAKEN:
        return root
    parser = Parser(data[: limits.message], limits, extensions)
    try:
        root = parser.parse()
        if parser.blobs or parser.position < len(data):
            trailers = Trailers(parser.blobs, limits, parser.whitespace, parser.position)
            trailers.feed(memoryview(data)[parser.position :])
            trailers.close()
    except NeedMore:
        parser.close_blobs()
        raise parser.unfinished(len(data)) from None
    except BaseException:
        parser.close_blobs()
        raise
    return root


# --- Containers ----------------------------------------------------------------------------------

_ROOT: Final = 0
_LIST: Final = ord("L")
_SET: Final = ord("S")
_DICT: Final = ord("D")
_ORDERED_DICT: Final = ord("O")
_EXTENSION: Final = ord("X")
_BLOB: Final = ord("B")

#: What a container costs of the node budget.
_NODES: Final = {
    _LIST: 1,
    _SET: 4,
    _DICT: 4,
    _ORDERED_DICT: 4,
    _EXTENSION: 5,  # with its name
    _BLOB: 4,
}
#: How many objects those containers take that do not take any number.
_ROOM: Final = {_ROOT: 1, _EXTENSION: 2, _BLOB: 1}
_MAPPINGS: Final = (_DICT, _ORDERED_DICT)
#: Equal keys are compared, and shown in errors, by the interpreter, which recurses.
_TOO_DEEP: Final = "keys are nested deeper than the interpreter can compare here"
_REFUSED_KEYS: Final = {
    _DICT: "a dict",
    _ORDERED_DICT: "an ordered dict",
    _EXTENSION: "an extension",
    _BLOB: "a blob",
}


class _Frame(NamedTuple):
    """A container whose end has not come: its objects so far, and where they begin."""

    kind: int
    items: list[Any]
    narrow: bool  # takes a fixed number of objects
    frozen: bool  # in the position of a key or set item, or inside one
    body: int
    attributes: bool = False  # the attributes of an extension or blob
    header: Any = None  # an extension's name, a blob's id


class Parser:
    """Decodes the root of a message from `data`, which may grow between calls of `parse`.

    After NeedMore, append to `data` and call `parse` again; the work done is kept.
    `position` is the end of the root afterwards, `blobs` the blobs that wait for content, by id.
    """

    def __init__(
        self, data: Buffer, limits: Limits, extensions: Mapping[str, type[Extension]]
    ) -> None:
        self.data = data
        self.limits = limits
        self.extensions = extensions
        self.position = 0
        self.whitespace = Whitespace(limits)
        self.blobs: dict[int, Blob] = {}
        self._blob_ids: set[int] = set()
        self._head: tuple[int, str | None] | None = None  # how far an extension's head was read
        self._nodes = limits.nodes
        self._stack: list[_Frame] = [_Frame(_ROOT, [], narrow=True, frozen=False, body=0)]

    def parse(self) -> Any:
        """Decode up to the end of the root and return it. Raises NeedMore and DecodeError."""
        try:
            root = self._parse()
        except DecodeError:
            self.check_open_containers()  # a duplicate before the fault comes first
            raise
        except RecursionError:
            raise LimitExceeded(_TOO_DEEP, self.position) from None
        return root

    def _parse(self) -> Any:
        """REQ-MSG-4."""
        data, size, position = self.data, len(self.data), self.position
        stack, nodes, limits = self._stack, self._nodes, self.limits
        frame = stack[-1]
        try:
            while position < size:
                prefix = data[position]
                if prefix in SCALARS:
                    if frame.narrow:
                        self._expect_room(frame, position)
                    if not nodes:
                        raise LimitExceeded("too many nodes", position)
                    value, position = SCALARS[prefix](data, position, limits)
                    nodes -= 1
                elif prefix == CLOSE:
                    stack.pop()  # its keys need no second look if one is wrong
                    value = self._close(frame, position)
                    position += 1
                    frame = stack[-1]
                elif prefix in _NODES:
                    if nodes < _NODES[prefix]:
                        raise LimitExceeded("too many nodes", position)
                    frame = self._open(frame, prefix, position)
                    nodes -= _NODES[prefix]
                    stack.append(frame)
                    position = frame.body
                    continue
                elif prefix in b" \t\v\r\n" and frame.kind != _BLOB:
                    position = self.whitespace.skip(data, position)
                    continue
                else:
                    raise DecodeError(f"unknown type {show_byte(prefix)}", position)
                frame.items.append(value)
                if frame.kind == _ROOT:
                    return value
            raise NeedMore
        finally:
            self.position, self._nodes = position, nodes

    # --- opening ------------------------------------------------------------------------------

    def _open(self, parent: _Frame, kind: int, position: int) -> _Frame:
        """The frame of the container that begins here. REQ-KEY-1 and REQ-BLB-5."""
        parent_kind, items, narrow, frozen = parent[:4]
        if narrow:
            self._expect_room(parent, position)
        frozen = frozen or parent_kind == _SET or (parent_kind in _MAPPINGS and len(items) % 2 == 0)
        if frozen and kind in _REFUSED_KEYS:
            raise DecodeError(
                f"{_REFUSED_KEYS[kind]} cannot be a key of a dict or an item of a set", position
            )
        if frozen and parent.attributes:
            raise DecodeError(f"the name of an attribute is text, found '{kind:c}'", position)
        if len(self._stack) > self.limits.depth:
            raise LimitExceeded(f"nesting deeper than {self.limits.depth}", position)
        if kind == _EXTENSION:
            body, name = self._extension_header(position)
            return _Frame(kind, [], True, frozen, body, header=name)
        if kind == _BLOB:
            body, number = self._blob_header(position)
            return _Frame(kind, [], True, frozen, body, header=number)
        attributes = narrow and parent_kind != _ROOT and not items
        return _Frame(kind, [], False, frozen, position + 1, attributes)

    def _extension_header(self, position: int) -> tuple[int, str]:
        """extension = %s"X" ws unicode ws (dict / ordered-dict) ws object ws ";"   (REQ-EXT-1)

        The position of the attributes, and the name.
        """
        data, skip = self.data, self.whitespace.skip
        at, name = self._head or (position + 1, None)
        try:
            at = skip(data, at)
            if name is None:
                self._expect_prefix(at, b"u", "the name of an extension is text")
                name, at = read_unicode(data, at, self.limits)
                at = skip(data, at)
            self._expect_prefix(at, b"DO", "the attributes of an extension are a dict")
        except NeedMore:
            self._head = at, name
            raise
        self._head = None
        return at, name

    def _blob_header(self, position: int) -> tuple[int, int]:
        """blob = %s"B" id ":" (dict / ordered-dict) ";"       (REQ-BLB-1)

        The position of the attributes, and the id.
        """
        number, colon = read_count(self.data, position + 1, position)
        if self.data[colon] != COLON:
            raise DecodeError(
                f"':' expected after the id of a blob, found {show_byte(self.data[colon])}",
                position,
            )
        if number in self._blob_ids:
            raise DecodeError(f"blob id {number} appears twice", position)
        if len(self._blob_ids) >= self.limits.blobs:
            raise LimitExceeded(f"more than {self.limits.blobs} blobs", position)
        body = self._expect_prefix(colon + 1, b"DO", "the attributes of a blob are a dict")
        self._blob_ids.add(number)
        return body, number

    def _expect_prefix(self, position: int, prefixes: bytes, rule: str) -> int:
        if position >= len(self.data):
            raise NeedMore
        if self.data[position] not in prefixes:
            raise DecodeError(f"{rule}, found {show_byte(self.data[position])}", position)
        return position

    def _expect_room(self, frame: _Frame, position: int) -> None:
        """An extension holds attributes and one object, a blob attributes alone."""
        if len(frame.items) == _ROOM[frame.kind]:
            what = "an extension" if frame.kind == _EXTENSION else "a blob"
            raise DecodeError(
                f"';' expected at the end of {what}, found {show_byte(self.data[position])}",
                position,
            )

    # --- closing ------------------------------------------------------------------------------

    def _close(self, frame: _Frame, position: int) -> Any:
        """The value of a container whose `;` stands at `position`.

        REQ-LST-1, REQ-DCT-1 and REQ-DCT-3.
        """
        kind, items = frame.kind, frame.items
        if kind == _LIST:
            return tuple(items) if frame.frozen else items
        if kind in _MAPPINGS:
            if len(items) % 2:
                self._check_keys(frame)  # what is wrong with one comes first
                raise DecodeError("a key without a value", position)
            if frame.attributes and not all(isinstance(key, str) for key in items[::2]):
                self._check_keys(frame)
            mapping = make_dict(items, self.limits)
            if mapping is None:
                self._check_keys(frame)
            return mapping if kind == _DICT else OrderedDict(cast("dict[Any, Any]", mapping))
        if kind == _SET:
            members = make_set(items, inside_keys(self.limits) if frame.frozen else self.limits)
            if members is None:
                self._check_keys(frame)
            return frozenset(cast("set[Any]", members)) if frame.frozen else members
        if kind == _BLOB:
            blob = Blob.from_wire(items[0])
            self.blobs[frame.header] = blob
            return blob
        if kind == _EXTENSION:
            if len(items) != 2:
                raise DecodeError("an extension without content", position)
            make_extension = self.extensions.get(frame.header, Extension)
            return make_extension.from_wire(frame.header, *items)
        raise DecodeError("';' ends nothing", position)

    def _check_keys(self, frame: _Frame) -> None:
        """Raise for the first key or item of a container that may not be there."""
        step = 1 if frame.kind == _SET else 2
        check_keys(
            frame.items[::step],
            inside_keys(self.limits) if frame.frozen else self.limits,
            lambda index: object_offset(self.data, frame.body, index * step),
            attributes=frame.attributes,
        )

    # --- what the caller needs at the end ------------------------------------------------------

    def check_open_containers(self) -> None:
        """Raise for a fault in containers that are still open.

        They are checked when they end; when something else fails first, a duplicate key that
        stands before it is the earlier fault.
        """
        try:
            for frame in self._stack:
                if frame.kind in (_SET, _DICT, _ORDERED_DICT):
                    self._check_keys(frame)
        except RecursionError:
            raise LimitExceeded(_TOO_DEEP, self.position) from None

    def unfinished(self, size: int) -> DecodeError:
        """The fault of an input of `size` bytes that ends, or goes beyond the limit, too early.

        Raises DecodeError for an earlier one. REQ-MSG-3.
        """
        self.check_open_containers()
        if size > self.limits.message:
            return LimitExceeded(
                f"message of more than {self.limits.message} bytes", self.limits.message
            )
        return Truncated("the message is cut short", size)

    def close_blobs(self) -> None:
        """Give up: remove what was spooled."""
        for blob in self.blobs.values():
            blob.close()
