"""Who runs through which checklist: enrolling by audience and start, withdrawing, following a moved start.

Existing customers are not thrown into a checklist they never saw: who started before `from` (by default the first
publication less the time given) is not enrolled. Leaving the audience withdraws a run that is not completed, on record;
coming back brings it back with all that was done.

Completing one checklist may complete or open another, so enrolling and evaluating follow each other here until nothing
changes any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists import news, touched
from portal.checklists.catalog import Catalog, Published
from portal.checklists.definition import Definition, conditions
from portal.checklists.evaluation import LONGEST_NAME, completed_checklists, evaluate
from portal.checklists.models import Checklist, Completion, Enrollment, EnrollmentException
from portal.checklists.runs import Run, load_runs
from portal.conditions.model import All, Condition, EventCount, checklists_of
from portal.conditions.model import Any as AnyOf
from portal.conditions.service import Subject, account_values, ask
from portal.events.models import EventDay
from portal.kit.clock import days_between, deadline, local_day
from portal.kit.db import chunks

SYSTEM = "banso"


def enroll_accounts(
    session: Session,
    known: Catalog,
    accounts: Collection[int],
    *,
    now: datetime,
    zone: ZoneInfo,
    keys: Collection[str] | None = None,
) -> None:
    """Bring the enrollments of `accounts` up to their audience and start, and then evaluate them."""
    live = [published for published in known.live if keys is None or published.key in keys]
    published_at = {row.key: row.first_published_at for row in session.execute(select(Checklist)).scalars()}
    first_days = {one.key: first_day(one.definition, published_at[one.key], zone) for one in live}
    for some in chunks(sorted(accounts)):
        # Held until the end of the transaction: two of them never enroll or judge one account at a time.
        held = select(Account).where(col(Account.id).in_(some)).order_by(col(Account.id))
        rows = session.execute(held.with_for_update(key_share=True)).scalars()
        standing = {
            (row.account_id, row.checklist_key): row
            for row in session.execute(select(Enrollment).where(col(Enrollment.account_id).in_(some))).scalars()
        }
        fresh: list[dict[str, object]] = []
        for account in rows.all():
            for published in live:
                enrollment = standing.get((account.id or 0, published.key))
                belongs = in_audience(session, published.definition, account, now=now, zone=zone)
                if enrollment is not None:
                    own = known.of(published.key, enrollment.version).definition
                    _follow(session, enrollment, account, own, belongs=belongs, now=now, zone=zone)
                elif belongs and local_day(account.started_at, zone) >= first_days[published.key]:
                    fresh.append(_enrolled(account, published, now=now, zone=zone))
        session.flush()
        if fresh:
            session.execute(insert(Enrollment), fresh)
        _evaluate_where_it_matters(session, known, live, some, now=now, zone=zone)


def evaluate_all(
    session: Session,
    known: Catalog,
    runs: Iterable[Run],
    *,
    now: datetime,
    zone: ZoneInfo,
    steps: Mapping[int, Collection[str]] | None = None,
    members: Mapping[int, Collection[int]] | None = None,
    undone_by: str | None = None,
) -> None:
    """Evaluate `runs`, and then whatever waits for a checklist that this has completed.

    `steps` (by enrollment) and `members` (by account) narrow it to what can have changed.
    """
    changed: set[int] = set()
    completed: set[str] = set()
    told: list[news.News] = []
    seen: set[int] = set()
    ticked: set[int] = set()
    for run in runs:
        before = {place: row.at for place, row in run.completions.items()}
        if evaluate(
            session,
            run,
            now=now,
            zone=zone,
            steps=None if steps is None else steps.get(run.enrollment.id or 0, ()),
            members=None if members is None else members.get(run.enrollment.account_id, ()),
            undone_by=undone_by,
        ):
            changed.add(run.enrollment.account_id)
            completed.add(run.published.key)
        told.extend(run.news)
        run.news.clear()
        seen.add(run.enrollment.account_id)
        if before != {place: row.at for place, row in run.completions.items()}:
            ticked.add(run.enrollment.account_id)
    if told:
        session.flush()
        news.subscribers.tell(session, told, now=now)
    touched.tell(session, seen, ticked=ticked, now=now)
    # Only now, and from fresh rows: `runs` would not see what was written into them from elsewhere.
    waiting = {published.key for published in known.live if published.waits_for & completed}
    if waiting:
        enroll_accounts(session, known, changed, now=now, zone=zone, keys=waiting)


def first_day(definition: Definition, first_published_at: datetime, zone: ZoneInfo) -> date:
    """The first day of start that is enrolled: `from`, or the first publication less the time given."""
    if definition.from_day is not None:
        return definition.from_day
    day = local_day(first_published_at, zone)
    return definition.due.before(day) if definition.due else day


def in_audience(session: Session, definition: Definition, account: Account, *, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the checklist is meant for `account`."""
    if definition.audience is None:
        return True
    waits = bool(checklists_of(definition.audience))
    subject = Subject(
        account.id or 0,
        None,
        account.started_at,
        account_values(account),
        completed_checklists(session, account.id or 0) if waits else {},
    )
    return ask(session, definition.audience, subject, now=now, zone=zone).met


