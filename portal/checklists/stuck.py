"""Who is stuck: past the deadline, or with nothing done for two weeks, and what they still lack.

Paused, excluded and withdrawn runs are not stuck, nor is a customer who has left: each of these is somebody's decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.deadlines import Pause as PauseSpan
from portal.checklists.deadlines import effective_due
from portal.checklists.definition import Step
from portal.checklists.models import Completion, Enrollment, Pause
from portal.kit.clock import days_between, has_passed

QUIET_DAYS = 14
Why = Literal["overdue", "quiet"]


@dataclass(frozen=True)
class Stuck:
    """One account that is stuck in one checklist. `days` are those since the deadline, or without any step done."""

    account_id: int
    external_id: str
    name: str
    owner: str | None
    checklist: str
    why: Why
    days: int
    due_at: datetime | None
    quiet_since: datetime
    done: int
    total: int
    lacks: Sequence[Step]


def why_stuck(*, due: datetime | None, quiet_since: datetime, now: datetime, zone: ZoneInfo) -> tuple[Why, int] | None:
    """The reason a run that is neither finished nor set aside is stuck, and for how many days; None if it is not."""
    if due is not None and has_passed(due, now):
        return "overdue", days_between(due, now, zone)
    days = days_between(quiet_since, now, zone)
    return ("quiet", days) if now - quiet_since >= timedelta(days=QUIET_DAYS) else None


def stuck_accounts(session: Session, *, now: datetime, zone: ZoneInfo, checklist: str | None = None) -> list[Stuck]:
    """Everybody who is stuck, worst first: the overdue by how long, then the quiet by how long."""
    known = catalog(session)
    rows = session.execute(_open_runs(now, checklist)).all()
    ids = [enrollment.id or 0 for enrollment, _ in rows]
    done = _done(session, ids)
    pauses = _pauses(session)
    found = []
    for enrollment, account in rows:
        published = known.versions.get((enrollment.checklist_key, enrollment.version))
        if published is None:
            continue
        due = effective_due(enrollment.due_at, pauses.get(enrollment.id or 0, ()), as_of=now, zone=zone)
        quiet_since = max(enrollment.started_at, enrollment.last_progress_at or enrollment.started_at)
        reason = why_stuck(due=due, quiet_since=quiet_since, now=now, zone=zone)
        if reason is None:
            continue
        steps = published.definition.steps
        mine = done.get(enrollment.id or 0, frozenset())
        found.append(
            Stuck(
                account_id=account.id or 0,
                external_id=account.external_id,
                name=account.name,
                owner=account.owner,
                checklist=published.key,
                why=reason[0],
                days=reason[1],
                due_at=due,
                quiet_since=quiet_since,
                done=sum(step.key in mine for step in steps),
                total=len(steps),
                lacks=[step for step in steps if step.required and step.key not in mine],
            )
        )
    return sorted(found, key=lambda one: (one.why != "overdue", -one.days, one.name))


def _open_runs(now: datetime, checklist: str | None) -> Select[Enrollment, Account]:
    query = (
        select(Enrollment, Account)
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.paused_at).is_(None),
            col(Enrollment.excluded_at).is_(None),
            col(Enrollment.withdrawn_at).is_(None),
            col(Account.left_at).is_(None) | (col(Account.left_at) > now),
        )
        .order_by(col(Enrollment.id))
    )
    return query if checklist is None else query.where(col(Enrollment.checklist_key) == checklist)


def _done(session: Session, enrollments: Sequence[int]) -> Mapping[int, frozenset[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    wanted = set(enrollments)
    rows = session.execute(
        select(col(Completion.enrollment_id), col(Completion.step_key))
        .join_from(Completion, Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(
            col(Completion.member_id).is_(None),
            col(Completion.undone_at).is_(None),
            col(Enrollment.completed_at).is_(None),
        )
    )
    for enrollment_id, step in rows:
        if enrollment_id in wanted:
            found[enrollment_id].add(step)
    return {key: frozenset(steps) for key, steps in found.items()}


def _pauses(session: Session) -> Mapping[int, Sequence[PauseSpan]]:
    found: defaultdict[int, list[PauseSpan]] = defaultdict(list)
    for enrollment_id, since, until in session.execute(
        select(col(Pause.enrollment_id), col(Pause.since), col(Pause.until))
    ):
        found[enrollment_id].append(PauseSpan(since, until))
    return found
