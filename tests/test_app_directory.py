"""The user directory of examples/directory: 1,000 users at two services, and all its deploys."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES
from recorder import Recorder, recorders
from tutorial_help import Tutorial, load

import hyperglyph as glyph
from hyperglyph.codec import Form, Resource, decode

FOLDER = EXAMPLES / "directory"
TUTORIAL = Tutorial("directory.md")
PARTIAL = "application/vnd.hyperglyph;partial=1"


rehearse = load(FOLDER / "rehearse.py")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The URLs of both shards, each a process."""
    with rehearse.directory(tmp_path_factory.mktemp("directory")) as made:
        yield made.urls


@pytest.fixture
def roots(shards: list[str], no_leaks: None) -> Iterator[list[Any]]:
    """Both root pages, through a client that lists both origins and has the key."""
    headers = {"Authorization": f"Bearer {rehearse.KEY}"}
    with glyph.Client(origins=shards, headers=headers) as client:
        yield [client.get(url) for url in shards]


def all_of(page: Any) -> list[Any]:
    return [user for each in rehearse.pages(page) for user in each.users]


def name_of(number: int) -> str:
    name: str = load(FOLDER / "people.py").name_of(number)
    return name


def origin(user: Any) -> str:
    return glyph.url_of(user).partition("/User/")[0]


