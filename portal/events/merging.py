"""Events of two customers that turned out to be one, and of two that turned out not to be; of two people, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update
from sqlmodel import Session, col

from portal.accounts.merging import Joiner, Joining, Parting
from portal.accounts.one_person import PeopleJoined
from portal.events.dialect import dialect_of, insert_ignoring
from portal.events.models import Alias, Event, EventDay
from portal.events.rollups import hand_over
from portal.events.rules import HAPPENINGS
from portal.events.sources import portal_source_id
from portal.kit.clock import day_end, day_start
from portal.kit.db import chunks, zone_of

Day = tuple[str, date, int, int, datetime, datetime]
"""Name, day, member (0 for none), count, first and last moment."""


def join(session: Session, joining: Joining, now: datetime) -> dict[str, Any]:
    """Everything the one did was done by the other: whose which event was is kept, to take it back."""
    asked = select(col(Event.member_id), col(Event.id)).where(col(Event.account_id) == joining.gone_id)
    whose: dict[str, list[int]] = {}
    for member_id, event_id in session.connection().execute(asked):
        assert event_id is not None
        whose.setdefault(str(member_id or 0), []).append(event_id)
    theirs = col(Event.account_id) == joining.gone_id
    for gone_id, keep_id in joining.members.items():
        mine = update(Event).where(theirs, col(Event.member_id) == gone_id)
        session.connection().execute(mine.values(member_id=keep_id))
    session.connection().execute(update(Event).where(theirs).values(account_id=joining.keep_id))
    gone, kept = _days(session, joining.gone_id), _days(session, joining.keep_id)
    for one in gone:
        _add(session, joining.keep_id, (*one[:2], joining.members.get(one[2], one[2]), *one[3:]))
    session.connection().execute(delete(EventDay).where(col(EventDay.account_id) == joining.gone_id))
    return {
        "whose": whose,
        "members": {str(gone_id): keep_id for gone_id, keep_id in joining.members.items()},
        "gone": [_told(one) for one in gone],
        "kept": [_told(one) for one in kept],
        "aliases": _name(session, joining.aliases, now),
    }


def part(session: Session, parting: Parting, told: Any) -> None:
    """Give back what was the other's. What came since stays where it is."""
    members = parting.ids.get("member", {})
    for ref, person in told["aliases"]:
        said = and_(col(Alias.ref) == ref, col(Alias.person) == person)
        session.connection().execute(delete(Alias).where(said))
    for member, ids in told["whose"].items():
        was = members.get(int(member), int(member)) or None
        for some in chunks(ids, 1000):
            mine = update(Event).where(col(Event.id).in_(some), col(Event.account_id) == parting.keep_id)
            session.connection().execute(mine.values(account_id=parting.gone_id, member_id=was))
    folded = {int(gone_id): keep_id for gone_id, keep_id in told["members"].items()}
    before = {one[:3]: one for one in map(_day, told["kept"])}
    taken: dict[tuple[str, date, int], int] = {}
    for one in map(_day, told["gone"]):
        key = (one[0], one[1], folded.get(one[2], one[2]))
        taken[key] = taken.get(key, 0) + one[3]
        _add(session, parting.gone_id, (*one[:2], members.get(one[2], one[2]), *one[3:]))
    for key, count in taken.items():
        _take(session, parting.keep_id, key, count, before.get(key))


JOINER = Joiner("events", join, part)


def join_people(session: Session, people: PeopleJoined, now: datetime) -> None:
    """Everything the one did was done by the other: for the composition root to subscribe to `one_person.joined`."""
    theirs = and_(col(Event.account_id) == people.account_id, col(Event.member_id) == people.gone_id)
    session.connection().execute(update(Event).where(theirs).values(member_id=people.keep_id))
    hand_over(session, account_id=people.account_id, gone_id=people.gone_id, keep_id=people.keep_id)
    if people.alias is not None and people.called is not None:
        _name(session, {people.alias: people.called}, now)


def _name(session: Session, aliases: Mapping[str, str], now: datetime) -> list[tuple[str, str]]:
    """Let the ids under which doubles were known mean who they are; those said before are not ours to take back."""
    if not aliases:
        return []
    source_id = portal_source_id(session, now=now)
    rows = [
        {"ref": ref, "person": person, "source_id": source_id, "created_at": now}
        for ref, person in sorted(aliases.items())
    ]
    adding = insert_ignoring(dialect_of(session), Alias, Alias.ref)
    new = {ref for (ref,) in session.connection().execute(adding, rows)}
    return [(ref, person) for ref, person in sorted(aliases.items()) if ref in new]


def _days(session: Session, account_id: int) -> list[Day]:
    columns: tuple[Any, ...] = (
        *(EventDay.name, EventDay.day, EventDay.member_id),
        *(EventDay.count, EventDay.first_at, EventDay.last_at),
    )
    asked = select(*(col(column) for column in columns)).where(col(EventDay.account_id) == account_id)
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in session.connection().execute(asked)]


def _row(account_id: int, key: Sequence[Any]) -> Any:
    name, day, member_id = key[:3]
    return and_(
        col(EventDay.account_id) == account_id,
        col(EventDay.name) == name,
        col(EventDay.day) == day,
        col(EventDay.member_id) == member_id,
    )


def _add(session: Session, account_id: int, one: Day) -> None:
    name, day, member_id, count, first, last = one
    found = (
        session.connection()
        .execute(
            select(col(EventDay.count), col(EventDay.first_at), col(EventDay.last_at)).where(_row(account_id, one))
        )
        .first()
    )
    if found is None:
        values = {"account_id": account_id, "name": name, "day": day, "member_id": member_id}
        values |= {"count": count, "first_at": first, "last_at": last}
        session.connection().execute(insert(EventDay).values(values))
        return
    more = {"count": found[0] + count, "first_at": min(found[1], first), "last_at": max(found[2], last)}
    session.connection().execute(update(EventDay).where(_row(account_id, one)).values(more))


def _take(session: Session, account_id: int, key: tuple[str, date, int], count: int, before: Day | None) -> None:
    """Take so many off; the first and last moments are those from before, unless something was added since."""
    where = _row(account_id, key)
    left = (session.connection().scalar(select(col(EventDay.count)).where(where)) or 0) - count
    if left <= 0:
        session.connection().execute(delete(EventDay).where(where))
        return
    first, last = (
        (before[4], before[5]) if before is not None and before[3] == left else _moments(session, account_id, key)
    )
    moments = {"first_at": first, "last_at": last} if first is not None else {}
    session.connection().execute(update(EventDay).where(where).values({"count": left, **moments}))


def _moments(session: Session, account_id: int, key: tuple[str, date, int]) -> tuple[Any, Any]:
    name, day, member_id = key
    zone = zone_of(session)
    asked = select(func.min(col(Event.at)), func.max(col(Event.at))).where(
        col(Event.account_id) == account_id,
        col(Event.name) == name,
        col(Event.kind).in_(HAPPENINGS),
        col(Event.at) >= day_start(day, zone),
        col(Event.at) <= day_end(day, zone),
        col(Event.member_id) == member_id if member_id else col(Event.member_id).is_(None),
    )
    found = session.connection().execute(asked).one()
    return found[0], found[1]


def _told(one: Day) -> list[Any]:
    name, day, member_id, count, first, last = one
    return [name, day.isoformat(), member_id, count, first.isoformat(), last.isoformat()]


def _day(told: Sequence[Any]) -> Day:
    name, day, member_id, count, first, last = told
    moments = datetime.fromisoformat(first), datetime.fromisoformat(last)
    return name, date.fromisoformat(day), member_id, count, *moments
