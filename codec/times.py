"""Datetimes and durations: each production of the grammar, its reader and its writer.

Readers and writers are shaped as in numbers.py. All arithmetic is on integers: no float, no local
time zone and no strftime comes near an instant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from .errors import DecodeError, LimitExceeded, Refused
from .limits import DATETIME_WIDTH, TIMEDELTA_WIDTH
from .numbers import show
from .types import Period

__all__ = ["read_datetime", "read_timedelta", "write_datetime", "write_timedelta"]

_MICROSECOND = timedelta(microseconds=1)
_ZERO = timedelta(0)


# --- datetime = %s"d" date %s"T" time zone ";"       vectors: datetime --------------------------

_DATETIME = re.compile(
    rb"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    rb"T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    rb"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read_datetime(literal: bytes | bytearray, offset: int) -> datetime:
    """An instant in UTC (REQ-DTM-1 to REQ-DTM-4). Raises DecodeError and LimitExceeded."""
    if len(literal) > DATETIME_WIDTH:
        raise LimitExceeded("datetime literal is too long", offset)
    match = _DATETIME.fullmatch(literal)
    if match is None:
        raise DecodeError(f"malformed datetime {show(literal)}", offset)
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    try:
        instant = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second),
            _microseconds(fraction), UTC,
        )  # fmt: skip
        if sign:
            instant -= _offset(sign, int(zone_hour), int(zone_minute))
    except (ValueError, OverflowError):
        raise DecodeError(f"datetime {show(literal)} is out of range", offset) from None
    return instant


def write_datetime(instant: datetime) -> str:
    """REQ-DTM-3, REQ-DTM-4. Raises Refused for a naive datetime, or one outside the years."""
    if instant.tzinfo is not UTC:
        zone = instant.utcoffset()
        if zone is None:
            raise Refused("a naive datetime names no instant; give it a tzinfo")
        try:
            instant = instant.replace(tzinfo=UTC) - zone
        except OverflowError:
            raise Refused("datetime is outside the years 1 to 9999 in UTC") from None
    micro = instant.microsecond
    fraction = f"{micro // 1000:03}" if micro % 1000 == 0 else f"{micro:06}"
    date = f"{instant.year:04}-{instant.month:02}-{instant.day:02}"
    return f"{date}T{instant.hour:02}:{instant.minute:02}:{instant.second:02}.{fraction}Z"


def _offset(sign: bytes, hours: int, minutes: int) -> timedelta:
    if hours > 23 or minutes > 59:
        raise ValueError("offset out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if sign == b"-" else offset


def _microseconds(fraction: bytes | None) -> int:
    """Digits below a microsecond are cut, not rounded (REQ-DTM-4, REQ-DUR-3)."""
    return int(fraction[:6].ljust(6, b"0")) if fraction else 0


# --- timedelta = %s"p" [sign] %s"P" period ";"       vectors: timedelta -------------------------

_TIMEDELTA = re.compile(
    rb"([+-])?P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
    rb"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
)


def read_timedelta(literal: bytes | bytearray, offset: int) -> timedelta | Period:
    """REQ-DUR-1 to REQ-DUR-4, REQ-OLD-12. Raises DecodeError and LimitExceeded."""
    if len(literal) > TIMEDELTA_WIDTH:
        raise LimitExceeded("timedelta literal is too long", offset)
    match = _TIMEDELTA.fullmatch(literal)
    if match is None:
        raise DecodeError(f"malformed timedelta {show(literal)}", offset)
    sign, *components, fraction = match.groups()
    years, months, weeks, days, hours, minutes, seconds = (int(c or b"0") for c in components)
    # Python's timedelta keeps each argument exactly, and bounds the normalised total.
    direction = -1 if sign == b"-" else 1
    try:
        fixed = direction * timedelta(
            days=days + 7 * weeks, hours=hours, minutes=minutes, seconds=seconds,
            microseconds=_microseconds(fraction),
        )  # fmt: skip
        if years or months:
            return Period(direction * years, direction * months, fixed)
    except (OverflowError, ValueError):
        raise DecodeError(f"timedelta {show(literal)} is out of range", offset) from None
    return fixed


def write_timedelta(duration: timedelta | Period) -> str:
    """The full form: every component, one sign in front (REQ-DUR-5)."""
    if isinstance(duration, Period):
        years, months, fixed = duration.years, duration.months, duration.timedelta
    else:
        years, months, fixed = 0, 0, duration
    sign = "-" if years < 0 or months < 0 or fixed < _ZERO else ""
    seconds, micro = divmod(abs(fixed // _MICROSECOND), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{micro:06}" if micro else ""
    date = f"{sign}P{abs(years)}Y{abs(months)}M{days}D"
    return f"{date}T{hours}H{minutes}M{seconds}{fraction}S"
