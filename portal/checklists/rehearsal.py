"""What a definition would make of an account, without anything being written: for previews, and before publishing.

The rules are those that will run in earnest; only the rows they would write exist nowhere but here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.models import Account, Member
from portal.accounts.people import members_of
from portal.checklists.catalog import Catalog, Published
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import AtLeast, Definition, Required, Step, Tick, conditions
from portal.checklists.enrollment import due_of
from portal.checklists.evaluation import ask_of_run, evidence_of, how_of
from portal.checklists.models import Completion, Enrollment
from portal.checklists.rules import completed_at, scope_reached
from portal.checklists.runs import Run, load_runs
from portal.conditions.model import checklists_of, events_of


def as_published(definition: Definition, *, version: int) -> Published:
    """`definition` as if it were the live version."""
    asked = [condition for _, condition in conditions(definition)]
    return Published(
        definition.key,
        version,
        True,
        definition,
        frozenset[str]().union(*(events_of(condition) for condition in asked)),
        frozenset[str]().union(*(checklists_of(condition) for condition in asked)),
    )


def rehearsed(
    session: Session, known: Catalog, published: Published, account: Account, *, now: datetime, zone: ZoneInfo
) -> Run:
    """The run of `account` through `published` as it would stand: what is done stays, what is proved is done.

    An account that is not enrolled is taken as if it were.
    """
    standing = load_runs(session, known, accounts=[account.id or 0], keys=[published.key], withdrawn=True)
    before = standing[0] if standing else None
    definition = published.definition
    run = Run(
        enrollment=_enrollment(before, published, account, now=now, zone=zone),
        published=published,
        account=account,
        members=before.members if before else list(members_of(session, account.id or 0)),
        completions={},
        undone=dict(before.undone) if before else {},
    )
    steps = {step.key for step in definition.steps}
    run.completions = {place: row for place, row in (before.completions if before else {}).items() if place[0] in steps}
    for step in definition.steps:
        if (step.key, None) not in run.completions:
            _prove(session, run, step, now=now, zone=zone)
    run.enrollment.completed_at = completed_at(
        definition, run.done, condition_at(session, definition, run, now=now, zone=zone)
    )
    return run


def condition_at(
    session: Session, definition: Definition, run: Run, *, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """Since when the condition that completes the checklist holds of the run, if one does."""
    rule = definition.completed_when
    if isinstance(rule, Required | AtLeast):
        return None
    verdict = ask_of_run(session, run, rule, now=now, zone=zone)
    return (verdict.at or now) if verdict.met else None


def proved(session: Session, definition: Definition, run: Run, *, now: datetime, zone: ZoneInfo) -> dict[str, datetime]:
    """When the steps of `definition` that are not on the run's list of done ones will be taken as done."""
    done = run.done
    before = {step.key: step for step in run.published.definition.steps}
    found: dict[str, datetime] = {}
    for step in definition.steps:
        if step.key in done:
            found[step.key] = done[step.key]
        elif before.get(step.key) != step and (at := _done_at(session, step, run, now=now, zone=zone)) is not None:
            found[step.key] = at
    return found


def _enrollment(
    before: Run | None, published: Published, account: Account, *, now: datetime, zone: ZoneInfo
) -> Enrollment:
    """A row that is in no session, so that nothing of it is ever written."""
    row = before.enrollment if before else None
    started_at = row.started_at if row else account.started_at
    moved = row is not None and row.due_moved
    return Enrollment(
        id=row.id if row else None,
        account_id=account.id or 0,
        checklist_key=published.key,
        version=published.version,
        enrolled_at=row.enrolled_at if row else now,
        started_at=started_at,
        start_moved=row.start_moved if row else False,
        due_at=row.due_at if row and moved else due_of(published.definition, started_at, zone),
        due_moved=moved,
        paused_at=row.paused_at if row else None,
        excluded_at=row.excluded_at if row else None,
        last_progress_at=row.last_progress_at if row else None,
    )


def _prove(session: Session, run: Run, step: Step, *, now: datetime, zone: ZoneInfo) -> None:
    """Put down what proves the step, if it is proved, as a completion that is in no session."""
    condition = step.done_when
    if isinstance(condition, Tick):
        return

    def ask(member: Member | None) -> Completion | None:
        since = run.undone_at(step.key, None if member is None else member.id)
        verdict = ask_of_run(session, run, condition, member, now=now, zone=zone, since=since)
        if not verdict.met:
            return None
        return _completion(
            run,
            step,
            verdict.at or now,
            member,
            how=how_of(condition),
            evidence=evidence_of(condition, verdict),
            now=now,
        )

    if isinstance(step.scope, AccountScope):
        _keep(run, [ask(None)])
        return
    _keep(run, [ask(member) for member in run.members if (step.key, member.id) not in run.completions])
    reached = scope_reached(step.scope, run.member_runs(step.key), since=run.enrollment.started_at)
    if reached is None:
        return
    deciding = [row for member in reached.members if (row := run.completions.get((step.key, member)))]
    last = max(deciding, key=lambda row: row.at)
    names = {person.id: person.external_id or person.email or "" for person in run.members}
    evidence = {**last.evidence, "members": [names.get(row.member_id, "") for row in deciding]}
    _keep(run, [_completion(run, step, reached.at, None, how=last.how, evidence=evidence, now=now)])


def _completion(
    run: Run,
    step: Step,
    at: datetime,
    member: Member | None,
    *,
    how: str,
    evidence: Mapping[str, object],
    now: datetime,
) -> Completion:
    return Completion(
        enrollment_id=run.enrollment.id or 0,
        checklist_key=run.published.key,
        step_key=step.key,
        member_id=None if member is None else member.id,
        at=at,
        days=0,
        recorded_at=now,
        how=how,
        by=(member.external_id or member.email or "") if member else "",
        by_name=member.name if member else "",
        evidence=dict(evidence),
    )


def _keep(run: Run, rows: Sequence[Completion | None]) -> None:
    for row in rows:
        if row is not None:
            run.completions[row.step_key, row.member_id] = row


def _done_at(session: Session, step: Step, run: Run, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    condition = step.done_when

    def proof(member: Member | None, since: datetime | None) -> datetime | None:
        if isinstance(condition, Tick):
            return None
        verdict = ask_of_run(session, run, condition, member, now=now, zone=zone, since=since)
        return (verdict.at or now) if verdict.met else None

    if isinstance(step.scope, AccountScope):
        return proof(None, run.undone_at(step.key, None))
    parts = [
        part if part.done_at is not None else replace(part, done_at=proof(member, run.undone_at(step.key, member.id)))
        for part, member in zip(run.member_runs(step.key), run.members, strict=True)
    ]
    reached = scope_reached(step.scope, parts, since=run.enrollment.started_at)
    return reached.at if reached else None
