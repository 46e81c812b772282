"""The audit log: who of the vendor saw and changed what, written down where it happens and never changed afterwards.

`record` adds a line in the transaction of the act. `note_seen` adds at most one an hour for one person and page,
after the page has been answered. What has a record of its own (exceptions with their reasons, completed steps, the
history of texts) is named here with its address and not told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, or_, select
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing, table_of
from portal.accounts.models import Account, Member
from portal.accounts.personal import Person
from portal.accounts.trail_models import TrailEntry
from portal.accounts.viewers import Looking, StaffViewer
from portal.kit.sql import mentions

TrailKind = Literal["changed", "seen", "exported", "access"]
LONGEST_ACT, LONGEST_ABOUT = 200, 300
FORGET_AT_ONCE = 5_000


@dataclass(frozen=True)
class Doer:
    """Who does something: `staff_id` is None for the command line."""

    staff_id: int | None
    key: str
    name: str


COMMAND_LINE = Doer(None, "banso", "banso")
"""Whoever can run commands on the server: nothing more is known of them."""


def doer(viewer: StaffViewer | Looking) -> Doer:
    """A signed-in person of the vendor."""
    return Doer(viewer.staff_id, viewer.email_key, viewer.name)


def record(
    session: Session,
    *,
    by: Doer,
    act: str,
    kind: TrailKind,
    now: datetime,
    account: Account | None = None,
    member: Member | None = None,
    about: str = "",
    detail: Mapping[str, Any] | None = None,
    once: str | None = None,
) -> None:
    """Add a line, in the transaction of what it tells of. `about` names what is no customer; a customer names itself.

    With `once` a line that is there already is enough.
    """
    named = " · ".join(part for part in (_called(account), _person(member), about) if part)
    row = {
        "at": now,
        "kind": kind,
        "act": act[:LONGEST_ACT],
        "staff_id": by.staff_id,
        "by": by.key[:254],
        "by_name": by.name[:200],
        "account_id": account.id if account else None,
        "member_id": member.id if member else None,
        "about": named[:LONGEST_ABOUT],
        "detail": dict(detail or {}),
        "once": once,
    }
    if once is None:
        session.execute(table_of(TrailEntry).insert(), row)
    else:
        insert_missing(session, TrailEntry, [row], returning=["id"])


def forget_trail(session: Session, *, now: datetime, days: int) -> int:
    """Drop some of the lines older than `days`; how many that were, 0 when nothing is left to drop."""
    old = (
        select(col(TrailEntry.id))
        .where(col(TrailEntry.at) < now - timedelta(days=days))
        .order_by(col(TrailEntry.at))
        .limit(FORGET_AT_ONCE)
    )
    ids = session.execute(old).scalars().all()
    if ids:
        session.execute(delete(TrailEntry).where(col(TrailEntry.id).in_(ids)))
    return len(ids)


def held(session: Session, person: Person) -> dict[str, Any]:
    """What the audit log holds of a person: who of the vendor looked at them, or changed something about them."""
    lines = session.execute(
        select(TrailEntry).where(col(TrailEntry.member_id) == person.member_id).order_by(col(TrailEntry.id))
    ).scalars()
    return {"seen_and_changed_by_staff": [{"at": one.at, "act": one.act, "detail": one.detail} for one in lines]}


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of the lines of their customer and of those of no customer; the lines stay."""
    texts = (col(TrailEntry.about), col(TrailEntry.detail), col(TrailEntry.once))
    needles = [mentions(text, needle) for text in texts for needle in person.traces.needles]
    theirs = or_(col(TrailEntry.account_id) == person.account_id, col(TrailEntry.account_id).is_(None))
    found = session.execute(
        select(TrailEntry).where(or_(col(TrailEntry.member_id) == person.member_id, theirs & or_(*needles)))
    ).scalars()
    for line in found.all():
        if line.account_id in (None, person.account_id):
            line.about = person.traces.out_of(line.about)
            line.detail = person.traces.scrubbed(line.detail)
        if line.member_id == person.member_id:
            line.member_id = None
        session.add(line)
    session.flush()


def _called(account: Account | None) -> str:
    return f"{account.name} ({account.external_id})" if account else ""


def _person(member: Member | None) -> str:
    return (member.name or member.email or member.external_id or str(member.id)) if member else ""
