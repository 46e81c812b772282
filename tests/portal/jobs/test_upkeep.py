"""What is done once a night, and what time alone changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from portal.accounts import changes
from portal.checklists import again
from portal.events import ingest
from portal.jobs import registry, schedule, upkeep
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.mail import Mail, queue
from portal.kit.web import Site
from tests.library import Clock, portal_with
from tests.onboarding import World, checklist, listening, open_world, step, tokyo

UPKEEP = col(Job.kind).startswith("upkeep")
"""What else runs by the clock is tested elsewhere."""


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)


def site_of(world: World) -> tuple[Site, Clock]:
    clock = Clock(world.now)
    site: Site = portal_with(world.db, clock).state.site
    return site, clock


async def planned(world: World) -> list[Job]:
    asked = select(Job).where(col(Job.state) == "waiting", UPKEEP).order_by(col(Job.run_at), col(Job.id))
    return await world.db.read(lambda session: list(session.execute(asked).scalars()))


async def run_all(site: Site) -> None:
    """All that is due, and what that puts on the table."""
    while await registry.worker(site).run_due():
        pass


async def test_each_night_plans_the_next(world: World) -> None:
    world.now = tokyo("6-03 03:29")
    site, clock = site_of(world)
    for _ in range(3):
        await schedule.plan(site)
    assert [job.run_at for job in await planned(world)] == [tokyo("6-03 03:30")]
    clock.now = tokyo("6-03 03:30")
    await run_all(site)
    assert [(job.kind, job.run_at) for job in await planned(world)] == [(upkeep.JOB, tokyo("6-04 03:30"))]
    # After nights without a worker there is one run, not one for each.
    clock.now = tokyo("6-09 12:00")
    await run_all(site)
    assert [job.run_at for job in await planned(world)] == [tokyo("6-10 03:30")]


async def test_what_is_past_is_forgotten(world: World) -> None:
    site, clock = site_of(world)
    await schedule.plan(site)
    for day in ("6-04", "6-05", "7-10"):
        clock.now = tokyo(f"{day} 03:30")
        await run_all(site)
    finished = await world.db.read(
        lambda session: list(
            session.execute(select(col(Job.finished_at)).where(col(Job.state) == "done", UPKEEP)).scalars()
        )
    )
    assert finished == [tokyo("7-10 03:30")]


async def test_a_customer_for_whom_it_has_become_too_quiet_is_withdrawn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audience of those who were there in the last days changes though nothing happens; a few accounts at a time."""
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    await world.publish(
        checklist(step("call"), audience="{event: login, last: 3d}"),
        checklist(step("call"), key="other", audience="{event: login}"),
    )
    names = [f"a{number}" for number in range(5)]
    for name in names:
        await world.account(name)
    await world.send(
        *(world.event("login", f"6-0{1 + number % 2} 12:00", account=name) for number, name in enumerate(names))
    )
    assert len(await world.enrollments()) == 10
    site, clock = site_of(world)
    await schedule.plan(site)
    clock.now = tokyo("6-04 03:30")
    await run_all(site)
    found = await world.enrollments()
    gone = {name for (name, key), row in found.items() if row.withdrawn_at is not None}
    assert gone == {"a0", "a2", "a4"}
    assert {key for (_, key), row in found.items() if row.withdrawn_at is not None} == {"start"}
    assert [job.kind for job in await planned(world)] == [upkeep.JOB]


async def test_where_no_rule_speaks_of_time_nobody_is_looked_at(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login, within: 7d}")))
    await world.account()
    site, clock = site_of(world)
    await schedule.plan(site)
    clock.now += timedelta(days=1)
    await run_all(site)
    done = await world.db.read(
        lambda session: list(session.execute(select(col(Job.kind)).where(col(Job.state) == "done", UPKEEP)).scalars())
    )
    assert done == [upkeep.JOB]


async def test_a_second_look_finds_what_a_publication_could_not_see(world: World) -> None:
    """Whoever came in another transaction at that moment: here by an event that no listener was told of."""
    await world.publish(checklist(step("login", "{event: login}")))
    await world.account("known")
    heard = list(changes._subscribers._listeners), list(ingest.subscribers._listeners)
    changes._subscribers._listeners.clear()
    ingest.subscribers._listeners.clear()
    await world.account("unseen")
    await world.send(*(world.event("login", "6-02", account=name) for name in ("known", "unseen")))
    changes._subscribers._listeners[:], ingest.subscribers._listeners[:] = heard
    assert list(await world.enrollments()) == [("known", "start")]
    site, clock = site_of(world)
    await world.write(
        lambda session: again.queue_look(
            session, keys=["start"], now=clock.now, run_at=clock.now + timedelta(minutes=1)
        )
    )
    await run_all(site)
    assert await world.done(account="known") == {}
    clock.now += timedelta(minutes=1)
    await run_all(site)
    assert [await world.done(account=name) for name in ("known", "unseen")] == [{"login": tokyo("6-02")}] * 2
    assert await planned(world) == []


async def test_a_queued_mail_is_sent(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    site, _ = site_of(world)
    await world.write(lambda session: queue(session, Mail("a@example.com", "件名", "本文", "<p>"), now=world.now))
    await run_all(site)
    assert "a@example.com: 件名\n本文" in capsys.readouterr().out
