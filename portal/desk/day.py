"""A colleague's day: what they have promised, whom they want to come back to, who is stuck, and what happened lately.

Each part is asked of the room it belongs to, and narrowed to the customers the colleague looks after, or to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from portal.accounts.looked_after import looked_after_by, names_of
from portal.accounts.models import Account
from portal.accounts.viewers import StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.models import Completion, Enrollment
from portal.checklists.soon import Soon, due_soon
from portal.checklists.stuck import Narrowed, StuckPage, stuck_accounts
from portal.insights.last_contact import LastContact, last_contacts
from portal.kit.clock import day_end, day_start, local_day
from portal.kit.sql import numbers
from portal.touch.listing import State, TaskPage, list_tasks
from portal.touch.models import Touch
from portal.workdays.rules import Calendar
from portal.workdays.service import calendar_of

SHOWN = 8
MOST_SHOWN = 500
"""Of one part, where all of it is asked for."""
OPEN: tuple[State, ...] = ("open",)
DUE_SHOWN = 10
SOON = timedelta(days=7)
NEW = timedelta(days=14)


@dataclass(frozen=True)
class Reached:
    """A customer to come back to today, or since `next_on`."""

    external_id: str
    name: str
    owner: str | None
    next_on: date
    last: LastContact | None


@dataclass(frozen=True)
class Finished:
    """A customer that completed a checklist (its key) lately."""

    external_id: str
    name: str
    checklist: str
    at: datetime


@dataclass(frozen=True)
class Lately:
    """What happened since the morning of the business day before today. `steps` were done by `movers` customers."""

    since: datetime
    finished: Sequence[Finished]
    steps: int
    movers: int
    notices: Sequence[Account]
    fresh: Sequence[Account]


@dataclass(frozen=True)
class Day:
    """One day of a colleague's, or of everyone's. `reached_total` counts beyond those shown; `week` are the deadlines
    of the next seven days."""

    tasks: TaskPage
    due_today: TaskPage
    reached: Sequence[Reached]
    reached_total: int
    stuck: StuckPage
    week: Soon
    lately: Lately
    leaving: Sequence[Account]
    fresh: Sequence[Account]


def has_own(session: Session, viewer: StaffViewer) -> bool:
    """Whether any customer is written down as theirs, or any task is open for them."""
    mine = select(col(Account.id)).where(looked_after_by(names_of(viewer))).limit(1)
    if session.exec(mine).first() is not None:
        return True
    found = list_tasks(session, today=date.min, week_ends=date.min, staff_id=viewer.staff_id, limit=1, counted=())
    return found.total > 0


def day_of(
    session: Session,
    viewer: StaffViewer,
    *,
    everyone: bool,
    now: datetime,
    zone: ZoneInfo,
    whole: str = "",
) -> Day:
    """What there is to do and to know at `now`; of the part named by `whole` (`reached`, `week`) all there is."""
    names = frozenset[str]() if everyone else names_of(viewer)
    theirs = [] if everyone else [looked_after_by(names, on_the_way=True)]
    staff_id = None if everyone else viewer.staff_id
    today = local_day(now, zone)
    week_ends = today + SOON
    still_here = col(Account.left_at).is_(None) | (col(Account.left_at) > now)
    fresh = select(Account).where(col(Account.started_at) > now - NEW, col(Account.started_at) <= now, *theirs)
    tasks = partial(list_tasks, session, today=today, week_ends=week_ends, staff_id=staff_id, limit=SHOWN)
    reached, reached_total = _reached(
        session, today, [still_here, *theirs], limit=MOST_SHOWN if whole == "reached" else SHOWN
    )
    return Day(
        tasks=tasks(state="overdue", counted=OPEN),
        due_today=tasks(state="today", counted=()),
        reached=reached,
        reached_total=reached_total,
        stuck=stuck_accounts(session, now=now, zone=zone, narrowed=Narrowed(names=names), limit=SHOWN),
        week=due_soon(
            session,
            now=now,
            until=day_end(week_ends, zone),
            zone=zone,
            names=names,
            limit=MOST_SHOWN if whole == "week" else DUE_SHOWN,
        ),
        lately=_lately(session, calendar_of(session), names, theirs, now=now, zone=zone),
        leaving=_leaving(session, theirs, now),
        fresh=session.exec(fresh.order_by(col(Account.started_at).desc(), col(Account.id)).limit(SHOWN)).all(),
    )


def _leaving(session: Session, theirs: Sequence[ColumnElement[bool]], now: datetime) -> Sequence[Account]:
    """Who goes: those with a day first, by it; then who has given notice and has none yet. Each by an index."""
    dated = select(Account).where(col(Account.left_at) > now, *theirs).order_by(col(Account.left_at), col(Account.id))
    found = session.exec(dated.limit(SHOWN)).all()
    if len(found) == SHOWN:
        return found
    noticed = select(Account).where(col(Account.notice_at).is_not(None), col(Account.left_at).is_(None), *theirs)
    rest = noticed.order_by(col(Account.notice_at), col(Account.id)).limit(SHOWN - len(found))
    return [*found, *session.exec(rest)]


def _reached(
    session: Session, today: date, conditions: Sequence[ColumnElement[bool]], *, limit: int
) -> tuple[list[Reached], int]:
    whom = (col(Touch.next_on).is_not(None), col(Touch.next_on) <= today, *conditions)
    joined = col(Account.id) == col(Touch.account_id)
    total = session.exec(select(func.count()).select_from(Touch).join(Account, joined).where(*whom)).one()
    rows = session.exec(
        select(Touch, Account)
        .join(Account, joined)
        .where(*whom)
        .order_by(col(Touch.next_on), col(Account.name), col(Account.id))
        .limit(limit)
    ).all()
    touches = {touch.account_id: touch for touch, _ in rows}
    last = last_contacts(session, touches.keys(), touches=touches)
    found = [
        Reached(account.external_id, account.name, account.owner, touch.next_on, last.get(touch.account_id))
        for touch, account in rows
        if touch.next_on is not None
    ]
    return found, total


def _lately(
    session: Session,
    calendar: Calendar,
    names: Collection[str],
    theirs: Sequence[ColumnElement[bool]],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> Lately:
    since = day_start(calendar.add_business_days(local_day(now, zone), -1), zone)
    live = [one.key for one in catalog(session).live]
    whose = [col(Enrollment.account_id).in_(select(col(Account.id)).where(looked_after_by(names)))] if names else []
    runs = (
        col(Enrollment.excluded_at).is_(None),
        col(Enrollment.withdrawn_at).is_(None),
        col(Enrollment.checklist_key).in_(live),
        *whose,
    )
    # One look over all runs for those few that moved; their steps and their customers are then a look each.
    progress, completed = col(Enrollment.last_progress_at), col(Enrollment.completed_at)
    moved = session.exec(
        select(col(Enrollment.id), col(Enrollment.account_id), col(Enrollment.checklist_key), completed).where(
            or_(progress >= since, completed >= since), *runs
        )
    ).all()
    ended = sorted(
        ((at, account_id, key) for _, account_id, key, at in moved if at is not None and since <= at <= now),
        reverse=True,
    )[:SHOWN]
    steps, movers = _steps_done(session, {run_id or 0: account_id for run_id, account_id, _, _ in moved}, since, now)
    notices = select(Account).where(col(Account.notice_at) >= since, col(Account.notice_at) <= now, *theirs)
    fresh = select(Account).where(col(Account.started_at) >= since, col(Account.started_at) <= now, *theirs)
    return Lately(
        since=since,
        finished=_finished(session, ended),
        steps=steps,
        movers=movers,
        notices=session.exec(notices.order_by(col(Account.id)).limit(SHOWN)).all(),
        fresh=session.exec(fresh.order_by(col(Account.id)).limit(SHOWN)).all(),
    )


def _finished(session: Session, ended: Sequence[tuple[datetime, int, str]]) -> list[Finished]:
    asked = select(Account).where(col(Account.id).in_({account_id for _, account_id, _ in ended}))
    accounts = {one.id: one for one in session.exec(asked)}
    return [
        Finished(accounts[account_id].external_id, accounts[account_id].name, key, at) for at, account_id, key in ended
    ]


def _steps_done(session: Session, runs: Mapping[int, int], since: datetime, now: datetime) -> tuple[int, int]:
    """How many steps were done in these runs (by the customer's id), and by how many customers."""
    asked = (
        select(col(Completion.enrollment_id), func.count())
        .where(
            numbers(col(Completion.enrollment_id), list(runs)),
            col(Completion.member_id).is_(None),
            col(Completion.undone_at).is_(None),
            col(Completion.at) >= since,
            col(Completion.at) <= now,
        )
        .group_by(col(Completion.enrollment_id))
    )
    done = session.exec(asked).all()
    return sum(count for _, count in done), len({runs[run_id] for run_id, _ in done})
