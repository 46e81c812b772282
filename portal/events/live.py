"""The latest of what one source sent, taken or not, and what it has sent ever: for whoever connects a product.

Both are cheap however much is on record. The latest events are looked for among the last 20,000 of the log before the
source's newest; figures come from the daily ones; which properties an event has is told by a sample of the latest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.events.activity import NOT_TAKEN
from portal.events.deliveries import refused_deliveries
from portal.events.models import Event, SourceDay, TurnedAway

Status = Literal["accepted", "waiting", "rejected", "duplicate"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
SHOWN = 50
LOOKED_THROUGH = 20_000
SAMPLED = 2_000


@dataclass(frozen=True)
class LiveFilters:
    """What to show; "" filters nothing. Account and member are the ids of the product, exactly."""

    name: str = ""
    account: str = ""
    member: str = ""
    status: Status | None = None

    @property
    def is_about_events(self) -> bool:
        """Whether only events can fit: nobody knows what was turned away to be about anyone."""
        return bool(self.name or self.account or self.member)


@dataclass(frozen=True)
class LiveLine:
    """One event, or what one request brought that was not taken. `at` is when it came in.

    `account` is what the sender called it, `account_name` ours; `codes` are (code: how many) of a refusal, and `count`
    how many messages the line stands for. `sample` is the beginning of the first one refused.
    """

    id: int
    at: datetime
    status: Status
    name: str = ""
    happened_at: datetime | None = None
    account: str = ""
    account_name: str = ""
    member: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    count: int = 1
    sample: str = ""


@dataclass(frozen=True)
class Figures:
    """What came from a source on one day of the vendor's zone."""

    day: date
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class SeenEvent:
    """One event a source has sent: how often, first and last, and the properties of its latest (name: types)."""

    name: str
    count: int
    first_at: datetime
    last_at: datetime
    sampled: int
    properties: Mapping[str, Sequence[str]]


def latest(session: Session, source_id: int, filters: LiveFilters, *, limit: int = SHOWN) -> list[LiveLine]:
    """The newest lines that fit, newest first."""
    lines: list[LiveLine] = []
    if filters.status in (None, "accepted", "waiting"):
        lines += _events(session, source_id, filters, limit)
    if filters.status in (None, "rejected", "duplicate") and not filters.is_about_events:
        lines += _turned_away(session, source_id, filters.status, limit)
        if filters.status != "duplicate":
            lines += _refused_webhooks(session, source_id, limit)
    lines.sort(key=lambda line: (line.at, line.id), reverse=True)
    return lines[:limit]


def daily(session: Session, source_ids: Sequence[int], *, first_day: date) -> dict[int, list[Figures]]:
    """By source, the days from `first_day` on which anything came in, in order."""
    asked = (
        select(
            col(SourceDay.source_id),
            col(SourceDay.day),
            func.sum(col(SourceDay.accepted)),
            func.sum(col(SourceDay.duplicates)),
            func.sum(col(SourceDay.rejected)),
        )
        .where(col(SourceDay.source_id).in_(source_ids), col(SourceDay.day) >= first_day)
        .group_by(col(SourceDay.source_id), col(SourceDay.day))
        .order_by(col(SourceDay.source_id), col(SourceDay.day))
    )
    found: dict[int, list[Figures]] = {source_id: [] for source_id in source_ids}
    for source_id, day, accepted, duplicates, rejected in session.connection().execute(asked):
        assert source_id is not None
        assert day is not None
        found[source_id].append(Figures(day, int(accepted), int(duplicates), int(rejected)))
    return found


def seen_events(session: Session, source_id: int) -> list[SeenEvent]:
    """Every event this source ever sent, by name; properties from a sample of its latest."""
    asked = (
        select(
            col(SourceDay.name),
            func.sum(col(SourceDay.accepted)),
            func.min(col(SourceDay.first_at)),
            func.max(col(SourceDay.last_at)),
        )
        .where(col(SourceDay.source_id) == source_id, col(SourceDay.name) != NOT_TAKEN)
        .group_by(col(SourceDay.name))
        .order_by(col(SourceDay.name))
    )
    counted, types = _sampled(session, source_id)
    return [
        SeenEvent(name, int(count), first_at, last_at, counted[name], _ordered(types.get(name, {})))
        for name, count, first_at, last_at in session.connection().execute(asked)
        if name is not None and first_at is not None and last_at is not None
    ]


def ever_seen(session: Session, names: Sequence[str]) -> set[str]:
    """Those of `names` that any source has sent at least once."""
    asked = select(col(SourceDay.name)).where(col(SourceDay.name).in_(names)).distinct()
    return {name for name in session.connection().scalars(asked) if name is not None}


# --- steps ------------------------------------------------------------------------------------------------------------


