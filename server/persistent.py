"""`PersistentResource`: objects whose attributes stay in a store between requests.

The state in the URL is an id and nothing else, drawn from 128 random bits. Under it the store keeps
what the instance had in its attributes:

    {"class": registered name, "state": attributes by name,
     "parameters": those that the constructor had when this was written}

A call reads the entry, runs, and writes what has changed if nobody else has written meanwhile. The
router knows nothing of this: it asks the class for an instance's state (`__glyph_state__`) and
enters what the class makes of a state (`__glyph_open__`).
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, NoReturn, Self, TypeVar, cast
from weakref import WeakKeyDictionary

import attrs

from hyperglyph.codec import encode
from hyperglyph.transport.http.binding import Parameters
from hyperglyph.transport.http.shapes import is_mapping
from hyperglyph.transport.http.status import BadRequest, Conflict, StaleReference, Unavailable

from .again import Again
from .attributes import Shape, complete
from .context import CURRENT
from .resource import Resource
from .stores.base import Store, StoreError

__all__ = ["PersistentResource", "forget", "id_of", "keep", "recall"]

logger = logging.getLogger("hyperglyph.server")

T = TypeVar("T", bound="PersistentResource")

_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_ID_BYTES: Final = 16


class PersistentResource(Resource):
    """A base for classes whose instances stay: their attributes are kept in a store.

        class Counter(PersistentResource, store=SQLiteStore("counters.db"), retries=10):
            def __init__(self, step=1):
                self.step, self.count = step, 0
            def add(self):
                self.count += self.step
                return self.count

    `store` is where, or a function that returns it, called at the first use. `expires_in` is after
    how many seconds without a change an instance is forgotten. Subclasses inherit them. An instance
    enters the store when its URL is made. Its constructor does not run again. All attributes are
    kept, private ones too: values that the codec can carry, which come back in its types (a tuple
    as a list). What a `cached_property` holds is not kept.

    An unsafe call that ends without an error writes the attributes if they have changed, all
    together: if another call has changed the same instance meanwhile, nothing is written and the
    caller gets Conflict (409). What a call by GET changes is not kept. For an instance that is gone
    the caller gets StaleReference (410), while the store is out of reach Unavailable (503).

    With `retries`, a method that lost so is called again on the instance as it is by then, up to
    that many times before the caller gets Conflict. All that it does is done again: this is for
    classes whose methods do nothing but change the instance. A call is made only once if it came
    with a blob, or has written already (by `keep`, `forget`, or making another instance).

    A class may change while instances are stored. A parameter or field that the stored state misses
    takes its default; if it has none, the class method `__glyph_upgrade__(cls, state) -> dict` is
    asked; if that does not give it either, the caller gets StaleReference, naming it. Attributes
    that the class has no more stay.

    `id_of`, `recall`, `keep` and `forget` are for code that has instances in its hands.
    """

    __slots__ = ("__glyph_stored__",)

    #: A Store, or a function that returns it: which no type checker takes for no method.
    __glyph_store__: ClassVar[Any] = None
    __glyph_expires_in__: ClassVar[float | None] = None
    __glyph_retries__: ClassVar[int] = 0

    def __init_subclass__(
        cls,
        *,
        store: Store | Callable[[], Store] | None = None,
        expires_in: float | None = None,
        retries: int | None = None,
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        # attrs makes a second class of the first, without these arguments: what is set stays.
        if store is not None:
            if not isinstance(store, Store) and not callable(store):
                raise TypeError(f"store is a Store, not {type(cast('object', store)).__name__}")
            cls.__glyph_store__ = store
        if expires_in is not None:
            cls.__glyph_expires_in__ = expires_in
        if retries is not None:
            if not isinstance(cast("object", retries), int) or retries < 0:
                raise ValueError(f"retries is how many times, not {retries!r}")
            cls.__glyph_retries__ = retries

    @classmethod
    def __glyph_registered__(cls, name: str, parameters: Parameters) -> None:
        """Asked by the endpoint table. Raises TypeError if this class cannot be kept."""
        known = _registered.get(cls)
        if known is None:
            _registered[cls] = _Persistence(cls, name, parameters)
        elif known.name != name:
            raise TypeError(
                f"{cls.__qualname__} is kept under the name {known.name!r} already: "
                f"it cannot be {name!r} too"
            )

    def __glyph_state__(self) -> dict[str, str]:
        """The state in the URL."""
        return {"id": id_of(self)}

    @classmethod
    @contextmanager
    def __glyph_open__(cls, state: Mapping[str, Any]) -> Generator[Self]:
        """The instance of a URL's state; what has changed is written when all went well."""
        call = CURRENT.get(None)
        written = 0 if call is None else call.writes
        instance = recall(cls, state.get("id", ""))
        yield instance
        if call is None or call.method in ("GET", "HEAD"):
            return
        try:
            keep(instance)
        except Conflict as conflict:
            if call.writes == written:
                raise Again(conflict) from None
            raise


