"""Who asks, and what it changes: 401 and 403, principals, references tied to who asked for them."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from object_help import ask, message, serve, value

import hyperglyph as glyph
from hyperglyph.transport.http.messages import Incoming, Response
from hyperglyph.transport.http.sequences import SEQUENCE_TYPE

Serve = Callable[..., str]

KEYS = {"a-key-of-alice": "alice", "a-key-of-bob": "bob"}
ALICE, BOB = ({"Authorization": f"Bearer {key}"} for key in KEYS)


def bearer(request: glyph.Incoming) -> str | None:
    scheme, _, key = (request.header("authorization") or "").partition(" ")
    return KEYS.get(key) if scheme.lower() == "bearer" else None


class Note(glyph.Resource):
    def __init__(self, id: int, about: Any = None) -> None:
        self.id = id
        self.about = about

    def touch(self) -> str:
        return f"{glyph.principal()} touched {self.id}"

    @glyph.safe
    def read(self) -> int:
        return self.id


def whoami() -> Any:
    return glyph.context().principal


@glyph.safe
def mine() -> str:
    return f"of {glyph.principal()}"


def erase() -> None:
    if glyph.principal() != "alice":
        raise glyph.Forbidden("only alice may")


def show(note: Note) -> int:
    return note.id


def service(**options: Any) -> glyph.Router:
    return serve(Note, whoami, mine, erase, show, authenticate=bearer, **options)


# --- 401 and 403 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/mine"),
        ("POST", "/whoami"),
        ("POST", "/Note"),
        ("GET", "/Note/token/"),
        ("GET", "/nothing"),  # not even what there is
        ("DELETE", "/whoami"),
    ],
)
@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
def test_nobody_gets_in(method: str, path: str, sent: dict[str, str]) -> None:
    response = ask(service(), method, path, **sent)
    assert response.status == 401
    assert response.header("www-authenticate") == "Bearer"
    assert message(response).startswith("this service answers only to those it knows")


def test_a_body_of_nobody_is_not_read() -> None:
    def body() -> Any:
        raise AssertionError("read")
        yield b""

    request = Incoming("POST", "/whoami", [("Host", "localhost")], body())
    assert service().handle(request).status == 401


def test_principals() -> None:
    router = service()
    assert value(ask(router, "POST", "/whoami", **ALICE)) == "alice"
    assert value(ask(router, "GET", "/mine", **BOB)) == "of bob"
    assert ask(router, "POST", "/erase", **ALICE).status == 204
    refused = ask(router, "POST", "/erase", **BOB)
    assert (refused.status, message(refused)) == (403, "only alice may")
    assert refused.header("www-authenticate") is None
    assert value(ask(serve(mine), "GET", "/mine")) == "of None"
    with pytest.raises(RuntimeError, match="there is no call"):
        glyph.principal()


def test_other_checks_come_first() -> None:
    """A page in a browser may have the user's credentials: its origin counts before them."""
    called: list[object] = []
    router = serve(whoami, authenticate=called.append)
    assert ask(router, "POST", "/whoami", Origin="http://evil.example").status == 403
    assert called == []


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    [
        (glyph.Unauthorized("who?", challenge='Digest realm="x", nonce="y"'), 401, "Digest re"),
        (glyph.Unauthorized("who?"), 401, 'Basic realm="users"'),
        (glyph.Forbidden("not you"), 403, None),
        (glyph.TooManyRequests("later"), 429, None),
    ],
)
def test_what_authenticate_raises(error: Exception, status: int, challenge: str | None) -> None:
    def authenticate(request: glyph.Incoming) -> None:
        raise error

    router = serve(whoami, authenticate=authenticate, challenge='Basic realm="users"')
    response = ask(router, "POST", "/whoami")
    assert response.status == status
    sent = response.header("www-authenticate")
    assert sent is None if challenge is None else (sent or "").startswith(challenge)
    assert message(response) == str(error)


def test_a_function_may_ask_for_more() -> None:
    def pay() -> None:
        raise glyph.Unauthorized("not by this key", challenge="Other")

    response = ask(serve(pay, authenticate=bearer), "POST", "/pay", **ALICE)
    assert (response.status, response.header("www-authenticate")) == (401, "Other")
    assert ask(serve(pay), "POST", "/pay").header("www-authenticate") == "Other"


def test_failures_of_authenticate_tell_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: glyph.Incoming) -> None:
        raise LookupError(f"no table for {request.header('authorization')}")

    def away(request: glyph.Incoming) -> None:
        raise glyph.TransportError("cannot connect to db7", phase="connect", outcome="not done")

    caplog.set_level(logging.CRITICAL, "hyperglyph.server")
    for authenticate, status in ((broken, 500), (away, 502)):
        response = ask(serve(whoami, authenticate=authenticate), "POST", "/whoami", **ALICE)
        data = b"".join(response.body)
        assert response.status == status
        assert not [secret for secret in (b"key-of", b"db7", b"Lookup") if secret in data]


