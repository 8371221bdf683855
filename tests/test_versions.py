"""Conditions on an object's own URL: whoever holds an old version changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import Serve
from http_peers import MEDIA_TYPE
from object_help import ask, local, reference, value

import hyperglyph as glyph
from hyperglyph.codec import Form, Resource, decode

TYPED = {"content_type": MEDIA_TYPE}
CHANGED = datetime(2026, 2, 28, 12, 0, 0, tzinfo=UTC)

TEXTS: dict[int, str] = {}


class Note(glyph.Resource):
    def __init__(self, id: int) -> None:
        self.id = id

    @property
    def text(self) -> str:
        return TEXTS[self.id]

    def __glyph_modified__(self) -> datetime:
        return CHANGED

    @glyph.method("PATCH", envelope="form", own_url=True, if_unchanged=True)
    def write(self, text: str) -> int:
        TEXTS[self.id] = text
        return len(text)

    @glyph.method("DELETE", own_url=True)
    def delete(self) -> None:
        del TEXTS[self.id]


def notes() -> list[Note]:
    return [Note(number) for number in sorted(TEXTS)]


@pytest.fixture
def router() -> glyph.Router:
    TEXTS.clear()
    TEXTS.update({1: "one", 2: "two"})
    made = glyph.Router(secret=glyph.EPHEMERAL)
    made.add(Note)
    made.add(notes)
    return made


def delete(router: glyph.Router, url: str, **conditions: str) -> int:
    return ask(router, "DELETE", url, **TYPED, **conditions).status


@pytest.mark.parametrize(
    ("changed", "status"),
    [(False, 204), (True, 412)],
)
@pytest.mark.parametrize("asked", [{}, {"accept": f"{MEDIA_TYPE};partial=1"}])
def test_the_tag_of_its_page(
    router: glyph.Router, changed: bool, status: int, asked: dict[str, str]
) -> None:
    url = reference(router, "Note", id=1)
    etag = ask(router, "GET", url, **asked).header("etag") or ""
    if changed:
        TEXTS[1] = "another"
    assert delete(router, url, if_match=etag) == status
    assert (1 in TEXTS) is changed


def test_the_tag_of_its_page_compressed(router: glyph.Router) -> None:
    TEXTS[1] = "x" * 5_000
    url = reference(router, "Note", id=1)
    packed = ask(router, "GET", url, accept_encoding="gzip")
    assert packed.header("content-encoding") == "gzip"
    assert delete(router, url, if_match=packed.header("etag") or "") == 204


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"if_match": "*"}, 204),
        ({"if_match": '"x"'}, 412),
        ({"if_match": 'W/"x", "y"'}, 412),
        ({"if_none_match": "*"}, 412),
        ({"if_none_match": '"x"'}, 204),
        ({"if_unmodified_since": "Sat, 28 Feb 2026 12:00:00 GMT"}, 204),
        ({"if_unmodified_since": "Sat, 28 Feb 2026 11:59:59 GMT"}, 412),
        ({"if_unmodified_since": "nonsense"}, 204),
    ],
)
def test_other_conditions(router: glyph.Router, condition: dict[str, str], status: int) -> None:
    url = reference(router, "Note", id=1)
    assert delete(router, url, **condition) == status
    assert (1 in TEXTS) is (status == 412)


def test_forms_that_name_the_version(router: glyph.Router) -> None:
    root = local(router)
    note, same = root.Note(1), root.Note(1)
    assert note.write("uno") == 3
    with pytest.raises(glyph.PreconditionFailed, match="reload it"):
        same.write("eins")
    assert TEXTS[1] == "uno"
    assert glyph.reload(same).write("eins") == 4
    assert TEXTS[1] == "eins"
    assert same.delete() is None  # which asks for no version


def test_each_of_a_listing_names_its_own(router: glyph.Router, serve: Serve) -> None:
    with glyph.Client(timeout=10) as client:
        for root in (local(router), client.get(serve(router=router))):
            TEXTS.update({1: "one", 2: "two"})
            first, second = root.notes()
            assert [first.text, second.text] == ["one", "two"]
            assert second.write("zwei") == 4
            assert first.write("eins") == 4
            with pytest.raises(glyph.PreconditionFailed):
                second.write("deux")


def test_the_form_on_the_page(router: glyph.Router) -> None:
    url = reference(router, "Note", id=1)
    first, again = (value(ask(router, "GET", url)) for _ in range(2))
    assert isinstance(first, Resource)
    form = first.content["write"]
    assert isinstance(form, Form)
    assert list(form.headers) == ["If-Match"]
    assert first == again
    assert "headers" not in first.content["delete"].attributes


def test_a_page_with_a_blob_has_no_version(caplog: pytest.LogCaptureFixture) -> None:
    class File(glyph.Resource):
        @property
        def content(self) -> glyph.Blob:
            return glyph.blob(b"x", "text/plain")

        @glyph.method("DELETE", own_url=True, if_unchanged=True)
        def delete(self) -> None: ...

    router = glyph.Router(secret=glyph.EPHEMERAL)
    router.add(File)
    answer = ask(router, "GET", reference(router, "File"))
    assert answer.status == 500
    assert decode(b"".join(answer.body)).message == "internal error"
    assert "a page with a blob in it has no version" in caplog.text


def test_a_persistent_object_is_compared_as_it_is_kept() -> None:
    class Page(glyph.PersistentResource, store=glyph.MemoryStore()):
        def __init__(self) -> None:
            self.text = ""

        @glyph.method("PATCH", envelope="form", own_url=True, if_unchanged=True)
        def write(self, text: str) -> None:
            self.text = text

    router = glyph.Router(secret=glyph.EPHEMERAL)
    router.add(Page)
    page = local(router).Page()
    other: Any = glyph.reload(page)
    page.write("one")
    with pytest.raises(glyph.PreconditionFailed):
        other.write("two")
    assert glyph.reload(page).text == "one"


def test_only_objects_have_versions() -> None:
    with pytest.raises(ValueError, match="if_unchanged goes with own_url"):
        glyph.method("PUT", if_unchanged=True)
