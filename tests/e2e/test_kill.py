"""`kill -9` at any moment loses no acknowledged event and counts none twice.

Several senders post events, single and in batches, as fast as they are answered. In the middle of it the server (or
PostgreSQL) is killed; whoever got no answer sends the very same message again once all is back, as every client does.
Nobody can know whether an unanswered message was taken, so what must hold is this: what was answered is there, nothing
is there twice, and what follows from the events (roll-ups, completed steps) agrees with them to the last one.

`make kill` does twenty rounds of each, more than a check can afford.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
from sqlmodel import Session, col, select

from portal.accounts.models import Member
from portal.checklists.models import Completion, Enrollment
from portal.events.models import Event, EventDay
from portal.events.rules import HAPPENINGS
from portal.events.sources import add_source
from portal.kit.db import TOKYO, run
from portal.kit.migrations import upgrade
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from tests.postgres import Cluster
from tests.server import Server

pytestmark = pytest.mark.kill
ROUNDS = int(os.environ.get("BANSO_TEST_KILL_ROUNDS", "0"))
SENDERS = 8
ACCOUNTS = 40
NEEDED = 5
NAMES = ("login", "invoice.sent", "file.uploaded")
CHECKLIST = f"""
key: first-steps
title: First steps
due: 1mo
from: 2000-01-01
steps:
  - key: login
    title: Log in
    done_when: {{event: login, at_least: {NEEDED}}}
  - key: everyone
    title: Everyone sends an invoice
    scope: every_member
    done_when: {{event: invoice.sent}}
"""
MakeServer = Callable[..., Server]


async def test_sqlite_and_a_killed_server(make_server: MakeServer) -> None:
    server = make_server()
    await killed_in_rounds(server, ROUNDS or 2)


async def test_postgresql_and_a_killed_server(durable_postgres: Cluster, make_server: MakeServer) -> None:
    server = make_server(database_url=durable_postgres.url())
    await killed_in_rounds(server, ROUNDS or 2)


async def test_a_restarted_and_a_killed_postgresql(durable_postgres: Cluster, make_server: MakeServer) -> None:
    """The server stays up: it says 503 until the database is back, and then goes on by itself."""
    server = make_server(database_url=durable_postgres.url())
    senders = Senders(server, await furnish(server))
    for number in range(ROUNDS or 2):
        async with senders.sending():
            await senders.answered_some_more()
            await asyncio.to_thread(durable_postgres.kill if number % 2 else durable_postgres.shut_down)
            await senders.all_waiting()
            await asyncio.to_thread(durable_postgres.start)
            senders.let_go_on()
            await senders.answered_some_more()
        await asyncio.to_thread(compare, server, senders)
    assert 503 in senders.refusals
    assert senders.refusals <= {503}


async def killed_in_rounds(server: Server, rounds: int) -> None:
    senders = Senders(server, await furnish(server))
    for _ in range(rounds):
        async with senders.sending():
            await senders.answered_some_more()
            await asyncio.to_thread(server.kill)
            await senders.all_waiting()
            assert senders.answered <= await asyncio.to_thread(stored, server), "an acknowledged event is gone"
            await asyncio.to_thread(server.start)
            senders.let_go_on()
            await senders.answered_some_more()
        await asyncio.to_thread(compare, server, senders)
    assert senders.refusals == set()


# --- those who send ---------------------------------------------------------------------------------------------------


class Senders:
    """Clients that send what got no answer again, until it gets one."""

    def __init__(self, server: Server, write_key: str) -> None:
        self.answered: set[str] = set()
        """The ids of the messages that were acknowledged."""
        self.refusals: set[int] = set()
        """Every status that was not a 200."""
        self._server = server
        self._write_key = write_key
        self._random = Random(secrets.randbits(64))  # whatever the moment: the promise is for every one
        self._changed = asyncio.Condition()
        self._back = asyncio.Event()
        self._waiting = 0
        self._stopping = False
        self._sent = 0

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """They send all the while; in the end everything they ever sent was answered."""
        self._stopping = False
        self._back.clear()
        limits = httpx.Limits(max_connections=SENDERS)
        async with (
            httpx.AsyncClient(base_url=self._server.url, trust_env=False, timeout=10, limits=limits) as client,
            asyncio.timeout(60),
            asyncio.TaskGroup() as group,
        ):
            for _ in range(SENDERS):
                group.create_task(self._send(client))
            yield
            self._stopping = True

    async def answered_some_more(self) -> None:
        """Return at a moment that nobody can foresee, with requests in flight."""
        enough = len(self.answered) + self._random.randint(20, 400)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.answered) >= enough)

    async def all_waiting(self) -> None:
        """Return when each of them has noticed that something is wrong."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting == SENDERS)

    def let_go_on(self) -> None:
        """Tell them to try again."""
        self._back.set()

    async def _send(self, client: httpx.AsyncClient) -> None:
        while not self._stopping:
            messages = [self._message() for _ in range(self._random.choice((1, 1, 1, 20)))]
            while not await self._is_taken(client, messages):
                await self._changes(waiting=1)
                await self._back.wait()
                await self._changes(waiting=-1)
            self.answered |= {message["messageId"] for message in messages}
            await self._changes()

    async def _is_taken(self, client: httpx.AsyncClient, messages: list[dict[str, Any]]) -> bool:
        call, body = ("track", messages[0]) if len(messages) == 1 else ("batch", {"batch": messages})
        with suppress(httpx.TransportError):
            answer = await client.post(f"/api/v1/{call}", json=body, auth=(self._write_key, ""))
            if answer.status_code == 200:
                told = answer.json()
                assert told["rejected"] == []
                assert told["accepted"] + told["duplicates"] == len(messages)
                return True
            self.refusals.add(answer.status_code)
            assert int(answer.headers["retry-after"]) > 0, "it must say when to come back"
        return False

    async def _changes(self, *, waiting: int = 0) -> None:
        async with self._changed:
            self._waiting += waiting
            self._changed.notify_all()

    def _message(self) -> dict[str, Any]:
        self._sent += 1
        account = self._random.randrange(ACCOUNTS)
        ago = timedelta(minutes=self._random.randrange(60 * 24 * 3))
        return {
            "type": "track",
            "messageId": f"m-{self._sent}",
            "event": self._random.choice(NAMES),
            "userId": f"u-{account}-{self._random.randrange(3)}",
            "context": {"groupId": f"a-{account}"},
            "timestamp": (datetime.now(UTC) - ago).isoformat(),
        }


