"""Saying that a step is done, and taking it back: by a member, by staff, or by a system with a key.

Both are idempotent: saying it twice changes nothing the second time. What is undone stays on record, and only what
happens later can complete the step again.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.accounts.models import Account
from portal.checklists import touched
from portal.checklists.actors import Actor
from portal.checklists.catalog import Catalog, catalog, step_of
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import Role, Step, Tick
from portal.checklists.enrollment import evaluate_all
from portal.checklists.evaluation import record, take_back
from portal.checklists.runs import Run, load_runs
from portal.kit.errors import Forbidden, Invalid, NotFound
from portal.kit.i18n import Message


def run_of(session: Session, known: Catalog, account_id: int, key: str, *, lock: bool = False) -> Run:
    """The account's run through `key`; `NotFound` where it is not enrolled."""
    if not any(key == of for of, _ in known.versions):
        raise NotFound  # also for what no database would take as a key
    if lock:
        held = select(Account.id).where(col(Account.id) == account_id).with_for_update(key_share=True)
        session.execute(held)
    runs = load_runs(session, known, accounts=[account_id], keys=[key])
    if not runs:
        raise NotFound
    return runs[0]


def complete_step(
    session: Session,
    *,
    account_id: int,
    key: str,
    step_key: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    member_id: int | None = None,
    at: datetime | None = None,
) -> None:
    """Record that the step was done, by `member_id` or for the whole account.

    A member speaks for themselves in a step of member scope, and for the account in a step of account scope. Raises
    `Forbidden` where the step is not theirs to tick, `NotFound` where there is no such step or member. What a webhook
    tells of a time before the step was undone changes nothing: only what happens later can complete it again.
    """
    known = catalog(session)
    run = run_of(session, known, account_id, key, lock=True)
    step = step_of(run.published.definition, step_key)
    if at is not None and at > now:
        raise Invalid(Message("A step cannot be completed in the future."))
    if actor.kind == "member":
        _may_tick(step, actor)
        member_id = None if isinstance(step.scope, AccountScope) else actor.member_id
    person = None
    if member_id is not None:
        person = next((member for member in run.members if member.id == member_id), None)
        if person is None:
            raise NotFound
    undone = run.undone_at(step.key, member_id)
    if actor.kind == "webhook" and undone is not None and (at or now) <= undone:
        return
    standing = run.completions.get((step.key, member_id))
    if standing is None or (member_id is None and standing.derived):
        if standing is not None:
            # Said for the account, it no longer depends on what its members did.
            standing.derived = False
            session.add(standing)
        else:
            told_by_another = actor.kind != "member"
            record(
                session,
                run,
                step,
                member=member_id,
                at=at or now,
                how=actor.kind,
                by=actor.key,
                by_name=actor.name,
                evidence={"member": person.external_id or person.email or ""} if person and told_by_another else {},
                now=now,
                zone=zone,
            )
        _evaluate(session, known, run, step, now=now, zone=zone)


def undo_step(
    session: Session,
    *,
    account_id: int,
    key: str,
    step_key: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    member_id: int | None = None,
) -> None:
    """Take the step's completion back: one member's part, or the step as a whole with everybody's part.

    A member takes back only what members have ticked; raises `Forbidden` for what staff or a system has said.
    """
    known = catalog(session)
    run = run_of(session, known, account_id, key, lock=True)
    step = step_of(run.published.definition, step_key)
    if actor.kind == "member":
        _may_tick(step, actor)
        member_id = None if isinstance(step.scope, AccountScope) else actor.member_id
    if member_id is not None and all(member.id != member_id for member in run.members):
        raise NotFound
    whole = member_id is None
    rows = [
        row
        for (at_step, member), row in list(run.completions.items())
        if at_step == step.key and (whole or member == member_id)
    ]
    if actor.kind == "member" and any(row.how != "member" for row in rows):
        raise Forbidden(Message("This was not ticked by one of you, so it cannot be taken back here."))
    for row in rows:
        take_back(run, row, by=actor.key, now=now, whole=whole)
        session.add(row)
    if rows:
        session.flush()
        _evaluate(session, known, run, step, now=now, zone=zone, undone_by=actor.key)


def _evaluate(
    session: Session,
    known: Catalog,
    run: Run,
    step: Step,
    *,
    now: datetime,
    zone: ZoneInfo,
    undone_by: str | None = None,
) -> None:
    steps = {run.enrollment.id or 0: [step.key]}
    evaluate_all(session, known, [run], now=now, zone=zone, steps=steps, undone_by=undone_by)
    account = [run.enrollment.account_id]
    touched.tell(session, account, ticked=account, now=now)


def _may_tick(step: Step, actor: Actor) -> None:
    if step.by == "staff":
        raise Forbidden(Message("This step is ticked by your support contact."))
    if not isinstance(step.done_when, Tick):
        raise Forbidden(Message("This step is ticked by itself, as soon as it is done."))
    if isinstance(step.scope, Role) and actor.role != step.scope.name:
        raise Forbidden(Message("Only a person with the role “%(role)s” can tick this step.", role=step.scope.name))
