"""Time, in one place: instants are aware UTC datetimes, windows and deadlines are whole days in the vendor's zone.

`now` is an argument everywhere; only the composition root reads the clock.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

NEVER: Final = 2**62
"""Where moments are whole seconds since 1970: the place of one that there is none of. Everything comes before it."""
FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2099, 12, 31)
"""What a form takes for a day: where a calendar ends, adding to it is an error."""
SPAN = re.compile(r"^(\d{1,4})(d|w|mo)$")


def utcnow() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def moment_in(text: str) -> datetime | None:
    """The instant that `isoformat` wrote, in UTC; None for anything else, as an address may hold."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, order=True)
class Span:
    """A length in the calendar: `30d`, `2w` or `1mo` (the same day of a later month, or that month's last day)."""

    count: int
    unit: Literal["d", "w", "mo"]

    @classmethod
    def parse(cls, text: str) -> Span:
        """`"30d" -> Span(30, "d")`; a `ValueError` for anything else."""
        found = SPAN.match(text.strip()) if isinstance(text, str) else None
        if not found:
            raise ValueError(f"not a span: {text!r}")
        count, unit = int(found[1]), found[2]
        return cls(count, "d" if unit == "d" else "w" if unit == "w" else "mo")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def after(self, day: date) -> date:
        """The day this span after `day`."""
        return self._shift(day, self.count)

    def before(self, day: date) -> date:
        """The day this span before `day`."""
        return self._shift(day, -self.count)

    def _shift(self, day: date, count: int) -> date:
        if self.unit == "mo":
            month_index = day.year * 12 + day.month - 1 + count
            year, month = divmod(month_index, 12)
            last = calendar.monthrange(year, month + 1)[1]
            return date(year, month + 1, min(day.day, last))
        return day + timedelta(days=count * (7 if self.unit == "w" else 1))


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The calendar day in `zone` at the instant `at`."""
    return at.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, in UTC."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """The last whole second of `day` in `zone`, in UTC: what a deadline is shown and stored as."""
    return day_start(day + timedelta(days=1), zone) - timedelta(seconds=1)


def deadline(start: datetime, due: Span, zone: ZoneInfo) -> datetime:
    """The last second of the day that lies `due` after the day of `start`, both in `zone`."""
    return day_end(due.after(local_day(start, zone)), zone)


def has_passed(due: datetime, as_of: datetime) -> bool:
    """Whether the deadline day that ends with the second `due` is wholly over at `as_of`."""
    return as_of >= due + timedelta(seconds=1)


def days_between(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Whole calendar days in `zone` from the day of `start` to the day of `end`."""
    return (local_day(end, zone) - local_day(start, zone)).days
