"""Business days: what is closed and why, and counting that holds across years, holidays and days of one's own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.kit.clock import local_day
from portal.workdays.japan import holidays_of
from portal.workdays.rules import Calendar, Reason, closed_days

TOKYO = ZoneInfo("Asia/Tokyo")
PLAIN = Calendar(holidays=False, new_year=False, obon=False)
days = st.dates(date(2024, 1, 1), date(2029, 12, 31))
own = st.frozensets(days, max_size=8)
calendars = st.builds(
    Calendar,
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    holidays=st.booleans(),
    new_year=st.booleans(),
    obon=st.booleans(),
    closed=own,
    opened=own,
)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-11-27", None),
        ("2026-11-28", "week"),
        ("2026-11-23", "holiday"),
        ("2026-05-06", "holiday"),  # 3 May was a Sunday: the substitute day is the first after the row of holidays
        ("2026-09-22", "holiday"),  # between two holidays
        ("2026-12-28", None),
        ("2026-12-29", "new_year"),
        ("2027-01-01", "holiday"),
        ("2027-01-03", "week"),
        ("2027-01-04", None),
        ("2026-08-12", None),
        ("2026-08-13", "obon"),
        ("2026-08-16", "week"),
        ("2026-08-17", None),
        ("2026-06-01", "own"),
        ("2026-11-21", None),  # a Saturday that is worked
        ("2026-04-29", None),  # a holiday that is worked
    ],
)
def test_why_nobody_works(day: str, why: Reason | None) -> None:
    closed, opened = frozenset({date(2026, 6, 1)}), frozenset({date(2026, 11, 21), date(2026, 4, 29)})
    assert Calendar(closed=closed, opened=opened).why_closed(date.fromisoformat(day)) == why


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2026-11-27", 1, "2026-11-30"),  # Friday to Monday
        ("2026-11-28", 1, "2026-11-30"),  # so does Saturday
        ("2026-11-28", 0, "2026-11-30"),
        ("2026-11-27", 0, "2026-11-27"),
        ("2026-12-28", 1, "2027-01-04"),  # over the end of the year
        ("2027-01-04", -1, "2026-12-28"),
        ("2026-12-28", 3, "2027-01-06"),
        ("2026-08-12", 1, "2026-08-17"),
        ("2026-05-01", 1, "2026-05-07"),  # over the golden week
        ("2026-05-07", -2, "2026-04-30"),
    ],
)
def test_so_many_business_days_on(start: str, count: int, end: str) -> None:
    assert Calendar().add_business_days(date.fromisoformat(start), count) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-11-27", "2026-11-27", 0),
        ("2026-11-27", "2026-11-29", 0),
        ("2026-11-27", "2026-11-30", 1),
        ("2026-11-30", "2026-11-27", -1),
        ("2026-12-25", "2027-01-05", 3),
        ("2025-12-31", "2026-12-31", 238),
    ],
)
def test_business_days_between(start: str, end: str, count: int) -> None:
    assert Calendar().business_days_between(date.fromisoformat(start), date.fromisoformat(end)) == count


def test_midnight_in_the_vendors_zone_decides_the_day() -> None:
    before, after = (datetime(2026, 12, 27, 14, 59, 59, tzinfo=ZoneInfo("UTC")) + timedelta(seconds=n) for n in (0, 1))
    calendar = Calendar()
    assert not calendar.is_business_day(local_day(before, TOKYO))  # still Sunday
    assert calendar.is_business_day(local_day(after, TOKYO))


def test_holidays_have_names_in_both_languages() -> None:
    assert holidays_of(2026)[date(2026, 11, 3)] == "文化の日"
    assert holidays_of(2026, "en")[date(2026, 11, 3)] == "Culture Day"
    assert len(holidays_of(2026)) == 18


def test_days_off_of_a_year_are_listed_with_why() -> None:
    found = closed_days(Calendar(), date(2026, 12, 1), date(2027, 1, 5))
    assert [(day.day, why) for day, why in found] == [
        (29, "new_year"),
        (30, "new_year"),
        (31, "new_year"),
        (1, "holiday"),
    ]


def test_somebody_has_to_work_at_some_time() -> None:
    with pytest.raises(ValueError, match="weekday"):
        Calendar(weekdays=frozenset())


def test_where_the_calendar_ends_there_is_no_next_day() -> None:
    with pytest.raises(OverflowError):
        PLAIN.add_business_days(date.max, 1)
    with pytest.raises(OverflowError):
        PLAIN.add_business_days(date.min, -1)


@settings(deadline=None)
@given(calendars, days, st.integers(1, 400))
def test_counting_on_and_counting_between_agree(calendar: Calendar, start: date, count: int) -> None:
    end = calendar.add_business_days(start, count)
    assert calendar.is_business_day(end)
    assert calendar.business_days_between(start, end) == count
    assert calendar.add_business_days(start, count + 1) == calendar.add_business_days(end, 1)


@settings(deadline=None)
@given(calendars, days, days, days)
def test_stretches_add_up(calendar: Calendar, one: date, two: date, three: date) -> None:
    between = calendar.business_days_between
    assert between(one, two) + between(two, three) == between(one, three)


@settings(deadline=None)
@given(calendars, days, st.integers(-30, 30))
def test_it_is_what_counting_day_by_day_gives(calendar: Calendar, start: date, count: int) -> None:
    day, left = start, count
    while left > 0 or (count == 0 and not calendar.is_business_day(day)):
        day += timedelta(days=1)
        left -= calendar.is_business_day(day)
    while left < 0 and count < 0:
        day -= timedelta(days=1)
        left += calendar.is_business_day(day)
    assert calendar.add_business_days(start, count) == day