def raw(url: str, accept: str = PARTIAL) -> tuple[Any, bytes, str]:
    """What any HTTP client gets: the message, its bytes, and who may cache it."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: bytes = answer.read()
        return decode(data), data, answer.headers["Cache-Control"]


def test_everybody_is_reached_from_either_shard(roots: list[Any], shards: list[str]) -> None:
    people = load(FOLDER / "people.py")
    everybody = {people.name_of(number) for number in range(1_000)}
    assert len(everybody) == 1_000
    for root, own in zip(roots, shards, strict=True):
        users = all_of(root.search(size=200))
        assert len(users) == 1_000
        assert {user.name for user in users} == everybody
        # First those of the shard that was asked, in order; then those of the other.
        at_home = [glyph.url_of(user).startswith(f"{own}User/") for user in users]
        assert at_home == [True] * 500 + [False] * 500
        for half in (users[:500], users[500:]):
            assert [user.name for user in half] == sorted(user.name for user in half)
        # By a method of each, at the shard where it is: nothing of this was in the listing.
        assert [user.phone()[-4:] for user in users[::100]] == [
            f"{user.id:04}" for user in users[::100]
        ]


def test_pages_lead_on_and_back(roots: list[Any]) -> None:
    first = roots[1].search("Vogel", size=8)
    pages = list(rehearse.pages(first))
    assert [page.number for page in pages] == [1, 2, 3, 4, 5, 6]
    assert [len(page.users) for page in pages] == [8, 8, 4, 8, 8, 4]
    assert first.previous is None
    assert pages[-1].next is None
    for before, after in pairwise(pages):
        assert before.next() == after
        assert after.previous() == before
        assert after.previous().next() == after
    assert [user.name for user in pages[4].users] == [
        user.name for user in glyph.reload(pages[4]).users
    ]


def test_searches_that_find_little(roots: list[Any]) -> None:
    assert [user.name for user in all_of(roots[0].search("bea ADLER"))] == ["Bea Adler"]
    assert all_of(roots[0].search("nobody of that name")) == []
    assert all_of(roots[0].search("%")) == []
    with pytest.raises(glyph.BadRequest, match="1 to 200"):
        roots[0].search(size=201)
    with pytest.raises(glyph.BadRequest, match="1 to 200"):
        roots[0].search(size=0)


def test_search_is_a_get_form_and_its_answer_partial(shards: list[str]) -> None:
    """As a cache on the way sees it."""
    form = raw(shards[0])[0].content["search"]
    assert isinstance(form, Form)
    assert form.method == "GET"
    assert [entry.attributes["name"] for entry in form.inputs] == ["text", "size"]
    url = f"{shards[0]}{form.url}?Du4:text;u1:e;;"
    page, data, cache = raw(url)
    assert isinstance(page, Resource)
    assert raw(url)[1] == data
    assert cache == "private, no-cache"
    users = page.content["users"]
    assert [user.attributes.get("partial") for user in users] == [None] + [True] * 49
    assert list(users[1].content) == ["id", "name", "city"]
    # The data of 1.0's clients is the same; each user has his forms.
    whole = raw(url, "application/vnd.hyperglyph")[0].content["users"]
    assert {len(user.content) for user in whole} == {8}
    assert whole[0].attributes.get("partial") is None


def test_pages_are_not_made_up(shards: list[str]) -> None:
    """Only the service makes results, and its size limit holds."""
    assert "Results" not in raw(shards[0])[0].content
    with pytest.raises(urllib.error.HTTPError, match="404"):
        raw(f"{shards[0]}Results")


def refused(call: Any, *given: Any) -> int:
    with pytest.raises(glyph.ClientError) as caught:
        call(*given)
    return caught.value.status


def test_arguments_that_are_not_what_they_should_be(roots: list[Any]) -> None:
    root = roots[0]
    user = root.User(0)
    numbers: list[Any] = [None, -1, 2**63, 10**30, 1.5, "0", b"0", [], [0], {}, {"id": 0}, {0}]
    assert {refused(root.User, number) for number in numbers} == {404}
    names: list[Any] = [None, 1, [], {}, "nobody"]
    assert {refused(root.find_user, name) for name in names} == {404}
    texts: list[Any] = [None, 1, [], {}, "a" * 101]
    assert {refused(root.search, text) for text in texts} == {400}
    sizes: list[Any] = [None, "1", 1.5, [], 0, 201, 10**30]
    assert {refused(root.search, "a", size) for size in sizes} == {400}
    others: list[Any] = [None, 1, [], {"id": 1}, glyph.link("http://127.0.0.1/User/x/"), root]
    for other in others:
        assert refused(user.befriend, other) == 400
        assert refused(user.message, other, "body") == 400
        assert refused(user.message, "subject", other) == 400


@pytest.mark.parametrize("asked", [0, 1])
def test_users_of_the_other_shard(roots: list[Any], shards: list[str], asked: int) -> None:
    for number in (0, 1, 998, 999):
        name = name_of(number)
        home = shards[number % 2]
        by_name, by_number = roots[asked].find_user(name), roots[asked].User(number)
        assert by_name == by_number
        assert (by_name.id, by_name.name) == (number, name)
        assert glyph.url_of(by_name).startswith(home)
    with pytest.raises(glyph.NotFound, match="there is no user 'Nobody'"):
        roots[asked].find_user("Nobody")
    with pytest.raises(glyph.NotFound, match="there is no user 1000"):
        roots[asked].User(1000)


def test_friends_live_anywhere(roots: list[Any]) -> None:
    ada = roots[1].find_user("Ada Bauer")
    friends = ada.friends()
    assert [friend.name for friend in friends] == ["Bea Bauer", "Cleo Bauer", "Abe Noll"]
    assert len({origin(friend) for friend in friends}) == 2
    for name in ("Tom Zimmer", "Uwe Zimmer"):  # one of each shard, as a page and as a listed one
        friend = roots[0].find_user(name)
        ada.befriend(friend)
        assert name in [found.name for found in ada.friends()]
        friend.befriend(friends[0])
        assert "Bea Bauer" in [found.name for found in friend.friends()]


def test_the_key_is_needed(shards: list[str], client: glyph.Client) -> None:
    user = client.get(shards[0]).find_user("Bea Carver")
    for call in (user.phone, user.inbox):
        with pytest.raises(glyph.Unauthorized, match="key"):
            call()


def test_the_key_goes_to_no_shard_that_is_not_listed(shards: list[str], no_leaks: None) -> None:
    """Real shards: the other one does not see the key, and says so."""
    headers = {"Authorization": f"Bearer {rehearse.KEY}"}
    with glyph.Client(headers=headers) as client:
        root = client.get(shards[0])
        assert root.find_user("Ada Carver").phone() == "+00 555 0080"
        friend = root.find_user("Ada Carver").friends()[0]
        for there in (root.find_user("Bea Carver"), friend):
            assert there.name == "Bea Carver"
            with pytest.raises(glyph.Unauthorized):
                there.phone()
        # Pages of results lead there as well, without the key.
        assert len(all_of(root.search("Carver", size=200))) == 40


@pytest.fixture
def other() -> Iterator[Recorder]:
    with recorders(1) as made:
        yield made[0]


@pytest.mark.parametrize("listed", [False, True])
def test_what_the_other_origin_is_sent(other: Recorder, no_leaks: None, listed: bool) -> None:
    """A shard whose other shard writes down all that it is sent."""
    with rehearse.Address(env={"DIRECTORY_KEY": rehearse.KEY}) as address:
        address.deploy(FOLDER / "service.py", "--shard", "0", "--other", other.url)
        origins = [address.url, other.url] if listed else [address.url]
        headers = {"Authorization": f"Bearer {rehearse.KEY}"}
        with glyph.Client(origins=origins, headers=headers) as client:
            root = client.get(address.url)
            first, friend = root.search(size=200), root.User(0).friends()[0]
            while len(first.users) == 200:
                first = first.next()
            assert "Bea" not in [user.name for user in first.users]
            assert root.find_user("Bea Adler").startswith("/User/")
            assert root.User(1) == root.find_user("Bea Adler")
            assert first.next().startswith("/Results/")
            assert friend.phone().endswith("/phone")
            assert friend.message("a", "b").endswith("/message")
            with pytest.raises(ValueError, match="not a resource"):
                _ = friend.name
    assert [seen.method for seen in other.seen] == ["GET"] * 5 + ["POST", "GET"]
    told = [seen.header("authorization") for seen in other.seen]
    assert told == [headers["Authorization"] if listed else None] * 7
    assert not any(seen.mentions(rehearse.KEY) for seen in other.seen) or listed


def test_browse(shards: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / "browse.py"), *shards],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "1000 users at 2 shards"
    friends = [line for line in lines if " is a friend of Ada Adler's, at " in line]
    assert {line.rpartition(" ")[2] + "/" for line in friends} == set(shards)
    assert lines[-1] == "no phone number and no messages: this needs the directory's key"


# --- deploys --------------------------------------------------------------------------------------


def test_what_is_held_lives_through_the_deploys(tmp_path: Path, no_leaks: None) -> None:
    rehearsal = rehearse.rehearse(tmp_path)
    *compatible, incompatible = rehearsal.rows
    assert len(compatible) == 5
    assert [row.failures for row in compatible] == [()] * 5
    assert [row.held for row in compatible] == [7, 14, 21, 28, 35]
    # What holds no user lives on; all others are told what happened, and what to do.
    assert (incompatible.held, incompatible.worked) == (42, 12)
    for name, error in incompatible.failures:
        assert "Adler" in name
        assert isinstance(error, glyph.StaleReference)
        assert error.data == {"parameter": "handle"}
        assert error.message == (
            "the reference is older than User, which now needs 'handle': ask for the object anew"
        )
    rows = [line for line in rehearsal.table().splitlines() if not line.startswith(" ")]
    assert "\n".join(rows) in TUTORIAL.text


def test_all_1000_held_while_some_move(tmp_path: Path, no_leaks: None) -> None:
    """From just before the move, through every kind of reference, and what was asked done once."""
    with rehearse.directory(tmp_path) as made, rehearse.client(made) as client:
        made.deploy(FOLDER / "deploys" / "4_renamed_class.py")
        root = client.get(made.urls[0])
        users = all_of(root.search(size=100))
        moving = [user for user in users if user.city == "Bergen" and user.id % 2 == 0]
        assert len(moving) == 100
        few = moving[:20] + [user for user in users[::100] if user not in moving]
        for user in few:
            user.message("before", "the move")
        made.deploy(FOLDER / "deploys" / "5_moved_objects.py")
        for user in users:
            now = glyph.reload(user)
            assert (now.id, now.name, now.city) == (user.id, user.name, user.city)
            assert (origin(now) == origin(user)) != (user in moving)
        for user in few:
            user.message("after", "the move")
            assert user.inbox() == [["before", "the move"], ["after", "the move"]]
        for url in made.urls:
            assert len(all_of(client.get(url).search(size=200))) == 1_000
        # A move that was interrupted is made again at the next start; one that was not, is not.
        made.deploy(FOLDER / "deploys" / "5_moved_objects.py")
        assert few[0].inbox() == [["before", "the move"], ["after", "the move"]]


def test_after_the_incompatible_deploy(tmp_path: Path, no_leaks: None) -> None:
    with rehearse.directory(tmp_path) as made, rehearse.client(made) as client:
        root = client.get(made.urls[0])
        ada, bea = root.find_user("Ada Adler"), root.find_user("Bea Adler")
        made.deploy(FOLDER / "deploys" / "6_incompatible.py")
        for user in (ada, bea):
            for call in (user.phone, lambda user=user: user.message("a", "b")):
                with pytest.raises(glyph.StaleReference, match="'handle'"):
                    call()
        # What the error says to do.
        for name in ("Ada Adler", "Bea Adler"):
            anew = root.find_user(name)
            assert anew.handle == name.replace(" ", ".")
            assert anew.speaking("de").greeting() == f"Hallo, ich bin {name}."
            assert all(friend.name for friend in anew.friends())


def test_nobody_is_handed_over_without_the_key(tmp_path: Path, client: glyph.Client) -> None:
    with rehearse.directory(tmp_path) as made:
        made.deploy(FOLDER / "deploys" / "5_moved_objects.py")
        with pytest.raises(glyph.Unauthorized):
            client.get(made.urls[1]).adopt([])


# --- the tutorial ---------------------------------------------------------------------------------


def test_the_tutorial_quotes_the_files() -> None:
    TUTORIAL.check_quotes()


def test_the_tutorials_transcript(shards: list[str], no_leaks: None) -> None:
    instead = {
        "http://127.0.0.1:8000/": shards[0],
        "http://127.0.0.1:8001/": shards[1],
        "open-sesame": rehearse.KEY,
    }
    names = TUTORIAL.type_in(instead)
    for name in ("client", "careless"):
        names[name].close()


def test_the_tutorials_links_lead_somewhere() -> None:
    TUTORIAL.check_links()
