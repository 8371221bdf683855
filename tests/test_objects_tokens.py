"""Tokens that are remembered: what one is made of is never left out of what it is found by."""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from hyperglyph.codec import encode
from hyperglyph.server.state import TokenSigner, kept_token
from hyperglyph.transport.http.status import BadRequest, StaleReference

SECRETS = ("first secret " * 3, "second secret " * 3)
NAMES = ("Thing", "Twin")
OWNERS = (None, "alice", "bob", "alice2", ["alice"])
STATES: tuple[dict[str, Any], ...] = ({}, {"id": 1}, {"id": True}, {"id": "1"}, {"id": [1, "é"]})


def expected(secret: str, name: str, owner: object, state: dict[str, Any]) -> str:
    """A token, from the standard's words alone."""
    key = hmac.digest(secret.encode(), b"hyperglyph reference", "sha256")
    data = encode(state, canonical=True)
    whom = encode(name) if owner is None else encode((name, encode(owner, canonical=True)))
    tag = hmac.digest(key, whom + data, "sha256")[:16]
    head = hmac.digest(secret.encode(), b"hyperglyph key id", "sha256")[:4]
    return urlsafe_b64encode(head + tag + data).rstrip(b"=").decode()


def signer(secret: str, owner: object) -> TokenSigner:
    return TokenSigner(secret, owner=None if owner is None else lambda: owner)


CASES = list(product(SECRETS, NAMES, OWNERS, range(len(STATES))))


def test_none_is_that_of_another_secret_class_or_principal() -> None:
    made: dict[str, tuple[Any, ...]] = {}
    for _ in range(3):
        for case in CASES:
            secret, name, owner, number = case
            token = signer(secret, owner).make(name, STATES[number])
            assert token == expected(secret, name, owner, STATES[number])
            assert made.setdefault(token, case) == case
    assert len(made) == len(CASES)


def test_one_signer_for_principals_in_turn() -> None:
    whose: list[object] = [None]
    shared = TokenSigner(SECRETS[0], owner=lambda: whose[0])
    for owner in ["alice", "bob", "alice", "alice", "bob"] * 3:
        whose[0] = owner
        token = shared.make("Thing", {"id": 1})
        assert token == expected(SECRETS[0], "Thing", owner, {"id": 1})
        assert shared.read("Thing", token) == {"id": 1}
        whose[0] = "mallory"
        with pytest.raises(BadRequest, match="its signature does not fit"):
            shared.read("Thing", token)


def test_secrets_change_places() -> None:
    old, new = SECRETS
    before, after = TokenSigner([old]), TokenSigner([new, old])
    token = before.make("Thing", {"id": 1})
    for _ in range(2):
        assert before.make("Thing", {"id": 1}) == token == expected(old, "Thing", None, {"id": 1})
        assert after.read("Thing", token) == {"id": 1}
        assert after.make("Thing", {"id": 1}) == expected(new, "Thing", None, {"id": 1})
    with pytest.raises(BadRequest, match="another key"):
        TokenSigner([new]).read("Thing", token)


def test_signed_and_unsigned_ones_in_turn() -> None:
    unsigned, signed = TokenSigner(unsigned=True), TokenSigner(SECRETS[0])
    plain = urlsafe_b64encode(encode({"id": 1})).rstrip(b"=").decode()
    for _ in range(2):
        assert unsigned.make("Thing", {"id": 1}) == unsigned.make("Twin", {"id": 1}) == plain
        assert signed.make("Thing", {"id": 1}) == expected(SECRETS[0], "Thing", None, {"id": 1})


def test_they_age_all_the_same() -> None:
    ages = TokenSigner(SECRETS[0], max_age=0.4)
    first = ages.make("Thing", {"id": 1})
    assert ages.read("Thing", first) == {"id": 1}
    time.sleep(0.6)
    with pytest.raises(StaleReference):
        ages.read("Thing", first)
    second = ages.make("Thing", {"id": 1})
    assert second != first
    assert ages.read("Thing", second) == {"id": 1}


def test_many_threads_and_principals() -> None:
    def make(number: int) -> bool:
        owner, state = f"user {number % 7}", {"id": number % 11}
        return signer(SECRETS[number % 2], owner).make("Thing", state) == expected(
            SECRETS[number % 2], "Thing", owner, state
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(make, range(4000)))


def test_what_is_remembered_is_bounded() -> None:
    signs = TokenSigner(SECRETS[0])
    size = kept_token.cache_info().maxsize
    assert size is not None
    for number in range(size + 100):
        signs.make("Thing", {"id": number})
    assert kept_token.cache_info().currsize == size
    before = kept_token.cache_info()
    for _ in range(2):  # a long one is made each time, and takes the place of none
        state = {"id": "x" * 500}
        assert signs.make("Thing", state) == expected(SECRETS[0], "Thing", None, state)
    assert kept_token.cache_info() == before


def test_a_listing_finds_its_tokens_again() -> None:
    signs = TokenSigner(SECRETS[0])
    made = [signs.make("Thing", {"id": number}) for number in range(1000)]
    before = kept_token.cache_info().hits
    assert [signs.make("Thing", {"id": number}) for number in range(1000)] == made
    assert kept_token.cache_info().hits == before + 1000
