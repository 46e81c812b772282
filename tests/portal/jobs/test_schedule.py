"""What runs by the clock: at its time in the vendor's zone, once, and again whatever became of the last run."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlmodel import col

from portal.accounts import mails, sign_in
from portal.checklists import again
from portal.jobs import registry, schedule
from portal.jobs.schedule import Timed, next_run, plan_next
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.web import Site
from tests.library import Clock, portal_with
from tests.onboarding import tokyo


def site_of(db: Database, clock: Clock) -> Site:
    site: Site = portal_with(db, clock).state.site
    return site


async def waiting(db: Database) -> list[tuple[str, object]]:
    asked = select(Job).where(col(Job.state) == "waiting").order_by(col(Job.id))
    return await db.read(lambda session: [(job.kind, job.run_at) for job in session.execute(asked).scalars()])


@pytest.mark.parametrize(
    ("cron", "now", "zone", "at"),
    [
        ("30 3 * * *", "2026-06-03T03:29:59", "Asia/Tokyo", "2026-06-03T03:30:00"),
        ("30 3 * * *", "2026-06-03T03:30:00", "Asia/Tokyo", "2026-06-04T03:30:00"),
        ("5 * * * *", "2026-06-03T03:30:00", "Asia/Tokyo", "2026-06-03T04:05:00"),
        ("0 9 * * 1", "2026-06-03T03:30:00", "Asia/Tokyo", "2026-06-08T09:00:00"),
        # The hour that summer time leaves out is made up for, and the one it repeats is not run twice.
        ("30 2 * * *", "2026-03-28T12:00:00", "Europe/Berlin", "2026-03-29T03:00:00"),
        ("30 2 * * *", "2026-10-25T02:30:00", "Europe/Berlin", "2026-10-26T02:30:00"),
    ],
)
def test_the_next_time(cron: str, now: str, zone: str, at: str) -> None:
    place = ZoneInfo(zone)
    found = next_run(cron, now=datetime.fromisoformat(now).replace(tzinfo=place), zone=place)
    assert found.astimezone(place).replace(tzinfo=None).isoformat() == at


async def test_a_changed_time_takes_the_place_of_the_old_one(db: Database) -> None:
    async def run(_site: Site) -> None:
        pass

    now = tokyo("6-03 12:00")
    for cron in ("30 3 * * *", "0 4 * * *", "0 4 * * *"):
        await db.write(partial(plan_next, timed=Timed("sweep", cron, run), now=now))
    assert await waiting(db) == [("sweep", tokyo("6-04 04:00"))]


async def test_a_run_that_fails_keeps_no_other_away(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_site: Site) -> None:
        raise ValueError("out of order")

    monkeypatch.setattr(schedule, "SCHEDULE", (Timed("sweep", "30 3 * * *", fail),))
    clock = Clock(tokyo("6-03 03:00"))
    site = site_of(db, clock)
    await schedule.plan(site)
    clock.now = tokyo("6-03 03:30")
    assert await registry.worker(site).run_due() == 1
    (again, failed_at), (_, next_at) = sorted(await waiting(db), key=lambda one: str(one[1]))
    assert again == "sweep"
    assert isinstance(failed_at, datetime)
    assert failed_at - clock.now < timedelta(seconds=6)
    assert next_at == tokyo("6-04 03:30")


async def test_every_kind_of_job_has_somebody_who_does_it(db: Database) -> None:
    kinds = registry.kinds(site_of(db, Clock()))
    assert {sign_in.MAIL_JOB, "mail", again.LOOK_JOB} < set(kinds)
    assert {timed.kind for timed in schedule.SCHEDULE} < set(kinds)
    assert getattr(kinds[sign_in.MAIL_JOB].run, "func", None) is mails.send_sign_in_mail
