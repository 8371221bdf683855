"""Values to bytes: the one spelling that the standard asks of encoders.

    integer       int and its subclasses, but bool      unicode       str and its subclasses
    bytearray     bytes, bytearray, memoryview          float         float
    datetime      datetime, with a time zone            timedelta     timedelta, Period
    nil           None                                  true, false   bool
    list          list, tuple and their subclasses      set           set, frozenset, likewise
    ordered-dict  OrderedDict and its subclasses        dict          dict and other mappings
    extension     Extension and its kinds               blob          Blob

Subclasses of float, datetime and timedelta are refused like every other type: they exist to hold
more than the wire carries (nanoseconds, units), and nothing may be lost in silence. The caller's
`default` says what to send for them.

The encoder is a loop over a stack of frames, as the decoder is, so depth is counted and never
recursed into. Scalars are written by functions from a table. What is written is text of Latin-1,
one character a byte, which becomes bytes at the end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, pairwise, repeat
from typing import Any, Final, cast

from .blob import Blob
from .errors import EncodeError, Refused, Surrogate
from .limits import DEFAULT_LIMITS, Limits
from .numbers import DIRECT
from .paths import path_to
from .pieces import Pieces
from .scalars import write_unicode, writers
from .template import Filled
from .types import Extension

__all__ = ["encode", "encode_pieces"]

Default = Callable[[Any], Any]


def encode(
    value: Any,
    *,
    canonical: bool = False,
    normalize: bool = False,
    default: Default | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """Encode a value as one whole message, blobs included.

    `canonical` orders the keys of dicts, so that equal values give equal bytes (REQ-CAN-1); sets
    are always in that order. `normalize` brings text to NFC. `default` is called with a value of
    an unknown type and returns what to encode in its place.

    Raises EncodeError, with the path to the value, for what the wire cannot carry, for cycles,
    and for what exceeds `limits` (depth, integer_digits, blobs). What `default` raises and
    OSError from a blob's file pass through.
    """
    encoder = _Encoder(canonical, normalize, default, limits)
    root = encoder.encode(value)
    return b"".join(Pieces(root, encoder.blobs)) if encoder.blobs else root


def encode_pieces(
    value: Any,
    *,
    canonical: bool = False,
    normalize: bool = False,
    default: Default | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Pieces:
    """The same message in pieces of about 64 KiB, each blob read from its file as it is sent.

    The root is encoded at once, and raises here; a blob's file is read as the pieces are taken.
    """
    encoder = _Encoder(canonical, normalize, default, limits)
    return Pieces(encoder.encode(value), encoder.blobs)


def _as_base(value: object) -> object:
    """The scalar that an instance of a subclass, or another kind of buffer, is sent as.

    Returns the value itself if it is none. Methods that a subclass overrides are not asked.
    """
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return memoryview(cast("bytes", value)).tobytes()
    return value


# --- Containers ----------------------------------------------------------------------------------

_PLAIN: Final = frozenset({list, dict, bytes})  # need no conversion
_KNOWN: Final = 512  # keys whose tokens are kept for one message
_LONG: Final = 65_536  # byte arrays that are not copied into text and back

#: Keys of these types, unequal in Python, are never one key on the wire.
_BUILTIN_MAPPINGS: Final = frozenset({dict, OrderedDict})
_TEXT_KEYS: Final = frozenset({str})
_SAFE_KEYS: Final = frozenset({str, bytes, int, bool, type(None)})


class _Keys:
    """What must be known of a container that holds keys or stands inside one."""

    __slots__ = ("frozen", "marks", "out", "start", "step")

    def __init__(self, step: int, *, frozen: bool, out: list[str]) -> None:
        self.step = step  # objects an entry: set 1, dict 2; 0 for a list inside a key
        self.frozen = frozen  # in the position of a key or set item, or inside one
        self.out = out
        self.start = len(out)
        self.marks: list[int] = []  # where each object's tokens begin in `out`

    def marking(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items; the place of each is noted when it is asked for."""
        for item in items:
            self.marks.append(len(self.out))
            yield item

    def holds_key(self) -> bool:
        """Whether the object that was asked for last is a key, a set item, or inside one."""
        return self.frozen or self.step == 1 or (self.step == 2 and len(self.marks) % 2 == 1)


