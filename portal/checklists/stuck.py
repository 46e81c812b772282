"""Who is stuck: past the deadline, or with nothing done for two weeks, and what they still lack.

Paused, excluded and withdrawn runs are not stuck, nor is a customer who has left: each of these is somebody's decision.
Whom the rule takes is decided from a few columns of every open run; what they lack is looked up for one page of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.counting import is_counted, pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.definition import Step
from portal.checklists.models import Completion, Enrollment
from portal.events import reads
from portal.kit.clock import days_between, has_passed

QUIET_DAYS = 14
LARGEST_PAGE = 200
Why = Literal["overdue", "quiet"]
WHYS: tuple[Why, ...] = get_args(Why)


@dataclass(frozen=True)
class Stuck:
    """One account that is stuck in one checklist. `days` are those since the deadline, or without any step done."""

    account_id: int
    external_id: str
    name: str
    plan: str | None
    owner: str | None
    checklist: str
    why: Why
    days: int
    due_at: datetime | None
    quiet_since: datetime
    last_seen: datetime | None
    done: int
    total: int
    lacks: Sequence[Step]


@dataclass(frozen=True)
class StuckPage:
    """A page of them, and how many there are for each reason."""

    rows: Sequence[Stuck]
    counts: Mapping[Why, int]
    total: int
    page: int
    limit: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.limit))


@dataclass(frozen=True)
class _Found:
    """A run the rule has taken."""

    run_id: int
    account_id: int
    name: str
    checklist: str
    version: int
    why: Why
    days: int
    due_at: datetime | None
    quiet_since: datetime


def why_stuck(*, due: datetime | None, quiet_since: datetime, now: datetime, zone: ZoneInfo) -> tuple[Why, int] | None:
    """The reason a run that is neither finished nor set aside is stuck, and for how many days; None if it is not."""
    if due is not None and has_passed(due, now):
        return "overdue", days_between(due, now, zone)
    days = days_between(quiet_since, now, zone)
    return ("quiet", days) if days >= QUIET_DAYS else None


def stuck_accounts(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    checklist: str | None = None,
    why: Why | None = None,
    page: int = 1,
    limit: int = 50,
) -> StuckPage:
    """Everybody who is stuck, worst first: the overdue by how long, then the quiet by how long; a page at a time.

    A page beyond the last gives the last.
    """
    known = catalog(session)
    keys = [live.key for live in known.live if checklist in (None, live.key)]
    found = [one for key in keys for one in _found(session, key, now=now, zone=zone)]
    counts: dict[Why, int] = {one: sum(stuck.why == one for stuck in found) for one in WHYS}
    wanted = [one for one in found if why in (None, one.why)]
    wanted.sort(key=lambda one: (one.why != "overdue", -one.days, one.name, one.run_id))
    limit = min(max(limit, 1), LARGEST_PAGE)
    page = min(max(page, 1), max(1, -(-len(wanted) // limit)))
    rows = _in_full(session, known, wanted[(page - 1) * limit : page * limit])
    return StuckPage(rows, counts, len(wanted), page, limit)


def stuck_ids(
    session: Session, *, now: datetime, zone: ZoneInfo, checklist: str | None = None, why: Why | None = None
) -> set[int]:
    """The accounts the same question finds, all of them."""
    keys = [live.key for live in catalog(session).live if checklist in (None, live.key)]
    found = (one for key in keys for one in _found(session, key, now=now, zone=zone))
    return {one.account_id for one in found if why in (None, one.why)}


def _found(session: Session, key: str, *, now: datetime, zone: ZoneInfo) -> list[_Found]:
    pauses, _ = pauses_by_run(session, key)
    rows = session.connection().execute(
        select(
            col(Enrollment.id),
            col(Enrollment.version),
            col(Enrollment.started_at),
            col(Enrollment.due_at),
            col(Enrollment.last_progress_at),
            col(Account.id),
            col(Account.name),
        )
        .join_from(Enrollment, Account, col(Account.id) == col(Enrollment.account_id))
        .where(
            *is_counted(key),
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.paused_at).is_(None),
            col(Enrollment.started_at) <= now,
            col(Account.left_at).is_(None) | (col(Account.left_at) > now),
        )
    )
    found = []
    for run_id, version, started_at, due_at, progress_at, account_id, name in rows:
        stretches = pauses.get(run_id or 0, ())
        due = effective_due(due_at, stretches, as_of=now, zone=zone)
        # Nobody is asked to do anything during a pause: the quiet counts from its end.
        since = max([started_at, progress_at or started_at, *(one.until for one in stretches if one.until is not None)])
        reason = why_stuck(due=due, quiet_since=since, now=now, zone=zone)
        if reason is not None:
            found.append(_Found(run_id or 0, account_id or 0, name, key, version, *reason, due, since))
    return found


def _in_full(session: Session, known: Catalog, some: Sequence[_Found]) -> list[Stuck]:
    accounts = {
        row.id: row
        for row in session.execute(
            select(Account).where(col(Account.id).in_({one.account_id for one in some}))
        ).scalars()
    }
    done = _done(session, [one.run_id for one in some])
    seen = reads.last_seen(session, account_ids=sorted({one.account_id for one in some}))
    rows = []
    for one in some:
        account = accounts[one.account_id]
        steps = known.of(one.checklist, one.version).definition.steps
        mine = done.get(one.run_id, frozenset())
        missing = [step for step in steps if step.key not in mine]
        rows.append(
            Stuck(
                account_id=one.account_id,
                external_id=account.external_id,
                name=account.name,
                plan=account.plan_key,
                owner=account.owner,
                checklist=one.checklist,
                why=one.why,
                days=one.days,
                due_at=one.due_at,
                quiet_since=one.quiet_since,
                last_seen=seen.get(one.account_id),
                done=len(steps) - len(missing),
                total=len(steps),
                lacks=[step for step in missing if step.required] or missing,
            )
        )
    return rows


def _done(session: Session, run_ids: Collection[int]) -> Mapping[int, frozenset[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    rows = session.connection().execute(
        select(col(Completion.enrollment_id), col(Completion.step_key)).where(
            col(Completion.enrollment_id).in_(run_ids),
            col(Completion.member_id).is_(None),
            col(Completion.undone_at).is_(None),
        )
    )
    for run_id, step in rows:
        found[run_id].add(step)
    return {run_id: frozenset(steps) for run_id, steps in found.items()}
