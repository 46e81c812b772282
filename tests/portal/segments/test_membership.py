"""Who is in a segment: the same whether asked one by one or in bulk, and kept as things change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.report import completion_report
from portal.conditions.bulk import accounts_in
from portal.conditions.model import All, ChecklistDone, Comparison, Condition, EventCount, InSegment, Not, Trait
from portal.conditions.model import Any as AnyOf
from portal.conditions.models import SegmentAccount
from portal.conditions.parse import parse
from portal.conditions.segments import segments
from portal.conditions.service import ask, holds_for_member, subject_of
from portal.kit.clock import Span
from portal.kit.db import Database, open_database
from portal.kit.errors import Conflict, Invalid
from portal.segments import service
from portal.segments.files import parse_segments
from portal.segments.membership import follow, follow_some
from tests.onboarding import TOKYO, World, checklist, listening, open_world, step, tokyo

spans = st.sampled_from([Span(1, "d"), Span(7, "d"), Span(1, "mo")])
windows: st.SearchStrategy[dict[str, Span]] = (
    st.just({}) | spans.map(lambda it: {"within": it}) | spans.map(lambda it: {"last": it})
)
KNOWN: list[Condition] = [
    Trait("plan", "in", ("pro", "free")),
    Trait("tier", "exists", False),
    Trait("traits.seats", "gte", 5),
    Trait("traits.mrr", "lt", 1000),
    Trait("traits.renews_at", "lte", "2026-12-31"),
    Trait("traits.industry", "ne", "retail"),
    Trait("traits.owner", "exists", True),
    ChecklistDone("start"),
    InSegment("pros"),
    InSegment("nobody-made-it"),
]
counts: st.SearchStrategy[Condition] = st.builds(
    lambda at_least, where, distinct, window: EventCount("x", at_least, where=where, distinct=distinct, **window),
    st.integers(1, 3),
    st.just(()) | st.just((Comparison("p", "eq", 1),)),
    st.none() | st.sampled_from(["day", "member", "p"]),
    windows,
)
leaves: st.SearchStrategy[Condition] = st.sampled_from(KNOWN) | counts
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
    ),
    max_leaves=4,
)


async def furnish(world: World) -> None:
    """Eight customers, some with events, one of whom has completed the checklist."""
    await keep(world, "pros", {"plan": "pro"})
    await world.publish(checklist(step("one", "{event: done}")))
    for number in range(8):
        await world.account(
            f"a{number}",
            f"5-{10 + number} 15:00",
            plan=("pro", "free", None)[number % 3],
            tier=("high", None)[number % 2],
            seats=number * 2 or None,
            mrr=number * 300 if number else None,
            owner="佐藤" if number % 4 else None,
            renews_at=tokyo("12-30").date() if number % 2 else None,
            traits={"industry": ("retail", "food")[number % 2]} if number < 6 else {},
        )
        events = [
            world.event("x", world.now - timedelta(days=number * 3 + day), f"u{day % 2}", account=f"a{number}", p=day)
            for day in range(number % 5)
        ]
        await world.send(*events)
    await world.send(world.event("done", "6-02", account="a1"))


async def keep(world: World, key: str, said: dict[str, object], *, new: bool = True) -> None:
    condition = parse(said, level="account")

    def work(session: Session) -> None:
        service.keep_segment(
            session,
            key=key,
            title={"ja": key},
            condition=condition,
            by="佐藤",
            now=world.now,
            zone=TOKYO,
            is_new=new,
        )

    await world.write(work)


async def inside(world: World, key: str) -> set[str]:
    asked = (
        select(col(Account.external_id))
        .join(SegmentAccount, col(SegmentAccount.account_id) == col(Account.id))
        .where(col(SegmentAccount.segment_key) == key)
    )
    return await world.db.read(lambda session: set(session.execute(asked).scalars()))


def both(session: Session, condition: Condition, world: World) -> tuple[set[str], set[str]]:
    whole = segments(session).expanded(condition)
    rows = session.execute(select(Account)).scalars().all()
    found = accounts_in(session, whole, now=world.now, zone=TOKYO)
    one_by_one = set()
    for row in rows:
        done = {"start": world.now} if row.external_id == "a1" else {}
        subject = subject_of(row)
        asked = type(subject)(**{**vars(subject), "checklists": done})
        if ask(session, condition, asked, now=world.now, zone=TOKYO).met:
            one_by_one.add(row.external_id)
    return one_by_one, {row.external_id for row in rows if row.id in found}


def test_in_bulk_it_is_the_same(database_url: str) -> None:
    async def opened() -> tuple[Database, World]:
        database = open_database(database_url)
        world = await open_world(database)
        await furnish(world)
        return database, world

    with asyncio.Runner() as runner, listening():
        database, world = runner.run(opened())

        @settings(max_examples=80 if database.is_sqlite else 20, deadline=None, database=None)
        @given(condition=conditions)
        def holds(condition: Condition) -> None:
            one_by_one, found = runner.run(world.db.read(lambda session: both(session, condition, world)))
            assert found == one_by_one

        try:
            holds()
        finally:
            runner.run(database.close())


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)


async def test_it_follows_whatever_it_depends_on(world: World) -> None:
    await world.publish(checklist(step("one", "{event: done}")))
    await keep(world, "pros", {"plan": "pro"})
    await keep(world, "busy", {"segment": "pros", "event": "login", "at_least": 2, "last": "7d"})
    await keep(world, "through", {"checklist": "start"})
    await world.account("a", plan="free")
    await world.account("b", plan="pro")
    assert (await inside(world, "pros"), await inside(world, "busy")) == ({"b"}, set())
    await world.account("a", "", plan="pro")
    await world.send(*(world.event("login", "6-03 09:00", account="a") for _ in range(2)))
    assert (await inside(world, "pros"), await inside(world, "busy")) == ({"a", "b"}, {"a"})
    await world.send(world.event("done", "6-03 09:00", account="b"))
    assert await inside(world, "through") == {"b"}
    await keep(world, "pros", {"plan": "free"}, new=False)
    assert (await inside(world, "pros"), await inside(world, "busy")) == (set(), set())
    await keep(world, "pros", {"plan": "pro"}, new=False)
    world.now = tokyo("6-20")
    assert await inside(world, "busy") == {"a"}
    await world.write(lambda session: follow_some(session, after=0, limit=10, now=world.now))
    assert await inside(world, "busy") == set()


async def test_an_audience_names_it(world: World) -> None:
    """An event that brings a customer into a segment brings it into the checklist that is for the segment."""
    await keep(world, "trying", {"event": "trial.started"})
    await world.publish(checklist(step("one"), audience="{segment: trying}"))
    await world.account("a", started="6-01 15:00")
    await world.account("b", started="6-01 15:00")
    assert await world.enrollments() == {}
    await world.send(world.event("trial.started", "6-03 09:00", account="a"))
    assert list(await world.enrollments()) == [("a", "start")]


async def test_a_member_is_asked_for_their_account(world: World) -> None:
    """Of a person in an account, not the person's own logins count, but the account's."""
    await keep(world, "busy", {"event": "login", "at_least": 2})
    await world.account("a")
    one, other = await world.member("one", account="a"), await world.member("other", account="a")
    await world.send(*(world.event("login", "6-03 09:00", "one", account="a") for _ in range(2)))
    condition = parse({"all": [{"segment": ["none", "busy"]}, {"not": {"segment": "none"}}]}, level="member")
    for person in (one, other):
        assert await world.db.read(
            lambda session, person=person: holds_for_member(  # type: ignore[misc]
                session,
                condition,
                account_id=person.account_id,
                member_id=person.id or 0,
                now=world.now,
                zone=TOKYO,
            )
        )


async def test_a_rate_by_segment_counts_an_account_in_each_and_once_in_all(world: World) -> None:
    await keep(world, "pros", {"plan": "pro"})
    await keep(world, "large", {"traits": {"seats": {"gte": 10}}})
    await world.publish(checklist(step("one", "{event: done}")))
    for name, plan, seats in (("a", "pro", 20), ("b", "pro", 1), ("c", "free", 1)):
        await world.account(name, plan=plan, seats=seats)
    await world.send(world.event("done", "6-03 09:00", account="a"))
    report = await world.db.read(
        lambda session: completion_report(session, "start", by="segment", as_of=tokyo("9-01"), zone=TOKYO)
    )
    assert [(row.group, row.started, row.completed_in_time) for row in report.rows] == [
        ("pros", 2, 1),
        ("large", 1, 1),
        (None, 1, 0),
    ]
    assert (report.total.started, report.total.completed_in_time, report.overlaps) == (3, 1, True)


async def test_circles_are_refused_wherever_they_are_closed(world: World) -> None:
    await keep(world, "a", {"plan": "pro"})
    await keep(world, "b", {"segment": "a"})
    with pytest.raises(Invalid) as wrong:
        await keep(world, "a", {"segment": "b"}, new=False)
    assert [problem.field for problem in wrong.value.problems] == ["condition"]
    with pytest.raises(Conflict):
        await world.write(lambda session: service.archive(session, "a", by="佐藤", now=world.now, zone=TOKYO))


async def test_a_file_leaves_alone_what_staff_have_taken_over(world: World) -> None:
    await world.account("a", plan="pro")

    async def apply(text: str) -> dict[str, str]:
        file = parse_segments(text, file="content/segments.yml")
        done = await world.write(lambda session: service.apply(session, file, by="cli", now=world.now, zone=TOKYO))
        return {one.key: one.kind for one in done}

    pros = "- {key: pros, title: Pro, condition: {plan: pro}}\n"
    assert await apply(pros + "- {key: gone, title: G, condition: {plan: free}}\n") == {"pros": "new", "gone": "new"}
    assert await inside(world, "pros") == {"a"}
    with pytest.raises(Conflict):
        await keep(world, "pros", {"plan": "free"}, new=False)
    await world.write(lambda session: service.take_over(session, "pros", by="佐藤", now=world.now))
    await keep(world, "pros", {"plan": "free"}, new=False)
    assert await apply(pros) == {"pros": "aside", "gone": "archived"}
    assert await inside(world, "pros") == set()
    exported = await world.db.read(service.exported)
    assert await apply(exported) == {"pros": "unchanged"}


async def test_ids_of_accounts_are_found_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.conditions.bulk.AT_ONCE", 2)
    for number in range(5):
        await world.account(f"a{number}", plan="pro")
    await keep(world, "pros", {"plan": "pro"})
    assert len(await inside(world, "pros")) == 5


async def test_an_account_that_two_look_at_at_once_is_in_a_segment_once(db: Database) -> None:
    world = await open_world(db)
    await world.account("aoba", plan="pro")
    with listening():
        await keep(world, "pros", {"plan": "pro"})
        for _ in range(3):
            await db.write(lambda session: session.execute(delete(SegmentAccount)))
            await asyncio.gather(*(db.write(lambda session: follow(session, [1], now=world.now)) for _ in range(4)))
            rows = await db.read(lambda session: session.execute(select(SegmentAccount)).scalars().all())
            assert [(one.segment_key, one.account_id) for one in rows] == [("pros", 1)]