#: Stands for the key of what has none, or whose key is an object of its own.
_NO_KEY: Final[Any] = object()


class _KeyTokens(dict[Any, str]):
    """Keys that are text, with their tokens: most come again and again."""

    def __missing__(self, key: Any) -> str:
        if type(key) is not str:  # it was, when the dict was opened
            raise Refused("the dict changed while it was encoded")
        token = write_unicode(key)
        if len(self) < _KNOWN:
            self[key] = token
        return token


def _values(items: Iterable[Any]) -> _Entries:
    return zip(repeat(_NO_KEY), items)


#: What is left of a container: its objects, each behind its key if that is text and not written.
_Entries = Iterator[tuple[Any, Any]]
#: A container that is being written: what is left of it, how it stood in its parent, the container
#: itself (which the `default` hook may have made), and its keys if they need a look.
_Frame = tuple[_Entries, Any, Any, _Keys | None]


class _Encoder:
    def __init__(
        self, canonical: bool, normalize: bool, default: Default | None, limits: Limits
    ) -> None:
        self.canonical = canonical
        self.normalize = normalize
        self._respelled = canonical or normalize  # other than as it comes
        self.default = default
        self.limits = limits
        self.blobs: list[Blob] = []
        self._writers = writers(limits.integer_digits, normalize)
        self._out: list[str] = []
        self._long: dict[int, bytes] = {}  # byte arrays in front of places of `_out`
        self._stack: list[_Frame] = []
        self._tokens = _KeyTokens({_NO_KEY: ""})
        self._foreign: set[type] = set()  # types that only the hook knows

    def encode(self, value: Any) -> bytes:
        """The bytes of the root; its blobs are in `blobs` afterwards."""
        out, stack, writers, depth = self._out, self._stack, self._writers, self.limits.depth
        write = out.append
        # The commonest values are written right here, since a call costs as much as the work.
        plain = None if self.normalize else str
        record = None if self._respelled else dict
        small = 10 ** min(self.limits.integer_digits, DIRECT)
        tokens = self._tokens
        key: Any = _NO_KEY
        item: Any = None
        frame: _Frame = (_values((value,)), None, None, None)
        stack.append(frame)
        try:
            while True:
                for key, item in frame[0]:
                    kind = type(item)  # pyright: ignore[reportUnknownVariableType]
                    if kind is plain and item and item.isascii():
                        write(f"{tokens[key]}u{len(item)}:{item};")
                    elif kind is int and -small < item < small:
                        write(f"{tokens[key]}i{item};")
                    elif kind is float:
                        write(f"{tokens[key]}f{item.hex()};")
                    elif kind is record and frame[3] is None and len(stack) <= depth:
                        if _TEXT_KEYS.issuperset(map(type, item)):
                            write(tokens[key] + "D")
                            frame = (iter(item.items()), item, item, None)
                        else:
                            write(tokens[key])
                            frame = self._open(item, item, None)
                        stack.append(frame)
                        break
                    elif kind in writers and kind is not bytes:
                        write(tokens[key] + writers[kind](item))
                    else:
                        write(tokens[key])
                        actual = item if kind in _PLAIN else self._convert(item)
                        if frame[3] is None and isinstance(actual, Extension):
                            head = self._head(actual)
                            if head is not None:
                                write(head)
                                frame = (iter(((_NO_KEY, actual.content),)), item, actual, None)
                                stack.append(frame)
                                break
                        if type(actual) is bytes:
                            self._write_octets(actual, frame[3])
                        elif type(actual) in writers:
                            write(writers[type(actual)](actual))
                        else:
                            frame = self._open(item, actual, frame[3])
                            stack.append(frame)
                            break
                else:
                    if len(stack) == 1:
                        return self._joined()
                    _, item, _, keys = stack.pop()
                    if keys is not None and keys.step:
                        self._arrange(keys)
                    write(";")
                    key, frame = _NO_KEY, stack[-1]
        except Refused as refused:
            at_key = isinstance(refused, Surrogate) and refused.text is key
            path = self._path(key) if at_key else self._path(item, key)
            raise EncodeError(str(refused), path) from None
        except RuntimeError as error:
            # Of an iterator, which has no frame of its own, or of what a user's hook did.
            if type(error) is not RuntimeError or _came_from_below(error):
                raise
            _, item, container, _ = stack.pop()
            raise EncodeError(
                f"the {type(container).__name__} changed while it was encoded", self._path(item)
            ) from None

    def _path(self, item: Any, key: Any = _NO_KEY) -> str:
        containers = [(source, container) for _, source, container, _ in self._stack[1:]]
        return path_to(containers, item, None if key is _NO_KEY else key)

    def _write_octets(self, octets: bytes, keys: _Keys | None) -> None:
        """A byte array. A long one is kept aside, unless it may still be moved or compared."""
        if len(octets) < _LONG or keys is not None:
            self._out.append(self._writers[bytes](octets))
        else:
            self._out.append(f"b{len(octets)}:")
            self._long[len(self._out)] = octets
            self._out.append(";")

    def _joined(self) -> bytes:
        """All that was written."""
        pieces: list[bytes] = []
        start = 0
        for place, octets in self._long.items():
            pieces += ("".join(self._out[start:place]).encode("latin-1"), octets)
            start = place
        rest = "".join(self._out[start:]).encode("latin-1")
        return b"".join([*pieces, rest]) if pieces else rest

    def _convert(self, item: object) -> Any:
        """What to write for an item that is no plain scalar: a container, or another scalar."""
        for _ in range(self.limits.depth):
            if isinstance(item, Extension):
                return item
            kind = type(item)
            # Instances that say that they are of another class are looked at one by one.
            if kind not in self._foreign or item.__class__ is not kind:
                item = _as_base(item)
                if type(item) in self._writers or isinstance(item, _CONTAINERS):
                    return item
                self._foreign.add(kind)
            if self.default is None:
                break
            item = self.default(item)
        raise Refused(
            f"cannot encode {type(item).__module__}.{type(item).__qualname__}; "
            "convert it first or pass default="
        )

    def _open(self, item: object, actual: Any, parent: _Keys | None) -> _Frame:
        """Write the head of a container and return its frame."""
        if len(self._stack) > self.limits.depth:
            if any(source is item for _, source, _, _ in self._stack):
                raise Refused("the value contains itself")
            raise Refused(f"nesting deeper than {self.limits.depth}")
        out = self._out
        frozen = parent is not None and parent.holds_key()
        if type(actual) in _BUILTIN_MAPPINGS and not frozen:  # sooner than the checks below
            return self._open_mapping(item, actual)
        if isinstance(actual, _LISTS):
            out.append("L")
            keys = _Keys(0, frozen=True, out=out) if frozen else None
            return _values(actual), item, actual, keys
        if isinstance(actual, _SETS):
            out.append("S")
            keys = _Keys(1, frozen=frozen, out=out)
            return _values(keys.marking(list(actual))), item, actual, keys
        if frozen:
            raise Refused(f"{type(actual).__name__} cannot be a key of a dict or an item of a set")
        if isinstance(actual, Extension):
            self._open_extension(actual)
            return _values((actual.attributes, actual.content)), item, actual, None
        if isinstance(actual, Blob):
            self._open_blob(actual)
            return _values((actual.attributes,)), item, actual, None
        return self._open_mapping(item, actual)

    def _open_mapping(self, item: object, actual: Mapping[Any, Any]) -> _Frame:
        ordered = isinstance(actual, OrderedDict)
        self._out.append("O" if ordered else "D")
        entries: Iterable[tuple[Any, Any]] = actual.items()
        if type(actual) not in _BUILTIN_MAPPINGS:
            entries = list(map(_pair, entries))
        if self.canonical and not ordered:
            entries = sorted(entries, key=lambda entry: self._key(entry[0]))  # REQ-CAN-1
        flat = chain.from_iterable(entries)
        if (
            type(actual) in _BUILTIN_MAPPINGS
            and not self.normalize
            and _SAFE_KEYS.issuperset(map(type, actual))
        ):
            return _values(flat), item, actual, None
        keys = _Keys(2, frozen=False, out=self._out)
        return _values(keys.marking(flat)), item, actual, keys

    def _key(self, key: Any) -> str:
        """The token of a key, to sort by. A key that is refused will be when its turn comes."""
        try:
            if type(key) is str:  # nearly all are
                return self._writers[str](key)
            encoded = _Encoder(True, self.normalize, self.default, self.limits).encode(key)
            return encoded.decode("latin-1")
        except (EncodeError, Refused):
            return ""

    def _head(self, extension: Extension) -> str | None:
        """All of an extension before its content, if its attributes are scalars; else None.

        A listing holds a thousand extensions: a frame for each dict of two or three texts takes
        longer than what is in it.
        """
        if len(self._stack) >= self.limits.depth:
            return None
        if type(extension) is Filled and extension.head is not None and not self._respelled:
            return extension.head
        name, attributes = extension.name, extension.attributes
        if type(name) is not str or type(attributes) is not dict or self._respelled:
            return None
        entries = cast("dict[object, Any]", attributes)
        tokens, writers = self._tokens, self._writers
        try:
            head = [f"X{tokens[name]}D"]
            for key, value in entries.items():
                kind = type(value)  # pyright: ignore[reportUnknownVariableType]
                if type(key) is not str:
                    return None
                if kind is str and value and value.isascii():
                    head.append(f"{tokens[key]}u{len(value)}:{value};")
                elif kind in writers and kind is not bytes:
                    head.append(tokens[key] + writers[kind](value))
                else:
                    return None
        except Refused:  # the loop says what is wrong, and where
            return None
        return f"{''.join(head)};"

    def _open_extension(self, extension: Extension) -> None:
        if not isinstance(extension.name, str):
            raise Refused("the name of an extension is text")
        _check_attributes(extension.attributes)
        self._out.append("X" + self._writers[str](str.__str__(extension.name)))

    def _open_blob(self, blob: Blob) -> None:
        if any(isinstance(container, Blob) for _, _, container, _ in self._stack):
            raise Refused("a blob in the attributes of a blob")
        if blob.closed:
            raise Refused("the blob is closed")
        if not blob.seekable() and (blob.tell() or any(blob is other for other in self.blobs)):
            raise Refused("the blob was read already, and its stream cannot be rewound")
        if len(self.blobs) >= self.limits.blobs:
            raise Refused(f"more than {self.limits.blobs} blobs")
        _check_attributes(blob.attributes)
        self._out.append(f"B{len(self.blobs)}:")
        self.blobs.append(blob)

    def _arrange(self, keys: _Keys) -> None:
        """Find entries that are there twice, and put those of a set in order."""
        out = self._out
        objects = ["".join(out[start:end]) for start, end in pairwise([*keys.marks, len(out)])]
        compared = objects[:: keys.step]
        if len(set(compared)) != len(compared):
            raise Refused(f"two keys or items are the same on the wire: {_repeated(compared)}")
        if keys.step == 1:
            out[keys.start :] = sorted(objects)  # REQ-CAN-1, in every encoding


_LISTS: Final[tuple[type[Any], ...]] = (list, tuple)
_SETS: Final[tuple[type[Any], ...]] = (set, frozenset)
_CONTAINERS: Final[tuple[type[Any], ...]] = (
    Extension, list, tuple, set, frozenset, Mapping, Blob,
)  # fmt: skip


def _pair(entry: Any) -> tuple[Any, Any]:
    """An entry of a mapping that somebody wrote, whose `items` may give anything."""
    if type(entry) is not tuple or len(entry) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise Refused("a mapping whose items() are no pairs")
    return entry  # pyright: ignore[reportUnknownVariableType]


def _check_attributes(attributes: object) -> None:
    if not isinstance(attributes, Mapping):
        raise Refused(f"attributes are a dict, not {type(attributes).__name__}")
    for key in cast("Mapping[object, object]", attributes):
        if not isinstance(key, str):
            raise Refused(f"the name of an attribute is text, not {type(key).__name__}")


def _repeated(keys: list[str]) -> str:
    ordered = sorted(keys)
    first = next(key for key, following in pairwise(ordered) if key == following)
    return f"{first[:40].encode('latin-1')!r}"


def _came_from_below(error: RuntimeError) -> bool:
    """Whether a function that the encoder called raised it."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None
