"""Completion rates that can be trusted: every customer who started is in exactly one box, and the curve uses them all.

Two rates, never mixed. In time (期限内完了率) looks only at those whose deadline has passed; cumulative (累計完了率) at
all who started. Who is still inside their window is "in progress", not a failure, and who left is counted as left, not
dropped: in the curve leaving competes with completing (Aalen–Johansen), so it is never read as success, nor ignored.

Customers come as `Columns` of whole seconds (see `tallies`), since a report must take 100,000 of them on every look at
the page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from portal.checklists.tallies import EPOCH, Columns, Tally, tally
from portal.kit.intervals import wilson

HALF = 0.5 - 1e-9
"""One half, less what adding floats up may lose."""

Box = Literal["completed_in_time", "completed_late", "missed", "left", "already_completed", "under_way"]
_MATURED: Final[frozenset[Box]] = frozenset({"completed_in_time", "completed_late", "missed", "left"})
_IN_PROGRESS: Final[frozenset[Box]] = frozenset({"already_completed", "under_way"})
_COMPLETED: Final[frozenset[Box]] = frozenset({"completed_in_time", "completed_late", "already_completed"})
FIGURES: Final[Mapping[str, frozenset[Box]]] = {
    "started": _MATURED | _IN_PROGRESS,
    "matured": _MATURED,
    "completed_in_time": frozenset({"completed_in_time"}),
    "completed_late": frozenset({"completed_late"}),
    "missed": frozenset({"missed"}),
    "left": frozenset({"left"}),
    "in_progress": _IN_PROGRESS,
    "already_completed": frozenset({"already_completed"}),
    "completed": _COMPLETED,
}
"""The boxes each figure of a row is made of; `completed` is what the cumulative rate counts."""


class Run(NamedTuple):
    """One customer (or member) under way, in whole seconds since 1970 (see `seconds`).

    `due_at` is the last second of the effective deadline day at `as_of`; None without a deadline or while suspended.
    Excluded ones are not to be given at all.
    """

    group: str | None
    started_at: int
    due_at: int | None
    completed_at: int | None
    left_at: int | None


@dataclass(frozen=True)
class RateRow:
    """One row of the contract: started = matured + in_progress; matured = in time + late + missed + left.

    `already_completed` is the part of `in_progress` that has finished. Rates are shares, None where nobody counts.
    """

    group: str | None
    started: int
    matured: int
    completed_in_time: int
    completed_late: int
    missed: int
    left: int
    in_progress: int
    already_completed: int
    rate: float | None
    interval: tuple[float, float] | None
    cumulative_rate: float | None
    median_days: int | None


@dataclass(frozen=True)
class CurvePoint:
    """By the end of `day`, the share `completed`; `at_risk` were still under way when the day began."""

    day: int
    completed: float
    at_risk: int


@dataclass(frozen=True)
class StepRow:
    """One line of the funnel; `median_days` is the day by which half of those who completed the step had done so."""

    key: str
    reached: int
    completed: int
    median_days: int | None


@dataclass(frozen=True)
class CompletionRate:
    """The rows of a report, and over all of them one row and one curve."""

    rows: list[RateRow]
    total: RateRow
    curve: list[CurvePoint]


def seconds(at: datetime | None) -> int | None:
    """Whole seconds since 1970, cut off downwards, as `Run` wants them."""
    return None if at is None else _seconds(at)


def completion_rate(
    runs: Columns | Iterable[Run],
    *,
    as_of: datetime,
    zone: ZoneInfo,
    grouped: bool = False,
    monthly: bool = False,
    groups_order: Sequence[str | None] = (),
) -> CompletionRate:
    """Rows and curve in one pass. What lies after `as_of` has not happened: starts, completions and leaving alike.

    Not `grouped`: exactly one row, whose group is None, even for no runs. Grouped: a row for each group that has
    started, those of `groups_order` first, the others by name, None last. `monthly`: the groups are the months of
    start (`2026-04`), whatever the runs say.
    """
    grouped = grouped or monthly
    columns = runs if isinstance(runs, Columns) else Columns.of(runs)
    tallies = tally(columns, as_of=as_of, zone=zone, grouped=grouped, monthly=monthly)
    ranks = {group: rank for rank, group in enumerate(groups_order)}
    groups = sorted(tallies, key=lambda group: (ranks.get(group, len(ranks)), group is None, group or ""))
    whole = _whole(tallies.values())
    points = _incidence(whole)
    total = _row(None, whole, points)
    rows = [_row(group, tallies[group], _incidence(tallies[group])) for group in groups] if grouped else [total]
    return CompletionRate(rows, total, points)


def box_of(run: Run, *, as_of: datetime) -> Box | None:
    """The one box `run` is in, None before it has started: what `completion_rate` counts, for a single run."""
    now = _seconds(as_of)
    if run.started_at > now:
        return None
    matured = run.due_at is not None and now > run.due_at
    done, left = run.completed_at, run.left_at
    if done is not None and done <= now and (left is None or done <= left):
        if not matured:
            return "already_completed"
        return "completed_in_time" if done <= (run.due_at or 0) else "completed_late"
    if not matured:
        return "under_way"
    return "left" if left is not None and left <= now else "missed"


def rate_rows(
    runs: Iterable[Run],
    *,
    as_of: datetime,
    zone: ZoneInfo,
    grouped: bool = False,
    groups_order: Sequence[str | None] = (),
) -> list[RateRow]:
    """The rows of `completion_rate` alone."""
    return completion_rate(runs, as_of=as_of, zone=zone, grouped=grouped, groups_order=groups_order).rows


def curve(runs: Iterable[Run], *, as_of: datetime, zone: ZoneInfo) -> list[CurvePoint]:
    """The curve of `completion_rate` alone: a point for day 0 and for each day on which somebody's waiting ended."""
    return completion_rate(runs, as_of=as_of, zone=zone).curve


