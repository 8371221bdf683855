"""Deploys the directory five times, and a sixth, while a client holds what it once found.

    python examples/directory/rehearse.py

Each deploy goes to both shards. References from before the first deploy, and from after each, are
used after every deploy; the table says how many worked.
"""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hyperglyph as glyph

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from deploys import Address, Rehearsal  # noqa: E402 - a neighbour of this folder

PROGRAMS = sorted((HERE / "deploys").glob("*.py"))
KEY = secrets.token_urlsafe()

#: Of each shard one who stays and one who lives in Bergen, which deploy 5 moves to shard 1.
NAMES = ("Cleo Adler", "Ada Adler", "Bea Adler", "Fay Adler")


class Directory:
    """Two addresses, one a shard, and their files."""

    def __init__(self, addresses: list[Address], folder: Path) -> None:
        self._addresses = addresses
        self._folder = folder

    @property
    def urls(self) -> list[str]:
        return [address.url for address in self._addresses]

    def deploy(self, program: Path) -> None:
        """Shard 1 first: shard 0 may hand users over to what runs there."""
        for shard in (1, 0):
            self._addresses[shard].deploy(
                program,
                *("--shard", str(shard), "--other", self.urls[1 - shard]),
                *("--database", str(self._folder / f"{shard}.sqlite")),
            )


@contextmanager
def directory(folder: Path) -> Iterator[Directory]:
    """The directory as it is before the first deploy."""
    env = {"DIRECTORY_KEY": KEY, "PYTHONPATH": str(HERE)}
    with ExitStack() as stack:
        first = stack.enter_context(Address(env=env))
        second = stack.enter_context(Address(secret=first.secret, env=env))
        made = Directory([first, second], folder)
        made.deploy(HERE / "service.py")
        yield made


def client(made: Directory) -> glyph.Client:
    """Its key goes to both shards, and nowhere else."""
    return glyph.Client(origins=made.urls, headers={"Authorization": f"Bearer {KEY}"})


def hold(rehearsal: Rehearsal, root: Any, since: str) -> None:
    """Take hold of all kinds of things there are, each with what must go on working."""

    def found() -> None:
        assert root.find_user("Bea Adler").name == "Bea Adler"
        assert len(root.search("Adler", size=10).users) == 10

    def turned() -> None:
        names = [user.name for page in pages(results) for user in page.users]
        assert len(names) == len(set(names)) == 40, names

    rehearsal.hold(f"the root, {since}", found)
    results = root.search("Adler", size=15)
    rehearsal.hold(f"a page of results, {since}", turned)
    for name in NAMES:
        hold_user(rehearsal, root.find_user(name), f"{name}, {since}")
    friend = root.find_user("Ada Adler").friends()[0]
    hold_user(rehearsal, friend, f"a friend of Ada Adler's, {since}")


def hold_user(rehearsal: Rehearsal, user: Any, label: str) -> None:
    name = user.name
    say = user.message  # a form by itself, as a callback would be held

    def use() -> None:
        assert glyph.reload(user).name == name
        assert user.phone().startswith("+00")
        before = len(user.inbox())
        user.message("hello", label)
        say(subject="once more", body=label)
        assert user.inbox()[before:] == [["hello", label], ["once more", label]]
        assert all(friend.name for friend in user.friends())

    rehearsal.hold(label, use)


def pages(page: Any) -> Iterator[Any]:
    """A page as it is now, and all that follow."""
    page = glyph.reload(page)
    yield page
    while page.next is not None:
        page = page.next()
        yield page


def rehearse(folder: Path) -> Rehearsal:
    """All deploys; the last row is that of the incompatible one."""
    rehearsal = Rehearsal()
    with directory(folder) as made, client(made) as caller:
        root = caller.get(made.urls[0])
        hold(rehearsal, root, "since the start")
        for program in PROGRAMS:
            made.deploy(program)
            rehearsal.check(program.stem.replace("_", " "))
            hold(rehearsal, glyph.reload(root), f"since {program.stem[0]}")
    return rehearsal


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(rehearse(Path(folder)).table())


if __name__ == "__main__":
    main()
