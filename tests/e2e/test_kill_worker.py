"""`kill -9` of a worker in the middle of its deliveries: each message still arrives, twice at most, as the same one.

The moment is left to chance. A lease that the dead worker held would run out after half a minute; the test puts the
clock of those rows forward instead of waiting.

`BANSO_TEST_KILL_ROUNDS=20` (`make kill`) for more rounds than a check can afford.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest
from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.kit.addresses import Policy
from portal.kit.db import open_database, run
from portal.kit.jobs import Job
from portal.kit.migrations import upgrade
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from portal.webhooks import announce, service
from portal.webhooks.announce import Happening
from portal.webhooks.models import Attempt, Told
from portal.webhooks.service import Wanted
from tests.postgres import Cluster
from tests.receiver import Receiver, receiving
from tests.server import BackgroundWorker, Server

pytestmark = pytest.mark.kill
ROUNDS = int(os.environ.get("BANSO_TEST_KILL_ROUNDS", "0"))
MESSAGES = 60
MakeServer = Callable[..., Server]


async def test_sqlite_and_a_killed_worker(make_server: MakeServer) -> None:
    await killed_in_rounds(make_server(settings={"BANSO_OUTBOUND_ALLOW": "127.0.0.1"}), ROUNDS or 1)


async def test_postgresql_and_a_killed_worker(durable_postgres: Cluster, make_server: MakeServer) -> None:
    settings = {"BANSO_OUTBOUND_ALLOW": "127.0.0.1"}
    await killed_in_rounds(make_server(database_url=durable_postgres.url(), settings=settings), ROUNDS or 1)


async def killed_in_rounds(server: Server, rounds: int) -> None:
    await asyncio.to_thread(upgrade, server.database_url)
    chance = Random(secrets.randbits(64))  # whatever the moment: the promise is for every one
    worker = BackgroundWorker(server)
    async with receiving() as receiver:
        await in_database(server, partial(add_endpoint, url=receiver.url))
        try:
            for number in range(1, rounds + 1):
                await asyncio.to_thread(worker.start)
                await in_database(server, tell)
                seen = len(receiver.got) + chance.randint(0, MESSAGES - 1)
                await receiver.has(lambda got, seen=seen: len(got) > seen)  # type: ignore[misc]
                await asyncio.to_thread(worker.kill)
                await in_database(server, end_leases)
                await asyncio.to_thread(worker.start)
                await receiver.has(lambda got, all_of=number * MESSAGES: len({one.id for one in got}) == all_of)  # type: ignore[misc]
                await until_all_is_done(server)
                assert await asyncio.to_thread(worker.stop) == 0
                await in_database(server, partial(compare, receiver=receiver))
        finally:
            worker.kill()


async def in_database(server: Server, work: Callable[[Session], None]) -> None:
    await asyncio.to_thread(run, server.database_url, work)


async def until_all_is_done(server: Server) -> None:
    """What arrived before the kill may be on its way once more."""
    database = open_database(server.database_url)
    waiting = select(col(Job.id)).where(col(Job.state) == "waiting", col(Job.kind) == announce.JOB).limit(1)
    try:
        for _ in range(600):
            if await database.read(lambda session: session.execute(waiting).first()) is None:
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("there is still something to do")
    finally:
        await database.close()


def add_endpoint(session: Session, *, url: str) -> None:
    policy = Policy.parse("127.0.0.1")
    now = datetime.now(UTC)
    service.add_endpoint(session, Wanted(url), secrets=Secrets(LOOPBACK_SECRET), policy=policy, by="test", now=now)


def tell(session: Session) -> None:
    now = datetime.now(UTC)
    happenings = [Happening("checklist.completed", now, {"account": f"a-{number}"}) for number in range(MESSAGES)]
    announce.announce(session, happenings, now=now)


def end_leases(session: Session) -> None:
    """As if half a minute had passed since the worker died."""
    held = update(Job).where(col(Job.state) == "waiting", col(Job.leased_until).is_not(None))
    session.execute(held.values(run_at=datetime.now(UTC)))


def compare(session: Session, *, receiver: Receiver) -> None:
    """Every message arrived in its own bytes, was done once, and was sent twice at most."""
    told = {row.key: row.body for row in session.execute(select(Told)).scalars()}
    arrived = Counter(one.id for one in receiver.got)
    assert arrived.keys() == told.keys()
    assert all(one.body.decode() == told[one.id] for one in receiver.got)
    assert max(arrived.values()) <= 2
    jobs = session.execute(select(Job).where(col(Job.kind) == announce.JOB)).scalars().all()
    assert {job.state for job in jobs} == {"done"}
    assert Counter(job.payload["message"] for job in jobs) == Counter(told.keys())
    assert all(arrived[job.payload["message"]] <= job.attempts <= 2 for job in jobs)
    logged = Counter(session.execute(select(col(Attempt.message_key)).where(col(Attempt.ok))).scalars())
    assert logged == Counter(told.keys())
