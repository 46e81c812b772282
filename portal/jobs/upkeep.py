"""What is done once a night: looking again at rules that time alone can change, and forgetting what is past."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session, col, select

from portal.accounts import bringing_in, sign_in
from portal.accounts.answers import forget_answers
from portal.accounts.merging import forget_undo
from portal.accounts.models import Account
from portal.accounts.sent_forms import forget_sent
from portal.accounts.trail import forget_trail
from portal.checklists.again import queue_look
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.definition import conditions
from portal.checklists.enrollment import enroll_accounts, evaluate_all
from portal.checklists.overdue import tell_overdue
from portal.checklists.runs import load_runs
from portal.conditions.model import is_time_dependent
from portal.events.activity import forget_turned_away
from portal.events.retention import forget_events
from portal.kit.db import zone_of
from portal.kit.jobs import Claim, purge
from portal.kit.web import Site
from portal.media import service as media
from portal.search.log import forget_searches
from portal.segments.membership import follow_some
from portal.webhooks.service import forget_old
from portal.widget.tickets import forget_tickets

JOB = "upkeep"
KEEP_JOBS = timedelta(days=7)
KEEP_TOLD = timedelta(days=30)
AT_ONCE = 200
SEGMENTS_AT_ONCE = 2_000


async def run(site: Site) -> None:
    """One night's upkeep."""
    now = site.clock()
    await site.database.write(partial(_begin, now=now))
    while await site.database.write(lambda session: purge(session, before=now - KEEP_JOBS)):
        pass
    after = 0
    while after := await site.database.write(partial(follow_some, after=after, limit=SEGMENTS_AT_ONCE, now=now)):
        pass
    while await site.database.write(lambda session: forget_trail(session, now=now, days=site.audit_days)):
        pass
    await forget_events(site.database, now=now)  # last, since it may take long


async def tell_overdue_runs(site: Site) -> None:
    """Tell of deadlines that passed with the day: deadlines are whole days in the vendor's zone."""
    after = 0
    while after := await site.database.write(partial(tell_overdue, now=site.clock(), zone=site.zone, after=after)):
        pass


async def forget_told(site: Site) -> None:
    """Forget what was told to other systems so long ago that nobody will ask for it again."""
    before = site.clock() - KEEP_TOLD
    while await site.database.write(partial(forget_old, before=before)):
        pass


async def look_again(site: Site, job: Claim) -> None:
    """Look at some accounts and leave the rest to a job of their own: short transactions, and no job that outlasts its
    lease, however many there are."""
    found = job.payload
    await site.database.write(partial(_look_at_some, after=found["after"], keys=found["keys"], now=site.clock()))


def look_at(session: Session, *, accounts: Sequence[int], keys: Collection[str], now: datetime) -> None:
    """Enroll, withdraw and complete in the checklists `keys`, though nothing happened."""
    known = catalog(session)
    zone = zone_of(session)
    enroll_accounts(session, known, accounts, now=now, zone=zone, keys=keys)
    runs = load_runs(session, known, accounts=accounts, keys=keys)
    under_way = [one for one in runs if one.enrollment.completed_at is None]
    evaluate_all(session, known, under_way, now=now, zone=zone)


def _begin(session: Session, *, now: datetime) -> None:
    sign_in.forget_old(session, now=now)
    forget_answers(session, now=now)
    forget_sent(session, now=now)
    bringing_in.forget(session, now=now)
    forget_undo(session, now=now)
    forget_turned_away(session, now=now)
    forget_searches(session, now=now)
    media.forget(session, now=now)
    forget_tickets(session, now=now)
    queue_look(session, keys=_changing_by_time(catalog(session)), now=now)


def _look_at_some(session: Session, *, after: int, keys: Collection[str], now: datetime) -> None:
    wanted = select(col(Account.id)).where(col(Account.id) > after).order_by(col(Account.id)).limit(AT_ONCE)
    accounts = [one for one in session.exec(wanted) if one is not None]
    look_at(session, accounts=accounts, keys=keys, now=now)
    if len(accounts) == AT_ONCE:
        queue_look(session, keys=keys, now=now, after=accounts[-1])


def _changing_by_time(known: Catalog) -> frozenset[str]:
    return frozenset(
        published.key
        for published in known.live
        if any(is_time_dependent(condition) for _, condition in conditions(published.definition))
    )
