"""Which days are worked, and counting in them: pure.

A day is a date in the vendor's zone: midnight there decides which one it is (`kit.clock.local_day`). Business days are
listed once for a calendar and a year and then looked up, since lists ask for thousands of customers at a time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from functools import lru_cache
from typing import Literal

from portal.workdays.japan import holidays_of

Reason = Literal["own", "week", "holiday", "new_year", "obon"]
NEW_YEAR = frozenset({(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)})
OBON = frozenset({(8, 13), (8, 14), (8, 15), (8, 16)})


@dataclass(frozen=True)
class Calendar:
    """When the vendor works. `weekdays` counts from Monday, 0; `closed` and `opened` are days of the vendor's own and
    decide before anything else. `ValueError` without any weekday: nothing would ever be due."""

    weekdays: frozenset[int] = frozenset(range(5))
    holidays: bool = True
    new_year: bool = True
    obon: bool = True
    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekdays & set(range(7)):
            raise ValueError("a calendar needs a weekday on which somebody works")

    def why_closed(self, day: date) -> Reason | None:
        """Why nobody works on `day`; None for a business day."""
        if day in self.opened:
            return None
        if day in self.closed:
            return "own"
        if day.weekday() not in self.weekdays:
            return "week"
        if self.holidays and day in holidays_of(day.year):
            return "holiday"
        if self.new_year and (day.month, day.day) in NEW_YEAR:
            return "new_year"
        if self.obon and (day.month, day.day) in OBON:
            return "obon"
        return None

    def is_business_day(self, day: date) -> bool:
        """Whether anybody works on `day`."""
        return self.why_closed(day) is None

    def business_day_from(self, day: date) -> date:
        """`day` if it is a business day, else the next one."""
        return self.add_business_days(day, 0)

    def add_business_days(self, day: date, count: int) -> date:
        """The `count`-th business day after `day`, or before it where `count` is negative; of 0, `business_day_from`.

        `OverflowError` where the calendar of Python ends.
        """
        if count < 0:
            return self._before(day, -count)
        left = count
        for year in range(day.year, MAXYEAR + 1):
            days = _business_days(self, year)
            place = 0
            if year == day.year:
                place = bisect_left(days, day.toordinal()) if count == 0 else bisect_right(days, day.toordinal())
            wanted = place + max(left - 1, 0)
            if wanted < len(days):
                return date.fromordinal(days[wanted])
            left -= len(days) - place
        raise OverflowError("no business day before the calendar ends")

    def business_days_between(self, start: date, end: date) -> int:
        """How many business days lie after `start` up to and with `end`; negative where `end` comes first.

        From Friday to Monday it is 1, and from any day to itself 0.
        """
        if end < start:
            return -self.business_days_between(end, start)
        if start.year == end.year:
            return self._until(end) - self._until(start)
        whole = sum(len(_business_days(self, year)) for year in range(start.year, end.year))
        return whole - self._until(start) + self._until(end)

    def _until(self, day: date) -> int:
        return bisect_right(_business_days(self, day.year), day.toordinal())

    def _before(self, day: date, count: int) -> date:
        left = count
        for year in range(day.year, MINYEAR - 1, -1):
            days = _business_days(self, year)
            place = bisect_left(days, day.toordinal()) if year == day.year else len(days)
            if place >= left:
                return date.fromordinal(days[place - left])
            left -= place
        raise OverflowError("no business day after the calendar begins")


@lru_cache(maxsize=64)
def _business_days(calendar: Calendar, year: int) -> tuple[int, ...]:
    """Those of one year as ordinals, in order."""
    first = date(year, 1, 1)
    days = (first.toordinal() + number for number in range((date(year, 12, 31) - first).days + 1))
    return tuple(one for one in days if calendar.is_business_day(date.fromordinal(one)))


def closed_days(calendar: Calendar, first: date, last: date) -> list[tuple[date, Reason]]:
    """The days from `first` to `last` on which nobody works though it is a weekday of theirs, with why."""
    found: list[tuple[date, Reason]] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        reason = calendar.why_closed(day)
        if reason is not None and reason != "week":
            found.append((day, reason))
    return found
