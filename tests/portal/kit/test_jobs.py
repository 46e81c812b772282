"""Background work: in the same transaction as its cause, run at least once, never by two workers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit import jobs
from portal.kit.db import Database, open_database
from portal.kit.jobs import LEASE, MAX_ATTEMPTS, Claim, Job, Worker, claim, enqueue, fail, finish, purge
from tests.factories import NOW
from tests.library import Clock

SECOND = timedelta(seconds=1)


async def put(db: Database, *names: str, **more: object) -> None:
    def work(session: Session) -> None:
        for name in names:
            enqueue(session, "greet", {"name": name}, now=NOW, **more)  # type: ignore[arg-type]

    await db.write(work)


async def stored(db: Database) -> list[Job]:
    return await db.read(lambda session: list(session.execute(select(Job).order_by(col(Job.id))).scalars()))


def worker(db: Database, clock: Clock, handler: Callable[[Claim], Awaitable[None]]) -> Worker:
    async def nothing() -> None:
        pass

    return Worker(database=db, handlers={"greet": handler}, clock=clock, prepare=nothing)


class Greeter:
    """Greets, or fails, and remembers whom."""

    def __init__(self, error: Exception | None = None) -> None:
        self.greeted: list[str] = []
        self.error = error

    async def __call__(self, job: Claim) -> None:
        self.greeted.append(job.payload["name"])
        if self.error is not None:
            raise self.error


async def test_a_job_is_run_and_done(db: Database) -> None:
    clock, greeter = Clock(), Greeter()
    await put(db, "a", "b")
    await put(db, "later", run_at=NOW + SECOND)
    assert await worker(db, clock, greeter).run_due() == 2
    assert sorted(greeter.greeted) == ["a", "b"]
    assert await worker(db, clock, greeter).run_due() == 0
    clock.now += SECOND
    assert await worker(db, clock, greeter).run_due() == 1
    assert [(job.state, job.finished_at, job.attempts) for job in await stored(db)] == [
        ("done", NOW, 1),
        ("done", NOW, 1),
        ("done", NOW + SECOND, 1),
    ]


async def test_what_is_undone_takes_its_job_with_it(db: Database) -> None:
    def work(session: Session) -> None:
        enqueue(session, "greet", {"name": "a"}, now=NOW)
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(work)
    assert await stored(db) == []


async def test_one_waits_for_each_key(db: Database) -> None:
    await put(db, "a", "a", dedupe_key="a")
    await put(db, "a", dedupe_key="a")
    await put(db, "b", dedupe_key="b")
    await put(db, "c", "d")
    assert [job.payload["name"] for job in await stored(db)] == ["a", "b", "c", "d"]
    await worker(db, Clock(), Greeter()).run_due()
    await put(db, "again", dedupe_key="a")
    assert [job.state for job in await stored(db)] == ["done"] * 4 + ["waiting"]


async def test_two_transactions_that_add_the_same_key_at_once(db: Database) -> None:
    for number in range(5):
        await asyncio.gather(*(put(db, str(number), dedupe_key=str(number)) for _ in range(4)))
    assert len(await stored(db)) == 5


async def test_a_failure_waits_longer_each_time_and_ends(db: Database) -> None:
    clock, greeter = Clock(), Greeter(ValueError("no such\0 host"))
    running = worker(db, clock, greeter)
    await put(db, "a")
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        assert await running.run_due() == 1
        (job,) = await stored(db)
        assert (job.state, job.error, job.leased_until) == ("waiting", "ValueError: no such host", None)
        waits.append((job.run_at - clock.now).total_seconds())
        clock.now = job.run_at - SECOND
        assert await running.run_due() == 0
        clock.now = job.run_at
    assert waits == [5, 20, 80, 320, 1280, 5120, 20480]
    assert await running.run_due() == 1
    (job,) = await stored(db)
    assert (job.state, job.error, job.finished_at) == ("dead", "ValueError: no such host", clock.now)
    clock.now += timedelta(days=1)
    assert await running.run_due() == 0
    assert len(greeter.greeted) == MAX_ATTEMPTS


async def test_what_nobody_can_do_fails_with_a_word(db: Database) -> None:
    await db.write(lambda session: enqueue(session, "dance", {}, now=NOW))
    await worker(db, Clock(), Greeter()).run_due()
    (job,) = await stored(db)
    assert job.error == "LookupError: no handler for jobs of kind 'dance'"


async def test_one_failure_holds_up_no_other_job(db: Database) -> None:
    greeted: list[str] = []

    async def greet(job: Claim) -> None:
        if job.payload["name"] == "bad":
            raise ValueError
        greeted.append(job.payload["name"])

    await put(db, "a", "bad", "b")
    await worker(db, Clock(), greet).run_due()
    assert (sorted(greeted), [job.state for job in await stored(db)]) == (["a", "b"], ["done", "waiting", "done"])


async def test_the_job_of_a_worker_that_died_is_taken_over(db: Database) -> None:
    await put(db, "a")

    async def take(after: timedelta) -> list[Claim]:
        return await db.write(lambda session: claim(session, now=NOW + after))

    (first,) = await take(timedelta())
    assert await take(LEASE) == []
    (second,) = await take(LEASE + SECOND)
    assert (second.id, second.attempt) == (first.id, 2)
    # The first one was not dead after all. It changes nothing that is the second's.
    await db.write(lambda session: fail(session, first, error="late", now=NOW))
    await db.write(lambda session: finish(session, first, now=NOW))
    (job,) = await stored(db)
    assert (job.state, job.error, job.leased_until) == ("waiting", None, NOW + LEASE + SECOND + LEASE)
    await db.write(lambda session: finish(session, second, now=NOW))
    assert [job.state for job in await stored(db)] == ["done"]


async def test_what_takes_every_worker_down_is_left_dead(db: Database) -> None:
    await put(db, "poison")
    clock = Clock()
    for _ in range(MAX_ATTEMPTS):
        assert len(await db.write(lambda session: claim(session, now=clock.now))) == 1
        clock.now += LEASE + SECOND
    assert await worker(db, clock, Greeter()).run_due() == 0
    (job,) = await stored(db)
    assert (job.state, job.attempts) == ("dead", MAX_ATTEMPTS)
    assert job.error


async def test_no_job_is_run_by_two_workers(db: Database, database_url: str) -> None:
    other = open_database(database_url)
    names = [str(number) for number in range(40)]
    await put(db, *names)
    greeters = [Greeter(), Greeter()]
    try:
        for _ in range(5):
            await asyncio.gather(
                *(worker(each, Clock(), greeter).run_due() for each, greeter in zip((db, other), greeters, strict=True))
            )
    finally:
        await other.close()
    assert sorted(greeters[0].greeted + greeters[1].greeted) == sorted(names)
    assert {(job.state, job.attempts) for job in await stored(db)} == {("done", 1)}


async def test_jobs_begin_while_their_lease_is_fresh(db: Database) -> None:
    """All that were claimed together run side by side: one slow job does not eat up the lease of the next."""
    running = asyncio.Barrier(5)

    async def meet(_job: Claim) -> None:
        await asyncio.wait_for(running.wait(), 5)

    await put(db, *"abcde")
    await worker(db, Clock(), meet).run_due()
    assert {job.state for job in await stored(db)} == {"done"}


async def test_what_takes_too_long_is_stopped_within_its_lease(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.05))

    async def hang(_job: Claim) -> None:
        await asyncio.Event().wait()

    await put(db, "a")
    await worker(db, Clock(), hang).run_due()
    (job,) = await stored(db)
    assert job.error is not None
    assert job.error.startswith("TimeoutError")


async def test_a_worker_begins_with_its_plan_and_ends_with_the_job_in_hand(db: Database) -> None:
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

    running = Worker(database=db, handlers={"greet": greet}, clock=Clock(), prepare=plan)
    await asyncio.wait_for(running.run(stop), 10)
    assert order == ["planned", "planned", "a"]
    assert [job.state for job in await stored(db)] == ["done"]


async def test_what_is_done_is_forgotten_and_what_died_is_not(db: Database) -> None:
    clock = Clock()
    await put(db, "a")
    await worker(db, clock, Greeter()).run_due()
    await put(db, "b")
    await db.write(lambda session: fail(session, Claim(2, "greet", {}, MAX_ATTEMPTS), error="x", now=NOW))
    (_, waiting) = await stored(db)
    assert waiting.state == "waiting"  # nobody holds that attempt
    await db.write(lambda session: purge(session, before=NOW))
    assert len(await stored(db)) == 2
    await db.write(lambda session: purge(session, before=NOW + SECOND))
    assert [job.state for job in await stored(db)] == ["waiting"]