def test_nothing_of_who_asks_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hyperglyph")
    router = service()
    ask(router, "POST", "/whoami", **ALICE)
    ask(router, "POST", "/whoami", Authorization="Bearer another-key")
    assert len(caplog.records) == 2
    assert not [word for word in ("alice", "key") if word in caplog.text]
    shown: list[str] = []
    show_context = serve(authenticate=bearer)
    show_context.add(lambda: shown.append(repr(glyph.context())), name="f")
    ask(show_context, "POST", "/f", **ALICE)
    assert "principal" not in shown[0]


@pytest.mark.parametrize("given", ["bearer", 7])
def test_an_authenticate_that_is_none(given: Any) -> None:
    with pytest.raises(TypeError, match="authenticate is a function"):
        glyph.Router(authenticate=given)


@pytest.mark.parametrize("challenge", ["", "Basic\r\nX: y", "Basic é"])
def test_challenges_that_no_header_can_carry(challenge: str) -> None:
    with pytest.raises(ValueError, match="is no challenge"):
        glyph.Router(challenge=challenge)
    with pytest.raises(ValueError, match="is no challenge"):
        glyph.Unauthorized("who?", challenge=challenge)


# --- basic ----------------------------------------------------------------------------------------


def basic(text: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {b64encode(text).decode()}"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([basic(b"bob:pa:ss")], ("bob", "pa:ss")),
        ([basic("bób:é".encode(), "bASIC")], ("bób", "é")),
        ([basic(b":")], ("", "")),
        ([], None),
        ([basic(b"bob")], None),
        ([basic(b"b\xff:x")], None),
        (["Basic !!!"], None),
        (["Basic é"], None),
        (["Basic"], None),
        (["Bearer Ym9iOng="], None),
        ([basic(b"bob:x"), basic(b"eve:x")], None),  # two readers could see two users
    ],
)
def test_basic_credentials(values: list[str], found: tuple[str, str] | None) -> None:
    request = Incoming("GET", "/", [("Authorization", value) for value in values])
    assert glyph.basic_credentials(request) == found


# --- caches ---------------------------------------------------------------------------------------


def test_what_caches_are_told() -> None:
    @glyph.safe
    @glyph.cache(max_age=60, public=True)
    def news() -> str:
        return "news"

    def headers(response: Response) -> tuple[str | None, str | None]:
        return response.header("vary"), response.header("cache-control")

    vary = "Accept, Accept-Encoding, Authorization"
    router = serve(mine, news, authenticate=bearer)
    with_cookie = f"{vary}, Cookie"
    private = "private, no-cache"
    assert headers(ask(router, "GET", "/mine", **ALICE)) == (with_cookie, private)
    assert headers(ask(router, "GET", "/", **ALICE)) == (with_cookie, private)
    assert headers(ask(router, "GET", "/mine")) == (with_cookie, private)  # the 401
    assert headers(ask(router, "GET", "/news", **ALICE)) == (with_cookie, "public, max-age=60")
    assert headers(ask(serve(mine), "GET", "/mine")) == (vary, private)
    # What one has is nothing that the other may be told to keep.
    etag = ask(router, "GET", "/mine", **ALICE).header("etag")
    assert etag is not None
    assert ask(router, "GET", "/mine", If_None_Match=etag, **ALICE).status == 304
    assert ask(router, "GET", "/mine", If_None_Match=etag, **BOB).status == 200
    assert ask(router, "GET", "/mine", If_None_Match=etag).status == 401


def test_what_depends_on_who_asks_is_never_public() -> None:
    """Also where a cache could not know: by a header that Vary does not name."""

    def by_key(request: glyph.Incoming) -> str | None:
        return request.header("x-api-key")

    @glyph.safe
    @glyph.cache(max_age=60, public=True)
    def whose() -> str:
        return f"for {glyph.principal()}"

    @glyph.safe
    @glyph.cache(max_age=60, public=True)
    def everybodys() -> str:
        return "news"

    @glyph.safe
    @glyph.cache(max_age=60, public=True)
    def each() -> Iterator[str]:
        yield f"for {glyph.principal()}"

    @glyph.safe
    @glyph.cache(max_age=60, public=True)
    def note() -> Note:
        return Note(1)

    router = serve(
        whose, everybodys, each, note, Note, authenticate=by_key, bind_state=glyph.principal
    )

    def control(path: str, **headers: str) -> str | None:
        answer = ask(router, "GET", path, **{"X-Api-Key": "bob"}, **headers)
        answer.close()
        return answer.header("cache-control")

    assert control("/everybodys") == "public, max-age=60"
    assert control("/whose") == control("/note") == "private, max-age=60"
    assert control("/each") == control("/each", accept=SEQUENCE_TYPE) == "private, max-age=60"


