"""The completion rate read from the database: rows, curve and funnel for one checklist, as of any moment.

What is counted, and how, is in `rate`; here the runs are fetched, since a report over 100,000 accounts spends its time
on reading and not on deciding. So they come as a few columns and not as rows; the few whose deadline a pause has moved
come by a query of their own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import ColumnElement, Select, String, cast, literal, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists import funnel, people, rate
from portal.checklists.catalog import catalog
from portal.checklists.counting import is_counted, pauses_by_run, whole_second
from portal.checklists.deadlines import effective_due
from portal.checklists.models import Enrollment, Pause
from portal.checklists.rate import CurvePoint, RateRow, Run, StepRow, seconds
from portal.checklists.tallies import Columns, placed
from portal.conditions.models import SegmentAccount
from portal.conditions.segments import segments
from portal.kit.clock import Span, day_start
from portal.kit.packed import moments_in, packed_moments, packed_texts, texts_in
from portal.kit.sql import epoch

By = Literal["none", "month", "plan", "tier", "owner", "segment"]
Unit = Literal["account", "member"]
GROUPS: Mapping[str, Any] = {
    "plan": col(Account.plan_key),
    "tier": col(Account.tier),
    "owner": col(Account.owner),
}
COLUMNS: Mapping[str, Any] = {**GROUPS, "account": cast(col(Account.id), String)}
"""What runs can be read in groups of; `account` is each one's own, by its id."""
BYS: tuple[By, ...] = get_args(By)
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True)
class Report:
    """The completion rate of one checklist at `as_of`, by the contract; `due_days` is None without a deadline.

    `total` is the row over everybody, whatever the rows are by. `overlaps`: one account may be in several rows, so they
    add up to more than `total`. `titles` are those of groups that have any, by language.
    """

    checklist: str
    unit: Unit
    by: By
    due_days: int | None
    as_of: datetime
    rows: Sequence[RateRow]
    total: RateRow
    curve: Sequence[CurvePoint]
    steps: Sequence[StepRow]
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def overlaps(self) -> bool:
        return self.by == "segment"


@dataclass(frozen=True)
class Counted:
    """One run in a report: whose it is, and what it counts as."""

    account_id: int
    member_id: int | None
    run: Run


def completion_report(
    session: Session,
    key: str,
    *,
    by: By = "none",
    unit: Unit = "account",
    as_of: datetime,
    zone: ZoneInfo,
) -> Report:
    """The report for `key`; `NotFound` where no such checklist is live."""
    known = catalog(session)
    live = known.live_of(key)
    at = whole_second(as_of)
    if unit == "member":
        counted = people.member_runs(session, live, as_of=at, zone=zone)
        runs: Columns | Sequence[Run] = [one.run._replace(group=one.values.get(by)) for one in counted]
    else:
        counted = []
        runs = account_runs(session, key, by=by, as_of=at, zone=zone)
    result = rate.completion_rate(
        runs, as_of=at, zone=zone, grouped=by not in ("none", "segment"), monthly=by == "month"
    )
    rows = result.rows
    if by == "segment":
        # An account in two segments stands in two rows, and once in the total.
        several = [one.run for one in counted_runs(session, key, by=by, unit=unit, as_of=as_of, zone=zone)]
        order = [one.key for one in segments(session).all]
        rows = rate.rate_rows(several, as_of=at, zone=zone, grouped=True, groups_order=order)
    if unit == "member":
        steps = people.member_funnel(live, counted, as_of=at, zone=zone)
    else:
        steps = funnel.steps_reached(session, known, live, started=result.total.started, as_of=at)
    due = live.definition.due
    return Report(
        checklist=key,
        unit=unit,
        by=by,
        due_days=_days_of(due) if due else None,
        as_of=as_of,
        rows=rows,
        total=result.total,
        curve=result.curve,
        steps=steps,
        titles={one.key: one.title for one in segments(session).all} if by == "segment" else {},
    )


