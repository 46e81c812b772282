"""When a step, and a checklist, is done: pure answers from who did what when.

Everything is read as a timeline in event time, never in the order in which news arrived: a late event, somebody joining
or somebody leaving gives the same answer whenever it becomes known. The answer is the *first* instant at which the rule
held; what happens later (a new colleague who has not done it yet) takes nothing back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portal.checklists.definition import (
    Account,
    AnyMember,
    AtLeast,
    Definition,
    EveryMember,
    Members,
    Required,
    Role,
    Scope,
    Share,
    Step,
)


@dataclass(frozen=True)
class MemberRun:
    """One member's part in one step. `identified`: there is a person behind it, not just an id seen in an event."""

    member: int
    joined_at: datetime
    left_at: datetime | None
    identified: bool
    role: str
    done_at: datetime | None


@dataclass(frozen=True)
class Reached:
    """A step was done at `at`, by `members` (in order of their ids; none when it is the account's)."""

    at: datetime
    members: tuple[int, ...]


@dataclass(frozen=True)
class Progress:
    """So many of so many."""

    done: int
    total: int


@dataclass(frozen=True)
class UnderWay:
    """An account in the middle of a checklist: what it has done, and since when the completing condition holds of it.

    `proved` is what events already prove of steps that the new definition adds or changes. `condition_at` matters only
    to a definition that is completed by a condition, and is meant for the new one.
    """

    run: int
    done: Mapping[str, datetime]
    condition_at: datetime | None = None
    proved: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Affected:
    """What publishing a new definition does to one account under way."""

    run: int
    before: Progress
    after: Progress
    would_complete: bool
    lost: tuple[str, ...]
    """Steps done that the new definition no longer has."""
    added: tuple[str, ...]
    """Steps it has to do now and had not before."""
    changed: tuple[str, ...]
    """Steps not done yet that are done differently now."""
    terms: bool
    """The deadline or what it takes to complete has changed."""

    @property
    def is_affected(self) -> bool:
        """Whether this account would notice anything but wording and order."""
        return bool(self.would_complete or self.lost or self.added or self.changed or self.terms) or (
            self.before != self.after
        )


def scope_reached(
    scope: Scope,
    runs: Iterable[MemberRun],
    *,
    account_done_at: datetime | None = None,
    since: datetime | None = None,
) -> Reached | None:
    """The first instant at which the rule of `scope` holds, None if it never does.

    `account_done_at` is when the step was done for the account as a whole, which settles it whatever the scope. Who has
    done it once counts for `any_member`, `{members}` and `{role}` even after leaving. `every_member` and `{share}` look
    at the active members with an identity at each instant, and need at least one; with `since` (the start of the
    account) only from then on, so that the one colleague there was years before does not speak for today's team.
    """
    everyone = list(runs)
    if isinstance(scope, EveryMember | Share):
        reached = _among_active(scope, [run for run in everyone if run.identified], since)
    else:
        reached = _by_some(scope, everyone)
    if account_done_at is not None and (reached is None or account_done_at < reached.at):
        return Reached(account_done_at, ())
    return reached


def scope_progress(
    scope: Scope, runs: Iterable[MemberRun], now: datetime, *, account_done_at: datetime | None = None
) -> tuple[int, int]:
    """How many people have done it and how many it takes ("2 of 3 members"), as things stand at `now`."""
    needed = 1
    done = 0
    if isinstance(scope, Account):
        done = int(account_done_at is not None and account_done_at <= now)
    elif isinstance(scope, EveryMember | Share):
        active = [run for run in runs if run.identified and _is_active(run, now)]
        needed = max(1, _needed(scope, len(active)))
        done = sum(_is_done(run, now) for run in active)
    else:
        needed = scope.n if isinstance(scope, Members) else 1
        done = sum(_is_done(run, now) for run in runs if _counts(scope, run))
    return min(done, needed), needed


def completed_at(
    definition: Definition, done: Mapping[str, datetime], condition_at: datetime | None = None
) -> datetime | None:
    """When the checklist was completed, None if it is not.

    `condition_at` is when the condition of `completed_when` came to hold, if that is what completes this checklist.
    """
    rule = definition.completed_when
    times = sorted(done[step.key] for step in definition.steps if step.key in done)
    if isinstance(rule, AtLeast):
        return times[rule.n - 1] if len(times) >= rule.n else None
    if not isinstance(rule, Required):
        return condition_at
    wanted = [step.key for step in definition.steps if step.required] or [step.key for step in definition.steps]
    return max(done[key] for key in wanted) if all(key in done for key in wanted) else None