# --- what must hold ---------------------------------------------------------------------------------------------------


def compare(server: Server, senders: Senders) -> None:
    """Every message is there once, and everything that was made of them says the same as they do."""

    def work(session: Session) -> None:
        ids = Counter(session.exec(select(col(Event.message_id)).where(col(Event.kind).in_(HAPPENINGS))))
        assert set(ids) == senders.answered
        assert set(ids.values()) == {1}
        events = session.exec(select(Event).where(col(Event.kind).in_(HAPPENINGS)).order_by(col(Event.at))).all()
        assert all(event.account_id and event.member_id for event in events)
        assert rolled_up(session) == Counter(map(place_of, events))
        compare_steps(session, events)

    run(server.database_url, work, write=False)


def place_of(event: Event) -> tuple[Any, ...]:
    return event.account_id, event.member_id, event.name, event.at.astimezone(TOKYO).date()


def rolled_up(session: Session) -> dict[tuple[Any, ...], int]:
    rows = session.exec(select(EventDay))
    return {(row.account_id, row.member_id, row.name, row.day): row.count for row in rows}


def compare_steps(session: Session, events: Iterable[Event]) -> None:
    """Steps are done exactly where the events prove it, at the moment of the event that proved it."""
    logins: dict[int, list[datetime]] = {}
    first_invoices: dict[int, dict[int, datetime]] = {}
    for event in events:  # oldest first
        assert event.account_id is not None
        assert event.member_id is not None
        if event.name == "login":
            logins.setdefault(event.account_id, []).append(event.at)
        elif event.name == "invoice.sent":
            first_invoices.setdefault(event.account_id, {}).setdefault(event.member_id, event.at)
    members = Counter(session.exec(select(col(Member.account_id))))
    done = session.exec(
        select(col(Enrollment.account_id), col(Completion.step_key), col(Completion.at))
        .join(Completion, col(Completion.enrollment_id) == col(Enrollment.id))
        .where(col(Completion.member_id).is_(None), col(Completion.undone_at).is_(None))
    ).all()
    expected = [(account, "login", at[NEEDED - 1]) for account, at in logins.items() if len(at) >= NEEDED]
    expected += [
        (account, "everyone", max(at.values())) for account, at in first_invoices.items() if len(at) == members[account]
    ]
    assert sorted(done) == sorted(expected)
    both = {account for account, step, _ in expected if step == "everyone"} & {
        account for account, step, _ in expected if step == "login"
    }
    completed = session.exec(select(col(Enrollment.account_id)).where(col(Enrollment.completed_at).is_not(None)))
    assert set(completed) == both


def stored(server: Server) -> set[str]:
    """The ids of all messages in the database."""
    return run(server.database_url, lambda session: set(session.exec(select(col(Event.message_id)))), write=False)


# --- what they send to ------------------------------------------------------------------------------------------------


async def furnish(server: Server) -> str:
    """Customers of three people each, in a checklist that watches what they do. Started; answers with a write key."""
    await asyncio.to_thread(upgrade, server.database_url)
    library = server.directory / "library"
    (library / "content" / "checklists").mkdir(parents=True)
    (library / "content" / "checklists" / "first-steps.yml").write_text(CHECKLIST)
    server.banso("publish", str(library))
    add = partial(add_source, secrets=Secrets(LOOPBACK_SECRET), name="app", now=datetime.now(UTC))
    source = await asyncio.to_thread(run, server.database_url, add)
    server.start()
    since = (datetime.now(UTC) - timedelta(days=5)).isoformat()
    people = [(f"u-{account}-{person}", f"a-{account}") for account in range(ACCOUNTS) for person in range(3)]
    told = [
        {"type": "group", "userId": user, "groupId": group, "traits": {"created_at": since}} for user, group in people
    ]
    told += [
        {"type": "identify", "userId": user, "context": {"groupId": group}, "traits": {"created_at": since}}
        for user, group in people
    ]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
        answer = await client.post("/api/v1/batch", json={"batch": told}, auth=(source.write_key, ""))
    assert answer.json()["accepted"] == len(told), answer.text
    return source.write_key