def counted_runs(session: Session, key: str, *, by: By, unit: Unit, as_of: datetime, zone: ZoneInfo) -> list[Counted]:
    """Every run the report counts, each in its group and with whose it is; `NotFound` where nothing such is live.

    By segment a run is there once for each segment of its account, and once without a group where there is none.
    """
    live = catalog(session).live_of(key)
    at = whole_second(as_of)
    if by == "segment":
        return _by_segment(session, counted_runs(session, key, by="none", unit=unit, as_of=as_of, zone=zone))
    name = _grouping(by, zone)
    if unit == "member":
        return [
            Counted(one.account_id, one.member_id, one.run._replace(group=name(one.values.get(by), one.run.started_at)))
            for one in people.member_runs(session, live, as_of=at, zone=zone)
        ]
    due = _suspensions(session, key, as_of=at, zone=zone)
    rows = session.connection().execute(_enrolled(key, by).add_columns(col(Enrollment.account_id), col(Enrollment.id)))
    return [
        Counted(account_id, None, Run(name(value, started), started, due.get(one, due_at), completed, left))
        for value, started, due_at, completed, left, account_id, one in rows
    ]


def _by_segment(session: Session, counted: Sequence[Counted]) -> list[Counted]:
    live = {one.key for one in segments(session).all}
    found: dict[int, list[str | None]] = {}
    asked = select(col(SegmentAccount.account_id), col(SegmentAccount.segment_key))
    for account_id, segment in session.connection().execute(asked):
        if segment in live:
            found.setdefault(account_id, []).append(segment)
    nowhere: list[str | None] = [None]
    return [
        Counted(one.account_id, one.member_id, one.run._replace(group=segment))
        for one in counted
        for segment in found.get(one.account_id, nowhere)
    ]


def account_runs(
    session: Session, key: str, *, by: By | Literal["account"], as_of: datetime, zone: ZoneInfo
) -> Columns:
    """The runs alone, as fast as they can be had; the months of `by="month"` are left to `rate`."""
    due = _suspensions(session, key, as_of=as_of, zone=zone)
    query = _enrolled(key, by)
    if not due:
        return _columns(session, key, by)
    is_paused = col(Enrollment.id).in_(select(col(Pause.enrollment_id)))
    paused = session.connection().execute(query.add_columns(col(Enrollment.id)).where(is_paused))
    runs = [Run(value, started, due[one], completed, left) for value, started, _, completed, left, one in paused]
    return _columns(session, key, by, ~is_paused).and_also(Columns.of(runs))


def _columns(session: Session, key: str, by: str, *where: ColumnElement[bool]) -> Columns:
    moments = [col(one) for one in (Enrollment.started_at, Enrollment.due_at, Enrollment.completed_at, Account.left_at)]
    packed: list[ColumnElement[Any]] = [packed_moments(*moments)]
    if by in COLUMNS:
        packed.append(packed_texts(COLUMNS[by]))
    asked = (
        select(*packed)
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(*is_counted(key), *where)
    )
    found, values = (*session.connection().execute(asked).one(), None)[:2]
    started, *others = moments_in(found, columns=len(moments))
    names, group = placed(texts_in(values)) if by in COLUMNS else ([None], np.zeros(len(started), np.int64))
    return Columns(names, group, started, *others)


def _enrolled(key: str, by: str) -> Select[*tuple[Any, ...]]:
    """Rows in the shape of a `Run`."""
    return (
        select(
            COLUMNS.get(by, literal(None)).label("value"),
            epoch(col(Enrollment.started_at)),
            epoch(col(Enrollment.due_at)),
            epoch(col(Enrollment.completed_at)),
            epoch(col(Account.left_at)),
        )
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(*is_counted(key))
    )


def _grouping(by: By, zone: ZoneInfo) -> Callable[[str | None, int], str | None]:
    """How a run's group is found from its account's value and its start in seconds."""
    if by == "none":
        return lambda _value, _started: None
    if by != "month":
        return lambda value, _started: value
    bounds: list[int] = []
    names: list[str] = []
    for year in range(1969, 2201):
        for month in range(1, 13):
            first = datetime(year, month, 1, tzinfo=zone).date()
            bounds.append(int(day_start(first, zone).timestamp()))
            names.append(f"{year}-{month:02}")
    return lambda _value, started: names[max(0, bisect_right(bounds, started) - 1)]


def _suspensions(session: Session, key: str, *, as_of: datetime, zone: ZoneInfo) -> dict[int, int | None]:
    """The effective deadlines of the few runs that were ever paused."""
    pauses, due = pauses_by_run(session, key)
    return {one: seconds(effective_due(due[one], spans, as_of=as_of, zone=zone)) for one, spans in pauses.items()}


def _days_of(due: Span) -> int:
    """The given time in days, as the contract wants it: a month counts as 30."""
    return due.count * {"d": 1, "w": 7, "mo": 30}[due.unit]
