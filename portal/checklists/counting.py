"""What every report on a checklist starts from: which runs count at all, and the pauses that move their deadlines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.deadlines import Pause as PauseSpan
from portal.checklists.models import Enrollment, Pause
from portal.kit.sql import numbers


def is_counted(key: str) -> tuple[ColumnElement[bool], ...]:
    """The runs through `key` that are neither excluded nor withdrawn."""
    return (
        col(Enrollment.checklist_key) == key,
        col(Enrollment.excluded_at).is_(None),
        col(Enrollment.withdrawn_at).is_(None),
    )


def of_customers_here(now: datetime) -> ColumnElement[bool]:
    """The runs of customers that have not left. Who has left is few among all, so those are looked up once, and no
    run has to be joined with its customer."""
    return col(Enrollment.account_id).not_in(select(col(Account.id)).where(col(Account.left_at) <= now))


def whole_second(as_of: datetime) -> datetime:
    """The last instant of its second: what happens within one second happens at once, in every figure alike."""
    return as_of.replace(microsecond=999_999)


def ever_paused(session: Session) -> Sequence[int]:
    """The runs that ever had a pause: few, and found by themselves rather than among all that are open."""
    return session.connection().scalars(select(col(Pause.enrollment_id)).distinct()).all()


def pauses_of(session: Session, run_ids: Sequence[int]) -> Mapping[int, Sequence[PauseSpan]]:
    """The pauses of these runs, by enrollment; those that never had one are missing."""
    rows = session.connection().execute(
        select(col(Pause.enrollment_id), col(Pause.since), col(Pause.until)).where(
            numbers(col(Pause.enrollment_id), run_ids)
        )
    )
    pauses: defaultdict[int, list[PauseSpan]] = defaultdict(list)
    for enrollment_id, since, until in rows:
        pauses[enrollment_id].append(PauseSpan(since, until))
    return pauses


def pauses_by_run(
    session: Session, key: str
) -> tuple[Mapping[int, Sequence[PauseSpan]], Mapping[int, datetime | None]]:
    """The pauses of every run through `key` that ever had one, by enrollment, and the deadlines they move."""
    rows = session.connection().execute(
        select(
            col(Enrollment.id),
            col(Enrollment.checklist_key),
            col(Enrollment.due_at),
            col(Pause.since),
            col(Pause.until),
        )
        # Outer, so that SQLite begins with the few pauses and not with the many runs.
        .join_from(Pause, Enrollment, col(Pause.enrollment_id) == col(Enrollment.id), isouter=True)
    )
    pauses: defaultdict[int, list[PauseSpan]] = defaultdict(list)
    due: dict[int, datetime | None] = {}
    for found, checklist, due_at, since, until in rows:
        if checklist != key:
            continue
        enrollment_id = found or 0
        pauses[enrollment_id].append(PauseSpan(since, until))
        due[enrollment_id] = due_at
    return pauses, due
