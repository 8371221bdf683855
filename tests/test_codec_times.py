"""Datetimes, durations and periods."""

import pickle
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest
from codec_help import both_ways, refuse, refuse_value, same

from hyperglyph.codec import LimitExceeded, Period, decode, encode


def utc(year: int, month: int, day: int, *time: int) -> datetime:
    hour, minute, second, microsecond = (*time, 0, 0, 0, 0)[:4]
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


@pytest.mark.parametrize(
    ("instant", "wire"),
    [
        (utc(2020, 1, 2, 3, 4, 5), b"d2020-01-02T03:04:05.000Z;"),
        (utc(2020, 1, 2, 3, 4, 5, 678_000), b"d2020-01-02T03:04:05.678Z;"),
        (utc(2020, 1, 2, 3, 4, 5, 678_901), b"d2020-01-02T03:04:05.678901Z;"),
        (utc(2020, 1, 2, 3, 4, 5, 1), b"d2020-01-02T03:04:05.000001Z;"),
        (utc(1, 1, 1), b"d0001-01-01T00:00:00.000Z;"),
        (datetime.max.replace(tzinfo=UTC), b"d9999-12-31T23:59:59.999999Z;"),
        (utc(2024, 2, 29), b"d2024-02-29T00:00:00.000Z;"),
    ],
)
def test_datetimes(instant: datetime, wire: bytes) -> None:
    both_ways(instant, wire)
    assert decode(wire).tzinfo is UTC


@pytest.mark.parametrize(
    ("literal", "instant"),
    [
        ("2020-01-02T03:04:05Z", utc(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05z", utc(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05.1234569Z", utc(2020, 1, 2, 3, 4, 5, 123_456)),
        ("2020-01-02T03:04:05.5Z", utc(2020, 1, 2, 3, 4, 5, 500_000)),
        ("2020-01-02T03:04:05+01:30", utc(2020, 1, 2, 1, 34, 5)),
        ("2020-01-02T03:04:05-23:59", utc(2020, 1, 3, 3, 3, 5)),
        ("2020-01-02T03:04:05.25-00:00", utc(2020, 1, 2, 3, 4, 5, 250_000)),
        ("2020-01-02T03:04:05." + "9" * 43 + "Z", utc(2020, 1, 2, 3, 4, 5, 999_999)),
    ],
)
def test_other_spellings_of_datetimes(literal: str, instant: datetime) -> None:
    assert same(decode(b"d%b;" % literal.encode()), instant)


@pytest.mark.parametrize(
    "literal",
    [
        *("", "2020-01-02", "2020-01-02T03:04:05", "2020-01-02T03:04:05.Z", "20200102T030405Z"),
        *("2020-01-02 03:04:05Z", "2020-01-02t03:04:05Z", "2020-1-02T03:04:05Z"),
        *("2020-01-02T03:04:05+0130", "2020-01-02T03:04:05+01", "2020-01-02T03:04Z"),
        *("2020-01-02T03:04:05Z ", "-020-01-02T03:04:05Z", "2020-01-02T03:04:05,5Z"),
        *("2020-W01-2T03:04:05Z", "12020-01-02T03:04:05Z"),
    ],
)
def test_malformed_datetimes(literal: str) -> None:
    refuse(b"d%b;" % literal.encode(), f"malformed datetime '{literal}' (at byte 0)")


@pytest.mark.parametrize(
    "literal",
    [
        *("0000-01-02T03:04:05Z", "2020-13-02T03:04:05Z", "2020-00-02T03:04:05Z"),
        *("2020-02-30T03:04:05Z", "2023-02-29T03:04:05Z", "2020-01-02T24:00:00Z"),
        *("2020-01-02T03:60:05Z", "2020-01-02T03:04:60Z", "2020-01-02T03:04:05+24:00"),
        *("2020-01-02T03:04:05+00:60", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
    ],
)
def test_datetimes_out_of_range(literal: str) -> None:
    refuse(b"d%b;" % literal.encode(), f"datetime '{literal}' is out of range (at byte 0)")


def test_long_datetimes() -> None:
    says = "datetime literal is too long (at byte 0)"
    refuse(b"d2020-01-02T03:04:05." + b"1" * 44 + b"Z;", says, LimitExceeded)
    refuse(b"d" + b"1" * 66, says, LimitExceeded)


def test_naive_datetimes_are_refused() -> None:
    says = "a naive datetime names no instant; give it a tzinfo"
    refuse_value(datetime(2020, 1, 2), f"{says} (at $)")
    refuse_value({"when": datetime(2020, 1, 2)}, f"{says} (at $.when)")


class Undecided(tzinfo):
    """A zone that does not know, which makes a datetime naive."""

    def utcoffset(self, dt: datetime | None, /) -> None:
        return None

    def dst(self, dt: datetime | None, /) -> None:
        return None

    def tzname(self, dt: datetime | None, /) -> str:
        return "undecided"


def test_a_zone_without_offset_is_no_zone() -> None:
    says = "a naive datetime names no instant; give it a tzinfo (at $)"
    refuse_value(datetime(2020, 1, 2, tzinfo=Undecided()), says)


@pytest.mark.parametrize(
    ("fold", "utc_hour"),
    [(0, b"00:30"), (1, b"01:30")],
)
def test_both_instants_of_a_repeated_hour(fold: int, utc_hour: bytes) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    instant = datetime(2023, 10, 29, 2, 30, tzinfo=berlin, fold=fold)
    wire = b"d2023-10-29T" + utc_hour + b":00.000Z;"
    assert encode(instant) == wire
    assert decode(wire).astimezone(berlin) == instant
    assert decode(wire).astimezone(berlin).fold == fold


def test_an_hour_that_a_zone_skips() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert encode(datetime(2023, 3, 26, 2, 30, tzinfo=zone)) == b"d2023-03-26T01:30:00.000Z;"
    folded = datetime(2023, 3, 26, 2, 30, tzinfo=zone, fold=1)
    assert encode(folded) == b"d2023-03-26T00:30:00.000Z;"


def test_zones_with_odd_offsets() -> None:
    zone = timezone(-timedelta(hours=1, seconds=7, microseconds=9))
    assert encode(datetime(2020, 1, 1, tzinfo=zone)) == b"d2020-01-01T01:00:07.000009Z;"
    assert encode(datetime(2020, 1, 1, tzinfo=timezone.utc)) == b"d2020-01-01T00:00:00.000Z;"  # noqa: UP017
    assert encode(datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))) == b"d2020-01-01T00:00:00.000Z;"


