"""The second view of a completion rate: the members, each measured by the required steps they can do for themselves.

A member starts with the account, or when they join it. The deadline is as long as the account's; an extension and a
pause of the account hold for its people too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.checklists import rate
from portal.checklists.catalog import Published
from portal.checklists.counting import is_counted, pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import Definition, Role, Step
from portal.checklists.models import Completion, Enrollment
from portal.checklists.rate import Run, StepRow, seconds
from portal.kit.clock import days_between, deadline


@dataclass(frozen=True)
class MemberCounted:
    """A member in the report: whose, what they count as, by what they may be grouped, and what they have done when."""

    account_id: int
    member_id: int
    run: Run
    values: Mapping[str, str | None]
    started_at: datetime
    wanted: tuple[str, ...]
    done: Mapping[str, datetime]

    def has_done(self, step: str, as_of: datetime) -> bool:
        """Whether `step` was done by then."""
        at = self.done.get(step)
        return at is not None and at <= as_of


def own_steps(definition: Definition) -> tuple[Step, ...]:
    """The required steps each member can do for themselves: what the members' view measures."""
    return tuple(
        step
        for step in definition.steps
        if step.required and step.by == "customer" and not isinstance(step.scope, AccountScope)
    )


def member_runs(session: Session, live: Published, *, as_of: datetime, zone: ZoneInfo) -> list[MemberCounted]:
    """Every member with an identity who was there when the account started, or joined later."""
    steps = own_steps(live.definition)
    if not steps:
        return []
    done = _done_by_members(session, live.key)
    pauses, _ = pauses_by_run(session, live.key)
    span = live.definition.due
    rows = session.connection().execute(
        select(
            col(Enrollment.id),
            col(Enrollment.started_at),
            col(Enrollment.due_at),
            col(Enrollment.due_moved),
            col(Account.id),
            col(Account.plan_key),
            col(Account.tier),
            col(Account.owner),
            col(Account.left_at),
            col(Member.id),
            col(Member.role),
            col(Member.joined_at),
            col(Member.left_at),
        )
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .join(Member, col(Member.account_id) == col(Account.id))
        .where(*is_counted(live.key), col(Member.external_id).is_not(None) | col(Member.email_key).is_not(None))
    )
    counted = []
    for (
        run_id,
        began,
        due_at,
        due_moved,
        account_id,
        plan,
        tier,
        owner,
        account_left,
        member_id,
        role,
        joined,
        member_left,
    ) in rows:
        wanted = tuple(step.key for step in steps if not isinstance(step.scope, Role) or step.scope.name == role)
        if not wanted or (member_left is not None and member_left <= began):
            continue
        started = max(began, joined)
        due = deadline(started, span, zone) if span else None
        if due_moved and due_at is not None:
            due = due_at if started == began or due is None else max(due, due_at)
        due = effective_due(due, pauses.get(run_id or 0, ()), as_of=as_of, zone=zone)
        mine = done.get((run_id or 0, member_id or 0), {})
        completed = max(mine[key] for key in wanted) if all(key in mine for key in wanted) else None
        left = min((at for at in (member_left, account_left) if at is not None), default=None)
        counted.append(
            MemberCounted(
                account_id=account_id or 0,
                member_id=member_id or 0,
                run=Run(None, seconds(started) or 0, seconds(due), seconds(completed), seconds(left)),
                values={"plan": plan, "tier": tier, "owner": owner},
                started_at=started,
                wanted=wanted,
                done=mine,
            )
        )
    return counted


def member_funnel(
    live: Published, counted: Sequence[MemberCounted], *, as_of: datetime, zone: ZoneInfo
) -> list[StepRow]:
    """For each step the members whose own it is, and those of them who have done it; they may do it in any order."""
    reached: Counter[str] = Counter()
    days: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for one in counted:
        if one.started_at > as_of:
            continue
        for key in one.wanted:
            reached[key] += 1
            if one.has_done(key, as_of):
                days[key][max(0, days_between(one.started_at, one.done[key], zone))] += 1
    return rate.steps_funnel((step.key, reached[step.key], days[step.key]) for step in own_steps(live.definition))


def _done_by_members(session: Session, key: str) -> Mapping[tuple[int, int], dict[str, datetime]]:
    rows = session.connection().execute(
        select(
            col(Completion.enrollment_id), col(Completion.member_id), col(Completion.step_key), col(Completion.at)
        ).where(
            col(Completion.checklist_key) == key,
            col(Completion.member_id).is_not(None),
            col(Completion.undone_at).is_(None),
        )
    )
    found: defaultdict[tuple[int, int], dict[str, datetime]] = defaultdict(dict)
    for enrollment_id, member_id, step, at in rows:
        found[enrollment_id, member_id or 0][step] = at
    return found
