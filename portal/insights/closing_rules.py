"""Months, fiscal years, and what a month's figures are made of: pure.

A period counts what fell into it, and periods that follow each other share nothing: a run is started in one month, and
its deadline passes in one month. A deadline that ends with a month's last day has passed with the next month's first
second, as everywhere: see `checklists.rate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from portal.checklists.rate import seconds
from portal.checklists.tallies import DAYS, Columns, Numbers
from portal.kit.clock import NEVER, day_start
from portal.kit.intervals import wilson

Marks = npt.NDArray[np.bool_]

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)
WAIT_DAYS = 3
"""Somebody has helped themselves when no contact followed on the same day or the three after it."""


@dataclass(frozen=True)
class Period:
    """From the second `first` (None: since ever) to the second `last`, both within it, in seconds since 1970."""

    first: int | None
    last: int

    def holds(self, at: Numbers) -> Marks:
        """Which of these seconds lie in it."""
        return (at <= self.last) & (at >= (-NEVER if self.first is None else self.first))


@dataclass(frozen=True)
class Counts:
    """One checklist in one period. Rates are shares, None where nobody counts.

    `started` and `completed` fell into the period; `matured` are the runs whose deadline passed in it, and of these
    `completed_in_time`. `rate` = in time ÷ matured with its Wilson interval. `cumulative_rate` = all completed ÷ all
    started until the period's end.
    """

    started: int
    matured: int
    completed_in_time: int
    completed: int
    rate: float | None
    interval: tuple[float, float] | None
    cumulative_rate: float | None

    def as_json(self) -> dict[str, object]:
        """As it is kept."""
        return asdict(self)


def marks_of(runs: Columns, period: Period, *, as_of: datetime) -> dict[str, Marks]:
    """Which of the runs count as what in `period`, as they stand at `as_of`, its end; `counts` takes the sums."""
    now = seconds(as_of) or 0
    here = runs.started <= now
    done = here & (runs.completed <= now) & (runs.completed <= runs.left)
    matured = here & period.holds(runs.due + 1)
    return {
        "started": here & period.holds(runs.started),
        "matured": matured,
        "completed_in_time": matured & done & (runs.completed <= runs.due),
        "completed": done & period.holds(runs.completed),
        "ever_started": here,
        "ever_completed": done,
    }


def counts(sums: Mapping[str, int]) -> Counts:
    """What so many of each come to."""
    matured, in_time = sums["matured"], sums["completed_in_time"]
    return Counts(
        started=sums["started"],
        matured=matured,
        completed_in_time=in_time,
        completed=sums["completed"],
        rate=in_time / matured if matured else None,
        interval=wilson(in_time, matured),
        cumulative_rate=sums["ever_completed"] / sums["ever_started"] if sums["ever_started"] else None,
    )


def on_day(account_id: int, day: date) -> int:
    """One number for a customer's day; the next day's is one more."""
    return account_id * DAYS + day.toordinal()


def helped_themselves(readings: Numbers, contacts: Numbers) -> Marks:
    """Which of `readings` (days of customers on which one of its people read an article, by `on_day`) no contact of the
    customer followed within three days."""
    followed = [np.isin(readings + later, contacts) for later in range(WAIT_DAYS + 1)]
    found: Marks = ~np.logical_or.reduce(followed)
    return found


def month_of(day: date) -> str:
    """`2026-04`."""
    return f"{day:%Y-%m}"


def is_month(text: str) -> bool:
    """Whether `text` is a month as they are written here."""
    return MONTH.fullmatch(text) is not None


def first_day(month: str) -> date:
    """The first day of `month`."""
    return date.fromisoformat(f"{month}-01")


def shifted(month: str, by: int) -> str:
    """The month `by` months later."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12:04}-{number % 12 + 1:02}"


def months_between(first: str, last: str) -> Iterator[str]:
    """From `first` to `last`, both named."""
    while first <= last:
        yield first
        first = shifted(first, 1)


def month_end(month: str, zone: ZoneInfo) -> datetime:
    """The last whole second of `month` in `zone`, in UTC."""
    return day_start(first_day(shifted(month, 1)), zone) - timedelta(seconds=1)


def fiscal_year(month: str, start: int) -> tuple[int, str]:
    """The fiscal year that `month` lies in, by the calendar year it begins in, and its first month."""
    year, number = int(month[:4]), int(month[5:])
    begins = year if number >= start else year - 1
    return begins, f"{begins:04}-{start:02}"


def to_close(*, last_closed: str | None, this_month: str, most: int = 36) -> list[str]:
    """The months that are over and not closed, the oldest first; of an installation that never closed one, only the
    last: what came before it was nobody's report."""
    last = shifted(this_month, -1)
    if last_closed is None:
        return [last]
    return list(months_between(shifted(last_closed, 1), last))[-most:]
