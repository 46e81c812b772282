"""Whatever the order and the batches in which events arrive, the same is done, at the same instants.

The whole way is taken: events taken in, roll-ups, listeners, completions. On PostgreSQL with fewer examples.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.people import upsert_member
from portal.checklists.models import Completion, Enrollment
from portal.events.rules import Incoming
from portal.kit.db import Database, open_database
from tests.onboarding import World, checklist, listening, open_world, step, tokyo

START = tokyo("6-01 15:00")
PEOPLE = ("a", "b", "c")
STEPS = (
    step("count", "{event: x, at_least: 3}")
    + step("window", "{event: x, at_least: 2, within: 3d}")
    + step("sliding", "{event: y, at_least: 2, last: 2d}")
    + step("days", "{event: y, distinct: day, at_least: 2}")
    + step("values", "{event: x, distinct: p, at_least: 2}")
    + step("where", "{event: x, where: {p: 1}}")
    + step("both", "{all: [{event: x}, {event: y}]}")
    + step("either", "{any: [{event: x, at_least: 2}, {event: y, at_least: 2}]}")
    + step("every", "{event: x}", scope="every_member")
    + step("two", "{event: y, within: 4d}", scope="{members: 2}")
    + step("share", "{event: x, at_least: 2}", scope="{share: 50%}")
    + step("admin", "{event: x}", scope="{role: admin}")
)
RULES = {"start": "{at_least: 5}", "strict": "required", "asked": "{all: [{event: x, at_least: 2}, {event: y}]}"}
CHAIN = step("after", "{checklist: start}") + step("x", "{event: x}")


@dataclass(frozen=True)
class Story:
    """What happened, in two orders of arrival, each cut into batches."""

    events: tuple[tuple[str, timedelta, str | None, int], ...]
    orders: tuple[tuple[int, ...], tuple[int, ...]]
    cuts: tuple[frozenset[int], frozenset[int]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    one = st.tuples(
        st.sampled_from("xy"),
        st.integers(-24, 8 * 24).map(lambda hours: timedelta(hours=hours)),
        st.none() | st.sampled_from(PEOPLE),
        st.integers(1, 2),
    )
    events = tuple(draw(st.lists(one, min_size=2, max_size=9)))
    order = st.permutations(range(len(events))).map(tuple)
    cuts = st.frozensets(st.integers(1, len(events)))
    return Story(events, (draw(order), draw(order)), (draw(cuts), draw(cuts)))


Outcome = tuple[dict[tuple[str, str, str], datetime], dict[str, tuple[datetime | None, int]]]
"""When each step of each checklist was done, by each member and ("") by the account; and the checklists themselves."""


async def arrive(world: World, story: Story, which: int, names: Sequence[str]) -> list[Outcome]:
    """What is done after each batch, for the account of that order."""
    account = names[which]
    await world.account(account)

    def people(session: Session) -> None:
        home = session.execute(select(Account).where(col(Account.external_id) == account)).scalar_one()
        for name, role, joined in zip(PEOPLE, ("admin", "member", "member"), (0, 0, 2), strict=True):
            told = {"role": role, "joined_at": START + timedelta(days=joined)}
            upsert_member(session, home, external_id=name, changes=told, now=world.now)

    await world.write(people)
    batches: list[list[Incoming]] = [[]]
    for place, index in enumerate(story.orders[which]):
        name, after, member, value = story.events[index]
        if place in story.cuts[which]:
            batches.append([])
        batches[-1].append(world.event(name, START + after, member, account=account, p=value))
    found = []
    for batch in batches:
        await world.send(*batch)
        found.append(await world.db.read(lambda session: outcome(session, account)))
    return found


def outcome(session: Session, account: str) -> Outcome:
    asked = select(Enrollment).join(Account, col(Account.id) == col(Enrollment.account_id))
    runs = session.execute(asked.where(col(Account.external_id) == account)).scalars().all()
    rows = session.execute(
        select(Completion, col(Member.external_id))
        .outerjoin(Member, col(Member.id) == col(Completion.member_id))
        .where(col(Completion.enrollment_id).in_([run.id for run in runs]))
    )
    return (
        {(row.checklist_key, row.step_key, member or ""): row.at for row, member in rows},
        {run.checklist_key: (run.completed_at, run.furthest) for run in runs},
    )


async def compare(db: Database, story: Story, prefix: str) -> None:
    world = await open_world(db) if prefix == "0" else World(db, 1)
    world.now = tokyo("6-20 12:00")
    world.sent = int(prefix) * 1000
    if prefix == "0":
        definitions = [checklist(STEPS, key=key, completed_when=rule) for key, rule in RULES.items()]
        await world.publish(*definitions, checklist(CHAIN, key="next"))
    names = [f"{prefix}-{which}" for which in range(2)]
    one, other = [await arrive(world, story, which, names) for which in range(2)]
    assert one[-1] == other[-1]
    for journey in (one, other):
        for (steps, runs), (later_steps, later_runs) in itertools.pairwise(journey):
            assert all(later_steps[place] <= at for place, at in steps.items())
            for key, (completed_at, furthest) in runs.items():
                still, further = later_runs[key]
                assert further >= furthest
                assert completed_at is None or (still is not None and still <= completed_at)


def examine(url: str, examples: int) -> None:
    """One database for all examples, and in it accounts of its own for each."""
    numbers = itertools.count()
    with asyncio.Runner() as runner, listening():
        database = runner.run(opened(url))

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(story=stories())
        def holds(story: Story) -> None:
            runner.run(compare(database, story, str(next(numbers))))

        try:
            holds()
        finally:
            runner.run(database.close())


async def opened(url: str) -> Database:
    return open_database(url)


def test_the_order_of_arrival_means_nothing(database_url: str) -> None:
    examine(database_url, 20 if database_url.startswith("sqlite") else 10)
