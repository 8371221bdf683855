"""References: who can make one (the server alone), what they hold, references as arguments."""

from __future__ import annotations

import hmac
import random
import string
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from object_help import ask, local, message, reference, serve, spelled, value

import hyperglyph as glyph
from hyperglyph.codec import Link, decode, encode
from hyperglyph.server.state import TokenSigner

OLD, NEW, OTHER = ("old secret " * 3, b"new secret" * 3, "another secret " * 2)


class Thing:
    def __init__(self, id: Any, tag: Any = "t") -> None:
        self.id = id
        self.tag = tag

    @glyph.safe
    def state(self) -> list[Any]:
        return [self.id, self.tag]


class Twin(Thing):
    """The same state as Thing's."""


def read(router: glyph.Router, url: str) -> Any:
    return value(ask(router, "GET", f"{url}state"))


def decoded(token: str) -> bytes:
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def test_a_token_is_the_signed_state() -> None:
    router = serve(Thing, secret=NEW)
    url = reference(router, id=7, tag={"b": 1, "a": [None]})
    _, name, token, end = url.split("/")
    data = decoded(token)
    key = hmac.digest(NEW, b"hyperglyph reference", "sha256")
    assert (name, end) == ("Thing", "")
    assert data[20:] == encode({"id": 7, "tag": {"a": [None], "b": 1}}, canonical=True)
    assert data[4:20] == hmac.digest(key, encode("Thing") + data[20:], "sha256")[:16]
    assert read(router, url) == [7, {"a": [None], "b": 1}]
    assert reference(router, tag={"a": [None], "b": 1}, id=7) == url  # one spelling
    # A default is written, too: it may change.
    assert decode(decoded(reference(router, id=1).split("/")[2])[20:]) == {"id": 1, "tag": "t"}


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.none() | st.booleans() | st.integers() | st.text() | st.floats() | st.just((1,)),
        max_size=5,
    )
)
def test_every_state_is_in_its_canonical_form(state: dict[str, Any]) -> None:
    token = TokenSigner(unsigned=True).make("X", state)
    assert decoded(token) == encode(state, canonical=True)


# --- forging: nothing but the server's own spelling is ever taken ---------------------------------


def mutations(token: str, seed: int) -> set[str]:
    """Every flip of a bit, cut, splice and re-spelling of a token."""
    data = decoded(token)
    made = {spelled(data[:i] + bytes([data[i] ^ 1 << b]) + data[i + 1 :]) for i in range(len(data))
            for b in range(8)}  # fmt: skip
    made |= {token[:i] for i in range(len(token))}
    made |= {spelled(data[i:]) for i in range(1, len(data))}
    made |= {spelled(data[:i] + data[i + 1 :]) for i in range(len(data))}
    made |= {spelled(data[:i] + data[i : i + 1] + data[i:]) for i in range(len(data))}
    # Bits that base64 has over, padding, the other alphabet, white space, what decoders skip.
    alphabet = string.ascii_letters + string.digits + "-_"
    made |= {token[:-1] + letter for letter in alphabet}
    made |= {token[:i] + letter + token[i + 1 :] for i in (0, 10, 30) for letter in alphabet}
    made |= {token + tail for tail in ("=", "==", "A", "AA", "\n", " ", "%", "!", "é", "\x00", ".")}
    made |= {token[:i] + junk + token[i:] for i in (0, 5, 20) for junk in "=! \n\t%é*~.\x00"}
    made |= {token.replace("-", "+").replace("_", "/"), token.swapcase(), token.upper()}
    chance = random.Random(seed)
    made |= {spelled(chance.randbytes(len(data))) for _ in range(200)}
    made |= {spelled(data[:4] + chance.randbytes(16) + data[20:]) for _ in range(200)}
    return made - {token}


def test_no_other_spelling_is_taken_as_another_state() -> None:
    router = serve(Thing, secret=NEW)
    url = reference(router, id=7, tag="tag")
    token = url.split("/")[2]
    tried = mutations(token, 1)
    for text in tried:
        answer = ask(router, "GET", f"/Thing/{quote(text, safe='')}/state")
        assert answer.status in (400, 404), text
    assert len(tried) > 1200
    # Percent-encoding is a spelling of the URL, not of the token: the same state.
    assert read(router, "/Thing/" + "".join(f"%{ord(c):02X}" for c in token) + "/") == [7, "tag"]


def test_splices_of_true_tokens() -> None:
    router = serve(Thing, Twin, secret=NEW)
    tokens = [decoded(reference(router, id=n, tag="x").split("/")[2]) for n in (1, 2, 300)]
    spliced = {spelled(a[:i] + b[i:]) for a in tokens for b in tokens if a is not b
               for i in range(1, min(len(a), len(b)))}  # fmt: skip
    spliced -= {spelled(token) for token in tokens}
    for text in spliced:
        assert ask(router, "GET", f"/Thing/{text}/state").status == 400
    assert len(spliced) > 100


