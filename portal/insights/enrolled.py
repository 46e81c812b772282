"""Where customers and their people stand, many at a time: for lists, where asking one by one would be slow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.checklists.catalog import catalog
from portal.checklists.counting import pauses_of
from portal.checklists.deadlines import Status, effective_due, is_paused, status
from portal.checklists.definition import in_words
from portal.checklists.models import Completion, Enrollment
from portal.events.models import EventDay
from portal.kit.i18n import Locale


@dataclass(frozen=True)
class Standing:
    """One customer in one checklist."""

    title: str
    done: int
    total: int
    status: Status


def enrollments(session: Session, *, account_id: int) -> dict[str, Enrollment]:
    """The account's enrollment in each checklist, by key."""
    rows = session.execute(select(Enrollment).where(col(Enrollment.account_id) == account_id)).scalars()
    return {row.checklist_key: row for row in rows}


def people_last_seen(session: Session, *, account_id: int) -> Mapping[int, datetime]:
    """When each person of a customer last did anything; those that never did are missing."""
    asked = (
        select(col(EventDay.member_id), func.max(col(EventDay.last_at)))
        .where(col(EventDay.account_id) == account_id, col(EventDay.member_id) != 0)
        .group_by(col(EventDay.member_id))
    )
    return {row[0]: row[1] for row in session.connection().execute(asked)}


def standings(
    session: Session, *, account_ids: Sequence[int], now: datetime, zone: ZoneInfo, locale: Locale
) -> Mapping[int, Sequence[Standing]]:
    """How each of these accounts stands, in the order of the checklists."""
    known = catalog(session)
    rows = session.execute(
        select(Enrollment).where(col(Enrollment.account_id).in_(account_ids), col(Enrollment.withdrawn_at).is_(None))
    ).scalars()
    runs = {(row.checklist_key, row.account_id): row for row in rows}
    done = _done(session, [row.id or 0 for row in runs.values()])
    found: defaultdict[int, list[Standing]] = defaultdict(list)
    pauses = pauses_of(session, [row.id or 0 for row in runs.values()])
    for live in known.live:
        here = {account: row for (key, account), row in runs.items() if key == live.key}
        for account_id, row in here.items():
            stretches = pauses.get(row.id or 0, ())
            steps = known.of(live.key, row.version).definition.steps
            found[account_id].append(
                Standing(
                    title=in_words(live.definition.title, locale),
                    done=sum(done[row.id or 0, step.key] for step in steps),
                    total=len(steps),
                    status=status(
                        excluded=row.excluded_at is not None,
                        completed_at=row.completed_at,
                        paused=is_paused(stretches, as_of=now),
                        due=effective_due(row.due_at, stretches, as_of=now, zone=zone),
                        as_of=now,
                    ),
                )
            )
    return found


def _done(session: Session, run_ids: Sequence[int]) -> Counter[tuple[int, str]]:
    rows = session.execute(
        select(col(Completion.enrollment_id), col(Completion.step_key), func.count())
        .where(
            col(Completion.enrollment_id).in_(run_ids),
            col(Completion.member_id).is_(None),
            col(Completion.undone_at).is_(None),
        )
        .group_by(col(Completion.enrollment_id), col(Completion.step_key))
    )
    return Counter({(run_id, step): count for run_id, step, count in rows})