@attrs.frozen
class _Stored:
    """What an instance is in the store. `data` is its state there; None: it was forgotten."""

    id: str
    version: int
    data: bytes | None


def _stored_of(instance: PersistentResource) -> _Stored | None:
    return getattr(instance, "__glyph_stored__", None)


def _set_stored(instance: PersistentResource, stored: _Stored) -> None:
    object.__setattr__(instance, "__glyph_stored__", stored)  # attrs.frozen refuses setattr


def _set_written(instance: PersistentResource, stored: _Stored) -> None:
    _set_stored(instance, stored)
    call = CURRENT.get(None)
    if call is not None:
        call.writes += 1


class _Persistence:
    """How the instances of one class are found, made and written.

    `name` is the registered name: a class may be renamed under it.
    """

    def __init__(self, cls: type[PersistentResource], name: str, parameters: Parameters) -> None:
        if cls.__glyph_store__ is None:
            raise TypeError(
                f"{cls.__qualname__} has no store: class {cls.__name__}(..., store=...)"
            )
        self.name = name
        self._cls = cls
        self._parameters = parameters
        self._shape = Shape.of(cls, parameters)
        self._opened: Store | None = None

    @property
    def _store(self) -> Store:
        if self._opened is None:
            given: Store | Callable[[], Store] = self._cls.__glyph_store__
            self._opened = given if isinstance(given, Store) else given()
        return self._opened

    @contextmanager
    def _reaching(self, consequence: str, unknown: str = "") -> Generator[None]:
        """The store's failure is the server's, and what it says is for the log.

        `consequence` is what the caller is told, `unknown` if the store may have written.
        """
        try:
            yield
        except StoreError as error:
            call = CURRENT.get(None)
            logref = "-" if call is None else call.logref
            logger.exception("logref %s: the store of %s failed", logref, self.name)
            told = unknown if error.unknown and unknown else consequence
            raise Unavailable(f"what keeps each {self.name} is out of reach: {told}") from None

    def _data(self, instance: PersistentResource) -> tuple[dict[str, Any], bytes]:
        """The state of an instance, and what tells whether it has changed."""
        state = self._shape.read(instance)
        return state, encode(state, canonical=True)

    def _record(self, state: dict[str, Any]) -> dict[str, Any]:
        names = list(self._parameters.signature.parameters)
        return {"class": self.name, "state": state, "parameters": names}

    def identify(self, instance: PersistentResource) -> str:
        stored = _stored_of(instance)
        if stored is None:
            state, data = self._data(instance)
            identifier = secrets.token_urlsafe(_ID_BYTES)
            with self._reaching("the object was not kept"):
                version = self._store.put(
                    identifier, self._record(state), expires_in=self._cls.__glyph_expires_in__
                )
            stored = _Stored(identifier, version, data)
            _set_written(instance, stored)
        elif stored.data is None:
            raise self._gone()
        return stored.id

    def load(self, identifier: object) -> PersistentResource:
        if not isinstance(identifier, str) or _ID.fullmatch(identifier) is None:
            raise BadRequest("the reference is damaged")
        with self._reaching("the call was not begun"):
            entry = self._store.get(identifier)
        record: object = None if entry is None else entry.value
        # An id says nothing about its class, and references may be unsigned.
        if entry is None or not is_mapping(record) or record.get("class") != self.name:
            raise self._gone()
        instance = self._cls.__new__(self._cls)
        self._shape.write(instance, self._upgraded(record))
        _set_stored(instance, _Stored(identifier, entry.version, self._data(instance)[1]))
        return instance

    def save(self, instance: PersistentResource) -> None:
        stored = _stored_of(instance)
        if stored is None:
            self.identify(instance)
            return
        if stored.data is None:
            return
        state, data = self._data(instance)
        if data == stored.data:
            return
        with self._reaching(
            "the call has run, but what it changed of the object was not kept",
            "the call has run, and whether what it changed of the object was kept is not known",
        ):
            version = self._store.compare_and_set(
                stored.id,
                self._record(state),
                stored.version,
                expires_in=self._cls.__glyph_expires_in__,
            )
            if version is None:
                self._lost(stored.id)
        _set_written(instance, _Stored(stored.id, version, data))

    def remove(self, instance: PersistentResource) -> None:
        stored = _stored_of(instance) or _Stored("", 0, None)
        if stored.data is not None:
            with self._reaching(
                "the object was not removed", "whether the object was removed is not known"
            ):
                if not self._store.delete(stored.id, stored.version):
                    self._lost(stored.id)
        _set_written(instance, attrs.evolve(stored, data=None))

    def _lost(self, identifier: str) -> NoReturn:
        if self._store.get(identifier) is None:
            raise self._gone()
        raise Conflict(
            f"another call changed this {self.name} meanwhile: this one has run, but what it "
            "changed of the object was not kept"
        )

    def _gone(self) -> StaleReference:
        return StaleReference(f"this {self.name} is no longer there")

    def _upgraded(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The state in a record. Raises StaleReference if it does not fit the class any more."""
        state = dict(cast("Mapping[str, Any]", record["state"]))
        known = frozenset(cast("Iterable[str]", record["parameters"]))
        missing = complete(state, self._shape, self._parameters, known)
        upgrade = getattr(self._cls, "__glyph_upgrade__", None)
        if missing is not None and upgrade is not None:
            state = dict(upgrade(state))
            missing = complete(state, self._shape, self._parameters, known)
        if missing is not None:
            raise StaleReference(
                f"this {self.name} was stored by an older version, and {missing!r} is now needed: "
                "make a new one",
                data={"parameter": missing},
            )
        return state


_registered: WeakKeyDictionary[type, _Persistence] = WeakKeyDictionary()


def _persistence_of(cls: type) -> _Persistence:
    try:
        return _registered[cls]
    except KeyError:
        raise TypeError(f"{cls.__qualname__} is not registered: no router keeps it") from None


def id_of(instance: PersistentResource, /) -> str:
    """The id of an instance, to keep in other objects. One that is new is put into the store.

    Raises EncodeError, naming the attribute, for what cannot be kept; StaleReference if it was
    forgotten; Unavailable.
    """
    return _persistence_of(type(instance)).identify(instance)


def recall(cls: type[T], identifier: str, /) -> T:
    """The instance of an id, as it was last written.

    Raises BadRequest for what can be no id, StaleReference if it is gone or does not fit its class
    any more, Unavailable.
    """
    return cast("T", _persistence_of(cls).load(identifier))


def keep(instance: PersistentResource, /) -> None:
    """Write the attributes of an instance now if they have changed, as a call does at its end.

    Raises Conflict if they were changed elsewhere since it was recalled, StaleReference if it was
    removed elsewhere; EncodeError, naming the attribute; Unavailable.
    """
    _persistence_of(type(instance)).save(instance)


def forget(instance: PersistentResource, /) -> None:
    """Remove an instance from its store, at once: references to it are stale from now on.

    Raises Conflict if it was changed elsewhere since it was recalled, StaleReference if it was
    removed elsewhere, Unavailable.
    """
    _persistence_of(type(instance)).remove(instance)
