"""From the event to the tick, in one transaction; and when two bring at the same moment what is needed together."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from portal.checklists.listeners import on_events
from portal.events.models import Event
from portal.events.rollups import Recorded
from tests.onboarding import World, checklist, step, tokyo
from tests.statements import statements_to

ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


async def test_the_next_read_sees_the_tick(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login}", scope="any_member")))
    await world.send(world.event("login", "6-03 09:00", "u1", account="fresh"))
    found = await world.state(account="fresh")
    assert (found.completed_at, found.started_at) == (tokyo("6-03 09:00"), world.now)
    assert found.steps[0].done is not None
    assert (found.steps[0].done.how, found.steps[0].done.by) == ("event", "u1")


async def test_a_refused_transaction_ticks_nothing(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login}")))
    await world.account()
    happened = world.event("login", "6-02 12:00")

    def broken(session: Session) -> None:
        world.take_in(session, (happened,))
        raise RuntimeError("and then this")

    with pytest.raises(RuntimeError):
        await world.write(broken)
    assert (await world.done(), await world.completions("login")) == ({}, [])
    await world.send(happened)
    assert await world.done() == {"login": tokyo("6-02 12:00")}


async def test_the_same_message_again_counts_once(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 2}")))
    await world.account()
    one, two = world.event("login", "6-02 12:00"), world.event("login", "6-02 13:00")
    for _ in range(3):
        outcome = await world.send(one, one)
    assert (outcome.accepted, outcome.duplicates) == (0, 2)
    assert await world.done() == {}
    await world.send(one, two)
    assert await world.done() == {"login": tokyo("6-02 13:00")}


async def test_who_is_made_known_later_brings_what_they_did(world: World) -> None:
    """The event waits until an import says whose it is, and then counts at its own time."""
    await world.publish(checklist(step("login", "{event: login}", scope="any_member")))
    await world.account()
    waiting = world.event("login", "6-02 12:00", "u1")
    await world.send(replace(waiting, group_ref=None))
    assert await world.done() == {}
    world.now = tokyo("6-05 12:00")
    await world.member("u1", joined="6-02 09:00")
    assert await world.done() == {"login": tokyo("6-02 12:00")}


async def test_events_of_one_customer_tick_nothing_of_another(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login}")))
    await world.account("a")
    await world.account("b")
    await world.send(world.event("login", "6-02 12:00", "u1", account="a"))
    assert [await world.done(account=name) for name in ("a", "b")] == [{"login": tokyo("6-02 12:00")}, {}]


async def test_a_batch_for_many_customers_costs_no_more_statements_for_those_it_does_not_concern(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 3}")))
    names = [f"a{number}" for number in range(60)]
    for name in names:
        await world.account(name)

    async def statements(count: int) -> int:
        batch = tuple(world.event("login", "6-02 12:00", account=name) for name in names[:count])

        def work(session: Session) -> int:
            with statements_to(session) as said:
                world.take_in(session, batch)
            # The lines of the log and the roll-ups are one statement each, told once for every row.
            return len([statement for statement in said if not statement.startswith("INSERT INTO event")])

        return await world.write(work)

    assert await statements(60) <= await statements(2) + 2


async def test_events_that_no_checklist_asks_about_cost_one_statement(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login}")))
    await world.account()

    def work(session: Session) -> None:
        with statements_to(session) as said:
            on_events(session, [Recorded(1, 1, None, "other", world.now, 1, "m")], world.now)
        assert len(said) == 1

    await world.write(work)


# --- at the same moment -----------------------------------------------------------------------------------------------


async def test_two_transactions_that_each_bring_one_of_two_needed_events(world: World) -> None:
    """The two share no row but the customer's: neither would see the other's event, did it not wait."""
    await world.publish(
        checklist(
            step("both", "{all: [{event: x}, {event: y}]}") + step("days", "{event: z, distinct: day, at_least: 2}")
        )
    )
    for number in range(20):
        name = f"a{number}"
        await world.account(name)
        first, second = ("x", "y") if number % 2 else ("z", "z")
        await asyncio.gather(
            world.send(world.event(first, "6-01 12:00", account=name)),
            world.send(world.event(second, "6-02 13:00", account=name)),
        )
        done = {"both" if number % 2 else "days": tokyo("6-02 13:00")}
        assert await world.done(account=name) == done, number


async def test_the_members_of_an_account_finish_at_the_same_moment(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login}", scope="every_member")))
    for number in range(5):
        name = f"a{number}"
        await world.account(name)
        people = [f"{name}u{person}" for person in range(3)]
        for person in people:
            await world.member(person, account=name)
        await asyncio.gather(
            *(
                world.send(world.event("login", f"6-02 1{hour}:00", person, account=name))
                for hour, person in enumerate(people)
            )
        )
        assert await world.done(account=name) == {"login": tokyo("6-02 12:00")}


async def test_the_same_message_in_two_transactions_at_once(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 2}")))
    for number in range(10):
        name = f"a{number}"
        await world.account(name)
        one = world.event("login", "6-02 12:00", account=name)
        outcomes = await asyncio.gather(*(world.send(one) for _ in range(3)))
        assert sorted(outcome.accepted for outcome in outcomes) == [0, 0, 1]
        assert await world.done(account=name) == {}
    stored = await world.db.read(lambda session: session.execute(select(func.count()).select_from(Event)).scalar_one())
    assert stored == 10


async def test_strangers_are_enrolled_once_however_many_bring_them(world: World) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 3}")))
    for number in range(5):
        name = f"a{number}"
        await asyncio.gather(
            *(world.send(world.event("login", f"6-02 1{hour}:00", f"u{hour}", account=name)) for hour in range(3))
        )
        assert await world.done(account=name) == {"login": tokyo("6-02 12:00")}


@ON_POSTGRES
async def test_a_tick_and_an_event_at_the_same_moment_complete_the_checklist(world: World) -> None:
    await world.publish(checklist(step("call") + step("login", "{event: login}")))
    for number in range(10):
        name = f"a{number}"
        await world.account(name)
        await asyncio.gather(
            world.complete("call", account=name),
            world.complete("call", account=name),
            world.send(world.event("login", "6-02 12:00", account=name)),
        )
        assert (await world.state(account=name)).completed_at == world.now
