"""How a customer used the product and the portal in a stretch of days, counted from the daily roll-ups.

A person is active in a stretch if anything is on record as done by them on one of its days. Everybody who belonged to
the customer on any of these days, and is known by an id or an address, is among those who could have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.events.models import EventDay
from portal.kit.clock import Span, day_end, day_start

MOST_WEEKS = 14
SHOWN = 10
PORTAL = ("portal.signed_in", "article.read", "tutorial.started", "tutorial.completed", "webinar.watched")


@dataclass(frozen=True)
class Stretch:
    """A week (or, in a long period, a month) from `first` to `last`, cut to the period, and who was active in it."""

    first: date
    last: date
    active: int


@dataclass(frozen=True)
class Used:
    """One thing that was done: how often, on how many days, and by how many people as far as anybody is named."""

    name: str
    times: int
    days: int
    people: int


@dataclass(frozen=True)
class Usage:
    """A customer's period. `members` belonged to it; `active` of them did something, on `days` days in all.

    `used` are the product's events, the most frequent first; `portal` the portal's own.
    """

    first: date
    last: date
    members: int
    active: int
    days: int
    stretches: Sequence[Stretch]
    used: Sequence[Used]
    more: int
    portal: Sequence[Used]


def usage_of(session: Session, *, account_id: int, first: date, last: date, zone: ZoneInfo) -> Usage:
    """The usage from `first` to `last`, both included."""
    within = (col(EventDay.account_id) == account_id, col(EventDay.day) >= first, col(EventDay.day) <= last)
    members = _members(session, account_id, first, last, zone)
    seen: defaultdict[date, set[int]] = defaultdict(set)
    for day, member_id in session.execute(select(col(EventDay.day), col(EventDay.member_id)).where(*within).distinct()):
        seen[day].add(member_id)
    people = {day: ids & members for day, ids in seen.items()}
    person = case((col(EventDay.member_id) != 0, col(EventDay.member_id)))
    counted = (
        select(
            col(EventDay.name),
            func.sum(col(EventDay.count)),
            func.count(func.distinct(col(EventDay.day))),
            func.count(func.distinct(person)),
        )
        .where(*within)
        .group_by(col(EventDay.name))
    )
    used = [Used(name, int(times), days, by) for name, times, days, by in session.execute(counted)]
    used.sort(key=lambda one: (-one.times, one.name))
    ours = [one for one in used if one.name in PORTAL]
    theirs = [one for one in used if one.name not in PORTAL]
    return Usage(
        first=first,
        last=last,
        members=len(members),
        active=len(set().union(*people.values())) if people else 0,
        days=len(seen),
        stretches=[
            Stretch(begin, end, len(set().union(*(ids for day, ids in people.items() if begin <= day <= end))))
            for begin, end in stretches(first, last)
        ],
        used=theirs[:SHOWN],
        more=max(0, len(theirs) - SHOWN),
        portal=sorted(ours, key=lambda one: PORTAL.index(one.name)),
    )


def stretches(first: date, last: date) -> list[tuple[date, date]]:
    """The weeks from Monday on that cover the period, cut to it; months where the weeks would be too many."""
    by_week = (last - first).days < MOST_WEEKS * 7
    found, begin = [], first
    while begin <= last:
        if by_week:
            end = begin + timedelta(days=6 - begin.weekday())
        else:
            end = Span(1, "mo").after(begin.replace(day=1)) - timedelta(days=1)
        found.append((begin, min(end, last)))
        begin = end + timedelta(days=1)
    return found


def _members(session: Session, account_id: int, first: date, last: date, zone: ZoneInfo) -> frozenset[int]:
    asked = select(col(Member.id)).where(
        col(Member.account_id) == account_id,
        col(Member.joined_at) <= day_end(last, zone),
        or_(col(Member.left_at).is_(None), col(Member.left_at) >= day_start(first, zone)),
        or_(col(Member.external_id).is_not(None), col(Member.email_key).is_not(None)),
    )
    return frozenset(one for one in session.execute(asked).scalars() if one is not None)
