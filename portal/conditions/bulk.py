"""Which of very many accounts fulfil a condition: the same answers as asking each, in a few questions for thousands.

Accounts are read in parts, with only the columns the condition speaks of; each question about events is asked once for
a part. Plain counts and days come from the roll-ups; `where`, and counting members or properties, read the events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.conditions.model import Condition, EventCount, Trait, checklists_of, walk_through
from portal.conditions.rules import Occurrence, is_met, tally
from portal.conditions.service import OWN_TRAITS, as_trait, completed_by
from portal.events.models import Event, EventDay
from portal.events.rules import HAPPENINGS
from portal.kit.clock import day_start, local_day
from portal.kit.sql import among

AT_ONCE = 2_000
ONE_DAY = timedelta(days=1)
Counts = Mapping[int, int]


def accounts_in(
    session: Session, condition: Condition, *, now: datetime, zone: ZoneInfo, accounts: Collection[int] | None = None
) -> set[int]:
    """The ids of those accounts (of all, where `accounts` is None) for which `condition` holds now.

    Segments in it must have been looked up: see `segments.expanded`.
    """
    return {
        account_id
        for part in (_every_part(session) if accounts is None else _parts(sorted(accounts)))
        for account_id in _those_of(session, condition, part, now=now, zone=zone)
    }


def _those_of(
    session: Session, condition: Condition, accounts: Sequence[int], *, now: datetime, zone: ZoneInfo
) -> Iterator[int]:
    columns = _columns(condition)
    asked = select(col(Account.id), col(Account.started_at), *(column for _, column in columns))
    rows = session.connection().execute(asked.where(among(col(Account.id), "ids")), {"ids": accounts}).all()
    starts: dict[int, datetime] = {row[0]: row[1] for row in rows}
    asks = {node for node in walk_through(condition) if isinstance(node, EventCount)}
    counts = {query: _counts(session, query, starts, now=now, zone=zone) for query in asks}
    completed = completed_by(session, accounts) if checklists_of(condition) else {}
    for row in rows:
        account_id: int = row[0]
        values = _values(columns, row[2:])

        def count_of(query: EventCount, account_id: int = account_id) -> int:
            return counts[query].get(account_id, 0)

        if is_met(condition, values, count_of, completed=completed.get(account_id, {})):
            yield account_id


# --- what is known of an account --------------------------------------------------------------------------------------


def _columns(condition: Condition) -> list[tuple[str, Any]]:
    """The columns of an account the condition speaks of, by the names conditions have for them."""
    names = {node.name for node in walk_through(condition) if isinstance(node, Trait)}
    own = {f"traits.{name}": column for name, column in OWN_TRAITS.items()}
    found: list[tuple[str, Any]] = [("plan", col(Account.plan_key)), ("tier", col(Account.tier))]
    found = [(name, column) for name, column in found if name in names]
    found += [(name, column) for name, column in own.items() if name in names]
    if any(name.startswith("traits.") for name in names):
        # Also where a column has the name: what is not set there may be a trait.
        found.append(("traits", col(Account.traits)))
    return found


def _values(columns: Sequence[tuple[str, Any]], row: Sequence[Any]) -> dict[str, object]:
    values: dict[str, object] = {}
    traits: dict[str, object] = {}
    for (name, _), value in zip(columns, row, strict=True):
        if name == "traits":
            traits = {**value, **traits}
        elif name.startswith("traits."):
            if value is not None:
                known = name.removeprefix("traits.")
                traits[known] = as_trait(known, value)
        else:
            values[name] = value
    return {**values, "traits": traits}


# --- what happened to it ----------------------------------------------------------------------------------------------


def _counts(
    session: Session, query: EventCount, starts: Mapping[int, datetime], *, now: datetime, zone: ZoneInfo
) -> Counts:
    if query.where or query.distinct not in (None, "day"):
        return _from_events(session, query, starts, now=now, zone=zone)
    today = local_day(now, zone)
    opened = query.last.before(today) + ONE_DAY if query.last is not None else date.min
    # A window of the start differs from account to account: its days are read one by one.
    given = {"ids": list(starts), "name": query.event, "opened": opened, "today": today}
    if query.within is None:
        asked = _DAYS_ADDED_UP if query.distinct == "day" else _TIMES_ADDED_UP
        return {row[0]: row[1] for row in session.connection().execute(asked, given)}
    counted: defaultdict[int, int] = defaultdict(int)
    windows: dict[int, tuple[date, date]] = {}
    for account_id, start in starts.items():
        first = local_day(start, zone)
        windows[account_id] = (first, query.within.after(first))
    for account_id, day, count in session.connection().execute(_EACH_DAY, given):
        first, last = windows[account_id]
        if first <= day <= last:
            counted[account_id] += 1 if query.distinct == "day" else count
    return counted


def _from_events(
    session: Session, query: EventCount, starts: Mapping[int, datetime], *, now: datetime, zone: ZoneInfo
) -> Counts:
    today = local_day(now, zone)
    from_at = day_start(query.last.before(today) + ONE_DAY, zone) if query.last is not None else None
    asked = select(col(Event.account_id), col(Event.at), col(Event.member_id), col(Event.properties)).where(
        among(col(Event.account_id), "ids"),
        col(Event.name) == query.event,
        col(Event.kind).in_(HAPPENINGS),
        col(Event.at) <= now,
        *([col(Event.at) >= from_at] if from_at is not None else []),
    )
    happened: defaultdict[int, list[Occurrence]] = defaultdict(list)
    for account_id, at, member_id, properties in session.connection().execute(asked, {"ids": list(starts)}):
        happened[account_id or 0].append(Occurrence(at, member_id, properties))
    return {
        account_id: tally(some, query, start=starts[account_id], now=now, zone=zone).count
        for account_id, some in happened.items()
    }


_HERE = (
    among(col(EventDay.account_id), "ids"),
    col(EventDay.name) == bindparam("name"),
    col(EventDay.day).between(bindparam("opened"), bindparam("today")),
)
_TIMES_ADDED_UP = (
    select(col(EventDay.account_id), func.sum(col(EventDay.count))).where(*_HERE).group_by(col(EventDay.account_id))
)
_DAYS_ADDED_UP = (
    select(col(EventDay.account_id), func.count(func.distinct(col(EventDay.day))))
    .where(*_HERE)
    .group_by(col(EventDay.account_id))
)
_EACH_DAY = (
    select(col(EventDay.account_id), col(EventDay.day), func.sum(col(EventDay.count)))
    .where(*_HERE)
    .group_by(col(EventDay.account_id), col(EventDay.day))
)


# --- a part at a time -------------------------------------------------------------------------------------------------


def _parts(accounts: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(accounts), AT_ONCE):
        yield accounts[start : start + AT_ONCE]


def _every_part(session: Session) -> Iterator[Sequence[int]]:
    after = 0
    while True:
        asked = select(col(Account.id)).where(col(Account.id) > after).order_by(col(Account.id)).limit(AT_ONCE)
        ids = [one for one in session.connection().scalars(asked) if one is not None]
        if not ids:
            return
        yield ids
        after = ids[-1]
