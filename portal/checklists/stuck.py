"""Who is stuck: past the deadline, or with nothing done for so many business days, and what they still lack.

From when on is each checklist's own threshold. Paused, excluded and withdrawn runs are not stuck, nor is a customer who
has left: each of these is somebody's decision. Whom the rule takes is decided from a few columns of every open run;
what they lack is looked up for one page of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from portal.accounts.looked_after import looked_after_by
from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.counting import is_counted, pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.definition import Step
from portal.checklists.models import Completion, Enrollment
from portal.checklists.thresholds import WHYS, Bounds, Threshold, Why, bounds_of, thresholds
from portal.events import reads
from portal.kit.clock import local_day
from portal.workdays.rules import Calendar
from portal.workdays.service import calendar_of

LARGEST_PAGE = 200
NONE = "-"
"""As a filter of plan or owner: those without one."""


@dataclass(frozen=True)
class Narrowed:
    """Whom to list. `plan` and `owner` as written, "" for any; `names`: what the colleague whose they are is called."""

    plan: str = ""
    owner: str = ""
    names: frozenset[str] = frozenset()


EVERYBODY = Narrowed()


@dataclass(frozen=True)
class Stuck:
    """One account that is stuck in one checklist. `days` are business days since the deadline, or without a step."""

    account_id: int
    external_id: str
    name: str
    plan: str | None
    owner: str | None
    checklist: str
    why: Why
    days: int
    since: datetime
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
    due_at: datetime | None
    quiet_since: datetime

    @property
    def since(self) -> datetime:
        """Since when it is stuck for this reason."""
        return self.due_at if self.why == "overdue" and self.due_at is not None else self.quiet_since


def stuck_accounts(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    checklist: str | None = None,
    why: Why | None = None,
    narrowed: Narrowed = EVERYBODY,
    page: int = 1,
    limit: int = 50,
) -> StuckPage:
    """Everybody who is stuck, worst first: the overdue by how long, then the quiet by how long; a page at a time.

    A page beyond the last gives the last.
    """
    known, calendar = catalog(session), calendar_of(session)
    found = _all(session, known, calendar, checklist, narrowed, now=now, zone=zone)
    counts: dict[Why, int] = {one: sum(stuck.why == one for stuck in found) for one in WHYS}
    wanted = [one for one in found if why in (None, one.why)]
    wanted.sort(key=lambda one: (one.why != "overdue", one.since, one.name, one.run_id))
    limit = min(max(limit, 1), LARGEST_PAGE)
    page = min(max(page, 1), max(1, -(-len(wanted) // limit)))
    some = wanted[(page - 1) * limit : page * limit]
    return StuckPage(_in_full(session, known, calendar, some, now=now, zone=zone), counts, len(wanted), page, limit)


def stuck_ids(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    checklist: str | None = None,
    why: Why | None = None,
    narrowed: Narrowed = EVERYBODY,
) -> list[int]:
    """The customers on all pages of such a list, each once, by name."""
    found = _all(session, catalog(session), calendar_of(session), checklist, narrowed, now=now, zone=zone)
    chosen = sorted((one for one in found if why in (None, one.why)), key=lambda one: (one.name, one.account_id))
    return list(dict.fromkeys(one.account_id for one in chosen))


def _all(
    session: Session,
    known: Catalog,
    calendar: Calendar,
    checklist: str | None,
    narrowed: Narrowed,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> list[_Found]:
    own = thresholds(session)
    found = []
    for live in known.live:
        if checklist in (None, live.key):
            bounds = bounds_of(own.get(live.key, Threshold()), calendar=calendar, now=now, zone=zone)
            found += _found(session, live.key, bounds, narrowed, now=now, zone=zone)
    return found


def _found(
    session: Session, key: str, bounds: Bounds, narrowed: Narrowed, *, now: datetime, zone: ZoneInfo
) -> list[_Found]:
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
            *_narrowing(narrowed),
        )
    )
    found = []
    for run_id, version, started_at, due_at, progress_at, account_id, name in rows:
        stretches = pauses.get(run_id or 0, ())
        due = effective_due(due_at, stretches, as_of=now, zone=zone)
        # Nobody is asked to do anything during a pause: the quiet counts from its end.
        since = max([started_at, progress_at or started_at, *(one.until for one in stretches if one.until is not None)])
        why = bounds.why(due=due, quiet_since=since)
        if why is not None:
            found.append(_Found(run_id or 0, account_id or 0, name, key, version, why, due, since))
    return found


def _narrowing(narrowed: Narrowed) -> list[ColumnElement[bool]]:
    exact = {col(Account.plan_key): narrowed.plan, col(Account.owner): narrowed.owner}
    conditions = [column.is_(None) if value == NONE else column == value for column, value in exact.items() if value]
    return [*conditions, looked_after_by(narrowed.names)] if narrowed.names else conditions


def _in_full(
    session: Session, known: Catalog, calendar: Calendar, some: Sequence[_Found], *, now: datetime, zone: ZoneInfo
) -> list[Stuck]:
    today = local_day(now, zone)
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
                days=calendar.business_days_between(local_day(one.since, zone), today),
                since=one.since,
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
