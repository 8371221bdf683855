"""Validators, and what a request asks of them: entity tags, dates, and their conditions.

RFC 9110, chapter 13. Server and client share this file: what one writes the other reads.

Standard, section 19.4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

import attrs

__all__ = ["NONE", "Validators", "check_date", "etag_of", "gzip_etag", "http_date", "outcome_of"]

#: opaque-tag = DQUOTE *etagc DQUOTE, with its W/ if it is weak
_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_TAGS: Final = re.compile(rf"[ \t,]*(?:{_TAG.pattern}[ \t]*(?:,[ \t,]*|\Z))*")
_GZIP: Final = '-gzip"'
#: A header with more is not read: nobody holds as many versions of one page.
_LONGEST: Final = 4_000


def etag_of(body: bytes) -> str:
    """The strong entity tag of a body, which depends on its bytes and nothing else. REQ-COND-1."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def gzip_etag(etag: str) -> str:
    """The tag of the same body compressed: other bytes, so another tag. REQ-COND-3."""
    return etag[:-1] + _GZIP


@attrs.frozen
class Validators:
    """What is known of the current version of what a URL stands for."""

    etag: str | None = None
    last_modified: datetime | None = None
    #: The tags of the same version in other forms: compressed, say.
    others: tuple[str, ...] = ()

    def headers(self) -> tuple[tuple[str, str], ...]:
        """ETag and Last-Modified, as far as they are known."""
        found: list[tuple[str, str]] = []
        if self.etag is not None:
            found.append(("ETag", self.etag))
        if self.last_modified is not None:
            found.append(("Last-Modified", http_date(self.last_modified)))
        return tuple(found)


#: Of what has no version that one could name.
NONE: Final = Validators()


def http_date(when: datetime) -> str:
    """An instant as HTTP writes it, in whole seconds: what is later than now is now."""
    when = min(when.astimezone(UTC), datetime.now(UTC))
    return format_datetime(when.replace(microsecond=0), usegmt=True)


def check_date(when: object) -> datetime:
    """Raise TypeError or ValueError for what is no instant."""
    if not isinstance(when, datetime):
        raise TypeError(f"last_modified is a datetime, not {type(when).__name__}")
    if when.utcoffset() is None:
        raise ValueError("last_modified is a naive datetime; give it a tzinfo")
    return when


def outcome_of(
    values: Callable[[str], Iterable[str]], validators: Validators, *, safe: bool
) -> int | None:
    """What the conditions of a request come to: None to go on, 304, or 412.

    `values` gives the values of a header by its name in lower case. `safe` says that the method is
    GET or HEAD. In the order of RFC 9110, section 13.2.2; a date that cannot be read is no
    condition, a list of tags that cannot be read matches nothing.
    REQ-COND-2, REQ-COND-4 and REQ-COND-9.
    """
    if if_match := ",".join(values("if-match")):
        if not _matches(if_match, validators, weak=False):
            return 412
    elif (
        validators.last_modified is not None
        and (since := _date(values("if-unmodified-since"))) is not None
        and _seconds(validators.last_modified) > since
    ):
        return 412
    if if_none_match := ",".join(values("if-none-match")):
        if _matches(if_none_match, validators, weak=True):
            return 304 if safe else 412
    elif (
        safe
        and validators.last_modified is not None
        and (since := _date(values("if-modified-since"))) is not None
        and _seconds(validators.last_modified) <= since
    ):
        return 304
    return None


def _matches(text: str, validators: Validators, *, weak: bool) -> bool:
    """Whether a list of tags, or `*`, names the current version."""
    if validators.etag is None or len(text) > _LONGEST:
        return False
    current = (validators.etag, *validators.others)
    if text.strip() == "*":
        return True
    if _TAGS.fullmatch(text) is None:
        return False
    return any(tag in current and (weak or not weakness) for weakness, tag in _TAG.findall(text))


def _date(values: Iterable[str]) -> int | None:
    found = list(values)
    if len(found) != 1 or len(found[0]) > 64:
        return None
    try:
        when = parsedate_to_datetime(found[0])
        return _seconds(when if when.tzinfo is not None else when.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds(when: datetime) -> int:
    return int(when.timestamp() // 1)
