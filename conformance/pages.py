"""Where the links and forms of a page lead: its members, and the URLs in force for each."""

from collections.abc import Sequence

from hyperglyph.transport.http.urls import resolve

from .patterns import attributes_of, brief
from .shapes import Typed, characters_of, items_of


class NotThere(LookupError):
    """The page has no such member; its text says where the way ends."""


def find(page: Typed, base: str, member: Sequence[str | int]) -> tuple[Typed, str]:
    """Return what `member` leads to from the root of a page, and the absolute URL of that.

    The URL is that of the member itself if it is an extension or blob with one, else the base in
    force there: the URL of the answer, or that of the nearest extension in whose content it stands
    (standard, "URLs"). Raise NotThere.
    """
    value, base = page, _moved(page, base)
    for step in member:
        while value["type"] == "extension":
            value = value["content"]
            base = _moved(value, base)
        value = _inner(value, step, member)
        base = _moved(value, base)
    return value, base


def text_attribute(extension: Typed, name: str) -> str | None:
    """Return an attribute that is a text; None if there is none, or it is something else."""
    if "attributes" not in extension:
        return None
    value = attributes_of(extension).get(name)
    return characters_of(value) if value is not None and value["type"] == "unicode" else None


def _inner(value: Typed, step: str | int, member: Sequence[str | int]) -> Typed:
    if isinstance(step, int):
        items = items_of(value) if value["type"] == "list" else ()
        if step < len(items):
            return items[step]  # type: ignore[no-any-return]
    elif value["type"] in ("dict", "ordered_dict"):
        held = attributes_of(value)
        if step in held:
            return held[step]
    raise NotThere(f"no {step!r} of {list(member)!r} in {brief(value)}")


def _moved(value: Typed, base: str) -> str:
    if value["type"] not in ("extension", "blob"):
        return base
    try:
        return resolve(base, text_attribute(value, "url"))
    except ValueError as error:
        raise NotThere(f"no URL: {error}") from None
