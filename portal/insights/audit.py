"""The audit log as it is read: filtered, the newest first, a page at a time or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Staff
from portal.accounts.rules import folded
from portal.accounts.trail import COMMAND_LINE, TrailKind
from portal.accounts.trail_models import TrailEntry
from portal.kit.clock import day_end, day_start, moment_in

AT_ONCE = 2_000
MOST_CUSTOMERS = 500


@dataclass(frozen=True)
class AuditFilters:
    """What is looked for; "" and None look for everything. `who` is a staff person's address, or `banso`."""

    who: str = ""
    customer: str = ""
    kind: TrailKind | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class AuditPlace:
    """Where a line stands: the page goes on with those before it."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id}"


def audit_place(text: str) -> AuditPlace | None:
    """The place that `str(place)` was written as; None for anything else."""
    moment, _, number = text.partition("~")
    at = moment_in(moment)
    is_number = number.isascii() and number.isdecimal() and len(number) < 19
    return AuditPlace(at, int(number)) if at is not None and is_number else None


def audit_lines(
    session: Session, filters: AuditFilters, *, before: AuditPlace | None, limit: int, zone: ZoneInfo
) -> Sequence[TrailEntry]:
    """Up to `limit` lines before `before`, the newest first."""
    asked = select(TrailEntry).where(*_conditions(session, filters, zone))
    if before is not None:
        at, number = col(TrailEntry.at), col(TrailEntry.id)
        asked = asked.where(or_(at < before.at, and_(at == before.at, number < before.id)))
    order = (col(TrailEntry.at).desc(), col(TrailEntry.id).desc())
    return session.execute(asked.order_by(*order).limit(limit)).scalars().all()


def every_line(session: Session, filters: AuditFilters, *, zone: ZoneInfo) -> Iterator[TrailEntry]:
    """All that fit, the newest first, read some at a time."""
    before: AuditPlace | None = None
    while found := audit_lines(session, filters, before=before, limit=AT_ONCE, zone=zone):
        yield from found
        before = AuditPlace(found[-1].at, found[-1].id or 0)
        session.expunge_all()


def people_of_trail(session: Session) -> list[tuple[str, str]]:
    """Whoever can have a line, removed or not: their address, and how they are called; the command line last."""
    rows = session.execute(select(col(Staff.email_key), col(Staff.name)).order_by(col(Staff.name), col(Staff.id)))
    return [*((key, name or key) for key, name in rows), (COMMAND_LINE.key, COMMAND_LINE.name)]


def as_object(line: TrailEntry) -> dict[str, Any]:
    """One line as other systems read it."""
    return {
        "id": line.id,
        "at": line.at,
        "kind": line.kind,
        "act": line.act,
        "by": line.by,
        "by_name": line.by_name,
        "about": line.about,
        "account_id": line.account_id,
        "member_id": line.member_id,
        "detail": line.detail,
    }


def _conditions(session: Session, filters: AuditFilters, zone: ZoneInfo) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.who == COMMAND_LINE.key:
        conditions += [col(TrailEntry.staff_id).is_(None), col(TrailEntry.by) == COMMAND_LINE.key]
    elif filters.who:
        asked = select(col(Staff.id)).where(col(Staff.email_key) == filters.who)
        conditions.append(col(TrailEntry.staff_id) == (session.execute(asked).scalar() or 0))
    if filters.kind:
        conditions.append(col(TrailEntry.kind) == filters.kind)
    if filters.first:
        conditions.append(col(TrailEntry.at) >= day_start(filters.first, zone))
    if filters.last:
        conditions.append(col(TrailEntry.at) <= day_end(filters.last, zone).replace(microsecond=999_999))
    if words := folded(filters.customer):
        named = [col(Account.search_key).contains(word, autoescape=True) for word in words.split()]
        theirs = select(col(Account.id)).where(*named).limit(MOST_CUSTOMERS)
        exact = select(col(Account.id)).where(col(Account.external_id) == filters.customer.strip())
        ids = [*session.execute(theirs).scalars(), *session.execute(exact).scalars()]
        told = col(TrailEntry.about).icontains(filters.customer.strip(), autoescape=True)
        conditions.append(or_(col(TrailEntry.account_id).in_(ids), told))
    return conditions