@pytest.mark.parametrize(
    "instant",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(minutes=1))),
        datetime.max.replace(tzinfo=timezone(-timedelta(minutes=1))),
    ],
)
def test_datetimes_outside_the_years_in_utc(instant: datetime) -> None:
    refuse_value([instant], "datetime is outside the years 1 to 9999 in UTC (at $[0])")


# --- Durations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "wire"),
    [
        (timedelta(0), b"pP0Y0M0DT0H0M0S;"),
        (timedelta(1, 2), b"pP0Y0M1DT0H0M2S;"),
        (timedelta(microseconds=1), b"pP0Y0M0DT0H0M0.000001S;"),
        (-timedelta(microseconds=1), b"p-P0Y0M0DT0H0M0.000001S;"),
        (timedelta(milliseconds=-1500), b"p-P0Y0M0DT0H0M1.500000S;"),
        (timedelta(days=-1, hours=1), b"p-P0Y0M0DT23H0M0S;"),
        (timedelta.max, b"pP0Y0M999999999DT23H59M59.999999S;"),
        (timedelta.min, b"p-P0Y0M999999999DT0H0M0S;"),
        (Period(1), b"pP1Y0M0DT0H0M0S;"),
        (Period(0, 12), b"pP0Y12M0DT0H0M0S;"),
        (Period(-1, 0, timedelta(-3)), b"p-P1Y0M3DT0H0M0S;"),
        (Period(0, -14, -timedelta(seconds=1)), b"p-P0Y14M0DT0H0M1S;"),
        (
            Period(999_999_999, 999_999_999, timedelta.max),
            b"pP999999999Y999999999M999999999DT23H59M59.999999S;",
        ),
    ],
)
def test_durations(duration: timedelta | Period, wire: bytes) -> None:
    both_ways(duration, wire)