def steps_funnel(steps: Iterable[tuple[str, int, Mapping[int, int]]]) -> list[StepRow]:
    """The funnel from, for each step, its key, how many reached it, and how many completed it on which day.

    Unlike the median of a row this one looks only at those who completed the step, so it is a time, not a forecast.
    """
    rows = []
    for key, reached, completed_on in steps:
        completed = sum(completed_on.values())
        median, counted = None, 0
        for day in sorted(completed_on):
            counted += completed_on[day]
            if 2 * counted >= completed > 0:
                median = day
                break
        rows.append(StepRow(key, reached, completed, median))
    return rows


def _seconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)


def _whole(tallies: Collection[Tally]) -> Tally:
    """All groups as one."""
    if len(tallies) == 1:
        return next(iter(tallies))
    whole = Tally()
    for one in tallies:
        whole.add(one)
    return whole


def _row(group: str | None, tally: Tally, points: Iterable[CurvePoint]) -> RateRow:
    started = tally.started
    matured = tally.in_time + tally.late + tally.missed + tally.left
    return RateRow(
        group=group,
        started=started,
        matured=matured,
        completed_in_time=tally.in_time,
        completed_late=tally.late,
        missed=tally.missed,
        left=tally.left,
        in_progress=started - matured,
        already_completed=tally.already,
        rate=tally.in_time / matured if matured else None,
        interval=wilson(tally.in_time, matured),
        cumulative_rate=(tally.in_time + tally.late + tally.already) / started if started else None,
        median_days=next((point.day for point in points if point.completed >= HALF), None),
    )


def _incidence(tally: Tally) -> list[CurvePoint]:
    """Cumulative incidence of completing, leaving being the competing event (Aalen & Johansen 1978).

    Who completes, leaves or was last seen on one day is at risk all that day.
    """
    completed, left, censored = tally.completed_days, tally.left_days, tally.censored_days
    at_risk = tally.started
    incidence, still_waiting = 0.0, 1.0
    points = []
    for day in sorted({0, *completed, *left, *censored}):
        if at_risk:
            incidence += still_waiting * completed[day] / at_risk
            still_waiting *= (at_risk - completed[day] - left[day]) / at_risk
        points.append(CurvePoint(day, min(incidence, 1.0), at_risk))
        at_risk -= completed[day] + left[day] + censored[day]
    return points
