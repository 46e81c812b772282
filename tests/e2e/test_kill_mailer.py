"""`kill -9` of a worker in the middle of its mails: nobody gets one twice, and of each it is said what became of it.

The moment is left to chance. `BANSO_TEST_KILL_ROUNDS=20` (`make kill`) for more rounds than a check can afford.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.kit.db import open_database, run
from portal.kit.jobs import Job
from portal.kit.migrations import upgrade
from portal.mailing import letters
from portal.mailing.batches import Sender, send_batch
from portal.mailing.models import Letter
from portal.mailing.selection import recipients
from portal.mailing.templates import template_by_key
from tests.factories import make_account, make_admin
from tests.postbox import postbox
from tests.server import BackgroundWorker, Server

pytestmark = pytest.mark.kill
ROUNDS = int(os.environ.get("BANSO_TEST_KILL_ROUNDS", "0"))
MAILS = 40


async def test_a_killed_worker_sends_nothing_twice(make_server: Callable[..., Server]) -> None:
    chance = Random(secrets.randbits(64))  # whatever the moment: the promise is for every one
    with postbox() as box:
        server = make_server(settings={"BANSO_SMTP_URL": box.url})
        await asyncio.to_thread(upgrade, server.database_url)
        worker = BackgroundWorker(server)
        try:
            for number in range(1, (ROUNDS or 1) + 1):
                await asyncio.to_thread(run, server.database_url, lambda session, number=number: queue(session, number))
                enough = len(box.got) + chance.randint(1, MAILS - 1)
                await asyncio.to_thread(worker.start)
                await until(lambda enough=enough: len(box.got) >= enough)  # type: ignore[misc]
                await asyncio.to_thread(worker.kill)
                await asyncio.to_thread(run, server.database_url, end_leases)
                await asyncio.to_thread(worker.start)
                await all_is_done(server)
                assert await asyncio.to_thread(worker.stop) == 0
        finally:
            worker.kill()
        found = await asyncio.to_thread(run, server.database_url, became)
    arrived = Counter(box.to)
    assert set(arrived.values()) == {1}
    assert {to for to, state in found.items() if state == "sent"} <= set(arrived) <= set(found)
    assert set(found.values()) <= {"sent", "uncertain"}
    assert len(found) == MAILS * (ROUNDS or 1)


def queue(session: Session, number: int) -> None:
    """Mails to new customers."""
    now = datetime.now(UTC)
    accounts = []
    for one in range(MAILS):
        account = make_account(session, external_id=f"a-{number}-{one}", now=now)
        make_admin(session, account, external_id=f"u-{number}-{one}", email=f"u-{number}-{one}@example.com")
        accounts.append(account.id or 0)
    found = recipients(session, accounts, whom="admins", checklist=None, needs_run=False, now=now)
    send_batch(
        session,
        template_by_key(session, "checking-in"),
        found,
        key=f"batch-batch-batch-{number}",
        confirmed=MAILS,
        whom="admins",
        checklist=None,
        at_once=True,
        by=Sender("sato@vendor.example", "佐藤"),
        locale="ja",
        now=now,
    )


def end_leases(session: Session) -> None:
    """As if half a minute had passed since the worker died."""
    held = update(Job).where(col(Job.state) == "waiting", col(Job.leased_until).is_not(None))
    session.execute(held.values(run_at=datetime.now(UTC)))


def became(session: Session) -> dict[str, str]:
    return {one.to: one.state for one in session.execute(select(Letter)).scalars()}


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("too few mails have come")


async def all_is_done(server: Server) -> None:
    database = open_database(server.database_url)
    waiting = select(col(Job.id)).where(col(Job.state) == "waiting", col(Job.kind) == letters.JOB).limit(1)
    try:
        for _ in range(600):
            if await database.read(lambda session: session.execute(waiting).first()) is None:
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("there is still something to do")
    finally:
        await database.close()
