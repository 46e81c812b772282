"""Background work: in the same transaction as its cause, run at least once, never by two workers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlmodel import Session, col

from portal.kit.db import Database, open_database
from portal.kit.jobs import (
    LEASE,
    PAUSES,
    Claim,
    Ended,
    Job,
    Kind,
    claim,
    due_lanes,
    enqueue,
    enqueue_all,
    hand_back,
    pause,
    purge,
    renew,
    retry,
    settle,
    withdraw,
)
from portal.kit.worker import Worker
from tests.factories import NOW
from tests.library import Clock

SECOND = timedelta(seconds=1)
ATTEMPTS = len(PAUSES) + 1


async def put(db: Database, *names: str, **more: object) -> None:
    def work(session: Session) -> None:
        for name in names:
            enqueue(session, "greet", {"name": name}, now=NOW, **more)  # type: ignore[arg-type]

    await db.write(work)


async def stored(db: Database) -> list[Job]:
    return await db.read(lambda session: list(session.execute(select(Job).order_by(col(Job.id))).scalars()))


def worker(db: Database, clock: Clock, handler: Callable[[Claim], Awaitable[None]]) -> Worker:
    return Worker(database=db, kinds={"greet": Kind(handler)}, clock=clock)


def take(now: datetime, **lanes: int) -> Callable[[Session], list[Claim]]:
    return lambda session: claim(session, kinds={}, now=now, places=lanes or {"greet": 10})


def end(job: Claim, *, error: str | None = None, now: datetime = NOW) -> Callable[[Session], None]:
    return lambda session: settle(session, [Ended(job, error=error)], kinds={}, now=now)


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
    for _ in range(ATTEMPTS - 1):
        assert await running.run_due() == 1
        (job,) = await stored(db)
        assert (job.state, job.error, job.leased_until) == ("waiting", "ValueError: no such host", None)
        waits.append((job.run_at - clock.now).total_seconds())
        clock.now = job.run_at - SECOND
        assert await running.run_due() == 0
        clock.now = job.run_at
    plain = [5, 20, 80, 320, 1280, 5120, 20480]
    assert all(least <= wait <= 1.1 * least for least, wait in zip(plain, waits, strict=True))
    assert await running.run_due() == 1
    (job,) = await stored(db)
    assert (job.state, job.error, job.finished_at) == ("dead", "ValueError: no such host", clock.now)
    clock.now += timedelta(days=1)
    assert await running.run_due() == 0
    assert len(greeter.greeted) == ATTEMPTS


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

    (first,) = await db.write(take(NOW))
    assert await db.write(take(NOW + LEASE - SECOND)) == []
    (second,) = await db.write(take(NOW + LEASE))
    assert (second.id, second.attempt) == (first.id, 2)
    # The first one was not dead after all. It changes nothing that is the second's.
    await db.write(end(first, error="late"))
    await db.write(end(first))
    assert await db.write(lambda session: renew(session, [first], now=NOW + LEASE)) == set()
    (job,) = await stored(db)
    assert (job.state, job.error, job.leased_until) == ("waiting", None, NOW + LEASE + LEASE)
    await db.write(end(second))
    assert [job.state for job in await stored(db)] == ["done"]


async def test_what_takes_every_worker_down_is_left_dead(db: Database) -> None:
    await put(db, "poison")
    clock = Clock()
    for _ in range(ATTEMPTS):
        assert len(await db.write(take(clock.now))) == 1
        clock.now += LEASE + SECOND
    assert await worker(db, clock, Greeter()).run_due() == 0
    (job,) = await stored(db)
    assert (job.state, job.attempts) == ("dead", ATTEMPTS)
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


async def test_what_is_done_is_forgotten_a_few_at_a_time_and_what_died_is_not(db: Database) -> None:
    await put(db, "a", "b", "c")
    for job in await db.write(take(NOW)):
        failed = job.payload["name"] == "c"
        await db.write(end(replace(job, attempt=1), error="no" if failed else None))
    await db.write(lambda session: session.connection().execute(update(Job).values(attempts=ATTEMPTS)))
    (last,) = await db.write(lambda session: [Claim(3, "greet", {}, ATTEMPTS)])
    await db.write(end(last, error="no"))
    assert [job.state for job in await stored(db)] == ["done", "done", "dead"]
    later = NOW + SECOND
    assert await db.write(lambda session: purge(session, before=NOW)) == 0
    assert [await db.write(lambda session: purge(session, before=later, limit=1)) for _ in range(3)] == [1, 1, 0]
    assert [job.state for job in await stored(db)] == ["dead"]


async def test_a_dead_job_is_tried_again_on_request(db: Database) -> None:
    clock, greeter = Clock(), Greeter(ValueError("no"))
    running = Worker(database=db, kinds={"greet": Kind(greeter, pauses=())}, clock=clock)
    await put(db, "a", dedupe_key="a")
    await running.run_due()
    assert [(job.state, job.error) for job in await stored(db)] == [("dead", "ValueError: no")]
    greeter.error = None
    clock.now += SECOND
    assert await db.write(lambda session: retry(session, 1, now=clock.now))
    assert not await db.write(lambda session: retry(session, 1, now=clock.now))
    assert not await db.write(lambda session: retry(session, 2, now=clock.now))
    await running.run_due()
    assert [(job.state, job.attempts, job.error) for job in await stored(db)] == [("done", 1, None)]


async def test_a_dead_job_stays_dead_while_another_does_the_same(db: Database) -> None:
    await put(db, "a", dedupe_key="a")
    await Worker(database=db, kinds={"greet": Kind(Greeter(ValueError()), pauses=())}, clock=Clock()).run_due()
    await put(db, "a", dedupe_key="a")
    assert not await db.write(lambda session: retry(session, 1, now=NOW))
    assert [job.state for job in await stored(db)] == ["dead", "waiting"]


async def test_what_is_handed_back_is_free_at_once_and_counts_for_nothing(db: Database) -> None:
    await put(db, "a")
    taken = await db.write(take(NOW))
    await db.write(lambda session: hand_back(session, taken, now=NOW))
    (job,) = await stored(db)
    assert (job.attempts, job.leased_until, job.run_at) == (0, None, NOW)
    assert [one.attempt for one in await db.write(take(NOW))] == [1]


async def test_a_renewed_lease_lasts_longer(db: Database) -> None:
    await put(db, "a", "b")
    (one, _) = await db.write(take(NOW))
    soon = NOW + LEASE / 2
    assert await db.write(lambda session: renew(session, [one], now=soon)) == {one.id}
    assert [job.id for job in await db.write(take(NOW + LEASE))] == [2]
    assert [job.id for job in await db.write(take(soon + LEASE))] == [1]


async def test_lanes_that_have_something_to_do_by_how_long_it_waits(db: Database) -> None:
    await put(db, "late", lane="late", run_at=NOW + SECOND)
    await put(db, "b", lane="b")
    await put(db, "plain", run_at=NOW - SECOND)
    await db.write(lambda session: enqueue_all(session, "greet", [("a", {"name": "x"})] * 3, now=NOW))

    async def due() -> list[str]:
        return await db.read(lambda session: due_lanes(session, now=NOW))

    assert await due() == ["greet", "greet:a", "greet:b"]
    taken = await db.write(lambda session: claim(session, kinds={}, now=NOW, places={"greet:a": 2, "greet:b": 2}))
    assert [job.lane for job in taken] == ["greet:a", "greet:a", "greet:b"]
    assert await due() == ["greet", "greet:a"]
    assert await db.write(lambda session: withdraw(session, lane="greet:a")) == 3
    for job in taken:
        await db.write(end(job))
    assert [(job.lane, job.state) for job in await stored(db)] == [
        ("greet:late", "waiting"),
        ("greet:b", "done"),
        ("greet", "waiting"),
    ]


@pytest.mark.parametrize(
    ("attempt", "spread", "waits"), [(1, 0.0, 5.0), (1, 1.0, 5.5), (2, 0.5, 21.0), (7, 0.0, 20480.0), (8, 0.5, None)]
)
def test_a_pause_is_its_own_and_a_tenth_more_at_most(attempt: int, spread: float, waits: float | None) -> None:
    found = pause(attempt, PAUSES, spread)
    assert (found and found.total_seconds()) == waits


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
async def test_who_ends_a_job_walks_over_none_that_waits(db: Database) -> None:
    """Even where the database believes that little waits, as it does until it has looked."""
    touched = text(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'job'"
    )

    def work(session: Session) -> int:
        renewed, handed_back, done, failed = claim(session, kinds={}, now=NOW, places={"greet": 4})
        before = session.execute(touched).scalar_one()
        renew(session, [renewed], now=NOW)
        hand_back(session, [handed_back], now=NOW)
        settle(session, [Ended(done), Ended(failed, error="no")], kinds={}, now=NOW)
        return int(session.execute(touched).scalar_one() - before)

    await db.write(lambda session: enqueue_all(session, "greet", [("", {})] * 2000, now=NOW))
    assert await db.write(work) <= 8
    states = [job.state for job in await stored(db)]
    assert (states.count("done"), states.count("waiting")) == (1, 1999)