# --- references -----------------------------------------------------------------------------------


def reference_of(router: glyph.Router, who: dict[str, str], **state: Any) -> str:
    location = ask(router, "POST", "/Note", state, **who).header("location")
    assert location is not None
    return location


def test_unless_told_to_a_reference_is_anybodys() -> None:
    router = service()
    url = reference_of(router, ALICE, id=7)
    assert value(ask(router, "GET", f"{url}read", **BOB)) == 7
    assert ask(router, "GET", f"{url}read").status == 401


def test_references_of_others_are_refused() -> None:
    router = service(bind_state=glyph.principal)
    urls = {"alice": reference_of(router, ALICE, id=7), "bob": reference_of(router, BOB, id=7)}
    assert urls["alice"] != urls["bob"]
    assert value(ask(router, "POST", f"{urls['alice']}touch", **ALICE)) == "alice touched 7"
    assert value(ask(router, "POST", f"{urls['bob']}touch", **BOB)) == "bob touched 7"
    for url, other in ((urls["alice"], BOB), (urls["bob"], ALICE)):
        for method, path in (("GET", url), ("GET", f"{url}read"), ("POST", f"{url}touch")):
            response = ask(router, method, path, **other)
            assert response.status == 400
            assert "was made for somebody else" in message(response)
        # As an argument, and as a state inside another, it is no way around.
        note = glyph.Link(f"http://localhost{url}")
        assert ask(router, "POST", "/show", {"note": note}, **other).status == 400
    own = glyph.Link(f"http://localhost{urls['bob']}")
    assert value(ask(router, "POST", "/show", {"note": own}, **BOB)) == 7


def test_references_from_before_and_after() -> None:
    secret = "a secret for the tests of binding"
    loose = service(secret=secret)
    bound = service(secret=secret, bind_state=glyph.principal)
    assert ask(bound, "GET", reference_of(loose, ALICE, id=1), **ALICE).status == 400
    assert ask(loose, "GET", reference_of(bound, ALICE, id=1), **ALICE).status == 400
    again = service(secret=[secret + "!", secret], bind_state=glyph.principal)
    assert ask(again, "GET", reference_of(bound, ALICE, id=1), **ALICE).status == 200


def test_nothing_of_the_principal_is_in_the_url() -> None:
    router = service(bind_state=lambda: ["x" * 1_000, glyph.principal()])
    assert len(reference_of(router, ALICE, id=7)) < 120
    url = reference_of(router, ALICE, id=7)
    assert ask(router, "GET", url, **BOB).status == 400
    assert ask(router, "GET", url, **ALICE).status == 200


@pytest.mark.parametrize(
    ("one", "other"), [("1", 1), (1, True), ("ab", "a"), (b"a", "a"), (None, ""), (["a"], "a")]
)
def test_owners_that_look_alike(one: Any, other: Any) -> None:
    owner = [one]
    router = service(bind_state=lambda: owner[0])
    url = reference_of(router, ALICE, id=7)
    assert ask(router, "GET", url, **ALICE).status == 200
    owner[0] = other
    assert ask(router, "GET", url, **ALICE).status == 400


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(glyph.ConfigurationError, match="authenticate="):
        glyph.Router(bind_state=glyph.principal)
    with pytest.raises(glyph.ConfigurationError, match="unsigned_state"):
        glyph.Router(authenticate=bearer, bind_state=glyph.principal, unsigned_state=True)


# --- over HTTP ------------------------------------------------------------------------------------


def test_two_users_over_http(serve: Serve, client: glyph.Client, no_leaks: None) -> None:
    url = serve(router=service(bind_state=glyph.principal))
    with pytest.raises(glyph.Unauthorized) as caught:
        client.get(url)
    assert ("WWW-Authenticate", "Bearer") in caught.value.headers
    with glyph.Client(headers=ALICE) as first, glyph.Client(headers=BOB) as second:
        notes = [each.get(url).Note(3) for each in (first, second)]
        assert [note.touch() for note in notes] == ["alice touched 3", "bob touched 3"]
        with pytest.raises(glyph.BadRequest, match="made for somebody else"):
            second.get(glyph.url_of(notes[0]))
        with pytest.raises(glyph.Forbidden, match="only alice may"):
            second.get(url).erase()
        first.get(url).erase()
