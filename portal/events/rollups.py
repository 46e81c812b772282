"""Daily roll-ups: how often each thing happened, by customer, day of the vendor's zone, and person.

Written with the events themselves, so that whoever reads next sees both. Conditions and charts read these few rows
instead of the events. Sums, first and last moments do not depend on the order in which events arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, delete, exists, func, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import table_of
from portal.accounts.models import Member
from portal.accounts.one_person import survivors_of
from portal.events.models import Event, EventDay
from portal.events.rules import EPOCH, HAPPENINGS
from portal.kit.clock import day_start, local_day
from portal.kit.prepared import Insertion, Prepared, driver_of
from portal.kit.sql import among

NO_MEMBER = 0
Key = tuple[int, str, date, int]
Sum = tuple[int, datetime, datetime]


@dataclass(slots=True)
class Recorded:
    """A thing that happened to a customer, as it is now in the log. `member_id` is None where nobody is named.

    Nobody changes one; why it is not frozen, see `Incoming`.
    """

    id: int
    account_id: int
    member_id: int | None
    name: str
    at: datetime
    source_id: int
    message_id: str
    properties: dict[str, Any] = field(default_factory=dict)


def add_up(session: Session, happened: Iterable[Recorded], *, zone: ZoneInfo) -> None:
    """Count what has just been stored. Each event must be given once in its life."""
    days: dict[Key, Sum] = {}
    day, begins, ends = date.min, EPOCH, EPOCH
    for event in happened:
        at = event.at
        if not begins <= at < ends:  # mostly they are of one day, whose ends cost less to look at than the zone
            day = local_day(at, zone)
            begins, ends = day_start(day, zone), day_start(day + timedelta(days=1), zone)
        key = (event.account_id, event.name, day, event.member_id or NO_MEMBER)
        known = days.get(key)
        days[key] = (1, at, at) if known is None else (known[0] + 1, min(known[1], at), max(known[2], at))
    _add(session, days)


def give_to_members(session: Session, named: Iterable[Recorded], *, zone: ZoneInfo) -> None:
    """Count for their members what has been counted for nobody of the customer; `named` are these events, with the
    member they turned out to be by, who stands beside them on record already."""
    named = list(named)
    taken: dict[tuple[int, str, date], int] = {}
    for event in named:
        key = (event.account_id, event.name, local_day(event.at, zone))
        taken[key] = taken.get(key, 0) + 1
    for (account_id, name, day), count in sorted(taken.items()):
        row = and_(
            col(EventDay.account_id) == account_id,
            col(EventDay.name) == name,
            col(EventDay.day) == day,
            col(EventDay.member_id) == NO_MEMBER,
        )
        session.connection().execute(delete(EventDay).where(row, col(EventDay.count) <= count))
        session.connection().execute(update(EventDay).where(row).values({"count": col(EventDay.count) - count}))
        left = select(func.min(col(Event.at)), func.max(col(Event.at))).where(
            col(Event.account_id) == account_id,
            col(Event.name) == name,
            col(Event.at) >= day_start(day, zone),
            col(Event.at) < day_start(day + timedelta(days=1), zone),
            col(Event.member_id).is_(None),
            col(Event.kind).in_(HAPPENINGS),
        )
        first, last = session.connection().execute(left).one()
        if first is not None:
            session.connection().execute(update(EventDay).where(row).values({"first_at": first, "last_at": last}))
    add_up(session, named, zone=zone)


def forget_gone_members(session: Session, account_ids: Sequence[int]) -> None:
    """What erased people did was done by nobody in particular: the customer's sums stay as they were. What is found of
    the entry of a person that became one with another was under way at that time, and is the other's."""
    gone = and_(
        col(EventDay.account_id).in_(account_ids),
        col(EventDay.member_id) != NO_MEMBER,
        ~exists().where(col(Member.id) == col(EventDay.member_id)),
    )
    taken = session.connection().execute(delete(EventDay).where(gone).returning(*_OF_DAY)).all()
    if not taken:
        return
    heirs = survivors_of(session, {row[3] for row in taken})
    deeds: set[tuple[int, str, int]] = set()
    days: dict[Key, Sum] = {}
    for account_id, name, day, member_id, *sums in taken:
        deeds.add((account_id, name, member_id))
        _count(days, (account_id, name, day, heirs.get((account_id, member_id), NO_MEMBER)), *sums)
    _add(session, days)
    for account_id, name, member_id in sorted(deeds):
        theirs = and_(col(Event.account_id) == account_id, col(Event.name) == name, col(Event.member_id) == member_id)
        heir = heirs.get((account_id, member_id))
        session.connection().execute(update(Event).where(theirs).values({"member_id": heir}))