def _events(session: Session, source_id: int, filters: LiveFilters, limit: int) -> list[LiveLine]:
    where = _fits(session, source_id, filters)
    if where is None:
        return []
    order = col(Event.at) if filters.account else col(Event.id)
    asked = (
        select(
            col(Event.id),
            col(Event.received_at),
            col(Event.at),
            col(Event.name),
            col(Event.account_id),
            col(Account.external_id),
            col(Account.name),
            col(Member.external_id),
            col(Event.group_ref),
            col(Event.user_ref),
            col(Event.anonymous_ref),
            col(Event.properties),
        )
        .outerjoin(Account, col(Account.id) == col(Event.account_id))
        .outerjoin(Member, col(Member.id) == col(Event.member_id))
        .where(*where)
        .order_by(order.desc(), col(Event.id).desc())
        .limit(limit)
    )
    return [
        LiveLine(
            id=row.id,
            at=row.received_at,
            status="accepted" if row.account_id is not None else "waiting",
            name=row[3],
            happened_at=row.at,
            account=row[5] or row.group_ref or "",
            account_name=row[6] or "",
            member=row[7] or row.user_ref or row.anonymous_ref or "",
            properties=row.properties,
        )
        for row in session.connection().execute(asked)
    ]


def _fits(session: Session, source_id: int, filters: LiveFilters) -> list[ColumnElement[bool]] | None:
    """The conditions on events; None where none can fit."""
    # `+ 0` keeps both planners from the index over a source's message ids, which is in no order of ours.
    where: list[ColumnElement[bool]] = [(col(Event.source_id) + 0) == source_id]
    if filters.account:
        account_id = session.connection().scalar(
            select(col(Account.id)).where(col(Account.external_id) == filters.account)
        )
        if account_id is None:
            return None
        where.append(col(Event.account_id) == account_id)
    else:
        newest = _newest(session, source_id)
        if newest is None:
            return None
        where += [col(Event.id) <= newest, col(Event.id) > newest - LOOKED_THROUGH]
    if filters.name:
        where.append(col(Event.name) == filters.name)
    if filters.member:
        known = select(col(Member.id)).where(col(Member.external_id) == filters.member)
        where.append(or_(col(Event.member_id).in_(known), col(Event.user_ref) == filters.member))
    if filters.status is not None:
        is_waiting = filters.status == "waiting"
        where.append(col(Event.account_id).is_(None) if is_waiting else col(Event.account_id).is_not(None))
    return where


def _newest(session: Session, source_id: int) -> int | None:
    """The newest event of the source, from its last day with any."""
    mine = and_(col(SourceDay.source_id) == source_id, col(SourceDay.last_event_id).is_not(None))
    last_day = select(func.max(col(SourceDay.day))).where(mine).scalar_subquery()
    asked = select(func.max(col(SourceDay.last_event_id))).where(mine, col(SourceDay.day) == last_day)
    return session.connection().scalar(asked)


def _turned_away(session: Session, source_id: int, status: Status | None, limit: int) -> list[LiveLine]:
    asked = (
        select(
            col(TurnedAway.id),
            col(TurnedAway.at),
            col(TurnedAway.duplicates),
            col(TurnedAway.codes),
            col(TurnedAway.sample),
        )
        .where(col(TurnedAway.source_id) == source_id)
        .order_by(col(TurnedAway.id).desc())
        .limit(limit * 4 if status else limit)
    )
    lines = []
    for row_id, at, duplicates, codes, sample in session.connection().execute(asked):
        assert row_id is not None
        assert at is not None
        if duplicates and status in (None, "duplicate"):
            lines.append(LiveLine(row_id, at, "duplicate", count=duplicates, sample="" if codes else sample or ""))
        if codes and status in (None, "rejected"):
            lines.append(LiveLine(row_id, at, "rejected", codes=codes, count=sum(codes.values()), sample=sample or ""))
    return lines


def _refused_webhooks(session: Session, source_id: int, limit: int) -> list[LiveLine]:
    return [
        LiveLine(place, one.at, "rejected", name=one.type or "", codes={one.code: 1}, sample=one.line)
        for place, one in enumerate(refused_deliveries(session, source_id, limit=limit))
    ]


def _sampled(session: Session, source_id: int) -> tuple[Counter[str], dict[str, dict[str, set[str]]]]:
    counted: Counter[str] = Counter()
    types: dict[str, dict[str, set[str]]] = {}
    where = _fits(session, source_id, LiveFilters())
    if where is None:
        return counted, types
    asked = select(col(Event.name), col(Event.properties)).where(*where).order_by(col(Event.id).desc()).limit(SAMPLED)
    for name, properties in session.connection().execute(asked):
        assert name is not None
        counted[name] += 1
        here = types.setdefault(name, {})
        for key, value in (properties or {}).items():
            here.setdefault(key, set()).add(_type_of(value))
    return counted, types


def _ordered(types: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(types[name])) for name in sorted(types)}


def _type_of(value: object) -> str:
    """As JSON calls it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"
