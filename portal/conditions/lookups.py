"""What happened, as counting wants it: day by day from the roll-ups, or one by one from the events.

Asked for one thing, the database is asked for that one. Who has many questions about one account at one moment (a step
for everybody, a page of thirty steps) has a `Book`, which reads the account once and gives each question its part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session

from portal.conditions.rules import Occurrence
from portal.events import reads, rollups

ALL = 2**31 - 1


@dataclass
class Day:
    """One day's roll-up, of everybody who was asked for."""

    day: date
    count: int
    first_at: datetime
    last_at: datetime


def days_of(
    session: Session, *, account_id: int, member_id: int | None, name: str, first_day: date, last_day: date
) -> list[Day]:
    """The days, both ends included, on which `name` happened to the member, or (None) to the account at all."""
    rows = rollups.days_of(session, account_id=account_id, name=name, first_day=first_day, last_day=last_day)
    return _added(row for row in rows if member_id in (None, row[0]))


def happened(
    session: Session,
    *,
    account_id: int,
    member_id: int | None,
    name: str,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> list[Occurrence]:
    """Each time `name` happened from `from_at` until before `to_at`, oldest first."""
    rows = reads.occurrences(
        session, account_id=account_id, member_id=member_id, name=name, from_at=from_at, to_at=to_at, limit=ALL
    )
    return [Occurrence(row.at, row.member_id, row.properties) for row in rows]


@dataclass
class Book:
    """What happened to one account, read once. Good for as long as nothing more happens.

    `firsts` are the events that will be asked about, as far as that is known, each with the first day that matters:
    their days are read together. With `only`, questions are about this member and the account; the events of others are
    not read then.
    """

    session: Session
    account_id: int
    firsts: Mapping[str, date] = field(default_factory=dict)
    only: int | None = None
    _days: dict[str, dict[int | None, list[Day]]] = field(default_factory=dict)
    _events: dict[str, dict[int, list[Occurrence]]] = field(default_factory=dict)

    def days_of(self, member_id: int | None, name: str) -> list[Day]:
        """The days on which `name` happened to the member, or (None) to the account at all."""
        if name not in self._days:
            first = self.firsts.get(name, date.min)
            together = {one for one, day in self.firsts.items() if day == first and one not in self._days} | {name}
            found = rollups.days_by_name(self.session, account_id=self.account_id, names=together, first_day=first)
            self._days |= {one: _by_member(found.get(one, [])) for one in together}
        return self._days[name].get(member_id, [])

    def happened(self, member_id: int, name: str) -> list[Occurrence]:
        """Each time `name` happened to the member."""
        if name not in self._events:
            by_member: defaultdict[int, list[Occurrence]] = defaultdict(list)
            for one in happened(self.session, account_id=self.account_id, member_id=self.only, name=name):
                by_member[one.member or rollups.NO_MEMBER].append(one)
            self._events[name] = by_member
        return self._events[name].get(member_id, [])


Row = tuple[int, date, int, datetime, datetime]


def _by_member(rows: Iterable[Row]) -> dict[int | None, list[Day]]:
    by_member: defaultdict[int | None, list[Row]] = defaultdict(list)
    for row in rows:
        by_member[row[0]].append(row)
        by_member[None].append(row)
    return {member: _added(theirs) for member, theirs in by_member.items()}


def _added(rows: Iterable[Row]) -> list[Day]:
    found: dict[date, Day] = {}
    for _, day, count, first_at, last_at in rows:
        known = found.get(day)
        if known is None:
            found[day] = Day(day, count, first_at, last_at)
        else:
            known.count += count
            known.first_at = min(known.first_at, first_at)
            known.last_at = max(known.last_at, last_at)
    return list(found.values())
