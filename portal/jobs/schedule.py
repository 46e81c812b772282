"""What runs by the clock, all of it, in one table.

Times are cron's five fields (minute, hour, day of month, month, day of week) in the vendor's zone. Each run puts the
next one on the table before it does anything, so it goes on for as long as any worker runs, whatever one run comes to;
and never twice for one time, however many workers there are. What was missed while no worker ran is made up for once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from cronsim import CronSim
from sqlalchemy import delete
from sqlmodel import Session, col

from portal.insights import closing
from portal.jobs import upkeep
from portal.kit.db import zone_of
from portal.kit.jobs import LATER, Claim, Job, Kind, enqueue
from portal.kit.web import Site
from portal.mailing import alerts, by_rule
from portal.touch import reminding


@dataclass(frozen=True)
class Timed:
    """One line of the table: what is run, under the name of a kind of job, and when."""

    kind: str
    cron: str
    run: Callable[[Site], Awaitable[None]]


SCHEDULE = (
    Timed("checklists.overdue", "5 0 * * *", upkeep.tell_overdue_runs),
    Timed("insights.close", "20 0 * * *", closing.close_due_months),
    Timed(upkeep.JOB, "30 3 * * *", upkeep.run),
    Timed(by_rule.JOB, "10 * * * *", by_rule.look),
    Timed("mailing.silence", "20 * * * *", alerts.look_for_silence),
    Timed("webhooks.forget", "50 3 * * *", upkeep.forget_told),
    Timed(reminding.JOB, "30 8 * * *", reminding.remind),
)


async def plan(site: Site) -> None:
    """Put the next run of everything on the table, unless it is there."""

    def work(session: Session) -> None:
        for timed in SCHEDULE:
            plan_next(session, timed, now=site.clock())

    await site.database.write(work)


def kinds(site: Site) -> dict[str, Kind]:
    """The kinds of job that the table is made of."""
    return {timed.kind: Kind(partial(_run, site, timed), priority=LATER, at_once=1) for timed in SCHEDULE}


def next_run(cron: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The next time after `now` that `cron` names in `zone`."""
    following: datetime = next(CronSim(cron, now.astimezone(zone)))
    return following.astimezone(UTC)


def plan_next(session: Session, timed: Timed, *, now: datetime) -> None:
    """Put the run after `now` on the table, in place of any other that was planned under another schedule."""
    at = next_run(timed.cron, now=now, zone=zone_of(session))
    key = f"{timed.kind}:{at.isoformat()}"
    session.execute(
        delete(Job).where(
            col(Job.kind) == timed.kind,
            col(Job.state) == "waiting",
            col(Job.attempts) == 0,
            col(Job.run_at) > now,
            col(Job.dedupe_key) != key,
        )
    )
    enqueue(session, timed.kind, {"at": at.isoformat()}, now=now, run_at=at, dedupe_key=key)


async def _run(site: Site, timed: Timed, _job: Claim) -> None:
    await site.database.write(lambda session: plan_next(session, timed, now=site.clock()))
    await timed.run(site)
