"""The worker: side by side, by lanes and priorities, with leases that are renewed, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from portal.kit import jobs, worker
from portal.kit.clock import utcnow
from portal.kit.db import Database, open_database
from portal.kit.jobs import LATER, URGENT, Claim, Ended, Failed, Job, Kind, enqueue
from portal.kit.worker import Worker
from tests.factories import NOW
from tests.library import Clock
from tests.portal.kit.test_jobs import Greeter, put, stored

SHORT = timedelta(seconds=0.6)


@asynccontextmanager
async def at_work(running: Worker) -> AsyncIterator[asyncio.Event]:
    """The worker runs until the block is done; what it is given to stop by."""
    stop = asyncio.Event()
    task = asyncio.create_task(running.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


class Waiter:
    """Jobs that say when they have begun, and end when they are let go."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[Claim] = asyncio.Queue()
        self.let_go = asyncio.Event()
        self.cut_short = asyncio.Event()

    async def __call__(self, job: Claim) -> None:
        self.begun.put_nowait(job)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cut_short.set()
            raise

    async def has_begun(self) -> Claim:
        return await asyncio.wait_for(self.begun.get(), 10)


async def test_a_job_put_on_an_empty_table_begins_at_once(db: Database) -> None:
    waiter = Waiter()
    waiter.let_go.set()
    async with at_work(Worker(database=db, kinds={"greet": Kind(waiter)}, clock=utcnow)):
        for name in "abc":
            await put(db, name)
            async with asyncio.timeout(1):
                assert (await waiter.has_begun()).payload == {"name": name}


async def test_it_begins_with_its_plan_and_ends_with_the_job_in_hand(db: Database) -> None:
    stop = asyncio.Event()
    order: list[str] = []

    async def plan() -> None:
        order.append("planned")
        if len(order) == 1:
            raise ConnectionError("not yet")
        await put(db, "a")

    async def greet(job: Claim) -> None:
        stop.set()
        await asyncio.sleep(0)
        order.append(job.payload["name"])

    running = Worker(database=db, kinds={"greet": Kind(greet)}, clock=Clock(), prepare=plan)
    await asyncio.wait_for(running.run(stop), 10)
    assert order == ["planned", "planned", "a"]
    assert [job.state for job in await stored(db)] == ["done"]


async def test_what_does_not_end_in_time_is_handed_back(db: Database) -> None:
    waiter = Waiter()
    await put(db, "a")
    async with at_work(Worker(database=db, kinds={"greet": Kind(waiter)}, clock=Clock(), grace_seconds=0.01)):
        await waiter.has_begun()
    assert waiter.cut_short.is_set()
    assert [(job.state, job.attempts, job.leased_until) for job in await stored(db)] == [("waiting", 0, None)]