def next_step(definition: Definition, done: Collection[str], *, for_staff: bool = False) -> Step | None:
    """What to do next: the first required step not done, else the first optional one; the staff's own for staff."""
    by = "staff" if for_staff else "customer"
    waiting = [step for step in definition.steps if step.by == by and step.key not in done]
    return next((step for step in waiting if step.required), waiting[0] if waiting else None)


def progress(definition: Definition, done: Collection[str]) -> Progress:
    """Steps done of all steps, optional ones included."""
    return Progress(sum(step.key in done for step in definition.steps), len(definition.steps))


def carry_over(old: Definition, new: Definition, done: Mapping[str, datetime]) -> dict[str, datetime]:
    """What stays done when an account moves from `old` to `new`: the steps both have, by key."""
    kept = {step.key for step in old.steps} & {step.key for step in new.steps}
    return {key: at for key, at in done.items() if key in kept}


def affected(old: Definition, new: Definition, runs: Iterable[UnderWay]) -> list[Affected]:
    """What publishing `new` in place of `old` does to each account under way, for the preview."""
    before = {step.key: step for step in old.steps}
    after = {step.key: step for step in new.steps}
    added = tuple(key for key in after if key not in before)
    changed = tuple(key for key in after if key in before and _rule(before[key]) != _rule(after[key]))
    terms = (old.due, old.completed_when) != (new.due, new.completed_when)
    found = []
    for run in runs:
        kept = {**run.proved, **carry_over(old, new, run.done)}
        found.append(
            Affected(
                run=run.run,
                before=progress(old, run.done),
                after=progress(new, kept),
                would_complete=completed_at(new, kept, run.condition_at) is not None,
                lost=tuple(key for key in before if key in run.done and key not in after),
                added=tuple(key for key in added if key not in kept),
                changed=tuple(key for key in changed if key not in kept),
                terms=terms,
            )
        )
    return found


def _rule(step: Step) -> tuple[object, ...]:
    return (step.by, step.scope, step.required, step.due, step.done_when)


def _counts(scope: Account | AnyMember | Members | Role, run: MemberRun) -> bool:
    return run.role == scope.name if isinstance(scope, Role) else not isinstance(scope, Account)


def _by_some(scope: Account | AnyMember | Members | Role, runs: list[MemberRun]) -> Reached | None:
    """The instant of the n-th completion among those who count."""
    done = sorted((run.done_at, run.member) for run in runs if run.done_at is not None and _counts(scope, run))
    n = scope.n if isinstance(scope, Members) else 1
    if len(done) < n:
        return None
    at = done[n - 1][0]
    return Reached(at, tuple(sorted(member for done_at, member in done if done_at <= at)))


def _among_active(scope: EveryMember | Share, runs: list[MemberRun], since: datetime | None) -> Reached | None:
    """Walk the joins, leaves and completions in time, and stop at the first instant with enough of the active done."""
    changes: list[tuple[datetime, int, int]] = []
    for run in runs:
        if run.left_at is not None and run.left_at <= run.joined_at:
            continue
        changes.append((run.joined_at, 1, 0))
        done_at = None if run.done_at is None else max(run.done_at, run.joined_at)
        done_counts = done_at is not None and (run.left_at is None or done_at < run.left_at)
        if done_at is not None and done_counts:
            changes.append((done_at, 0, 1))
        if run.left_at is not None:
            changes.append((run.left_at, -1, -1 if done_counts else 0))
    if since is not None:
        changes = [(max(at, since), joined, finished) for at, joined, finished in changes]
    changes.sort()
    active = done = 0
    for index, (at, joined, finished) in enumerate(changes):
        active += joined
        done += finished
        if index + 1 < len(changes) and changes[index + 1][0] == at:
            continue
        if active and done >= _needed(scope, active):
            members = sorted(run.member for run in runs if _is_active(run, at) and _is_done(run, at))
            return Reached(at, tuple(members))
    return None


def _needed(scope: EveryMember | Share, active: int) -> int:
    percent = scope.percent if isinstance(scope, Share) else 100
    return -(-active * percent // 100)


def _is_active(run: MemberRun, at: datetime) -> bool:
    return run.joined_at <= at and (run.left_at is None or at < run.left_at)


def _is_done(run: MemberRun, at: datetime) -> bool:
    return run.done_at is not None and run.done_at <= at
