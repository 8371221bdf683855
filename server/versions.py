"""Conditions on an object's own URL, compared with the version that the object has now.

Standard, section 19.4.
"""

from __future__ import annotations

from hyperglyph.transport.http.conditional import Validators, etag_of, gzip_etag, outcome_of
from hyperglyph.transport.http.status import PreconditionFailed

from .calls import Call
from .endpoints import ClassEndpoint
from .pages import Pages
from .policy import has_conditions

__all__ = ["check_version"]


def check_version(call: Call, pages: Pages, instance: object, owner: ClassEndpoint | None) -> None:
    """Raise PreconditionFailed for a condition that does not hold (REQ-COND-4).

    The current version has the tags of every form in which a page of the instance goes out, and
    the one that its own forms name.
    """
    if owner is None or not has_conditions(call.request):
        return
    mount = call.request.mount
    tags: list[str] = []
    for partial in (False, True):
        body = pages.message(mount, partial=partial).pack(instance)
        if body.rest is None:  # a page with a blob in it has no tag
            tags += [etag_of(body.root), gzip_etag(etag_of(body.root))]
    if owner.conditional:
        tags.append(pages.message(mount, partial=False).version(instance))
    first = tags[0] if tags else None
    validators = Validators(first, owner.last_modified(instance), tuple(tags[1:]))
    if outcome_of(call.request.values, validators, safe=False) is not None:
        raise PreconditionFailed("it has changed since: reload it, and decide anew")