async def test_a_long_job_keeps_its_lease(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (jobs, worker):
        monkeypatch.setattr(module, "LEASE", SHORT)
    waiter, greeter = Waiter(), Greeter()
    other = open_database(database_url)
    await put(db, "a")
    try:
        async with at_work(Worker(database=db, kinds={"greet": Kind(waiter)}, clock=utcnow)):
            await waiter.has_begun()
            async with at_work(Worker(database=other, kinds={"greet": Kind(greeter)}, clock=utcnow)):
                await until_lease_is_renewed(db, times=3)
            waiter.let_go.set()
    finally:
        await other.close()
    assert greeter.greeted == []
    assert [(job.state, job.attempts) for job in await stored(db)] == [("done", 1)]


async def until_lease_is_renewed(db: Database, *, times: int) -> None:
    seen: set[datetime | None] = set()
    async with asyncio.timeout(20):
        while len(seen) <= times:
            seen.add((await stored(db))[0].leased_until)
            await asyncio.sleep(0.05)


async def test_a_job_that_another_has_taken_is_let_go(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (jobs, worker):
        monkeypatch.setattr(module, "LEASE", SHORT)
    waiter = Waiter()
    await put(db, "a")
    async with at_work(Worker(database=db, kinds={"greet": Kind(waiter)}, clock=utcnow)):
        job = await waiter.has_begun()

        def take_over(session: Session) -> None:
            row = session.get(Job, job.id)
            assert row is not None
            row.attempts, row.run_at = 2, utcnow() + timedelta(hours=1)
            session.add(row)

        await db.write(take_over)
        await asyncio.wait_for(waiter.cut_short.wait(), 20)
    assert [(job.state, job.attempts) for job in await stored(db)] == [("waiting", 2)]


async def test_what_takes_too_long_is_stopped(db: Database) -> None:
    await put(db, "a")
    kind = Kind(Waiter(), longest=timedelta(seconds=0.05))
    await Worker(database=db, kinds={"greet": kind}, clock=Clock()).run_due()
    (job,) = await stored(db)
    assert job.error is not None
    assert job.error.startswith("TimeoutError")


async def test_urgent_kinds_come_first_whatever_waits(db: Database) -> None:
    done: list[str] = []

    async def note(job: Claim) -> None:
        done.append(job.kind)

    kinds = {"slow": Kind(note, priority=LATER), "plain": Kind(note), "mail": Kind(note, priority=URGENT)}

    def work(session: Session) -> None:
        for kind in ("slow", "slow", "plain", "mail", "mail"):
            enqueue(session, kind, {}, now=NOW)

    await db.write(work)
    one_by_one = Worker(database=db, kinds=kinds, clock=Clock(), slots=1)
    while await one_by_one.run_due():
        pass
    assert done == ["mail", "mail", "plain", "slow", "slow"]


async def test_a_lane_that_hangs_leaves_the_slots_to_others(db: Database) -> None:
    waiter, greeter, all_greeted = Waiter(), Greeter(), asyncio.Event()

    async def run(job: Claim) -> None:
        await (waiter if job.lane == "greet:dead" else greeter)(job)
        if len(greeter.greeted) == 20:
            all_greeted.set()

    await put(db, *map(str, range(20)), lane="dead")
    await put(db, *map(str, range(20)), lane="alive")
    running = Worker(database=db, kinds={"greet": Kind(run, at_once=4)}, clock=utcnow, slots=8, grace_seconds=0)
    async with at_work(running):
        await asyncio.wait_for(all_greeted.wait(), 10)
        assert waiter.begun.qsize() == 4


async def test_a_lane_is_cut_down_by_a_failure_and_grows_again_by_success(db: Database) -> None:
    greeter = Greeter(ValueError())
    running = Worker(database=db, kinds={"greet": Kind(greeter, at_once=8)}, clock=Clock())
    await put(db, *map(str, range(40)))
    taken = [await running.run_due(), await running.run_due()]
    greeter.error = None
    taken += [await running.run_due() for _ in range(3)]
    assert taken == [8, 2, 2, 8, 8]


async def test_what_came_of_jobs_is_written_with_their_end(db: Database) -> None:
    """In one transaction, all of a kind together; an error's result arrives there too."""
    seen: list[Ended] = []

    async def run(job: Claim) -> str:
        if job.payload["name"] == "b":
            raise Failed("no answer", "500")
        return "200"

    def note(session: Session, ended: Sequence[Ended], now: datetime) -> None:
        seen.extend(ended)
        for one in ended:
            enqueue(session, "note", {"of": one.job.payload["name"], "result": one.result}, now=now)

    await put(db, "a", "b")
    await Worker(database=db, kinds={"greet": Kind(run, settle=note)}, clock=Clock()).run_due()
    assert [(one.result, one.error) for one in seen] == [("200", None), ("500", "no answer")]
    assert [(job.kind, job.state, job.error) for job in await stored(db)] == [
        ("greet", "done", None),
        ("greet", "waiting", "no answer"),
        ("note", "waiting", None),
        ("note", "waiting", None),
    ]


async def test_an_end_that_cannot_be_written_costs_no_other_its_own(db: Database) -> None:
    def note(_session: Session, ended: Sequence[Ended], _now: datetime) -> None:
        if any(one.job.payload["name"] == "bad" for one in ended):
            raise ValueError("cannot be written")

    async def run(_job: Claim) -> None:
        pass

    await put(db, "a", "bad", "b")
    clock = Clock()
    running = Worker(database=db, kinds={"greet": Kind(run, settle=note, pauses=())}, clock=clock)
    await running.run_due()
    assert [job.state for job in await stored(db)] == ["done", "waiting", "done"]
    clock.now += jobs.LEASE
    assert await running.run_due() == 0
    assert [job.state for job in await stored(db)] == ["done", "dead", "done"]
