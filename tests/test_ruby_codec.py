"""The gem's codec and ours: the same canonical octets, and each reads what the other writes.

10,000 values and as many messages with HYPERGLYPH_SOAK=1, 1,000 of each otherwise.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hyperglyph.codec import DecodeError, EncodeError, LimitExceeded, Truncated, decode, encode
from hyperglyph.testing import strategies as wire

TESTEE = Path(__file__).resolve().parent.parent / "ruby" / "testee.rb"
COUNT = 10_000 if os.environ.get("HYPERGLYPH_SOAK") else 1_000

pytestmark = pytest.mark.skipif(shutil.which("ruby") is None, reason="Ruby is not installed")

Answer: TypeAlias = dict[str, Any]


def ask_ruby(requests: Iterable[Answer]) -> list[Answer]:
    """Send them all at once to one testee, which answers in order."""
    lines = [json.dumps({"seq": seq, **request}) for seq, request in enumerate(requests, 1)]
    done = subprocess.run(
        ["ruby", "-w", TESTEE],
        input="\n".join(lines),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert not done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert [answer.pop("seq") for answer in answers] == list(range(1, len(lines) + 1))
    return answers


def decoded(messages: Iterable[bytes]) -> list[Answer]:
    return ask_ruby({"cmd": "decode", "wire": message.hex()} for message in messages)


def examples(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """As many of them as are tried, always the same."""
    drawn: list[Any] = []

    @seed(2012)
    @settings(
        max_examples=COUNT,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(strategy)
    def draw(example: Any) -> None:
        drawn.append(example)

    draw()
    return drawn


def judge(message: bytes) -> Answer | DecodeError:
    """Our fault, or what Ruby shall answer where it is asked for the canonical form.

    A blob in attributes of a blob is read, and not written.
    """
    try:
        value = decode(message)
    except DecodeError as error:
        return error
    try:
        return {"wire": encode(value, canonical=True).hex()}
    except EncodeError:
        return {"fault": "unencodable"}


def fault(error: DecodeError) -> str:
    if isinstance(error, LimitExceeded):
        return "limit"
    return "truncated" if isinstance(error, Truncated) else "malformed"


@pytest.fixture(scope="module")
def values() -> list[Any]:
    drawn = examples(wire.values())
    assert len(drawn) >= COUNT
    return drawn


def test_canonical_forms_are_the_same_octets_and_each_reads_the_other(values: list[Any]) -> None:
    ours = [encode(value, canonical=True) for value in values]
    read = decoded(ours)
    for octets, answer in zip(ours, read, strict=True):
        assert "value" in answer, (octets, answer)
    # What Ruby read is written again by Ruby: canonically, and as it likes.
    theirs = ask_ruby({"cmd": "canonical", "value": answer["value"]} for answer in read)
    plain = ask_ruby({"cmd": "encode", "value": answer["value"]} for answer in read)
    for octets, canonical, free in zip(ours, theirs, plain, strict=True):
        assert canonical.get("wire") == octets.hex(), (octets, canonical)
        assert encode(decode(bytes.fromhex(free["wire"])), canonical=True) == octets


def test_what_is_written_in_any_order_is_the_same_to_ruby(values: list[Any]) -> None:
    read = decoded(encode(value) for value in values)
    again = ask_ruby({"cmd": "canonical", "value": answer["value"]} for answer in read)
    for value, answer in zip(values, again, strict=True):
        assert answer.get("wire") == encode(value, canonical=True).hex(), (value, answer)


def test_odd_spellings_damage_and_noise_mean_the_same_to_both() -> None:
    messages = examples(wire.messages())
    accepted: list[tuple[bytes, Answer]] = []
    ours: list[Answer] = []
    differ = 0
    for message, answer in zip(messages, decoded(messages), strict=True):
        verdict = judge(message)
        if isinstance(verdict, DecodeError):
            if answer.get("at", len(message) + 1) > verdict.offset:
                differ += 1  # two keys that are one to Python, and two to Ruby: REQ-KEY-3
                assert "are distinct in the data model" in str(verdict), (
                    message,
                    str(verdict),
                    answer,
                )
            else:
                assert (answer["fault"], answer["at"]) == (fault(verdict), verdict.offset), message
        else:
            assert "value" in answer, (message, answer)
            accepted.append((message, answer))
            ours.append(verdict)
    theirs = ask_ruby({"cmd": "canonical", "value": answer["value"]} for _, answer in accepted)
    for (message, _), answered, answer in zip(accepted, ours, theirs, strict=True):
        assert answered.items() <= answer.items(), (message, answer)
    assert COUNT / 20 < len(accepted) < COUNT - COUNT / 20
    assert differ < COUNT / 20
