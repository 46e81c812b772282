"""What merging two customers does to their runs through checklists, told before it is done.

Of two runs through one checklist the survivor's stays, with its start and its deadline. Everything that hangs on the
other comes along: what is done, the exceptions on record, and the pauses, which move the survivor's deadline too. A
pause that lasts was said of the run that ends, so it ends with it: the survivor's goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.merging import Joiner, Joining
from portal.checklists.catalog import catalog
from portal.checklists.counting import pauses_of
from portal.checklists.deadlines import effective_due
from portal.checklists.enrollment import SYSTEM, note
from portal.checklists.models import Enrollment, EnrollmentException, Pause


@dataclass(frozen=True)
class RunMerged:
    """One checklist of either. `before` and `after` are the survivor's deadline (None: none, or suspended by a pause);
    `comes_along`: only the other runs through it; `exceptions` is how many of the other's go on record with it."""

    key: str
    title: Mapping[str, str]
    before: datetime | None
    after: datetime | None
    comes_along: bool
    exceptions: int

    @property
    def is_moved(self) -> bool:
        """Whether the survivor's own deadline is another afterwards."""
        return not self.comes_along and self.before != self.after


def merged_runs(session: Session, *, keep_id: int, gone_id: int, now: datetime, zone: ZoneInfo) -> Sequence[RunMerged]:
    """Every live checklist that the one who goes runs through, and what becomes of the survivor's deadline in it."""
    rows = session.execute(select(Enrollment).where(col(Enrollment.account_id).in_([keep_id, gone_id]))).scalars()
    runs = {(row.account_id, row.checklist_key): row for row in rows}
    pauses = pauses_of(session, [row.id or 0 for row in runs.values()])
    found = []
    for live in catalog(session).live:
        other, own = runs.get((gone_id, live.key)), runs.get((keep_id, live.key))
        if other is None:
            continue
        of_other = [
            one if one.until is not None and one.until <= now else replace(one, until=now)
            for one in pauses.get(other.id or 0, ())
        ]
        staying = own or other
        of_staying = pauses.get(staying.id or 0, ())
        together = sorted([*of_staying, *(of_other if own else [])], key=lambda one: one.since)
        found.append(
            RunMerged(
                live.key,
                live.definition.title,
                effective_due(staying.due_at, of_staying, as_of=now, zone=zone),
                effective_due(staying.due_at, together, as_of=now, zone=zone),
                own is None,
                _exceptions(session, other.id or 0),
            )
        )
    return found


def end_pauses(session: Session, joining: Joining, now: datetime) -> None:
    """Resume, on record, each run that gives way to the survivor's; undoing the merge brings it and its pause back."""
    rows = session.execute(
        select(Enrollment).where(col(Enrollment.account_id).in_([joining.keep_id, joining.gone_id]))
    ).scalars()
    runs = {(row.account_id, row.checklist_key): row for row in rows}
    for (account_id, key), run in runs.items():
        own = runs.get((joining.keep_id, key))
        if account_id != joining.gone_id or own is None:
            continue
        lasting = update(Pause).where(col(Pause.enrollment_id) == run.id, col(Pause.until).is_(None))
        if session.execute(lasting.values(until=now).returning(col(Pause.id))).all():
            note(session, own, "resume", by=SYSTEM, now=now)
    session.flush()


JOINER = Joiner("checklists", end_pauses)


def _exceptions(session: Session, run_id: int) -> int:
    asked = select(func.count()).where(col(EnrollmentException.enrollment_id) == run_id)
    found: int = session.execute(asked).scalar_one()
    return found
