"""Ticking steps by proof: what happened decides which steps, and which checklists, are done.

Called whenever something that matters has changed: events arrived, people joined or left, a version was published, an
exception made. It only ever adds, or moves a completion to an earlier instant when a late event proves it; what is done
is never undone here, except what followed from a completion that a person has just undone (`undone_by`).

One run at a time: that completing it may complete another is for the caller to follow (`enrollment.evaluate_all`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.checklists.definition import Account, AtLeast, Required, Step, Tick
from portal.checklists.models import Completion, Enrollment
from portal.checklists.news import ChecklistCompleted, StepCompleted
from portal.checklists.rules import completed_at, scope_reached
from portal.checklists.runs import Run
from portal.conditions.lookups import Book
from portal.conditions.model import SHORTHANDS, Condition, EventCount, checklists_of, shorthand
from portal.conditions.rules import Verdict
from portal.conditions.service import ask, subject_of
from portal.kit.clock import days_between
from portal.kit.sql import among

BY_PROOF = frozenset({"event", "tutorial", "webinar", "document"})
LONGEST_NAME = 200
"""Of whoever did something, as it is kept; a mail address may be longer, and is cut."""


def evaluate(
    session: Session,
    run: Run,
    *,
    now: datetime,
    zone: ZoneInfo,
    steps: Collection[str] | None = None,
    members: Collection[int] | None = None,
    undone_by: str | None = None,
) -> bool:
    """Bring the completions of `run` up to what happened; `steps` and `members` narrow it to what can have changed.

    True where by this the checklist was completed, completed earlier, or (with `undone_by`) is completed no more.
    """
    for step in run.published.definition.steps:
        if steps is not None and step.key not in steps:
            continue
        if isinstance(step.scope, Account):
            _evaluate_account(session, run, step, now=now, zone=zone)
        else:
            _evaluate_members(session, run, step, members=members, now=now, zone=zone)
            _evaluate_scope(session, run, step, now=now, zone=zone, undone_by=undone_by)
    return _settle(session, run, now=now, zone=zone, reopen=undone_by is not None)


def record(
    session: Session,
    run: Run,
    step: Step,
    *,
    member: int | None,
    at: datetime,
    how: str,
    evidence: Mapping[str, object],
    now: datetime,
    zone: ZoneInfo,
    by: str = "",
    by_name: str = "",
    derived: bool = False,
) -> Completion:
    """Write one completion into the run."""
    row = Completion(
        enrollment_id=run.enrollment.id or 0,
        checklist_key=run.published.key,
        step_key=step.key,
        member_id=member,
        at=at,
        days=max(0, days_between(run.enrollment.started_at, at, zone)),
        recorded_at=now,
        how=how,
        by=by[:LONGEST_NAME],
        by_name=by_name[:LONGEST_NAME],
        evidence=dict(evidence),
        derived=derived,
    )
    session.add(row)
    run.completions[step.key, member] = row
    if member is None:
        key, version = run.published.key, run.enrollment.version
        run.news.append(StepCompleted(run.account.external_id, key, version, step.key, at, how))
    if run.enrollment.last_progress_at is None or at > run.enrollment.last_progress_at:
        run.enrollment.last_progress_at = at
    return row


def take_back(run: Run, row: Completion, *, by: str, now: datetime, whole: bool = False) -> None:
    """Undo one completion; it stays on record."""
    row.undone_at = now
    row.undone_by = by[:LONGEST_NAME]
    row.undone_whole = whole
    place = (row.step_key, row.member_id)
    run.completions.pop(place, None)
    if whole or row.member_id is not None:
        run.undone[place] = now


def _evaluate_account(session: Session, run: Run, step: Step, *, now: datetime, zone: ZoneInfo) -> None:
    existing = run.completions.get((step.key, None))
    if isinstance(step.done_when, Tick) or (existing is not None and existing.how not in BY_PROOF):
        return
    since = run.undone_at(step.key, None)
    verdict = ask_of_run(session, run, step.done_when, now=now, zone=zone, since=since)
    if verdict.met:
        _prove(session, run, step, step.done_when, verdict, member=None, now=now, zone=zone)


def _evaluate_members(
    session: Session, run: Run, step: Step, *, members: Collection[int] | None, now: datetime, zone: ZoneInfo
) -> None:
    if isinstance(step.done_when, Tick):
        return
    book = Book(session, run.enrollment.account_id) if members is None or len(members) > 1 else None
    for member in run.members:
        if members is not None and member.id not in members:
            continue
        existing = run.completions.get((step.key, member.id))
        if existing is not None and existing.how not in BY_PROOF:
            continue
        since = run.undone_at(step.key, member.id)
        verdict = ask_of_run(session, run, step.done_when, member, now=now, zone=zone, since=since, book=book)
        if verdict.met:
            _prove(session, run, step, step.done_when, verdict, member=member.id, now=now, zone=zone)


def _evaluate_scope(
    session: Session, run: Run, step: Step, *, now: datetime, zone: ZoneInfo, undone_by: str | None
) -> None:
    """What the members' completions come to for the account."""
    existing = run.completions.get((step.key, None))
    if existing is not None and not existing.derived:
        return
    runs = run.member_runs(step.key)
    reached = scope_reached(step.scope, runs, since=run.enrollment.started_at)
    if reached is None:
        if existing is not None and undone_by is not None:
            take_back(run, existing, by=undone_by, now=now)
        return
    deciding = [row for member in reached.members if (row := run.completions.get((step.key, member)))]
    last = max(deciding, key=lambda row: row.at)
    evidence = {**last.evidence, "members": [_name_of(run, row.member_id) for row in deciding]}
    if existing is None:
        record(
            session,
            run,
            step,
            member=None,
            at=reached.at,
            how=last.how,
            by=last.by,
            by_name=last.by_name,
            evidence=evidence,
            now=now,
            zone=zone,
            derived=True,
        )
    elif reached.at < existing.at or undone_by is not None:
        existing.how, existing.by, existing.by_name = last.how, last.by, last.by_name
        _move(run, existing, reached.at, evidence, zone=zone)


