"""What the worker takes away: raw events by night, and what was being written while somebody was erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.accounts.people import upsert_member
from portal.accounts.personal import SWEEP_AFTER, SWEEP_JOB, erase_member
from portal.events.models import Event, EventDay
from portal.jobs import schedule
from portal.kit.db import Database
from portal.kit.jobs import Job
from tests.onboarding import World, listening, open_world
from tests.portal.jobs.test_upkeep import run_all, site_of


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)


async def test_raw_events_past_their_time_are_dropped_by_night_and_their_figures_stay(world: World) -> None:
    await world.account()
    await world.send(world.event("login", "6-02 12:00"))
    site, clock = site_of(world)
    clock.now += timedelta(days=800)
    await schedule.plan(site)
    clock.now += timedelta(days=1)
    await run_all(site)

    def left(session: Session) -> list[int]:
        return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in (Event, EventDay)]

    assert await world.db.read(left) == [0, 1]


async def test_the_sweep_after_an_erasure_forgets_whom_it_was_about(world: World) -> None:
    await world.account()

    def erase(session: Session) -> None:
        account = session.execute(select(Account)).scalar_one()
        person = upsert_member(session, account, external_id="u-100", changes={"name": "早川 花"}, now=world.now)
        erase_member(session, person, by="test", now=world.now)

    await world.db.write(erase)
    site, clock = site_of(world)
    clock.now += SWEEP_AFTER
    await run_all(site)
    asked = select(col(Job.state), col(Job.payload)).where(col(Job.kind) == SWEEP_JOB)
    assert [tuple(row) for row in await world.db.read(lambda session: session.execute(asked).all())] == [("done", {})]
