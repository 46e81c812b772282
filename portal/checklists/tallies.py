"""Customers under way as columns of numbers, and what they come to, box by box and day by day.

A report takes 100,000 of them on every look at the page. As rows each would cost a microsecond to be read and another
to be put into its box; as columns they are compared all at once.

Sub-seconds are cut off (see `rate.seconds`): what happens within one second happens at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from portal.kit.clock import NEVER, day_start, local_day

Numbers = npt.NDArray[np.int64]

LONGEST = timedelta(days=200 * 365)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = 1 << 20
"""More than any two moments can be apart."""
BOXES: Final = ("in_time", "late", "already", "missed", "left", "gone", "under_way")
"""Done by the deadline, after it, before it has passed; not done when it passed, left by then, left before it has
passed; and everybody else."""


@dataclass(frozen=True)
class Columns:
    """Runs, column by column, in whole seconds since 1970; what has not happened is at `NEVER`.

    `group` is a place in `names`.
    """

    names: Sequence[str | None]
    group: Numbers
    started: Numbers
    due: Numbers
    completed: Numbers
    left: Numbers

    @classmethod
    def of(cls, runs: Iterable[tuple[str | None, int, int | None, int | None, int | None]]) -> Self:
        """Rows turned into columns: group, started, due, completed, left."""
        rows = list(runs)
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
        names, group = placed(columns[0])
        return cls(names, group, *(_numbers(column) for column in columns[1:]))

    def and_also(self, other: Columns) -> Columns:
        """These and the others."""
        names, group = placed([one.names[place] for one in (self, other) for place in one.group.tolist()])
        columns = ("started", "due", "completed", "left")
        joined = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns)
        return Columns(names, group, *joined)


@dataclass(slots=True)
class Tally:
    """What one group has come to: counts among the matured (`already`: among those in progress), and for everybody how
    many days after their start they completed, left or were last seen.
    """

    in_time: int = 0
    late: int = 0
    missed: int = 0
    left: int = 0
    already: int = 0
    completed_days: Counter[int] = field(default_factory=Counter)
    left_days: Counter[int] = field(default_factory=Counter)
    censored_days: Counter[int] = field(default_factory=Counter)

    @property
    def started(self) -> int:
        return self.completed_days.total() + self.left_days.total() + self.censored_days.total()

    def add(self, other: Tally) -> None:
        """Count another group's customers too."""
        for name in ("in_time", "late", "missed", "left", "already"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.completed_days.update(other.completed_days)
        self.left_days.update(other.left_days)
        self.censored_days.update(other.censored_days)


def placed(values: Sequence[str | None]) -> tuple[Sequence[str | None], Numbers]:
    """The different values, and for each given one its place among them."""
    places = {name: place for place, name in enumerate(dict.fromkeys(values))}
    return list(places), np.fromiter((places[value] for value in values), np.int64, len(values))


def tally(runs: Columns, *, as_of: datetime, zone: ZoneInfo, grouped: bool, monthly: bool) -> dict[str | None, Tally]:
    """Put every run that has started into its box, by group; `monthly` by the month of its start."""
    now = (as_of - EPOCH) // timedelta(seconds=1)
    tallies: dict[str | None, Tally] = {} if grouped else {None: Tally()}
    here = runs.started <= now
    if not here.any():
        return tallies
    first_day, starts = _day_starts(runs, now, zone)
    last_day = local_day(as_of, zone).toordinal() - first_day
    started, due, completed, left = (one[here] for one in (runs.started, runs.due, runs.completed, runs.left))

    day = np.searchsorted(starts, started, side="right")
    matured = due < now
    done = (completed <= now) & (completed <= left)
    gone = ~done & (left <= now)
    box = np.select(
        [done & ~matured, done & (completed <= due), done, gone & matured, gone, matured],
        [BOXES.index(name) for name in ("already", "in_time", "late", "left", "gone", "missed")],
        default=BOXES.index("under_way"),
    )
    ended = np.searchsorted(starts, np.where(done, completed, left), side="right") - day
    days = np.where(done | gone, np.maximum(ended, 0), last_day - day)

    names: Sequence[str | None] = [None]
    group: Numbers = np.zeros(len(day), np.int64)
    if monthly:
        names, months = placed([f"{date.fromordinal(first_day + number):%Y-%m}" for number in range(len(starts) + 1)])
        group = months[day]
    elif grouped:
        names, group = runs.names, runs.group[here]
    lots, counts = np.unique((group * len(BOXES) + box) * DAYS + days, return_counts=True)
    for lot, count in zip(lots.tolist(), counts.tolist(), strict=True):
        which, after = divmod(lot, DAYS)
        place, kind = divmod(which, len(BOXES))
        _count(tallies.setdefault(names[place], Tally()), BOXES[kind], after, count)
    return tallies


def _count(tally: Tally, box: str, days: int, count: int) -> None:
    if box in ("in_time", "late", "already"):
        tally.completed_days[days] += count
    elif box in ("left", "gone"):
        tally.left_days[days] += count
    else:
        tally.censored_days[days] += count
    if box not in ("gone", "under_way"):
        setattr(tally, box, getattr(tally, box) + count)


def _day_starts(runs: Columns, now: int, zone: ZoneInfo) -> tuple[int, Numbers]:
    """The first second of every local day the runs touch, and the number of the day before the first of them.

    Looked for in it, an instant's day costs a fraction of what asking the zone would. A customer said to have taken
    more than two centuries is a slip of somebody's pen, and counts as two centuries.
    """
    known = [column[column < NEVER] for column in (runs.started, runs.completed, runs.left)]
    latest = max(int(column.max(initial=0)) for column in known)
    last = local_day(EPOCH + timedelta(seconds=min(now, latest)), zone)
    first = local_day(EPOCH + timedelta(seconds=int(runs.started.min())), zone)
    first = max(first, last - LONGEST) if (last - first) > LONGEST else first
    days = range(max((last - first).days, 0) + 1)
    begun = [(day_start(first + timedelta(days=day), zone) - EPOCH) // timedelta(seconds=1) for day in days]
    return first.toordinal() - 1, np.array(begun, np.int64)


def _numbers(column: Sequence[int | None]) -> Numbers:
    return np.fromiter((NEVER if value is None else value for value in column), np.int64, len(column))
