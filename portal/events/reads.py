"""Reading back what happened: for conditions, which count; for pages and the interface, which list.

Counts come from the daily roll-ups. The events themselves are read only where a condition looks into their properties
or needs the very moment of the one that made it true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, false, func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.events import rollups
from portal.events.models import Event, EventDay, Source
from portal.events.rules import HAPPENINGS

LARGEST_PAGE = 200


@dataclass(frozen=True)
class Day:
    """How often something happened on one day of the vendor's zone, and when first that day."""

    day: date
    count: int
    first_at: datetime


@dataclass(frozen=True)
class Occurrence:
    """One time that something happened. `member_id` is None where nobody is named."""

    id: int
    at: datetime
    member_id: int | None
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Listed:
    """One event as other systems read it: names are those its sender used."""

    id: int
    message_id: str
    event: str
    at: datetime
    received_at: datetime
    source: str
    account: str | None
    member: str | None
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Cursor:
    """Where a page of events ended: newest first, by moment and id."""

    at: datetime
    id: int


@dataclass(frozen=True)
class EventFilters:
    """Which events to list; None filters nothing. `members`: (account, member). `from_at` counts, `to_at` does not."""

    account_id: int | None = None
    members: Sequence[tuple[int, int]] | None = None
    event: str | None = None
    source_id: int | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True)
class Happening:
    """One line of a customer's timeline."""

    id: int
    at: datetime
    name: str
    member_id: int | None
    source_id: int
    properties: Mapping[str, Any] = field(default_factory=dict)


# --- for conditions ---------------------------------------------------------------------------------------------------


def occurrence_days(
    session: Session, *, account_id: int, member_id: int | None, name: str, first_day: date, last_day: date
) -> list[Day]:
    """The days, both ends included, on which `name` happened to this member, or (None) to the customer at all."""
    found: dict[date, Day] = {}
    for member, day, count, first, _ in rollups.days_of(
        session, account_id=account_id, name=name, first_day=first_day, last_day=last_day
    ):
        if member_id is None or member == member_id:
            known = found.get(day)
            found[day] = Day(day, count, first) if known is None else _joined(known, count, first)
    return list(found.values())


def occurrence_days_by_member(
    session: Session, *, account_id: int, name: str, first_day: date, last_day: date
) -> dict[int | None, list[Day]]:
    """The same for everyone of the customer at once; under None, what nobody is named for."""
    found: dict[int | None, list[Day]] = {}
    for member, day, count, first, _ in rollups.days_of(
        session, account_id=account_id, name=name, first_day=first_day, last_day=last_day
    ):
        found.setdefault(member or None, []).append(Day(day, count, first))
    return found


def nth_event_at(
    session: Session,
    *,
    account_id: int,
    member_id: int | None,
    name: str,
    from_at: datetime,
    to_at: datetime | None,
    nth: int,
) -> datetime | None:
    """When `name` happened for the `nth` time (from 1) at or after `from_at` and before `to_at`; None if less often."""
    asked = (
        select(col(Event.at))
        .where(_occurs(account_id, member_id, name, from_at, to_at))
        .order_by(col(Event.at), col(Event.id))
    )
    return session.connection().scalar(asked.offset(nth - 1).limit(1))


def occurrences(
    session: Session,
    *,
    account_id: int,
    member_id: int | None,
    name: str,
    from_at: datetime | None,
    to_at: datetime | None,
    limit: int,
) -> list[Occurrence]:
    """The first `limit` times `name` happened from `from_at` until before `to_at`, oldest first.

    A customer's events lie in the order of their time, whatever their names. So only those are gone through that lie
    between the first and the last of this name on a day when it happened: where it is rare, hardly any others.
    """
    spans = _spans(account_id, name, from_at, to_at)
    asked = (
        select(col(Event.id), col(Event.at), col(Event.member_id), col(Event.properties))
        .join_from(spans, Event, col(Event.at).between(spans.c.first, spans.c.last))
        .where(_occurs(account_id, member_id, name, from_at, to_at))
        .order_by(col(Event.at), col(Event.id))
        .limit(limit)
    )
    return [Occurrence(*row) for row in session.connection().execute(asked)]


# --- for pages and the interface --------------------------------------------------------------------------------------


def list_events(
    session: Session, filters: EventFilters, *, cursor: Cursor | None, limit: int
) -> tuple[list[Listed], Cursor | None]:
    """A page of events, newest first, and where the next one begins (None after the last). At most 200."""
    limit = max(1, min(limit, LARGEST_PAGE))
    asked = _LISTED.where(*_filtered(filters))
    if cursor is not None:
        asked = asked.where(_before(cursor))
    rows = [Listed(*row) for row in session.connection().execute(_newest_first(asked).limit(limit + 1))]
    page = rows[:limit]
    return page, Cursor(page[-1].at, page[-1].id) if len(rows) > limit else None