def hand_over(session: Session, *, account_id: int, gone_id: int, keep_id: int) -> None:
    """What was counted for one member of a customer is counted for another from now on."""
    theirs = and_(col(EventDay.account_id) == account_id, col(EventDay.member_id) == gone_id)
    days: dict[Key, Sum] = {}
    for _, name, day, _, *sums in session.connection().execute(delete(EventDay).where(theirs).returning(*_OF_DAY)):
        _count(days, (account_id, name, day, keep_id), *sums)
    _add(session, days)


def days_of(
    session: Session, *, account_id: int, name: str, first_day: date, last_day: date
) -> Sequence[tuple[int, date, int, datetime, datetime]]:
    """(member or 0, day, count, first moment, last moment) of one event, in order of day and member."""
    asked = {"account_id": account_id, "name": name, "first_day": first_day, "last_day": last_day}
    rows = session.connection().execute(_DAYS, asked)
    return [(member, day, count, first, last) for day, member, count, first, last in rows]


def days_by_name(
    session: Session, *, account_id: int, names: Collection[str], first_day: date
) -> dict[str, list[tuple[int, date, int, datetime, datetime]]]:
    """The same from `first_day` on, for several events in one query; those that did not happen are left out."""
    found: dict[str, list[tuple[int, date, int, datetime, datetime]]] = {}
    asked = {"account_id": account_id, "names": sorted(names), "first_day": first_day}
    for name, day, member, count, first, last in _DAYS_BY_NAME.all(session, asked):
        found.setdefault(name, []).append((member, day, count, first, last))
    return found


_COLUMNS: tuple[Any, ...] = (
    EventDay.account_id,
    EventDay.name,
    EventDay.day,
    EventDay.member_id,
    EventDay.count,
    EventDay.first_at,
    EventDay.last_at,
)
_OF_DAY = tuple(col(column) for column in _COLUMNS)
_DAYS = (
    select(*(col(column) for column in _COLUMNS[2:]))
    .where(
        col(EventDay.account_id) == bindparam("account_id"),
        col(EventDay.name) == bindparam("name"),
        col(EventDay.day).between(bindparam("first_day"), bindparam("last_day")),
    )
    .order_by(col(EventDay.day), col(EventDay.member_id))
)
_DAYS_BY_NAME = Prepared(
    select(*(col(column) for column in _COLUMNS[1:]))
    .where(
        col(EventDay.account_id) == bindparam("account_id"),
        among(col(EventDay.name), "names"),
        col(EventDay.day) >= bindparam("first_day"),
    )
    .order_by(col(EventDay.name), col(EventDay.day), col(EventDay.member_id))
)
_KEY = ("account_id", "name", "day", "member_id")
_SUMS = Insertion(
    table_of(EventDay),
    (*_KEY, "count", "first_at", "last_at"),
    conflict="""ON CONFLICT (account_id, name, day, member_id) DO UPDATE SET
        count = event_day.count + excluded.count,
        first_at = least(event_day.first_at, excluded.first_at),
        last_at = greatest(event_day.last_at, excluded.last_at)""",
)


def _count(days: dict[Key, Sum], key: Key, count: int, first: datetime, last: datetime) -> None:
    known = days.get(key, (0, first, last))
    days[key] = (known[0] + count, min(known[1], first), max(known[2], last))


def _add(session: Session, days: dict[Key, Sum]) -> None:
    if not days:
        return
    # In one order everywhere: two transactions that count the same days must not wait for each other in a circle.
    rows = [(*key, *days[key]) for key in sorted(days)]
    driver = driver_of(session)
    if driver is not None:
        _SUMS.on_sqlite(driver, rows)
    else:
        _SUMS.on_postgresql(session.connection(), rows)