def _prove(
    session: Session,
    run: Run,
    step: Step,
    condition: Condition,
    verdict: Verdict,
    *,
    member: int | None,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    existing = run.completions.get((step.key, member))
    at = verdict.at or now
    if existing is None:
        name = next((person.name for person in run.members if person.id == member), "") if member is not None else ""
        record(
            session,
            run,
            step,
            member=member,
            at=at,
            how=how_of(condition),
            by=_name_of(run, member) if member is not None else "",
            by_name=name,
            evidence=evidence_of(condition, verdict),
            now=now,
            zone=zone,
        )
    elif verdict.at is not None and verdict.at < existing.at:
        _move(run, existing, verdict.at, evidence_of(condition, verdict), zone=zone)


def _move(run: Run, row: Completion, at: datetime, evidence: Mapping[str, object], *, zone: ZoneInfo) -> None:
    row.at = at
    row.days = max(0, days_between(run.enrollment.started_at, at, zone))
    row.evidence = dict(evidence)


def _settle(session: Session, run: Run, *, now: datetime, zone: ZoneInfo, reopen: bool) -> bool:
    """Whether the checklist itself is completed; True where that has changed."""
    definition = run.published.definition
    done = run.done
    condition_at = None
    if not isinstance(definition.completed_when, Required | AtLeast):
        verdict = ask_of_run(session, run, definition.completed_when, now=now, zone=zone)
        condition_at = (verdict.at or run.enrollment.completed_at or now) if verdict.met else None
    positions = [number for number, step in enumerate(definition.steps, start=1) if step.key in done]
    run.enrollment.furthest = max(positions, default=0)
    before = run.enrollment.completed_at
    after = completed_at(definition, done, condition_at)
    if reopen or (after is not None and (before is None or after < before)):
        run.enrollment.completed_at = after
        if before is None and after is not None:
            key, version = run.published.key, run.enrollment.version
            run.news.append(ChecklistCompleted(run.account.external_id, key, version, after))
    session.add(run.enrollment)
    session.flush()
    return run.enrollment.completed_at != before


def ask_of_run(
    session: Session,
    run: Run,
    condition: Condition,
    member: Member | None = None,
    *,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
    book: Book | None = None,
) -> Verdict:
    """Whether `condition` holds, or once held, of the run's account, or of one member in it."""
    subject = subject_of(run.account, member, start=run.enrollment.started_at)
    if checklists_of(condition):
        subject = replace(subject, checklists=completed_checklists(session, run.enrollment.account_id))
    return ask(session, condition, subject, now=now, zone=zone, since=since, ever=True, book=book)


def completed_checklists(session: Session, account_id: int) -> dict[str, datetime | None]:
    """When the account completed each checklist it is enrolled in."""
    return completed_by_accounts(session, [account_id]).get(account_id, {})


def completed_by_accounts(session: Session, accounts: Collection[int]) -> dict[int, dict[str, datetime | None]]:
    """The same for many: for `conditions.service.know_checklists`."""
    found: dict[int, dict[str, datetime | None]] = {}
    asked = select(col(Enrollment.account_id), col(Enrollment.checklist_key), col(Enrollment.completed_at)).where(
        among(col(Enrollment.account_id), "ids"), col(Enrollment.withdrawn_at).is_(None)
    )
    for account_id, key, at in session.execute(asked, {"ids": list(accounts)}):
        found.setdefault(account_id, {})[key] = at
    return found


def how_of(condition: Condition) -> str:
    """How a condition completes a step, in the contract's words."""
    if isinstance(condition, EventCount) and shorthand(condition):
        return next(name for name, event in SHORTHANDS.items() if event == condition.event)
    return "event"


def evidence_of(condition: Condition, verdict: Verdict) -> dict[str, object]:
    """What a completion shows for itself."""
    evidence: dict[str, object] = {}
    if isinstance(condition, EventCount):
        evidence["event"] = condition.event
        about = shorthand(condition)
        if about:
            evidence[about.name] = about.value if not isinstance(about.value, tuple) else list(about.value)
    counted = [reason for reason in verdict.reasons if reason.count is not None]
    if len(counted) == 1:
        evidence |= {"count": counted[0].count, "needed": counted[0].needed}
    evidence["reasons"] = [str(reason.message) for reason in verdict.reasons if reason.met]
    return evidence


def _name_of(run: Run, member: int | None) -> str:
    """What the vendor calls a member: their external id, else their address."""
    for person in run.members:
        if person.id == member:
            return person.external_id or person.email or str(person.id)
    return ""