def events_from(session: Session, filters: EventFilters, *, after: Cursor | None, limit: int) -> list[Listed]:
    """Up to `limit` events behind `after`, oldest first: to go through all there are."""
    where = _filtered(replace(filters, source_id=None))
    if filters.source_id is not None:
        # `+ 0` keeps planners from the index over a source's message ids, which would be sorted anew for each page.
        where.append((col(Event.source_id) + 0) == filters.source_id)
    if after is not None:
        at = col(Event.at)
        where += [at >= after.at, or_(at > after.at, col(Event.id) > after.id)]
    asked = _LISTED.where(*where).order_by(col(Event.at), col(Event.id)).limit(limit)
    return [Listed(*row) for row in session.connection().execute(asked)]


def every_event(session: Session, filters: EventFilters) -> Iterator[Listed]:
    """All events that fit, oldest first, a thousand at a time."""
    after = None
    while True:
        page = events_from(session, filters, after=after, limit=1000)
        yield from page
        if len(page) < 1000:
            return
        after = Cursor(page[-1].at, page[-1].id)


def timeline(session: Session, *, account_id: int, limit: int, before: Cursor | None = None) -> list[Happening]:
    """What happened to a customer, newest first; go on with the `Cursor` of the last line."""
    asked = select(
        col(Event.id),
        col(Event.at),
        col(Event.name),
        col(Event.member_id),
        col(Event.source_id),
        col(Event.properties),
    ).where(col(Event.account_id) == account_id, col(Event.kind).in_(HAPPENINGS))
    if before is not None:
        asked = asked.where(_before(before))
    return [Happening(*row) for row in session.connection().execute(_newest_first(asked).limit(limit))]


def last_seen(session: Session, *, account_ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these customers last did anything; those that never did are missing."""
    rows = session.connection().execute(_LAST_SEEN, {"accounts": list(account_ids)})
    return {account_id: at for account_id, at in rows if account_id is not None and at is not None}


# A look into the index for each: faster than grouping over all the events of all of them.
_LAST_SEEN = select(
    col(Account.id),
    select(col(Event.at))
    .where(col(Event.account_id) == col(Account.id), col(Event.kind).in_(HAPPENINGS))
    .order_by(col(Event.at).desc())
    .limit(1)
    .correlate(Account)
    .scalar_subquery(),
).where(col(Account.id).in_(bindparam("accounts", expanding=True)))
_LISTED = (
    select(
        col(Event.id),
        col(Event.message_id),
        col(Event.name),
        col(Event.at),
        col(Event.received_at),
        col(Source.name),
        col(Account.external_id),
        col(Member.external_id),
        col(Event.properties),
    )
    .join(Source, col(Source.id) == col(Event.source_id))
    .outerjoin(Account, col(Account.id) == col(Event.account_id))
    .outerjoin(Member, col(Member.id) == col(Event.member_id))
    .where(col(Event.kind).in_(HAPPENINGS))
)


def _joined(known: Day, count: int, first_at: datetime) -> Day:
    return Day(known.day, known.count + count, min(known.first_at, first_at))


def _occurs(
    account_id: int, member_id: int | None, name: str, from_at: datetime | None, to_at: datetime | None
) -> ColumnElement[bool]:
    parts = [
        col(Event.account_id) == account_id,
        col(Event.name) == name,
        col(Event.kind).in_(HAPPENINGS),  # a tracked event may be named "identify"
    ]
    if member_id is not None:
        parts.append(col(Event.member_id) == member_id)
    if from_at is not None:
        parts.append(col(Event.at) >= from_at)
    if to_at is not None:
        parts.append(col(Event.at) < to_at)
    return and_(*parts)


def _spans(account_id: int, name: str, from_at: datetime | None, to_at: datetime | None) -> Subquery:
    """From the first to the last time of each day on which `name` happened to the customer; days do not overlap."""
    parts = [col(EventDay.account_id) == account_id, col(EventDay.name) == name]
    if from_at is not None:
        parts.append(col(EventDay.last_at) >= from_at)
    if to_at is not None:
        parts.append(col(EventDay.first_at) < to_at)
    first, last = func.min(col(EventDay.first_at)), func.max(col(EventDay.last_at))
    return select(first.label("first"), last.label("last")).where(*parts).group_by(col(EventDay.day)).subquery("span")


def _filtered(filters: EventFilters) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = []
    if filters.account_id is not None:
        parts.append(col(Event.account_id) == filters.account_id)
    if filters.members is not None:
        # By account first: members have no index of their own, accounts have.
        theirs = [and_(col(Event.account_id) == one, col(Event.member_id) == who) for one, who in filters.members]
        parts.append(or_(false(), *theirs))
    if filters.event is not None:
        parts.append(col(Event.name) == filters.event)
    if filters.source_id is not None:
        parts.append(col(Event.source_id) == filters.source_id)
    if filters.from_at is not None:
        parts.append(col(Event.at) >= filters.from_at)
    if filters.to_at is not None:
        parts.append(col(Event.at) < filters.to_at)
    return parts


def _before(cursor: Cursor) -> ColumnElement[bool]:
    at = col(Event.at)
    return or_(at < cursor.at, and_(at == cursor.at, col(Event.id) < cursor.id))


def _newest_first(asked: Select[Any]) -> Select[Any]:
    return asked.order_by(col(Event.at).desc(), col(Event.id).desc())
