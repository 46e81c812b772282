"""The figures of one month read from the database: for all customers together, and for each group of each dimension.

What stands in a month is decided in `closing_rules`; here customers, runs, activity and contacts are fetched once and
counted for the month and for the fiscal year up to its end. Shares nobody can know are None with the reason beside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Staff
from portal.checklists.catalog import catalog
from portal.checklists.rate import Run, seconds
from portal.checklists.report import counted_runs
from portal.events.models import EventDay
from portal.insights import dimensions
from portal.insights.closing_rules import (
    WAIT_DAYS,
    Period,
    counts_of,
    first_day,
    fiscal_year,
    helped_themselves,
)
from portal.kit.clock import day_start, local_day
from portal.touch.contacts import contact_days

READ = "article.read"
Figures = dict[str, Any]


@dataclass(frozen=True)
class _Span:
    """A period of the report, in seconds and in days."""

    period: Period
    first: date
    last: date


@dataclass(frozen=True)
class _Found:
    """What both spans are counted from."""

    present: Mapping[int, tuple[int, int | None]]
    active: Mapping[str, Collection[tuple[int, int]]]
    readings: Mapping[str, Collection[tuple[int, date]]]
    contacts: Mapping[int, Collection[date]]
    runs: Mapping[str, Collection[tuple[int, Run]]]


def figures_of(session: Session, month: str, *, as_of: datetime, zone: ZoneInfo, fiscal_start: int) -> Figures:
    """The figures of `month` as they stand at `as_of`: the month's end, or a moment within it.

    `{"as_of", "fiscal_start", "fiscal_year", "company", "checklists", "by"}`: `company` and each checklist have
    `month` and `year`; `by` has, for each dimension, such figures for each group.
    """
    year, year_first = fiscal_year(month, fiscal_start)
    last = local_day(as_of, zone)
    spans = {
        "month": _span(first_day(month), last, as_of, zone),
        "year": _span(first_day(year_first), last, as_of, zone),
    }
    found = _found(session, spans, as_of=as_of, zone=zone)
    cs = _cs_people(session, as_of)
    told = _told(found, spans, None, as_of=as_of, cs=cs)
    by = {}
    for dimension in dimensions.known():
        members: dict[str, set[int]] = {}
        for account_id, groups in dimension.groups(session).items():
            for group in groups:
                members.setdefault(group, set()).add(account_id)
        names = sorted(members, key=lambda name: (name == dimensions.NONE, name))
        lines = [{"group": name, **_told(found, spans, members[name], as_of=as_of, cs=None)} for name in names]
        by[dimension.key] = [line for line in lines if line["company"]["month"]["customers"] or _any_started(line)]
    return {
        "as_of": as_of.isoformat(),
        "fiscal_start": fiscal_start,
        "fiscal_year": year,
        "titles": {one.key: one.definition.title for one in catalog(session).live},
        **told,
        "by": by,
    }


def _span(first: date, last: date, as_of: datetime, zone: ZoneInfo) -> _Span:
    return _Span(Period(seconds(day_start(first, zone)), seconds(as_of) or 0), first, last)


def _found(session: Session, spans: Mapping[str, _Span], *, as_of: datetime, zone: ZoneInfo) -> _Found:
    rows = session.execute(select(col(Account.id), col(Account.started_at), col(Account.left_at)))
    present = {one or 0: (seconds(started) or 0, seconds(left)) for one, started, left in rows}
    ago = timedelta(days=WAIT_DAYS)
    first, last = spans["year"].first, spans["year"].last
    return _Found(
        present=present,
        active={key: _active(session, span) for key, span in spans.items()},
        readings={key: _readings(session, span.first - ago, span.last - ago) for key, span in spans.items()},
        contacts=contact_days(session, first - ago, last),
        runs={
            one.key: [
                (run.account_id, run.run)
                for run in counted_runs(session, one.key, by="none", unit="account", as_of=as_of, zone=zone)
            ]
            for one in catalog(session).live
        },
    )


def _active(session: Session, span: _Span) -> set[tuple[int, int]]:
    """Customer and person (0 for nobody in particular) of whatever was recorded in the span."""
    rows = session.execute(
        select(col(EventDay.account_id), col(EventDay.member_id))
        .where(col(EventDay.day) >= span.first, col(EventDay.day) <= span.last)
        .distinct()
    )
    return {(account_id, member_id) for account_id, member_id in rows}


def _readings(session: Session, first: date, last: date) -> set[tuple[int, date]]:
    """Customer and day on which somebody of it read an article."""
    rows = session.execute(
        select(col(EventDay.account_id), col(EventDay.day))
        .where(col(EventDay.name) == READ, col(EventDay.day) >= first, col(EventDay.day) <= last)
        .distinct()
    )
    return {(account_id, day) for account_id, day in rows}


def _cs_people(session: Session, as_of: datetime) -> int:
    rows = session.execute(
        select(col(Staff.id)).where(
            col(Staff.role) == "cs",
            col(Staff.created_at) <= as_of,
            or_(col(Staff.removed_at).is_(None), col(Staff.removed_at) > as_of),
        )
    )
    return len(rows.all())


def _told(
    found: _Found, spans: Mapping[str, _Span], among: Collection[int] | None, *, as_of: datetime, cs: int | None
) -> Figures:
    """The figures of the customers `among` (None: of all)."""

    def ours(account_id: int) -> bool:
        return among is None or account_id in among

    company = {key: _company(found, key, span, ours, cs) for key, span in spans.items()}
    checklists = {}
    for key, runs in found.runs.items():
        kept = [run for account_id, run in runs if ours(account_id)]
        checklists[key] = {name: counts_of(kept, span.period, as_of=as_of).as_json() for name, span in spans.items()}
    return {"company": company, "checklists": checklists}


def _company(found: _Found, key: str, span: _Span, ours: Callable[[int], bool], cs: int | None) -> Figures:
    first, last = span.period.first or 0, span.period.last
    here = {
        one
        for one, (started, left) in found.present.items()
        if ours(one) and started <= last and (left is None or left > first)
    }
    at_end = sum(1 for one in here if (left := found.present[one][1]) is None or left > last)
    active = {pair for pair in found.active[key] if pair[0] in here}
    share, n, why = _self_help([one for one in found.readings[key] if one[0] in here], found.contacts)
    told: Figures = {
        "customers": at_end,
        "active_customers": len({account_id for account_id, _ in active}),
        "active_members": len({member_id for _, member_id in active if member_id}),
        "self_help": share,
        "self_help_n": n,
        "self_help_why": why,
    }
    if cs is not None:
        told |= {"cs": cs, "per_cs": at_end / cs if cs else None, "per_cs_why": "" if cs else "no_cs"}
    return told


def _self_help(
    readings: Iterable[tuple[int, date]], contacts: Mapping[int, Collection[date]]
) -> tuple[float | None, int, str]:
    solved, total = helped_themselves(readings, contacts)
    return (solved / total, total, "") if total else (None, 0, "nobody_read")


def _any_started(line: Figures) -> bool:
    return any(one["month"]["matured"] or one["year"]["matured"] for one in line["checklists"].values())
