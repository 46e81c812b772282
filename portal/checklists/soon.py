"""Deadlines that are about to pass: which customers still have some days, and what they lack is not yet too late."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import Session, col

from portal.accounts.looked_after import looked_after_by
from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.counting import is_counted, of_customers_here, pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.models import Enrollment, Pause


@dataclass(frozen=True)
class DueSoon:
    """A customer that is under way and whose deadline comes. `checklist` is its key."""

    external_id: str
    name: str
    owner: str | None
    checklist: str
    due_at: datetime


@dataclass(frozen=True)
class Soon:
    """The first of them, the next first, and how many there are."""

    rows: Sequence[DueSoon]
    total: int


def due_soon(
    session: Session, *, now: datetime, until: datetime, zone: ZoneInfo, names: Collection[str] = (), limit: int
) -> Soon:
    """Whoever's deadline lies between `now` and `until`; of the customers looked after by whoever is called one of
    `names`, if any are given. Paused and excluded customers have none, nor has who left."""
    found: list[DueSoon] = []
    total = 0
    for live in catalog(session).live:
        here = (
            *is_counted(live.key),
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.paused_at).is_(None),
            col(Enrollment.due_at) <= until,
            of_customers_here(now),
        )
        if names:
            theirs = select(col(Account.id)).where(looked_after_by(names))
            here = (*here, col(Enrollment.account_id).in_(theirs))
        # A pause moves a deadline later and never earlier, so only runs that had one are looked at one by one.
        ever_paused = select(col(Pause.enrollment_id))
        plain = (*here, col(Enrollment.due_at) > now, col(Enrollment.id).not_in(ever_paused))
        total += session.execute(select(func.count()).select_from(Enrollment).where(*plain)).scalar_one()
        first = _asked(plain).order_by(col(Enrollment.due_at), col(Enrollment.id)).limit(limit)
        for _, due_at, external_id, name, owner in session.connection().execute(first):
            found.append(DueSoon(external_id, name, owner, live.key, due_at))
        pauses, _ = pauses_by_run(session, live.key)
        if not pauses:
            continue
        for run_id, due_at, external_id, name, owner in session.connection().execute(
            _asked((*here, col(Enrollment.id).in_(ever_paused)))
        ):
            at = effective_due(due_at, pauses.get(run_id or 0, ()), as_of=now, zone=zone)
            if at is not None and now < at <= until:
                found.append(DueSoon(external_id, name, owner, live.key, at))
                total += 1
    return Soon(sorted(found, key=lambda one: (one.due_at, one.name))[:limit], total)


def _asked(where: Collection[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Enrollment.id), col(Enrollment.due_at), col(Account.external_id), col(Account.name), col(Account.owner)
        )
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(*where)
    )
