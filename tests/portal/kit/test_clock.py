"""The calendar: spans, days and deadlines in the vendor's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.clock import Span, day_end, day_start, days_between, deadline, has_passed, local_day, moment_in, utcnow

TOKYO = ZoneInfo("Asia/Tokyo")
ZONES = [TOKYO, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
spans = st.builds(Span, st.integers(0, 400), st.sampled_from(["d", "w", "mo"]))


@pytest.mark.parametrize(
    ("text", "span"),
    [("30d", Span(30, "d")), ("2w", Span(2, "w")), ("1mo", Span(1, "mo")), (" 0d ", Span(0, "d"))],
)
def test_spans_as_they_are_written(text: str, span: Span) -> None:
    assert Span.parse(text) == span
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "1 d", "1m", "1y", "10000d", "1d2w", "30D"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span.parse(text)


@pytest.mark.parametrize(
    ("day", "span", "after"),
    [
        ("2026-01-31", "1mo", "2026-02-28"),
        ("2028-01-31", "1mo", "2028-02-29"),
        ("2026-11-30", "3mo", "2027-02-28"),
        ("2026-12-15", "1mo", "2027-01-15"),
        ("2026-12-30", "2d", "2027-01-01"),
        ("2026-02-20", "2w", "2026-03-06"),
        ("2026-05-05", "0mo", "2026-05-05"),
    ],
)
def test_the_day_after_a_span(day: str, span: str, after: str) -> None:
    assert Span.parse(span).after(date.fromisoformat(day)) == date.fromisoformat(after)


def test_a_month_before() -> None:
    assert Span(1, "mo").before(date(2026, 3, 31)) == date(2026, 2, 28)
    assert Span(1, "mo").before(date(2026, 1, 15)) == date(2025, 12, 15)
    assert Span(2, "w").before(date(2026, 1, 10)) == date(2025, 12, 27)


@given(instants, zones)
def test_a_day_holds_exactly_its_instants(at: datetime, zone: ZoneInfo) -> None:
    day = local_day(at, zone)
    assert day_start(day, zone) <= at < day_start(day + timedelta(days=1), zone)
    assert local_day(day_end(day, zone), zone) == day
    assert local_day(day_end(day, zone) + timedelta(seconds=1), zone) == day + timedelta(days=1)


@given(instants, spans, zones)
def test_a_deadline_is_the_last_second_of_its_day(start: datetime, span: Span, zone: ZoneInfo) -> None:
    due = deadline(start, span, zone)
    assert local_day(due, zone) == span.after(local_day(start, zone))
    assert days_between(start, due, zone) >= 0
    assert not has_passed(due, due)
    assert not has_passed(due, due + timedelta(microseconds=999_999))
    assert has_passed(due, due + timedelta(seconds=1))


@given(instants, instants, zones)
def test_days_between_are_counted_by_midnights(one: datetime, other: datetime, zone: ZoneInfo) -> None:
    assert days_between(one, other, zone) == -days_between(other, one, zone)
    assert days_between(one, one, zone) == 0


def test_a_day_that_the_clocks_change_is_still_one_day() -> None:
    new_york = ZoneInfo("America/New_York")
    spring = day_start(date(2026, 3, 9), new_york) - day_start(date(2026, 3, 8), new_york)
    assert spring == timedelta(hours=23)
    start = datetime(2026, 3, 8, 1, tzinfo=new_york).astimezone(UTC)
    assert deadline(start, Span(1, "d"), new_york) == datetime(2026, 3, 10, 3, 59, 59, tzinfo=UTC)


def test_now_is_in_utc() -> None:
    assert utcnow().tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-03T10:00:00+09:00", datetime(2026, 6, 3, 1, tzinfo=UTC)),
        ("2026-06-03T10:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),  # there is no such instant in UTC
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_moment_in_an_address(text: str, at: datetime | None) -> None:
    assert moment_in(text) == at
