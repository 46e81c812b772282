"""Deadlines that are about to pass: which customers still have some days, and what they lack is not yet too late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import Session, col

from portal.accounts.looked_after import looked_after_by
from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.counting import ever_paused, of_customers_here, pauses_of
from portal.checklists.deadlines import effective_due
from portal.checklists.models import Enrollment, Pause
from portal.kit.sql import epoch, numbers

A_DAY = 24 * 60 * 60


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
    keys = [live.key for live in catalog(session).live]
    here = [
        col(Enrollment.excluded_at).is_(None),
        col(Enrollment.withdrawn_at).is_(None),
        col(Enrollment.completed_at).is_(None),
        col(Enrollment.paused_at).is_(None),
        col(Enrollment.due_at) <= until,
        of_customers_here(now),
    ]
    if names:
        theirs = select(col(Account.id)).where(looked_after_by(names))
        here.append(col(Enrollment.account_id).in_(theirs))
    # A pause moves a deadline later and never earlier, so only runs that had one are looked at one by one.
    moved = _moved(session, here, keys, now=now, until=until, zone=zone)
    found = [
        DueSoon(external_id, name, owner, key, moved[run_id or 0])
        for run_id, key, _, external_id, name, owner in session.connection().execute(
            _asked([numbers(col(Enrollment.id), list(moved))])
        )
    ]
    total = len(moved)
    never_paused = col(Enrollment.id).not_in(select(col(Pause.enrollment_id)))
    for key in keys:
        plain = (col(Enrollment.checklist_key) == key, *here, col(Enrollment.due_at) > now, never_paused)
        total += session.execute(select(func.count()).select_from(Enrollment).where(*plain)).scalar_one()
        first = _asked(plain).order_by(col(Enrollment.due_at), col(Enrollment.id)).limit(limit)
        for _, _, due_at, external_id, name, owner in session.connection().execute(first):
            found.append(DueSoon(external_id, name, owner, key, due_at))
    return Soon(sorted(found, key=lambda one: (one.due_at, one.name))[:limit], total)


def _moved(
    session: Session,
    here: Collection[ColumnElement[bool]],
    keys: Collection[str],
    *,
    now: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> Mapping[int, datetime]:
    """The deadlines between `now` and `until` of those that were ever paused, by run."""
    longest = _longest_pause(session)
    if longest is None:
        return {}
    # Found by the few pauses: with a checklist named, the database would go through all that is open instead.
    asked = select(col(Enrollment.id), col(Enrollment.checklist_key), col(Enrollment.due_at)).where(
        numbers(col(Enrollment.id), ever_paused(session)), col(Enrollment.due_at) > now - longest, *here
    )
    due = {run_id or 0: due_at for run_id, key, due_at in session.connection().execute(asked) if key in keys}
    pauses = pauses_of(session, list(due))
    found = {}
    for run_id, due_at in due.items():
        at = effective_due(due_at, pauses.get(run_id, ()), as_of=now, zone=zone)
        if at is not None and now < at <= until:
            found[run_id] = at
    return found


def _longest_pause(session: Session) -> timedelta | None:
    """By how much the pauses of one run can have moved its deadline at most; None where no pause has ended."""
    lasted = func.sum(epoch(col(Pause.until)) - epoch(col(Pause.since)) + A_DAY)
    each = select(lasted.label("lasted")).where(col(Pause.until).is_not(None)).group_by(col(Pause.enrollment_id))
    longest = session.execute(select(func.max(each.subquery().c.lasted))).scalar_one()
    return None if longest is None else timedelta(seconds=int(longest))


def _asked(where: Collection[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Enrollment.id),
            col(Enrollment.checklist_key),
            col(Enrollment.due_at),
            col(Account.external_id),
            col(Account.name),
            col(Account.owner),
        )
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(*where)
    )