@pytest.mark.parametrize(
    ("literal", "duration"),
    [
        ("P0D", timedelta(0)),
        ("-P0D", timedelta(0)),
        ("+PT1S", timedelta(seconds=1)),
        ("P1W2D", timedelta(9)),
        ("PT36H", timedelta(1.5)),
        ("PT90M", timedelta(minutes=90)),
        ("PT0.0000019S", timedelta(microseconds=1)),
        ("-PT0.0000019S", timedelta(microseconds=-1)),
        ("P00001Y", Period(1)),
        ("-P1M", Period(0, -1)),
        ("P1Y2M3W4DT5H6M7.5S", Period(1, 2, timedelta(25, 7.5, 0, 0, 6, 5))),
        ("P999999999DT23H59M59.999999S", timedelta.max),
        ("PT86399999999999S", timedelta(seconds=86399999999999)),
    ],
)
def test_other_spellings_of_durations(literal: str, duration: timedelta | Period) -> None:
    assert same(decode(b"p%b;" % literal.encode()), duration)


@pytest.mark.parametrize(
    "literal",
    [
        *(
            "",
            "P",
            "PT",
            "-P",
            "P1",
            "1D",
            "P1S",
            "PT1D",
            "P1DT",
            "P1M1Y",
            "P1.5D",
            "PT.5S",
            "PT1.S",
        ),
        *("P-1D", "--P1D", "p1D", "P1d", "P1Y1Y", "PT1H1H", "P 1D", "P1D ", "PT1,5S"),
    ],
)
def test_malformed_durations(literal: str) -> None:
    refuse(b"p%b;" % literal.encode(), f"malformed timedelta '{literal}' (at byte 0)")


@pytest.mark.parametrize(
    "literal",
    [
        *("P1000000000D", "PT86400000000000S", "P999999999DT24H", "-P999999999DT1S"),
        *("P1000000000Y", "P1000000000M", "-P1000000000M", "P" + "9" * 30 + "D"),
        "P1YT" + "9" * 30 + "S",
    ],
)
def test_durations_out_of_range(literal: str) -> None:
    refuse(b"p%b;" % literal.encode(), f"timedelta '{literal}' is out of range (at byte 0)")


def test_long_durations() -> None:
    says = "timedelta literal is too long (at byte 0)"
    refuse(b"pP" + b"0" * 200 + b"D;", says, LimitExceeded)
    refuse(b"p" + b"1" * 210, says, LimitExceeded)
    assert decode(b"pP" + b"0" * 198 + b"D;") == timedelta(0)


class Leap(datetime):
    pass


class Ticks(timedelta):
    pass


class Quarter(Period):
    def __new__(cls, *_: Any) -> Self:
        return super().__new__(cls)


@pytest.mark.parametrize(
    "value", [Leap(2020, 1, 1, tzinfo=UTC), Ticks(1), Quarter(0, 3)], ids=["d", "t", "p"]
)
def test_subclasses_are_refused(value: object) -> None:
    name = type(value).__name__
    says = f"cannot encode {__name__}.{name}; convert it first or pass default= (at $)"
    refuse_value(value, says)


# --- Period ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((), "a period has years or months; use datetime.timedelta for the rest"),
        ((0, 0, timedelta(1)), "a period has years or months; use datetime.timedelta for the rest"),
        ((1_000_000_000,), "years and months of a period are at most 999,999,999"),
        ((0, -1_000_000_000), "years and months of a period are at most 999,999,999"),
        ((1, -1), "years, months and timedelta of a period have the same sign"),
        ((-1, 0, timedelta(1)), "years, months and timedelta of a period have the same sign"),
        ((1, 0, -timedelta(0, 0, 1)), "years, months and timedelta of a period have the same sign"),
    ],
)
def test_periods_that_there_are_not(parts: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Period(*parts)
    assert str(caught.value) == says


@pytest.mark.parametrize("parts", [("1",), (1, 1.0), (True,), (1, False), (1, 0, 5)])
def test_the_parts_of_a_period_have_types(parts: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Period(*parts)


def test_periods_are_values() -> None:
    period = Period(1, 2, timedelta(3))
    assert period == Period(years=1, months=2, timedelta=timedelta(3))
    assert hash(period) == hash(Period(1, 2, timedelta(3)))
    assert Period(1) != Period(0, 12)
    assert repr(Period(1, 2)) == "Period(years=1, months=2, timedelta=datetime.timedelta(0))"
    assert pickle.loads(pickle.dumps(period)) == period
    with pytest.raises(AttributeError):
        period.years = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        assert period < Period(2)  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
