"""Conditions asked of the database give what the rules give over all events, however they are looked up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from portal.accounts.models import Account, Member
from portal.accounts.service import account_by_external_id
from portal.conditions import service
from portal.conditions.lookups import Book
from portal.conditions.model import ChecklistDone, Comparison, Condition, EventCount, Not, Trait
from portal.conditions.rules import Occurrence, Tally, tally
from portal.conditions.service import account_values, ask, holds_for_member, member_values, subject_of, tally_of
from portal.events.reads import occurrences
from portal.kit.clock import Span
from portal.kit.db import Database, open_database
from tests.onboarding import TOKYO, World, listening, open_world, tokyo

START = tokyo("6-10 15:00")
PEOPLE = ("a", "b")
Happened = tuple[timedelta, str | None, object]

moments = st.integers(-20 * 24 * 4, 30 * 24 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
happenings = st.lists(st.tuples(moments, st.none() | st.sampled_from(PEOPLE), st.sampled_from([None, 1, 2, "x"])))
spans = st.sampled_from([Span(0, "d"), Span(1, "d"), Span(7, "d"), Span(2, "w"), Span(1, "mo")])
windows: st.SearchStrategy[dict[str, Span]] = (
    st.fixed_dictionaries({}) | spans.map(lambda it: {"within": it}) | spans.map(lambda it: {"last": it})
)
queries = st.builds(
    lambda at_least, where, distinct, window: EventCount("x", at_least, where=where, distinct=distinct, **window),
    st.integers(1, 4),
    st.just(()) | st.sampled_from([(Comparison("p", "eq", 1),), (Comparison("p", "exists", True),)]),
    st.none() | st.sampled_from(["day", "member", "p"]),
    windows,
)


async def compare(
    world: World, account: str, happened: list[Happened], query: EventCount, now: timedelta, since: timedelta | None
) -> None:
    """For the customer and for each person, those included who have done nothing."""
    await world.account(account, "6-10 15:00")
    people = [await world.member(name, account=account, joined="6-12 15:00") for name in PEOPLE]
    for at, member, value in happened:
        told = {} if value is None else {"p": value}
        await world.send(world.event("x", START + at, member, account=account, **told))
    for person in (None, *people):
        given_all, asked, by_book = await world.db.read(
            lambda session, person=person: both(session, account, person, query, START + now, since)  # type: ignore[misc]
        )
        assert asked == by_book == given_all, person and person.external_id


def both(
    session: Session,
    account: str,
    person: Member | None,
    query: EventCount,
    now: datetime,
    since: timedelta | None,
) -> tuple[Tally, Tally, Tally]:
    home = service_account(session, account)
    subject = subject_of(home, person)
    begun = None if since is None else START + since
    stored = occurrences(
        session,
        account_id=home.id or 0,
        member_id=person.id if person else None,
        name="x",
        from_at=None,
        to_at=None,
        limit=1000,
    )
    everything = [Occurrence(one.at, one.member_id, one.properties) for one in stored]
    return (
        tally(everything, query, start=subject.start, now=now, zone=TOKYO, since=begun),
        tally_of(session, query, subject, now=now, zone=TOKYO, since=begun),
        tally_of(session, query, subject, now=now, zone=TOKYO, since=begun, book=Book(session, subject.account_id)),
    )


def service_account(session: Session, name: str) -> Account:
    found = account_by_external_id(session, name)
    assert found is not None
    return found


def test_looked_up_or_counted_it_is_the_same(database_url: str) -> None:
    numbers = itertools.count()

    async def opened() -> tuple[Database, World]:
        database = open_database(database_url)
        world = await open_world(database)
        world.now = tokyo("8-01")
        return database, world

    with asyncio.Runner() as runner, listening():
        database, world = runner.run(opened())

        @settings(max_examples=100 if database.is_sqlite else 25, deadline=None, database=None)
        @given(happened=happenings, query=queries, now=moments, since=st.none() | moments)
        def holds(happened: list[Happened], query: EventCount, now: timedelta, since: timedelta | None) -> None:
            runner.run(compare(world, f"a{next(numbers)}", happened[:12], query, now, since))

        try:
            holds()
        finally:
            runner.run(database.close())


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)


async def test_today_counts_up_to_now(world: World) -> None:
    """The roll-up of today may know more than had happened at the moment that is asked about."""
    await world.account()
    await world.send(*(world.event("x", f"6-03 0{hour}:00") for hour in range(5)))
    for hour, needed, reached in ((2, 3, "6-03 02:00"), (1, 3, None)):

        def asked(session: Session, hour: int = hour, needed: int = needed) -> Tally:
            subject = subject_of(service_account(session, "acme"))
            now = tokyo(f"6-03 0{hour}:30")
            return tally_of(session, EventCount("x", needed), subject, now=now, zone=TOKYO)

        assert await world.db.read(asked) == Tally(hour + 1, needed, tokyo(reached) if reached else None)


async def test_a_members_window_begins_at_the_later_of_start_and_joining(world: World) -> None:
    await world.account("acme", "6-10 15:00")
    early, late = [await world.member(name, joined=day) for name, day in (("e", "6-01"), ("l", "6-20"))]

    def starts(session: Session) -> list[datetime]:
        home = service_account(session, "acme")
        return [subject_of(home, one).start for one in (None, early, late)]

    assert await world.db.read(starts) == [tokyo("6-10 15:00"), tokyo("6-10 15:00"), tokyo("6-20")]


async def test_what_is_known_of_customers_and_people(world: World) -> None:
    told = {"seats": 5, "industry": "retail", "size": "s"}
    await world.account(plan="pro", tier="tech", seats=7, mrr="120.50", traits=told)
    person = await world.member("a", role="admin", locale="ja", department="経理", traits={"size": "m"})

    def known(session: Session) -> tuple[dict[str, object], dict[str, object]]:
        home = service_account(session, "acme")
        return account_values(home), member_values(home, person)

    account, member = await world.db.read(known)
    traits = {"seats": 7, "industry": "retail", "size": "s", "mrr": 120.5, "name": "acme"}
    assert account == {"plan": "pro", "tier": "tech", "role": None, "locale": None, "traits": traits}
    assert member == {
        **account,
        "role": "admin",
        "locale": "ja",
        "traits": {**traits, "size": "m", "department": "経理"},
    }


async def test_the_wall_around_documents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account = await world.account(plan="pro")
    await world.account("other")
    person = await world.member("a", role="admin")
    stranger = await world.member("b", account="other")
    await world.send(world.event("x", "6-02", "a"))

    async def holds(condition: Condition, member: Member = person) -> bool:
        return await world.db.read(
            lambda session: holds_for_member(
                session, condition, account_id=account, member_id=member.id or 0, now=world.now, zone=TOKYO
            )
        )

    assert await holds(Trait("role", "eq", "admin"))
    assert not await holds(Trait("plan", "eq", "free"))
    assert await holds(EventCount("x"))
    # Of a person who is not of that customer nothing holds, not even that something does not.
    assert not await holds(Not(EventCount("y")), stranger)
    assert not await holds(ChecklistDone("start"))
    monkeypatch.setattr(service._completed, "of", lambda _session, ids: {one: {"start": world.now} for one in ids})
    assert await holds(ChecklistDone("start"))
    assert not await holds(ChecklistDone("other"))


async def test_a_condition_is_asked_of_one_customer_alone(world: World) -> None:
    for name in ("acme", "other"):
        await world.account(name)
        await world.member("a", account=name)
    await world.send(world.event("x", "6-02", "a", account="other", p=1))
    for query in (
        EventCount("x"),
        EventCount("x", where=(Comparison("p", "eq", 1),)),
        EventCount("x", last=Span(9, "d")),
    ):

        def verdict(session: Session, name: str, query: EventCount = query) -> bool:
            return ask(session, query, subject_of(service_account(session, name)), now=world.now, zone=TOKYO).met

        assert [await world.db.read(lambda session, n=name: verdict(session, n)) for name in ("acme", "other")] == [  # type: ignore[misc]
            False,
            True,
        ]