def test_a_token_of_another_class_with_the_same_state() -> None:
    router = serve(Thing, Twin, secret=NEW)
    token = reference(router, id=1).split("/")[2]
    assert read(router, reference(router, "Twin", id=1)) == [1, "t"]
    answer = ask(router, "GET", f"/Twin/{token}/")
    assert (answer.status, message(answer)) == (
        400,
        "the reference is forged or damaged: its signature does not fit",
    )


def test_names_do_not_flow_over_into_states() -> None:
    signer = TokenSigner(NEW)
    token = signer.make("A", {"id": 1})
    for name in ("", "AD", "A;", "u1:A;"):
        with pytest.raises(glyph.BadRequest):
            signer.read(name, token)


def test_another_key() -> None:
    url = reference(serve(Thing, secret=OTHER), id=1)
    answer = ask(serve(Thing, secret=NEW), "GET", url)
    assert answer.status == 400
    assert "made with another key" in (text := message(answer))
    assert "Router(secret=...)" in text
    assert "HYPERGLYPH_SECRET" in text


def test_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    old, both, new = (serve(Thing, secret=s) for s in (OLD, [NEW, OLD], NEW))
    held = reference(old, id=1)
    assert read(both, held) == [1, "t"]
    renewed = reference(both, id=1)
    assert renewed != held
    assert read(both, renewed) == read(new, renewed) == [1, "t"]
    assert ask(new, "GET", held).status == ask(old, "GET", renewed).status == 400
    monkeypatch.setenv("HYPERGLYPH_SECRET", f"{OTHER},{OLD}")
    assert read(serve(Thing), held) == [1, "t"]
    assert ask(serve(Thing, secret=NEW), "GET", held).status == 400  # what is given counts


def test_ephemeral_keys_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERGLYPH_SECRET", raising=False)
    first, second = serve(Thing, secret=glyph.EPHEMERAL), serve(Thing, secret=glyph.EPHEMERAL)
    url = reference(first, id=1)
    assert read(first, url) == [1, "t"]
    assert ask(second, "GET", url).status == 400
    assert repr(glyph.EPHEMERAL) == "EPHEMERAL"
    assert local(serve(Thing)).Thing(1).state() == [1, "t"]  # in this process: a random key
    assert local(serve(Thing).wsgi).Thing(1).state() == [1, "t"]


def test_other_servers_need_a_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("HYPERGLYPH_SECRET", raising=False)
    with pytest.raises(glyph.ConfigurationError) as caught:
        TokenSigner().make("Thing", {"id": 1})
    for part in ("Router(secret=...)", "HYPERGLYPH_SECRET", "`python -m hyperglyph secret`"):
        assert part in str(caught.value)
    from test_server_wsgi import wsgi

    status, _, body = wsgi(serve(Thing), PATH_INFO="/Thing", body=encode({"id": 1}))
    assert status.startswith("500")
    assert b"secret" not in body
    assert "HYPERGLYPH_SECRET" in caplog.text
    for secret in ("short", b"", [NEW, "short"]):
        with pytest.raises(glyph.ConfigurationError, match="at least 16 bytes"):
            glyph.Router(secret=secret)
    with pytest.raises(glyph.ConfigurationError, match="state_max_age"):
        glyph.Router(state_max_age=0)


def test_the_command_that_prints_a_secret() -> None:
    command = [sys.executable, "-W", "error", "-m", "hyperglyph", "secret"]
    secrets = {
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    }
    assert len(secrets) == 2
    for secret in secrets:
        assert len(secret) == 43
        glyph.Router(secret=secret)


def test_unsigned_state() -> None:
    router = serve(Thing, unsigned_state=True)
    url = reference(router, id=7)
    assert decode(decoded(url.split("/")[2])) == {"id": 7, "tag": "t"}
    assert read(router, f"/Thing/{spelled(encode({'id': 8}))}/") == [8, "t"]
    # One spelling all the same, and nothing but a dict by name.
    for data in (
        b"Du2:id;i08;;", b"Ou2:id;i8;;x", b"D u2:id;i8;;", b"L;", b"i1;", b"", b"Di1;i1;;", b"D",
        encode([{"id": 1}, 2, 3]), b"B0:Du12:content-type;u3:a/b;;;c0;",
    ):  # fmt: skip
        assert ask(router, "GET", f"/Thing/{spelled(data)}/").status in (400, 404), data


