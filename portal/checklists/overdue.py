"""Telling that a deadline has passed: once for each deadline of a run, by the first look after it.

A deadline is derived (pauses move it), so nothing happens in the database when it passes; somebody has to look. What
has been told is a row, so a deadline that is moved and passes again is told again, and the same one never is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists import news
from portal.checklists.catalog import catalog
from portal.checklists.deadlines import Pause, effective_due
from portal.checklists.models import Enrollment, OverdueNotice
from portal.checklists.models import Pause as PauseRow
from portal.checklists.news import ChecklistOverdue
from portal.kit.clock import has_passed

LOOK_BACK = timedelta(days=7)
"""What passed longer ago is history: whoever begins to listen is not told of last year."""


def tell_overdue(session: Session, *, now: datetime, zone: ZoneInfo, after: int = 0, limit: int = 500) -> int:
    """Look at up to `limit` runs with an id above `after`; the last id looked at, 0 when there were no more."""
    runs = _late_by_rule(session, now=now, after=after, limit=limit)
    pauses = _pauses(session, [run.id for run in runs])
    late: dict[tuple[int, datetime], ChecklistOverdue] = {}
    for run in runs:
        due = effective_due(run.due_at, pauses[run.id], as_of=now, zone=zone)
        if due is not None and has_passed(due, now) and now - due <= LOOK_BACK:
            late[run.id, due] = ChecklistOverdue(run.external_id, run.checklist_key, run.version, due)
    fresh = _note(session, late.keys(), now=now)
    if fresh:
        news.subscribers.tell(session, [late[key] for key in late if key in fresh], now=now)
    return runs[-1].id if len(runs) == limit else 0


def _late_by_rule(session: Session, *, now: datetime, after: int, limit: int) -> Sequence[Any]:
    """Runs under way whose deadline, as it stands without pauses, has passed; long ago only where a pause may have
    moved it."""
    paused = select(col(PauseRow.enrollment_id))
    rows = (
        select(
            col(Enrollment.id),
            col(Enrollment.checklist_key),
            col(Enrollment.version),
            col(Enrollment.due_at),
            col(Account.external_id),
        )
        .join(Account, col(Account.id) == col(Enrollment.account_id))
        .where(
            col(Enrollment.id) > after,
            col(Enrollment.checklist_key).in_([published.key for published in catalog(session).live]),
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.excluded_at).is_(None),
            col(Enrollment.withdrawn_at).is_(None),
            col(Enrollment.due_at) < now,
            or_(col(Enrollment.due_at) >= now - LOOK_BACK, col(Enrollment.id).in_(paused)),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
        )
        .order_by(col(Enrollment.id))
        .limit(limit)
    )
    return session.connection().execute(rows).all()


def _pauses(session: Session, enrollments: Sequence[int]) -> defaultdict[int, list[Pause]]:
    found: defaultdict[int, list[Pause]] = defaultdict(list)
    asked = select(col(PauseRow.enrollment_id), col(PauseRow.since), col(PauseRow.until))
    for enrollment, since, until in session.connection().execute(
        asked.where(col(PauseRow.enrollment_id).in_(enrollments))
    ):
        found[enrollment].append(Pause(since, until))
    return found


def _note(session: Session, deadlines: Collection[tuple[int, datetime]], *, now: datetime) -> set[tuple[int, datetime]]:
    """Put on record what is about to be told; which of it was not on record yet."""
    fresh: set[tuple[int, datetime]] = set()
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for enrollment, due in deadlines:
        row = {"enrollment_id": enrollment, "due_at": due, "told_at": now}
        added = dialect.insert(OverdueNotice).on_conflict_do_nothing().values(row)
        if session.connection().execute(added).rowcount:
            fresh.add((enrollment, due))
    return fresh
