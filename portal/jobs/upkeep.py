"""What is done once a night: looking again at rules that time alone can change, and forgetting what is past.

Each run puts the next one on the table, so it goes on for as long as any worker runs, and never twice for one night.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session, col, select

from portal.accounts import sign_in
from portal.accounts.models import Account
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.definition import conditions
from portal.checklists.enrollment import enroll_accounts, evaluate_all
from portal.checklists.runs import load_runs
from portal.conditions.model import is_time_dependent
from portal.kit.clock import day_start, local_day
from portal.kit.db import zone_of
from portal.kit.jobs import Claim, enqueue, purge
from portal.kit.web import Site

JOB = "upkeep"
LOOK_JOB = "upkeep.look"
HOUR = timedelta(hours=3, minutes=30)
KEEP_JOBS = timedelta(days=30)
AT_ONCE = 200


async def plan(site: Site) -> None:
    """Put the next night's run on the table, unless it is there."""
    await site.database.write(lambda session: _plan(session, now=site.clock()))


async def run(site: Site, _job: Claim) -> None:
    """Begin one night's upkeep. The next night comes first, so that no failure of this one can keep it away."""
    await site.database.write(partial(_begin, now=site.clock()))


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


def queue_look(
    session: Session, *, keys: Collection[str], now: datetime, after: int = 0, run_at: datetime | None = None
) -> None:
    """Look again, soon or from `run_at` on, at every account with an id above `after` for the checklists `keys`."""
    if keys:
        enqueue(session, LOOK_JOB, {"keys": sorted(keys), "after": after}, now=now, run_at=run_at)


def _begin(session: Session, *, now: datetime) -> None:
    _plan(session, now=now)
    sign_in.forget_old(session, now=now)
    purge(session, before=now - KEEP_JOBS)
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


def _plan(session: Session, *, now: datetime) -> None:
    zone = zone_of(session)
    day = local_day(now, zone)
    at = day_start(day, zone) + HOUR
    if at <= now:
        day += timedelta(days=1)
        at = day_start(day, zone) + HOUR
    enqueue(session, JOB, {"day": day.isoformat()}, now=now, run_at=at, dedupe_key=f"{JOB}:{day.isoformat()}")
