"""Deadlines that are about to pass: which customers still have some days, and what they lack is not yet too late."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlmodel import Session, col

from portal.accounts.looked_after import looked_after_by
from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.counting import is_counted, pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.models import Enrollment


@dataclass(frozen=True)
class DueSoon:
    """A customer that is under way and whose deadline comes. `checklist` is its key."""

    external_id: str
    name: str
    owner: str | None
    checklist: str
    due_at: datetime


def due_soon(
    session: Session, *, now: datetime, until: datetime, zone: ZoneInfo, names: Collection[str] = ()
) -> list[DueSoon]:
    """Whoever's deadline lies between `now` and `until`, the next first; of the customers looked after by whoever is
    called one of `names`, if any are given. Paused and excluded customers have none, nor has who left."""
    found = []
    for live in catalog(session).live:
        pauses, _ = pauses_by_run(session, live.key)
        # A pause moves a deadline later and never earlier, so only runs that had one are looked at more closely.
        due = col(Enrollment.due_at)
        rows = session.connection().execute(
            select(
                col(Enrollment.id),
                due,
                col(Account.external_id),
                col(Account.name),
                col(Account.owner),
            )
            .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
            .where(
                *is_counted(live.key),
                col(Enrollment.completed_at).is_(None),
                col(Enrollment.paused_at).is_(None),
                due <= until,
                or_(due > now, col(Enrollment.id).in_(pauses)) if pauses else due > now,
                col(Account.left_at).is_(None) | (col(Account.left_at) > now),
                *([looked_after_by(names)] if names else []),
            )
        )
        for run_id, due_at, external_id, name, owner in rows:
            at = effective_due(due_at, pauses.get(run_id or 0, ()), as_of=now, zone=zone)
            if at is not None and now < at <= until:
                found.append(DueSoon(external_id, name, owner, live.key, at))
    return sorted(found, key=lambda one: (one.due_at, one.name))
