"""One shard of a user directory: half of 1,000 users. Two of these make the whole.

    python examples/directory/service.py --shard 0 --port 8000 --other http://127.0.0.1:8001/
    python examples/directory/service.py --shard 1 --port 8001 --other http://127.0.0.1:8000/

Both need the same HYPERGLYPH_SECRET, and DIRECTORY_KEY, which callers give who may read messages
and phone numbers. It prints its URL and stays up until it is interrupted. `browse.py` drives it.
"""

import argparse
import hmac
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cached_property
from typing import Any, Self

from people import People

import hyperglyph as glyph

LARGEST_PAGE = 200
LONGEST_TEXT = 100  # of a search: it is part of the URLs of all its pages


def check(name: str, value: object, kind: type) -> None:
    """Raise BadRequest for an argument of another type: what came may be anything."""
    if not isinstance(value, kind):
        raise glyph.BadRequest(f"{name} is {kind.__name__}, not {type(value).__name__}")


class Shard:
    """This process's part of the directory, and where the other one is."""

    people: People
    other: str
    key: str

    def open(self, number: int, database: str, other: str) -> None:
        self.people = People(database, number)
        self.other = other
        self.key = os.environ.get("DIRECTORY_KEY", "")

    def home(self, number: int) -> str | None:
        """The service at which a shard is, None for this one."""
        return None if number == self.people.shard else self.other

    def check_key(self) -> None:
        """Raise Unauthorized unless the caller showed the key."""
        shown = glyph.context().header("authorization") or ""
        if not self.key or not hmac.compare_digest(shown.encode(), f"Bearer {self.key}".encode()):
            raise glyph.Unauthorized("this needs the directory's key")


here = Shard()


class User(glyph.Resource):
    """Somebody in the directory. A reference holds the id, so it means the same on both shards."""

    def __init__(self, id: int) -> None:  # noqa: A002 - its name on the wire
        self.id = id

    @classmethod
    def numbered(cls, number: int) -> Self:
        return cls(number)

    @classmethod
    def __glyph_home__(cls, state: Mapping[str, Any]) -> str | None:
        """Where the user lives: None for here."""
        user = here.people.user(state["id"])
        if user is None:
            raise glyph.NotFound(f"there is no user {state['id']!r:.40}")
        return here.home(user["shard"])

    @property
    def name(self) -> str:
        user = here.people.user(self.id)
        assert user is not None
        return str(user["name"])

    @property
    def city(self) -> str:
        return str(here.people.profile(self.id)["city"])

    @glyph.safe()
    def friends(self) -> list["User"]:
        """Friends, from both shards."""
        return [self.numbered(friend) for friend in here.people.friends(self.id)]

    def befriend(self, friend: "User") -> None:
        """Make somebody a friend, wherever he lives."""
        check("friend", friend, User)
        here.people.befriend(self.id, friend.id)

    def message(self, subject: str, body: str) -> None:
        """Put a message into the inbox."""
        check("subject", subject, str)
        check("body", body, str)
        here.people.deliver(self.id, subject, body)

    @glyph.safe()
    def inbox(self) -> list[tuple[str, str]]:
        """Subject and body of each message, the oldest first. Needs the key."""
        here.check_key()
        return here.people.messages(self.id)

    @glyph.safe()
    def phone(self) -> str:
        """The phone number. Needs the key."""
        here.check_key()
        return str(here.people.profile(self.id)["phone"])


@glyph.hidden()  # callers search; they do not make up pages
class Results(glyph.Resource):
    """A page of what a search found, with links to the pages around it.

    The pages of the shard where the search began come first, `turn` of them; then those of the
    other shard.
    """

    def __init__(self, text: str, size: int, begun: int, number: int = 1, turn: int = 0) -> None:
        self.text = text
        self.size = size
        self.number = number
        self._begun = begun
        self._turn = turn

    @classmethod
    def __glyph_home__(cls, state: Mapping[str, Any]) -> str | None:
        """Where the page is: None for here."""
        return here.home(1 - state["begun"] if state["turn"] else state["begun"])

    @cached_property
    def _ids(self) -> list[int]:
        """Those on this page, and one more if there is another page here."""
        start = (self.number - self._turn - 1) * self.size
        return here.people.search(self.text, start, self.size + 1)

    @property
    def users(self) -> list[User]:
        return [User.numbered(found) for found in self._ids[: self.size]]

    @property
    def next(self) -> Any:
        """A link, or None after the last page."""
        if len(self._ids) > self.size:
            return glyph.link(self._page(self.number + 1, self._turn))
        if not self._turn:
            return glyph.link(self._page(self.number + 1, turn=self.number))
        return None

    @property
    def previous(self) -> Any:
        """A link, or None before the first page."""
        if self.number == 1:
            return None
        number = self.number - 1
        return glyph.link(self._page(number, self._turn if number > self._turn else 0))

    def _page(self, number: int, turn: int) -> Self:
        return type(self)(self.text, self.size, self._begun, number, turn)


@glyph.safe()
def search(text: str = "", size: int = 50) -> Results:
    """The first page of users with `text` in their name, `size` a page."""
    check("text", text, str)
    check("size", size, int)
    if len(text) > LONGEST_TEXT:
        raise glyph.BadRequest(f"no name is longer than {LONGEST_TEXT} characters")
    if not 1 <= size <= LARGEST_PAGE:
        raise glyph.BadRequest(f"a page has 1 to {LARGEST_PAGE} users")
    return Results(text, size, here.people.shard)


@glyph.safe()
def find_user(name: str) -> User:
    """The user of that name, wherever he lives."""
    found = here.people.id_of(name)
    if found is None:
        raise glyph.NotFound(f"there is no user {name!r:.80}")
    return User.numbered(found)


def routes() -> glyph.Router:
    router = glyph.Router()
    for served in (search, find_user, User, Results):
        router.add(served)
    return router


def serve(router: glyph.Router, prepare: Callable[[], None] | None = None) -> None:
    """Serve this shard until the process is told to end; `prepare` is called before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shard", type=int, choices=(0, 1), required=True)
    parser.add_argument("--other", required=True, help="the URL of the other shard")
    parser.add_argument("--database", default=":memory:", help="the file to keep the users in")
    given = parser.parse_args()
    here.open(given.shard, given.database, given.other)
    if prepare is not None:
        prepare()
    with closing(here.people), glyph.Server(router, port=given.port) as server:
        print(server.url, flush=True)
        server.run()


if __name__ == "__main__":
    serve(routes())
