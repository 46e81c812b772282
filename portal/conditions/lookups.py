"""What happened, as counting wants it: day by day from the roll-ups, or one by one from the events.

Asked for one member, the database is asked for that one. Asked for all members of an account, a `Book` reads the
account once and gives each their part: a step for everybody must not read everybody's events for each of them.
"""

from __future__ import annotations

from collections import defaultdict
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
    found: dict[date, Day] = {}
    for member, day, count, first_at, last_at in rollups.days_of(
        session, account_id=account_id, name=name, first_day=first_day, last_day=last_day
    ):
        if member_id not in (None, member):
            continue
        known = found.setdefault(day, Day(day, 0, first_at, last_at))
        known.count += count
        known.first_at = min(known.first_at, first_at)
        known.last_at = max(known.last_at, last_at)
    return list(found.values())


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
    """What happened to one account, read once for all its members. Good for as long as nothing more happens."""

    session: Session
    account_id: int
    _days: dict[str, dict[int, list[Day]]] = field(default_factory=dict)
    _events: dict[str, dict[int, list[Occurrence]]] = field(default_factory=dict)

    def days_of(self, member_id: int, name: str) -> list[Day]:
        """All days on which `name` happened to the member."""
        if name not in self._days:
            by_member: defaultdict[int, list[Day]] = defaultdict(list)
            rows = rollups.days_of(
                self.session, account_id=self.account_id, name=name, first_day=date.min, last_day=date.max
            )
            for member, day, count, first_at, last_at in rows:
                by_member[member].append(Day(day, count, first_at, last_at))
            self._days[name] = by_member
        return self._days[name].get(member_id, [])

    def happened(self, member_id: int, name: str) -> list[Occurrence]:
        """Each time `name` happened to the member."""
        if name not in self._events:
            by_member: defaultdict[int, list[Occurrence]] = defaultdict(list)
            for one in happened(self.session, account_id=self.account_id, member_id=None, name=name):
                by_member[one.member or rollups.NO_MEMBER].append(one)
            self._events[name] = by_member
        return self._events[name].get(member_id, [])
