"""References: the state of an instance in its URL, signed.

    TOKEN = base64url( key id (4) | tag (16) | state )          without padding

The state is the canonical encoding of a dict by the names of the constructor's parameters; with
`state_max_age`, of a list of that dict and the time in milliseconds. The tag is HMAC-SHA-256, cut
to 16 bytes, over the registered name and the state, so that no token of one class is one of
another. Signed is not secret: whoever has the URL can read the state, and may use it.

Standard, section 17.
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
import os
import secrets as random
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import attrs

from hyperglyph.codec import Blob, DecodeError, HyperglyphError, Limits, decode, encode
from hyperglyph.codec.errors import Refused
from hyperglyph.codec.scalars import write_unicode, writers
from hyperglyph.transport.http.binding import Parameters
from hyperglyph.transport.http.shapes import is_mapping
from hyperglyph.transport.http.status import BadRequest, StaleReference

from .resource import fields_of

__all__ = ["EPHEMERAL", "ConfigurationError", "State", "TokenSigner", "new_secret"]

Secret = str | bytes

TOKEN_LIMIT: Final = 2_048
_KEY_ID: Final = 4
_TAG: Final = 16
_HEAD: Final = _KEY_ID + _TAG
_BLOCK: Final = 64  # of SHA-256; the keys are 32 bytes long
_SHORTEST_SECRET: Final = 16
_KEPT: Final = 4_096  # tokens that are remembered, 2 MB at most
_SHORT: Final = 128  # bytes of a state whose token is
_SMALL: Final = 10**18
_LIMITS: Final = Limits(message=TOKEN_LIMIT, nodes=TOKEN_LIMIT)
_WRITERS: Final = writers(Limits().integer_digits, normalize=False)
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_PADDING: Final = b"="
_VARIABLE: Final = "HYPERGLYPH_SECRET"


class ConfigurationError(HyperglyphError, RuntimeError):
    """A setting that the server needs is missing or unusable; the message names it."""


class _Ephemeral:
    """The type of EPHEMERAL."""

    def __repr__(self) -> str:
        return "EPHEMERAL"

    def __reduce__(self) -> str:
        return "EPHEMERAL"


#: `Router(secret=EPHEMERAL)`: a random key. References die with the process, by choice.
EPHEMERAL: Final = _Ephemeral()


def new_secret() -> str:
    """A fresh secret, as text for a setting."""
    return random.token_urlsafe(32)


@attrs.frozen(eq=False)
class _Key:
    id: bytes
    key: bytes

    @classmethod
    def of(cls, secret: Secret) -> _Key:
        data = secret.encode() if isinstance(secret, str) else bytes(secret)
        if len(data) < _SHORTEST_SECRET:
            raise ConfigurationError(
                f"a secret has at least {_SHORTEST_SECRET} bytes; "
                "`python -m hyperglyph secret` prints one"
            )
        return cls(
            hmac.digest(data, b"hyperglyph key id", "sha256")[:_KEY_ID],
            hmac.digest(data, b"hyperglyph reference", "sha256"),
        )


@attrs.frozen(eq=False)
class _Begun:
    """The two hashes of an HMAC (RFC 2104) up to where the state comes, which a listing of 1,000
    objects needs 1,000 times: to copy them takes a third of the time of `hmac.digest`.

    One stands for a secret, a registered name and a principal, and is equal to no other.
    """

    key_id: bytes
    inner: Any
    outer: Any

    def tag(self, state: bytes) -> bytes:
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(state)
        outer.update(inner.digest())
        digest: bytes = outer.digest()
        return digest[:_TAG]


@lru_cache(maxsize=1_000)
def _begin(key: _Key, name: str | tuple[str, bytes]) -> _Begun:
    # The encoded name, or name and owner, ends where it says, so that none flows into a state.
    block = key.key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + encode(name))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
    return _Begun(key.id, inner, outer)


def _token(begun: _Begun | None, data: bytes) -> str:
    """The token of a state that is encoded, with the time in it if it ages; None: unsigned."""
    if begun is not None:
        data = begun.key_id + begun.tag(data) + data
    return b2a_base64(data, newline=False).translate(_URL_SAFE, _PADDING).decode()


#: The same objects stand in one listing after another. Whatever a token depends on is in the key:
#: secret, class and principal are the identity of what was begun, and a time is in the state.
kept_token: Final = lru_cache(maxsize=_KEPT)(_token)


@attrs.frozen
class TokenMaker:
    """Makes the tokens of what is registered as `name`, for one principal."""

    name: str
    _begun: _Begun | None
    _max_age: float | None

    def make(self, state: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> str:
        """The token of a state.

        Raises EncodeError for a state that cannot travel, ValueError for one that is too long.
        """
        data = _encode_flat(state)
        if data is None:
            data = encode(state, canonical=True, default=default)
        if self._max_age is not None:
            data = b"L%bi%d;;" % (data, _stamp(self._max_age))
        token = (kept_token if len(data) <= _SHORT else _token)(self._begun, data)
        if len(token) > TOKEN_LIMIT:
            raise ValueError(
                f"the state of {self.name} makes a reference of {len(token)} characters, more "
                f"than {TOKEN_LIMIT}: keep in it what identifies the object, and the rest elsewhere"
            )
        return token


def _stamp(max_age: float) -> int:
    """Now, rounded down to an eighth of the age, so that pages stay the same for a while."""
    step = max(round(max_age * 125), 1)
    return int(time.time() * 1000) // step * step


class TokenSigner:
    """Makes tokens of states, and states of tokens.

    `secret` is one or several, the newest first: the first signs, all verify. Without one, that
    in the environment variable HYPERGLYPH_SECRET counts (several are split at commas). `owner`
    returns for whom a token is made or read: it does not stand in the token, but in its signature.
    REQ-REF-5.
    """

    def __init__(
        self,
        secret: Secret | Iterable[Secret] | _Ephemeral | None = None,
        *,
        unsigned: bool = False,
        max_age: float | None = None,
        owner: Callable[[], object] | None = None,
    ) -> None:
        if max_age is not None and not max_age > 0:
            raise ConfigurationError("state_max_age is a positive number of seconds")
        if owner is not None and unsigned:
            raise ConfigurationError("bind_state needs signatures: not with unsigned_state")
        self._unsigned = unsigned
        self._owner = owner
        self._max_age = max_age
        self._keys: dict[bytes, _Key] = {}
        self._current: _Key | None = None
        self._may_be_random = isinstance(secret, _Ephemeral)
        if secret is None:
            secret = [part for part in os.environ.get(_VARIABLE, "").split(",") if part.strip()]
        if not isinstance(secret, _Ephemeral):
            given = [secret] if isinstance(secret, str | bytes) else list(secret)
            for key in map(_Key.of, given):
                self._current = self._current or key
                self._keys.setdefault(key.id, key)

    def allow_random_key(self) -> None:
        """Where no secret was given, take a random one for the lifetime of this object."""
        self._may_be_random = True

    def _signing_key(self) -> _Key:
        """Raises ConfigurationError where there is none."""
        if self._current is None:
            if not self._may_be_random:
                raise ConfigurationError(
                    "references to objects are signed, and there is no secret: set "
                    f"Router(secret=...) or {_VARIABLE}; `python -m hyperglyph secret` prints a "
                    "fresh one. secret=hyperglyph.EPHEMERAL does without"
                )
            made = _Key.of(random.token_bytes(32))
            # Of two threads that come here at once, one wins, and both sign with its key.
            key = self._keys.setdefault(b"random", made)
            self._keys.setdefault(key.id, key)
            self._current = key
        return self._current

    # --- making -------------------------------------------------------------------------------

    def make(
        self, name: str, state: Mapping[str, Any], default: Callable[[Any], Any] | None = None
    ) -> str:
        """The token of a state of what is registered as `name`.

        Raises EncodeError for a state that cannot travel, ValueError for one that is too long.
        """
        return self.maker(name).make(state, default)

    def maker(self, name: str) -> TokenMaker:
        """What makes the tokens of all instances of a class in one message.

        Raises ConfigurationError if there is no secret, and what `owner` raises.
        """
        if self._unsigned:
            return TokenMaker(name, None, self._max_age)
        return TokenMaker(name, self._begun(self._signing_key(), name), self._max_age)

    # --- reading ------------------------------------------------------------------------------

    def read(self, name: str, token: str) -> dict[str, Any]:
        """The state in a token. Its every other spelling is refused.

        Raises BadRequest if it is malformed, forged, or made with another key; StaleReference if
        it has expired. REQ-REF-3 and REQ-REF-4.
        """
        data = _from_base64(token)
        if not self._unsigned:
            data = self._verified(name, data)
        try:
            content: object = decode(data, limits=_LIMITS)
        except DecodeError:
            raise BadRequest("the reference is damaged") from None
        if isinstance(content, Blob):
            content.close()
            raise BadRequest("the reference is damaged")
        if self._unsigned and encode(content, canonical=True) != data:
            raise BadRequest("the reference is not spelled as this server spells it")
        stamp: object = None
        if isinstance(content, list):
            pair = cast("list[object]", content)
            content, stamp = pair if len(pair) == 2 else (None, None)
        if not is_mapping(content) or not all(isinstance(key, str) for key in content):
            raise BadRequest("the reference is damaged")
        if self._max_age is not None and not _is_fresh(stamp, self._max_age):
            raise StaleReference("the reference has expired: ask for the object anew")
        return dict(content)

    def _begun(self, key: _Key, name: str) -> _Begun:
        if self._owner is None:
            return _begin(key, name)
        return _begin(key, (name, encode(self._owner(), canonical=True)))

    def _verified(self, name: str, data: bytes) -> bytes:
        if len(data) <= _HEAD:
            raise BadRequest("the reference is cut short")
        self._signing_key()
        key = self._keys.get(data[:_KEY_ID])
        if key is None:
            raise BadRequest(
                "the reference was made with another key: for references that outlive a restart "
                "and hold on all processes of a service, set the same Router(secret=...) or "
                f"{_VARIABLE} in all of them, [new, old] while it changes"
            )
        state = data[_HEAD:]
        if not hmac.compare_digest(self._begun(key, name).tag(state), data[_KEY_ID:_HEAD]):
            somebody = "" if self._owner is None else ", or was made for somebody else"
            raise BadRequest(
                f"the reference is forged or damaged{somebody}: its signature does not fit"
            )
        return state


def _encode_flat(state: Mapping[str, Any]) -> bytes | None:
    """The canonical encoding of a state of scalars, or None for any other.

    Most states are that, and a listing of a thousand objects makes a thousand tokens: this takes a
    fraction of the time that the encoder takes for so little.
    """
    tokens: list[str] = []
    try:
        for name, value in state.items():
            kind = type(value)  # pyright: ignore[reportUnknownVariableType]
            if type(name) is not str:  # pyright: ignore[reportUnnecessaryComparison]
                return None
            if kind is int and -_SMALL < value < _SMALL:
                tokens.append(f"{_name(name)}i{value};")
            else:
                tokens.append(_name(name) + _WRITERS[kind](value))
    except (KeyError, Refused, UnicodeEncodeError):  # the encoder says what is wrong, and where
        return None
    tokens.sort()  # REQ-CAN-1: no key is the beginning of another, so values do not count
    return f"D{''.join(tokens)};".encode("latin-1")


#: Names come again with each instance of a class.
_name: Final = lru_cache(maxsize=1_000)(write_unicode)


def _from_base64(token: str) -> bytes:
    """Raises BadRequest for anything but the one spelling of some bytes."""
    if len(token) > TOKEN_LIMIT:
        raise BadRequest(f"the reference has more than {TOKEN_LIMIT} characters")
    try:
        text = token.encode("ascii")
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        raise BadRequest("the reference is damaged") from None
    if urlsafe_b64encode(data).rstrip(b"=") != text:
        raise BadRequest("the reference is not spelled as this server spells it")
    return data


def _is_fresh(stamp: object, max_age: float) -> bool:
    if not isinstance(stamp, int):
        return False  # from before the age was limited
    return time.time() * 1000 - stamp <= max_age * 1000


@attrs.frozen
class State:
    """How the state of a class's instances is read, and an instance made of it again.

    `attributes` are the attributes to read by parameter: one, or two to choose from.
    """

    cls: type
    parameters: Parameters
    attributes: dict[str, tuple[str, ...]]
    custom: bool

    @classmethod
    def of(cls, owner: type, parameters: Parameters, methods: Iterable[str]) -> State:
        """Raises TypeError, naming the parameter, for one that cannot be read back, and for a
        `__glyph_upgrade__` that takes an instance.
        """
        custom = callable(getattr(owner, "__glyph_state__", None))
        attributes: dict[str, tuple[str, ...]] = {}
        if not custom:
            fields = fields_of(owner)
            taken = frozenset(methods)
            for name in parameters.signature.parameters:
                if name in taken:
                    raise TypeError(
                        f"{owner.__qualname__}: parameter {name} has the name of a method"
                    )
                attributes[name] = _sources(owner, name, fields)
        upgrade: Any = inspect.getattr_static(owner, "__glyph_upgrade__", None)
        if inspect.isfunction(upgrade):  # or the first old reference would find it
            raise TypeError(f"{owner.__qualname__}.__glyph_upgrade__ is not a class method")
        return cls(owner, parameters, attributes, custom)

    def read(self, instance: object) -> dict[str, Any]:
        """The state of an instance. Raises TypeError, naming the parameter that has none."""
        if self.custom:
            state: object = cast("Any", instance).__glyph_state__()
            if not is_mapping(state):
                raise TypeError(f"{self.cls.__qualname__}.__glyph_state__ returns no dict")
            return dict(state)
        read: dict[str, Any] = {}
        for name, sources in self.attributes.items():
            for source in sources:
                try:
                    read[name] = getattr(instance, source)
                except AttributeError:
                    continue
                break
            else:
                raise TypeError(
                    f"{self.cls.__qualname__}: there is no attribute {' or '.join(sources)} to "
                    f"read the parameter {name} back from; keep it, or define __glyph_state__"
                )
        return read

    def arguments(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The constructor's arguments for a state that an older class may have written.

        Raises StaleReference, naming the parameter that has no value and no default.
        REQ-REF-3 and REQ-REF-8.
        """
        given = self._known(state)
        if self._missing(given):
            upgrade = getattr(self.cls, "__glyph_upgrade__", None)
            if upgrade is not None:
                upgraded: object = upgrade(dict(state))
                if not is_mapping(upgraded):
                    raise TypeError(f"{self.cls.__qualname__}.__glyph_upgrade__ returns no dict")
                given = self._known(upgraded)
        if missing := self._missing(given):
            raise StaleReference(
                f"the reference is older than {self.parameters.name}, which now needs "
                f"{missing!r}: ask for the object anew",
                data={"parameter": missing},
            )
        return given

    def complete(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The same with the defaults of what is not in the state."""
        signature = self.parameters.signature
        defaults = {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if parameter.default is not parameter.empty
        }
        return {**defaults, **self.arguments(state)}

    def _known(self, state: Mapping[str, Any]) -> dict[str, Any]:
        names = self.parameters.names
        return {name: value for name, value in state.items() if name in names}

    def _missing(self, given: Mapping[str, Any]) -> str | None:
        return next((name for name in self.parameters.required if name not in given), None)


def _sources(owner: type, name: str, fields: Mapping[str, str] | None) -> tuple[str, ...]:
    if fields is None:
        return name, f"_{name}"
    if name in fields:
        return (fields[name],)
    # A hand-written constructor, or one whose parameter is used up in it.
    for source in (name, f"_{name}"):
        if source in fields.values() or isinstance(vars(owner).get(source), property):
            return (source,)
    raise TypeError(
        f"{owner.__qualname__}: parameter {name} has no attribute to be read back from; "
        "define __glyph_state__"
    )
