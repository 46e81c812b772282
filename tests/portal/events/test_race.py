"""Two transactions at the same moment, on PostgreSQL, which really runs them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import Session

from portal.accounts import changes, one_person
from portal.accounts.people import upsert_member
from portal.accounts.service import upsert_account
from portal.events.ingest import follow_accounts, ingest
from portal.kit.postgres import postgres_engine
from tests.portal.events.conftest import NOW, TOKYO, Feed, alias, group, identify, read, track

pytestmark = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


async def test_one_message_sent_many_times_at_once_counts_once(feed: Feed) -> None:
    batch = [track(f"e{n}", user=f"u{n}", group=f"g{n % 3}", messageId=f"m{n}") for n in range(30)]
    outcomes = await asyncio.gather(*(feed.send(*(batch if turn % 2 else batch[::-1])) for turn in range(8)))
    assert sum(outcome.accepted for outcome in outcomes) == 30
    assert sum(outcome.duplicates for outcome in outcomes) == 7 * 30
    seen = await feed.look()
    assert [day[4] for day in seen.days] == [1] * 30
    assert (len(seen.accounts), len(seen.members)) == (3, 30)


async def test_one_days_sum_is_right_when_many_add_to_it(feed: Feed) -> None:
    await asyncio.gather(*(feed.send(*(track(group="acme") for _ in range(5))) for _ in range(10)))
    assert [day[4] for day in (await feed.look()).days] == [50]


class Unit:
    """One transaction that has done its work and has not committed yet."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.session = AsyncSession(engine, expire_on_commit=False, sync_session_class=Session, info={"zone": TOKYO})

    async def do(self, work: Callable[[Session], object]) -> None:
        await self.session.run_sync(lambda sync: work(cast("Session", sync)))

    async def end(self) -> None:
        await self.session.commit()
        await self.session.close()


async def side_by_side(url: str, first: Callable[[Session], object], second: Callable[[Session], object]) -> None:
    """`second` begins after `first` has done its work, and `first` commits once `second` is done or waits for it."""
    engine = postgres_engine(make_url(url))
    try:
        one, other = Unit(engine), Unit(engine)
        await one.do(first)
        following = asyncio.create_task(other.do(second))
        async with engine.connect() as watcher:
            while not following.done():
                waits = await watcher.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
                if waits:
                    break
        await one.end()
        await following
        await other.end()
    finally:
        await engine.dispose()


@pytest.mark.parametrize("event_first", [True, False])
@pytest.mark.parametrize("how", ["group", "import"])
async def test_no_event_is_left_waiting_when_its_person_gets_known_meanwhile(
    feed: Feed, database_url: str, how: str, event_first: bool
) -> None:
    """Something of an unknown person, and what says who that is, at the same moment."""

    def happen(session: Session) -> None:
        take(session, track("early"), identify(name="早川"))

    def say(session: Session) -> None:
        if how == "group":
            take(session, group("acme"))
        else:
            account = upsert_account(session, external_id="acme", changes={}, now=NOW)
            upsert_member(session, account, external_id="u1", changes={}, now=NOW)

    def take(session: Session, *messages: dict[str, Any]) -> None:
        incomings = [read(message) for message in messages]
        ingest(session, incomings, source_id=feed.source_id, received_at=NOW, zone=TOKYO)

    leave = changes.subscribe(follow_accounts)
    try:
        await side_by_side(database_url, *((happen, say) if event_first else (say, happen)))
    finally:
        leave()
    seen = await feed.look()
    assert {owner[1:] for owner in seen.owners} == {("acme", "u1")}
    assert [day[4] for day in seen.days] == [1]
    assert seen.members["acme", "u1"].name == "早川"


async def test_a_message_in_two_transactions_at_once_counts_once(feed: Feed, database_url: str) -> None:
    def take(session: Session) -> None:
        incomings = [read(track(group="acme", messageId="m1"))]
        ingest(session, incomings, source_id=feed.source_id, received_at=NOW, zone=TOKYO)

    await side_by_side(database_url, take, take)
    assert [day[4] for day in (await feed.look()).days] == [1]


@pytest.mark.parametrize("event_first", [True, False])
async def test_who_is_listed_by_an_id_at_the_moment_it_is_said_whom_it_means(
    feed: Feed, database_url: str, event_first: bool
) -> None:
    await feed.send(group("acme"))

    def happen(session: Session) -> None:
        take(session, track("early", user="a1", group="acme"))

    def say(session: Session) -> None:
        take(session, alias("a1", "u1"))

    def take(session: Session, message: dict[str, Any]) -> None:
        ingest(session, [read(message)], source_id=feed.source_id, received_at=NOW, zone=TOKYO)

    await side_by_side(database_url, *((happen, say) if event_first else (say, happen)))
    seen = await feed.look()
    assert seen.members.keys() == {("acme", "u1")}
    assert ("early", "acme", "u1") in seen.owners


@pytest.mark.parametrize("event_first", [True, False])
async def test_what_is_stored_while_two_entries_become_one_is_the_persons(
    feed: Feed, database_url: str, event_first: bool
) -> None:
    """Something of whoever is listed under an id, and what says that they are listed by their address too."""

    def listed(session: Session) -> None:
        account = upsert_account(session, external_id="acme", changes={}, now=NOW)
        upsert_member(session, account, external_id=None, changes={"email": "a@acme.example"}, now=NOW)

    await feed.db.write(listed)
    await feed.send(track("before", group="acme"))

    def happen(session: Session) -> None:
        take(session, track("meanwhile", group="acme"))

    def say(session: Session) -> None:
        take(session, identify("u1", group="acme", email="a@acme.example"))

    def take(session: Session, message: dict[str, Any]) -> None:
        ingest(session, [read(message)], source_id=feed.source_id, received_at=NOW, zone=TOKYO)

    await side_by_side(database_url, *((happen, say) if event_first else (say, happen)))
    leave = changes.subscribe(follow_accounts)
    try:
        await feed.db.write(lambda session: one_person.settle(session, 1, now=NOW))
    finally:
        leave()
    seen = await feed.look()
    assert [one.email for one in seen.members.values()] == ["a@acme.example"]
    assert {owner[1:] for owner in seen.owners} == {("acme", "u1")}
    assert [(day[1], day[3]) for day in seen.days] == [("before", "u1"), ("meanwhile", "u1")]


@pytest.mark.parametrize("event_first", [True, False])
async def test_a_stranger_who_is_named_at_the_same_moment(feed: Feed, database_url: str, event_first: bool) -> None:
    """Something a stranger did, and an alias that says who the stranger is."""
    await feed.send(group("acme"))

    def happen(session: Session) -> None:
        take(session, {**track("early", user=None), "anonymousId": "a1"})

    def say(session: Session) -> None:
        take(session, alias("a1", "u1"))

    def take(session: Session, message: dict[str, Any]) -> None:
        ingest(session, [read(message)], source_id=feed.source_id, received_at=NOW, zone=TOKYO)

    await side_by_side(database_url, *((happen, say) if event_first else (say, happen)))
    seen = await feed.look()
    assert ("early", "acme", "u1") in seen.owners
    assert [day[3] for day in seen.days] == ["u1"]
