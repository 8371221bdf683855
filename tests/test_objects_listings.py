"""Many instances in one message: what they share is resolved once, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from object_help import PARTIAL, User, ask, page, reference, returning, serve, value

import hyperglyph as glyph
from hyperglyph.codec import Extension, Resource

SECRET = "a secret of some length"


class Pair:
    """Its state may be anything."""

    def __init__(self, left: Any, right: Any = None) -> None:
        self.left = left
        self._right = right


def ada(_: object) -> str:
    return "ada"


STATES: list[Any] = [1, -(10**30), "é", "", None, True, 1.5, b"\xff", [1, {"b": 2, "a": [3]}], {}]


@pytest.mark.parametrize(
    "options",
    [
        {"secret": SECRET},
        {"secret": [SECRET, "an old secret of some length"]},
        {"unsigned_state": True},
        {"secret": SECRET, "state_max_age": 1e7},
        {"secret": SECRET, "authenticate": ada, "bind_state": glyph.principal},
    ],
)
def test_a_listed_instance_has_the_url_that_it_has_alone(options: dict[str, Any]) -> None:
    router = serve(Pair, **options)
    router.add(lambda: [Pair(state, state) for state in STATES], name="f")
    listed = page(router, Accept=PARTIAL)
    assert [each.partial for each in listed] == [False] + [True] * (len(STATES) - 1)
    for state, each in zip(STATES, listed, strict=True):
        assert each.url == reference(router, "Pair", left=state, right=state)
        assert value(ask(router, "GET", each.url)).content == {"left": state}
    assert len({each.url for each in listed}) == len(STATES)


def test_instances_in_the_state_of_listed_ones() -> None:
    router = serve(Pair, User, secret=SECRET)
    router.add(lambda: [Pair(number, User(number)) for number in range(3)], name="f")
    for number, each in enumerate(page(router, Accept=PARTIAL)):
        user = reference(router, "User", id=number)
        assert each.url == reference(router, "Pair", left=number, right=glyph.codec.Link(user))


class Held:
    """An object of another service that calls its class User, too."""

    def __glyph_wire__(self) -> Extension:
        return Resource({"n": 1}, url="http://elsewhere/1/", profile="User")


def test_behind_a_foreign_resource_of_the_same_name_all_are_whole() -> None:
    router = returning(lambda: [User(1), User(2), User(3), Held(), User(4), User(5)])
    router.add(User)
    found = page(router, Accept=PARTIAL)
    assert [each.partial for each in found] == [False, True, True, False, False, False]
    assert [each.url for each in found][4:] == [reference(router, "User", id=n) for n in (4, 5)]


def test_two_classes_and_a_converter_in_turn() -> None:
    class Number:
        def __int__(self) -> int:
            return 7

    router = returning(
        lambda: [User(1), Pair(1), Number(), User(2), Pair(2), Number()], convert={Number: int}
    )
    router.add(User)
    router.add(Pair)
    found = page(router, Accept=PARTIAL)
    assert found[2] == found[5] == 7
    assert [each.profile for each in found if each != 7] == ["User", "Pair"] * 2
    assert [each.partial for each in found if each != 7] == [False, False, True, True]


def test_a_listed_instance_without_a_reference(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> list[Pair]:
        pairs = [Pair(number) for number in range(4)]
        del pairs[3].left
        return pairs

    router = returning(broken)
    router.add(Pair)
    assert ask(router, "POST", "/f", Accept=PARTIAL).status == 500
    assert "there is no attribute left or _left to read the parameter left back from" in caplog.text
    assert "there is no reference to an instance of" in caplog.text
