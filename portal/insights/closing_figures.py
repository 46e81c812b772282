"""The figures of one month read from the database: for all customers together, and for each group of each dimension.

What stands in a month is decided in `closing_rules`. Here everything is found once, as one number for each customer,
and summed for each group: what 100,000 customers cost does not grow with the groups there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import case, distinct, func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Staff
from portal.checklists.catalog import catalog
from portal.checklists.counting import whole_second
from portal.checklists.rate import seconds
from portal.checklists.report import account_runs
from portal.checklists.tallies import DAYS, Numbers
from portal.events.models import EventDay
from portal.insights import dimensions
from portal.insights.closing_rules import (
    WAIT_DAYS,
    Period,
    counts,
    first_day,
    fiscal_year,
    helped_themselves,
    marks_of,
    on_day,
)
from portal.kit.clock import NEVER, day_start, local_day
from portal.kit.sql import epoch
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
class _Lot:
    """Customers in groups: the customer at `of`, a place among all, is in the group at `group`, a place in `names`."""

    names: Sequence[str]
    of: Numbers
    group: Numbers

    def sums(self, numbers: Numbers) -> list[int]:
        """What `numbers`, one for each customer, add up to in each group."""
        summed = np.bincount(self.group, weights=numbers[self.of], minlength=len(self.names))
        return [int(one) for one in summed]


Sums = Mapping[str, Numbers]
"""By what they count: a number for each customer."""


@dataclass(frozen=True)
class _Found:
    """Of every customer, in one order, what the figures are sums of; by span, and by checklist and span."""

    company: Mapping[str, Sums]
    checklists: Mapping[str, Mapping[str, Sums]]


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
    ids, started, left = _accounts(session)
    places = {account_id: place for place, account_id in enumerate(ids.tolist())}
    found = _Found(
        company=_company(session, spans, places, started, left),
        checklists={
            one.key: _runs(session, one.key, spans, places, as_of=as_of, zone=zone) for one in catalog(session).live
        },
    )
    everybody = _Lot([""], np.arange(len(ids)), np.zeros(len(ids), np.int64))
    (told,) = _told(found, everybody, cs=_cs_people(session, as_of))
    by = {}
    for dimension in dimensions.known():
        lot = _lot(dimension.groups(session), places)
        lines = [{"group": name, **line} for name, line in zip(lot.names, _told(found, lot), strict=True)]
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


def _accounts(session: Session) -> tuple[Numbers, Numbers, Numbers]:
    """The customers, when they started, and when they left; in seconds, `NEVER` for what is not so."""
    asked = select(col(Account.id), epoch(col(Account.started_at)), func.coalesce(epoch(col(Account.left_at)), NEVER))
    rows = session.connection().execute(asked.order_by(col(Account.id))).all()
    ids, started, left = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3).T
    return ids, started, left


def _lot(groups: Mapping[int, Sequence[str]], places: Mapping[int, int]) -> _Lot:
    pairs = [(places[one], name) for one, names in groups.items() if one in places for name in names]
    names = sorted({name for _, name in pairs}, key=lambda name: (name == dimensions.NONE, name))
    numbers = {name: number for number, name in enumerate(names)}
    return _Lot(
        names,
        np.array([place for place, _ in pairs], np.int64),
        np.array([numbers[name] for _, name in pairs], np.int64),
    )


def _company(
    session: Session, spans: Mapping[str, _Span], places: Mapping[int, int], started: Numbers, left: Numbers
) -> dict[str, Sums]:
    active = _active(session, spans, places)
    read, helped = _readings(session, spans["year"].first, spans["year"].last)
    of = np.array([places.get(one, 0) for one in (read // DAYS).tolist()], np.int64)
    found: dict[str, Sums] = {}
    for key, span in spans.items():
        here = (started <= span.period.last) & (left > (span.period.first or 0))
        counted = _between(read, span.first, span.last)
        found[key] = {
            "customers": (here & (left > span.period.last)).astype(np.int64),
            **{name: np.where(here, numbers, 0) for name, numbers in active[key].items()},
            "read": np.where(here, np.bincount(of[counted], minlength=len(started)), 0),
            "helped": np.where(here, np.bincount(of[counted & helped], minlength=len(started)), 0),
        }
    return found


def _active(session: Session, spans: Mapping[str, _Span], places: Mapping[int, int]) -> dict[str, Sums]:
    """Whether anything was recorded of each customer in a span, and of how many of its people."""
    month, year = spans["month"], spans["year"]
    person, is_now = func.nullif(col(EventDay.member_id), 0), col(EventDay.day) >= month.first
    asked = (
        select(
            col(EventDay.account_id),
            func.max(case((is_now, 1), else_=0)),
            func.count(distinct(case((is_now, person)))),
            func.count(distinct(person)),
        )
        .where(col(EventDay.day) >= year.first, col(EventDay.day) <= year.last)
        .group_by(col(EventDay.account_id))
    )
    rows = [(places[one], *numbers) for one, *numbers in session.connection().execute(asked) if one in places]
    place, now, people_now, people = np.array(rows, np.int64).reshape(-1, 4).T

    def spread(numbers: Numbers) -> Numbers:
        found = np.zeros(len(places), np.int64)
        found[place] = numbers
        return found

    return {
        "month": {"active_customers": spread(now), "active_members": spread(people_now)},
        "year": {"active_customers": spread(np.ones(len(place), np.int64)), "active_members": spread(people)},
    }


def _readings(session: Session, first: date, last: date) -> tuple[Numbers, Any]:
    """The days of customers on which somebody of them read an article, by `on_day`, and whether that was enough: those
    whose days to wait end between `first` and `last`."""
    ago = timedelta(days=WAIT_DAYS)
    asked = (
        select(col(EventDay.account_id), col(EventDay.day))
        .where(col(EventDay.name) == READ, col(EventDay.day) >= first - ago, col(EventDay.day) <= last - ago)
        .distinct()
    )
    read = np.array([on_day(*row) for row in session.connection().execute(asked)], np.int64)
    days = contact_days(session, first - ago, last)
    contacts = np.array([on_day(one, day) for one, several in days.items() for day in several], np.int64)
    return read, helped_themselves(read, contacts)


def _between(read: Numbers, first: date, last: date) -> Any:
    day = read % DAYS + WAIT_DAYS
    return (day >= first.toordinal()) & (day <= last.toordinal())


def _runs(
    session: Session,
    key: str,
    spans: Mapping[str, _Span],
    places: Mapping[int, int],
    *,
    as_of: datetime,
    zone: ZoneInfo,
) -> dict[str, Sums]:
    at = whole_second(as_of)
    runs = account_runs(session, key, by="account", as_of=at, zone=zone)
    of = np.array([places[int(name or 0)] for name in runs.names], np.int64)[runs.group]
    return {
        name: {
            what: np.bincount(of[marks], minlength=len(places))
            for what, marks in marks_of(runs, span.period, as_of=at).items()
        }
        for name, span in spans.items()
    }


def _cs_people(session: Session, as_of: datetime) -> int:
    rows = session.execute(
        select(col(Staff.id)).where(
            col(Staff.role) == "cs",
            col(Staff.created_at) <= as_of,
            or_(col(Staff.removed_at).is_(None), col(Staff.removed_at) > as_of),
        )
    )
    return len(rows.all())


def _told(found: _Found, lot: _Lot, *, cs: int | None = None) -> list[Figures]:
    """The figures of each group of the customers; `cs` is how many look after them, where that can be said."""
    told: list[Figures] = [{"company": {}, "checklists": {key: {} for key in found.checklists}} for _ in lot.names]
    for span, sums in found.company.items():
        for line, numbers in zip(told, _by_group(lot, sums), strict=True):
            line["company"][span] = _of_company(numbers, cs)
    for key, by_span in found.checklists.items():
        for span, sums in by_span.items():
            for line, numbers in zip(told, _by_group(lot, sums), strict=True):
                line["checklists"][key][span] = counts(numbers).as_json()
    return told


def _by_group(lot: _Lot, sums: Sums) -> list[dict[str, int]]:
    summed = {name: lot.sums(numbers) for name, numbers in sums.items()}
    return [{name: numbers[place] for name, numbers in summed.items()} for place in range(len(lot.names))]


def _of_company(numbers: Mapping[str, int], cs: int | None) -> Figures:
    read = numbers["read"]
    told: Figures = {
        "customers": numbers["customers"],
        "active_customers": numbers["active_customers"],
        "active_members": numbers["active_members"],
        "self_help": numbers["helped"] / read if read else None,
        "self_help_n": read,
        "self_help_why": "" if read else "nobody_read",
    }
    if cs is not None:
        at_end = numbers["customers"]
        told |= {"cs": cs, "per_cs": at_end / cs if cs else None, "per_cs_why": "" if cs else "no_cs"}
    return told


def _any_started(line: Figures) -> bool:
    return any(one["month"]["matured"] or one["year"]["matured"] for one in line["checklists"].values())
