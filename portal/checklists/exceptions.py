"""Exceptions from the rule, each with a reason and on record: a moved start, an extension, a pause, an exclusion.

They change what is measured, never what was done. A pause stops the deadline: when it ends, the deadline has moved by
as many whole days as it lasted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.checklists import deadlines
from portal.checklists.actors import Actor
from portal.checklists.catalog import catalog
from portal.checklists.deadlines import effective_due
from portal.checklists.enrollment import due_of, evaluate_all, note, restart
from portal.checklists.models import Pause
from portal.checklists.runs import Run
from portal.checklists.steps import run_of
from portal.kit.clock import day_end, days_between, local_day
from portal.kit.dates import iso
from portal.kit.errors import Invalid
from portal.kit.i18n import Message

UNSET = object()
LONGEST_REASON = 1000


@dataclass(frozen=True)
class Change:
    """What is to be changed; a field that is `UNSET` stays. `due_at` None goes back to the rule's own deadline, and
    `started_at` None to the start of the account."""

    reason: str
    started_at: datetime | object | None = UNSET
    due_at: datetime | object | None = UNSET
    paused: bool | object = UNSET
    excluded: bool | object = UNSET


def make_exception(
    session: Session, *, account_id: int, key: str, change: Change, actor: Actor, now: datetime, zone: ZoneInfo
) -> None:
    """Apply `change` to the account's run through `key`; asking for what already is changes nothing."""
    check_reason(change.reason)
    known = catalog(session)
    run = run_of(session, known, account_id, key, lock=True)
    apply_change(session, run, change, actor=actor, now=now, zone=zone)
    session.flush()
    evaluate_all(session, known, [run], now=now, zone=zone)


def check_reason(reason: str) -> None:
    """`Invalid` where none is given, or more than is kept."""
    if not reason.strip():
        raise Invalid(Message("Say why: every exception carries its reason."))
    if len(reason) > LONGEST_REASON:
        raise Invalid(Message("The reason may have %(limit)s characters at most.", limit=LONGEST_REASON))


def apply_change(session: Session, run: Run, change: Change, *, actor: Actor, now: datetime, zone: ZoneInfo) -> None:
    """Write `change` into a run that is held; whoever calls evaluates it afterwards."""
    if change.started_at is not UNSET:
        _move_start(session, run, change.started_at, change.reason, actor, now, zone)
    if change.due_at is not UNSET:
        _move_due(session, run, change.due_at, change.reason, actor, now, zone)
    if isinstance(change.paused, bool):
        _pause(session, run, change.reason, actor, now, wanted=change.paused)
    if isinstance(change.excluded, bool):
        _exclude(session, run, change.reason, actor, now, wanted=change.excluded)


def pauses_of(session: Session, enrollment_id: int) -> list[Pause]:
    """The pauses of a run, oldest first."""
    rows = select(Pause).where(col(Pause.enrollment_id) == enrollment_id).order_by(col(Pause.since), col(Pause.id))
    return list(session.exec(rows))


def _move_start(
    session: Session, run: Run, to: datetime | object | None, reason: str, actor: Actor, now: datetime, zone: ZoneInfo
) -> None:
    enrollment = run.enrollment
    before = enrollment.started_at
    at = to if isinstance(to, datetime) else run.account.started_at
    moved = isinstance(to, datetime)
    if at == before and enrollment.start_moved == moved:
        return
    enrollment.start_moved = moved
    session.flush()
    restart(session, enrollment, run.published.definition, at=at, zone=zone)
    note(session, enrollment, "start", by=actor.key, reason=reason, before=iso(before), after=iso(at), now=now)


def _move_due(
    session: Session, run: Run, due: datetime | object | None, reason: str, actor: Actor, now: datetime, zone: ZoneInfo
) -> None:
    enrollment = run.enrollment
    rows = pauses_of(session, enrollment.id or 0)
    over = [deadlines.Pause(row.since, row.until) for row in rows if row.until is not None and row.until <= now]
    before = effective_due(enrollment.due_at, over, as_of=now, zone=zone)
    was_moved = enrollment.due_moved
    if isinstance(due, datetime):
        # Deadlines are whole days: the day lasts to its end.
        enrollment.due_at = _before_pauses(day_end(local_day(due, zone), zone), over, now=now, zone=zone)
        enrollment.due_moved = True
    else:
        enrollment.due_at = due_of(run.published.definition, enrollment.started_at, zone)
        enrollment.due_moved = False
    session.add(enrollment)
    after = effective_due(enrollment.due_at, over, as_of=now, zone=zone)
    if (after, enrollment.due_moved) != (before, was_moved):
        words = {"before": iso(before) or None, "after": iso(after) or None}
        note(session, enrollment, "due", by=actor.key, reason=reason, now=now, **words)


def _before_pauses(due: datetime, over: list[deadlines.Pause], *, now: datetime, zone: ZoneInfo) -> datetime:
    """The deadline that, moved by the pauses that are over, is `due`: whoever names a day means that day.

    A day on which no such deadline can fall (within a stretch that a pause has already moved on) is taken as it is.
    """
    day = local_day(due, zone)
    days = sum(days_between(pause.since, pause.until, zone) for pause in over if pause.until is not None)
    for back in range(days + 1):
        earlier = day_end(day - timedelta(days=back), zone)
        if effective_due(earlier, over, as_of=now, zone=zone) == due:
            return earlier
    return due


def _pause(session: Session, run: Run, reason: str, actor: Actor, now: datetime, *, wanted: bool) -> None:
    enrollment = run.enrollment
    if wanted == (enrollment.paused_at is not None):
        return
    if wanted:
        enrollment.paused_at = now
        session.add(Pause(enrollment_id=enrollment.id or 0, since=now))
    else:
        enrollment.paused_at = None
        for pause in pauses_of(session, enrollment.id or 0):
            if pause.until is None:
                pause.until = now
                session.add(pause)
    session.add(enrollment)
    note(session, enrollment, "pause" if wanted else "resume", by=actor.key, reason=reason, now=now)


def forget_pause(session: Session, run: Run, *, reason: str, actor: Actor, now: datetime) -> None:
    """Take a pause that lasts back, as if it had never been: unlike resuming, it moves no deadline."""
    for pause in pauses_of(session, run.enrollment.id or 0):
        if pause.until is None:
            pause.until = pause.since
            session.add(pause)
    run.enrollment.paused_at = None
    session.add(run.enrollment)
    note(session, run.enrollment, "resume", by=actor.key, reason=reason, now=now)


def go_on_pausing(session: Session, run: Run, *, since: datetime, reason: str, actor: Actor, now: datetime) -> None:
    """Take a resumption back: the pause that began at `since` lasts on."""
    for pause in pauses_of(session, run.enrollment.id or 0):
        if pause.since == since:
            pause.until = None
            session.add(pause)
    run.enrollment.paused_at = since
    session.add(run.enrollment)
    note(session, run.enrollment, "pause", by=actor.key, reason=reason, now=now)


def _exclude(session: Session, run: Run, reason: str, actor: Actor, now: datetime, *, wanted: bool) -> None:
    enrollment = run.enrollment
    if wanted == (enrollment.excluded_at is not None):
        return
    enrollment.excluded_at = now if wanted else None
    session.add(enrollment)
    note(session, enrollment, "exclude" if wanted else "include", by=actor.key, reason=reason, now=now)
