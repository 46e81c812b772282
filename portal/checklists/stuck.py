"""Who is stuck: past the deadline, or with nothing done for so many business days, and what they still lack.

From when on is each checklist's own threshold. Paused, excluded and withdrawn runs are not stuck, nor is a customer who
has left: each of these is somebody's decision. The database decides whom the rule takes; what they lack is looked up
for one page of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from heapq import merge
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, not_, or_, select, union_all
from sqlmodel import Session, col

from portal.accounts.looked_after import looked_after_by
from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.counting import ever_paused, of_customers_here, pauses_of
from portal.checklists.deadlines import effective_due
from portal.checklists.definition import Step
from portal.checklists.models import Completion, Enrollment, Pause
from portal.checklists.thresholds import WHYS, Bounds, Threshold, Why, bounds_of, thresholds
from portal.events import reads
from portal.kit.clock import local_day
from portal.kit.paging import Paged, page_at
from portal.kit.sql import numbers
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


SEVERAL = 5_000
"""So many customers are handed to each question by their ids."""
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
class StuckPage(Paged):
    """A page of them, and how many there are for each reason."""

    rows: Sequence[Stuck]
    counts: Mapping[Why, int]


class _Found(NamedTuple):
    """A run the rule has taken. `rank` puts the overdue first; `since` is since when it is stuck for this reason."""

    rank: int
    since: datetime
    run_id: int
    account_id: int
    checklist: str
    version: int
    due_at: datetime | None
    quiet_since: datetime

    @property
    def why(self) -> Why:
        """The reason."""
        return WHYS[self.rank]


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
    """Everybody who is stuck, worst first: the overdue by since when, then the quiet by since when; a page at a time.

    A page beyond the last gives the last.
    """
    known, calendar = catalog(session), calendar_of(session)
    search = _Search(session, known, calendar, checklist, narrowed, now=now, zone=zone)
    counts = search.counts()
    total = sum(counts[one] for one in WHYS if why in (None, one))
    place = page_at(page, total=total, limit=min(max(limit, 1), LARGEST_PAGE))
    some = search.stretch(why, place.skip, place.skip + place.limit)
    rows = _in_full(session, known, calendar, some, now=now, zone=zone)
    return StuckPage(place.total, place.page, place.limit, rows, counts)


def stuck_ids(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    checklist: str | None = None,
    why: Why | None = None,
    narrowed: Narrowed = EVERYBODY,
) -> list[int]:
    """The customers on all pages of such a list, each once, worst first."""
    search = _Search(session, catalog(session), calendar_of(session), checklist, narrowed, now=now, zone=zone)
    return list(dict.fromkeys(one.account_id for one in search.stretch(why, 0, None)))


class _Search:
    """The stuck runs of some checklists. The database finds, counts and sorts them, but for the few that were ever
    paused: their deadlines and their quiet are worked out one by one, and put where they belong."""

    def __init__(
        self,
        session: Session,
        known: Catalog,
        calendar: Calendar,
        checklist: str | None,
        narrowed: Narrowed,
        *,
        now: datetime,
        zone: ZoneInfo,
    ) -> None:
        own = thresholds(session)
        bounds = {
            live.key: bounds_of(own.get(live.key, Threshold()), calendar=calendar, now=now, zone=zone)
            for live in known.live
            if checklist in (None, live.key)
        }
        self._session = session
        narrowing = _narrowing(session, narrowed)
        self._paused, self._unmoved = _once_paused(session, bounds, narrowing, now=now, zone=zone)
        never_paused = col(Enrollment.id).not_in(select(col(Pause.enrollment_id)))
        plain: dict[Why, list[Select[*tuple[Any, ...]]]] = {one: [] for one in WHYS}
        everybody: dict[Why, list[Select[*tuple[Any, ...]]]] = {one: [] for one in WHYS}
        for key, here in bounds.items():
            for reason, asked in _plain(key, here).items():
                # The first conditions are those of the index of open runs, said as it says them.
                open_runs = (col(Enrollment.checklist_key) == key, *_open(now), *narrowing)
                everybody[reason].append(asked.where(*open_runs))
                plain[reason].append(asked.where(*open_runs, never_paused))
        self._plain = {one: union_all(*asked).subquery() for one, asked in plain.items() if asked}
        self._all = {one: union_all(*asked).subquery() for one, asked in everybody.items() if asked}

    def counts(self) -> dict[Why, int]:
        """How many there are for each reason."""
        found = Counter(one.why for one in self._paused)
        return {one: found[one] + self._plain_counts.get(one, 0) for one in WHYS}

    @cached_property
    def _plain_counts(self) -> Mapping[Why, int]:
        # All are counted and those once paused taken off: asking of each whether it was costs half as much again.
        return {
            one: self._session.connection().execute(select(func.count()).select_from(asked)).scalar_one()
            - self._unmoved[one]
            for one, asked in self._all.items()
        }

    def stretch(self, why: Why | None, first: int, last: int | None) -> list[_Found]:
        """Those from place `first` until before `last` (None: to the end) in the order of the list."""
        paused = [one for one in self._paused if why in (None, one.why)]
        # However the paused ones fall among the others, so many of the others surely stand before the stretch.
        skipped = max(0, first - len(paused))
        others = self._others(why, skipped, None if last is None else last - skipped)
        merged = list(merge(paused, others))
        return merged[first - skipped : None if last is None else last - skipped]

    def _others(self, why: Why | None, skipped: int, limit: int | None) -> list[_Found]:
        """So many of those that were never paused. Reason by reason: the first of the overdue lie first in an index,
        and who is only quiet is not looked at for a page of them."""
        found: list[_Found] = []
        for reason, asked in self._plain.items():
            if why not in (None, reason):
                continue
            if skipped and skipped >= self._plain_counts[reason]:
                skipped -= self._plain_counts[reason]
                continue
            some = select(asked).order_by(asked.c.since, asked.c.run_id).offset(skipped)
            if limit is not None:
                some = some.limit(limit - len(found))
            found += [_Found(*row) for row in self._session.connection().execute(some)]
            skipped = 0
            if len(found) == limit:
                break
        return found


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Enrollment.excluded_at).is_(None),
        col(Enrollment.withdrawn_at).is_(None),
        col(Enrollment.completed_at).is_(None),
        col(Enrollment.paused_at).is_(None),
        col(Enrollment.started_at) <= now,
        of_customers_here(now),
    )


def _plain(key: str, bounds: Bounds) -> dict[Why, Select[*tuple[Any, ...]]]:
    """The stuck among the runs of one checklist, as `Bounds.why` decides it where no pause moves anything."""
    started, progress, due = col(Enrollment.started_at), col(Enrollment.last_progress_at), col(Enrollment.due_at)
    quiet_since = case((progress > started, progress), else_=started)
    overdue = due <= bounds.passed if bounds.overdue is None else and_(due <= bounds.passed, due < bounds.overdue)
    not_overdue = or_(due.is_(None), not_(overdue))
    since: Mapping[Why, tuple[Any, ColumnElement[bool]]] = {
        "overdue": (due, overdue),
        "quiet": (quiet_since, and_(not_overdue, quiet_since < bounds.quiet)),
    }
    return {
        why: select(
            literal(WHYS.index(why)).label("rank"),
            begun.label("since"),
            col(Enrollment.id).label("run_id"),
            col(Enrollment.account_id),
            literal(key).label("checklist"),
            col(Enrollment.version),
            due,
            quiet_since.label("quiet_since"),
        ).where(taken)
        for why, (begun, taken) in since.items()
    }


def _once_paused(
    session: Session,
    bounds: Mapping[str, Bounds],
    narrowing: Sequence[ColumnElement[bool]],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[list[_Found], Counter[Why]]:
    """The stuck among those that were paused before and go on now, in these checklists; and how many would be, for each
    reason, if the pauses moved nothing."""
    # Found by the few pauses: with a checklist named, the database would go through all that is open instead.
    asked = select(
        col(Enrollment.checklist_key),
        col(Enrollment.id),
        col(Enrollment.account_id),
        col(Enrollment.version),
        col(Enrollment.started_at),
        col(Enrollment.due_at),
        col(Enrollment.last_progress_at),
    ).where(numbers(col(Enrollment.id), ever_paused(session)), *_open(now), *narrowing)
    rows = [row for row in session.connection().execute(asked) if row[0] in bounds]
    pauses = pauses_of(session, [row[1] or 0 for row in rows])
    found: list[_Found] = []
    unmoved: Counter[Why] = Counter()
    for key, run_id, account_id, version, started_at, due_at, progress_at in rows:
        since, here = max(started_at, progress_at or started_at), bounds[key]
        why = here.why(due=due_at, quiet_since=since)
        if why is None:
            continue  # a pause moves both later and never earlier
        unmoved[why] += 1
        stretches = pauses.get(run_id or 0, ())
        due = effective_due(due_at, stretches, as_of=now, zone=zone)
        # Nobody is asked to do anything during a pause: the quiet counts from its end.
        since = max([since, *(one.until for one in stretches if one.until is not None)])
        why = here.why(due=due, quiet_since=since)
        if why is not None:
            begun = due if why == "overdue" and due is not None else since
            found.append(_Found(WHYS.index(why), begun, run_id or 0, account_id, key, version, due, since))
    return sorted(found), unmoved


def _narrowing(session: Session, narrowed: Narrowed) -> list[ColumnElement[bool]]:
    exact = {col(Account.plan_key): narrowed.plan, col(Account.owner): narrowed.owner}
    conditions = [column.is_(None) if value == NONE else column == value for column, value in exact.items() if value]
    conditions += [looked_after_by(narrowed.names)] if narrowed.names else []
    if not conditions:
        return []
    theirs = select(col(Account.id)).where(*conditions)
    if len(conditions) > 1:
        # No index holds both, so each question would look at all customers of the one: they are looked up once.
        found = [one or 0 for one in session.connection().scalars(theirs.limit(SEVERAL + 1))]
        if len(found) <= SEVERAL:
            return [numbers(col(Enrollment.account_id), found)]
    return [col(Enrollment.account_id).in_(theirs)]


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