def test_the_age_of_references(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_700_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    router, ageless = serve(Thing, secret=NEW, state_max_age=80), serve(Thing, secret=NEW)
    url = reference(router, id=1)
    now[0] += 9.9
    assert reference(router, id=1) == url  # the same for an eighth of the age
    now[0] += 0.2
    assert reference(router, id=1) != url
    now[0] += 69.8
    assert read(router, url) == [1, "t"]
    now[0] += 0.2
    answer = ask(router, "GET", url)
    assert (answer.status, message(answer)) == (
        410,
        "the reference has expired: ask for the object anew",
    )
    assert read(ageless, url) == [1, "t"]
    assert ask(router, "GET", reference(ageless, id=1)).status == 410


def test_states_that_are_too_long_or_cannot_travel(caplog: pytest.LogCaptureFixture) -> None:
    router = serve(Thing, secret=NEW)
    assert len(reference(router, id="x" * 1400)) < 2_100
    assert ask(router, "POST", "/Thing", {"id": "x" * 1600}).status == 500
    assert "more than 2048" in caplog.text
    assert ask(router, "GET", f"/Thing/{'A' * 2049}/").status == 400
    assert ask(router, "GET", f"/Thing/{'A' * 4000}/").status == 414

    class Bad:
        def __init__(self) -> None:
            pass

        def __glyph_state__(self) -> Any:
            return 3

    class Lost:
        def __init__(self, here: int, gone: int) -> None:
            self._here = here

    class Opaque:
        def __init__(self, x: Any = None) -> None:
            self.x = object()

    for cls, text in (
        (Bad, "Bad.__glyph_state__ returns no dict"),
        (Lost, "there is no attribute gone or _gone to read the parameter gone back from"),
        (Opaque, "its state holds an instance of builtins.object; convert it"),
    ):
        caplog.clear()
        arguments = {"here": 1, "gone": 2} if cls is Lost else {}
        assert ask(serve(cls, secret=NEW), "POST", f"/{cls.__qualname__.rpartition('.')[2]}",
                   arguments).status == 500  # fmt: skip
        assert text in caplog.text


def test_what_can_be_in_a_state() -> None:
    class Folder:
        def __init__(self, owner: Thing, key: Any) -> None:
            self.owner, self.key = owner, key

        @glyph.safe
        def who(self) -> list[Any]:
            return [self.owner.id, type(self.owner).__name__, str(self.key)]

    class Author:
        def __init__(self, folder: Any, n: Any) -> None:
            self.folder, self.n = folder, n

    annotate(Folder, owner=Thing)
    router = serve(Thing, Folder, Author, convert={uuid.UUID: str})
    router.add(lambda: Folder(Thing(9), uuid.UUID(int=1)), name="folder")
    for mount in ("", "/a b"):
        folder = local(router, mount).folder()
        assert folder.who() == [9, "Thing", str(uuid.UUID(int=1))]
        assert glyph.reload(folder).owner.id == 9
    made = local(router).Author(1, {"x": [1.5, None, b"b"]})
    assert glyph.reload(made).n == {"x": [1.5, None, b"b"]}


def annotate(cls: type, **hints: type) -> None:
    """Annotations that are no names of the module."""
    cls.__init__.__annotations__.update(hints)  # type: ignore[misc]


# --- references as arguments --------------------------------------------------------------------


def test_a_reference_becomes_the_instance_where_the_parameter_says_so() -> None:
    def take(thing: Thing) -> Any:
        return thing.id if isinstance(thing, Thing) else thing  # pyright: ignore

    def maybe(thing: Thing | None = None) -> Any:
        return thing.id if isinstance(thing, Thing) else thing

    def untyped(thing: Any) -> Any:
        return [type(thing).__name__]

    def anything(thing: object, other: object | None = None) -> Any:
        return [type(thing).__name__]

    router = serve(Thing, Twin, take, maybe, untyped, anything, secret=NEW)
    for mount in ("", "/m"):
        root = local(router, mount)
        thing, twin = root.Thing(5), root.Twin(6)
        assert [root.take(thing), root.take(twin), root.maybe(thing), root.maybe()] == [
            5,
            6,
            5,
            None,
        ]
        assert root.untyped(thing) == ["Resource"]
        assert root.anything(thing, thing) == ["Resource"]
    good = "http://localhost" + reference(router, id=5)
    token = good.split("/")[4]
    cases: list[tuple[Any, Any]] = [
        (Link(good), 5),
        (Link(good.replace("http:", "https:")), 5),
        (Link(good.replace("localhost", "localhost:80")), 5),
        (Link("http://elsewhere" + urlsplit(good).path), None),
        (Link(urlsplit(good).path), None),
        (Link(f"http://localhost/Thing/{token}"), None),
        (Link(good + "?x"), None),
        (Link(good + "state"), None),
        (Link("http://[/"), None),
        (Link("http://localhost/"), None),
        (Link.from_wire("link", {"url": 3}, None), None),
        (Link("http://localhost/take"), None),
    ]
    for link, expected in cases:
        answer = value(ask(router, "POST", "/take", {"thing": link}))
        assert answer == (link if expected is None else expected)
    forged = Link(f"http://localhost/Thing/{token[:-1]}A/")
    assert ask(router, "POST", "/take", {"thing": forged}).status == 400