def due_of(definition: Definition, started_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The deadline of a run that started at `started_at`."""
    return deadline(started_at, definition.due, zone) if definition.due else None


def restart(session: Session, enrollment: Enrollment, definition: Definition, *, at: datetime, zone: ZoneInfo) -> None:
    """Count the run from `at`: its deadline and the days its steps took follow."""
    enrollment.started_at = at
    if not enrollment.due_moved:
        enrollment.due_at = due_of(definition, at, zone)
    rows = select(Completion).where(col(Completion.enrollment_id) == enrollment.id)
    for completion in session.execute(rows).scalars():
        completion.days = max(0, days_between(at, completion.at, zone))
        session.add(completion)
    session.add(enrollment)


def move_to(session: Session, run: Run, published: Published, *, zone: ZoneInfo) -> None:
    """Move a run under way to another version: completions of steps that still exist stay, the others are set aside."""
    kept = {step.key for step in published.definition.steps}
    enrollment = run.enrollment
    enrollment.version = published.version
    if not enrollment.due_moved:
        enrollment.due_at = due_of(published.definition, enrollment.started_at, zone)
    run.published = published
    run.completions = {place: row for place, row in run.completions.items() if place[0] in kept}
    session.add(enrollment)


def note(
    session: Session,
    enrollment: Enrollment,
    kind: str,
    *,
    by: str,
    reason: str = "",
    before: str | None = None,
    after: str | None = None,
    now: datetime,
) -> None:
    """Put an exception on record."""
    session.add(
        EnrollmentException(
            enrollment_id=enrollment.id or 0,
            kind=kind,
            at=now,
            by=by[:LONGEST_NAME],
            reason=reason,
            before=before,
            after=after,
        )
    )


def _enrolled(account: Account, published: Published, *, now: datetime, zone: ZoneInfo) -> dict[str, object]:
    return {
        "account_id": account.id,
        "checklist_key": published.key,
        "version": published.version,
        "enrolled_at": now,
        "started_at": account.started_at,
        "start_moved": False,
        "due_at": due_of(published.definition, account.started_at, zone),
        "due_moved": False,
        "furthest": 0,
    }


def _follow(
    session: Session,
    enrollment: Enrollment,
    account: Account,
    definition: Definition,
    *,
    belongs: bool,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    if belongs and enrollment.withdrawn_at is not None:
        enrollment.withdrawn_at = None
        note(session, enrollment, "return", by=SYSTEM, now=now)
    elif not belongs and enrollment.withdrawn_at is None and enrollment.completed_at is None:
        enrollment.withdrawn_at = now
        note(session, enrollment, "withdraw", by=SYSTEM, now=now)
    if not enrollment.start_moved and enrollment.started_at != account.started_at:
        restart(session, enrollment, definition, at=account.started_at, zone=zone)
    session.add(enrollment)


def _evaluate_where_it_matters(
    session: Session,
    known: Catalog,
    live: Iterable[Published],
    accounts: Collection[int],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """A fresh import of thousands has nothing to evaluate: only accounts with events, completions or rules about
    themselves are looked at."""
    keys = {published.key for published in live}
    if any(needs_no_event(published.definition) for published in live):
        wanted: set[int] = set(accounts)
    else:
        watched = frozenset[str]().union(*(published.watches for published in live))
        begun = (
            select(col(Enrollment.account_id))
            .join(Completion, col(Completion.enrollment_id) == col(Enrollment.id))
            .where(col(Enrollment.account_id).in_(accounts))
        )
        wanted = {row[0] for row in session.execute(begun.distinct())} | with_any_of(session, accounts, watched)
    evaluate_all(session, known, load_runs(session, known, accounts=wanted, keys=keys), now=now, zone=zone)


def with_any_of(session: Session, accounts: Collection[int], events: Collection[str]) -> set[int]:
    """Those of `accounts` to which one of `events` ever happened."""
    found: set[int] = set()
    for some in chunks(sorted(accounts)):
        seen = select(col(EventDay.account_id)).where(
            col(EventDay.account_id).in_(some), col(EventDay.name).in_(sorted(events))
        )
        found.update(row[0] for row in session.execute(seen.distinct()))
    return found


def needs_no_event(definition: Definition) -> bool:
    """Whether something in it can be done by an account to which nothing has happened."""
    return any(_may_hold_at_once(condition) for path, condition in conditions(definition) if path != ("audience",))


def _may_hold_at_once(condition: Condition) -> bool:
    match condition:
        case EventCount():
            return False
        case All(parts):
            return all(_may_hold_at_once(part) for part in parts)
        case AnyOf(parts):
            return any(_may_hold_at_once(part) for part in parts)
    return True
