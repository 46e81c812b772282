"""Steps ticked by proof: every scope, every kind of proof, every window, and what completes the checklist itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import Session, select

from portal.accounts.models import Account, Member
from portal.accounts.people import mark_member_left
from portal.checklists.catalog import catalog
from portal.checklists.enrollment import enroll_accounts
from portal.events import ingest
from portal.events.rules import Incoming
from tests.onboarding import TOKYO, World, by_member, checklist, step, tokyo

LOGIN = "{event: login}"
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
"""For tables of rules, of which each database sees some in other tests."""


async def people(world: World, *names: str) -> None:
    for name in names:
        await world.member(name, email=f"{name}@example.com")


# --- scopes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "done_at"),
    [
        ("account", "6-02 10:00"),
        ("any_member", "6-02 12:00"),
        ("{members: 2}", "6-02 13:00"),
        ("{share: 50%}", "6-02 13:00"),
        ("every_member", "6-02 15:00"),
        ("{role: admin}", "6-02 14:00"),
    ],
)
async def test_whose_events_it_takes(world: World, scope: str, done_at: str) -> None:
    await world.publish(checklist(step("login", LOGIN, scope=scope)))
    await world.account()
    await people(world, "a", "b", "d")
    await world.member("c", role="admin", email="c@example.com")
    happened = [(None, "10:00"), ("a", "12:00"), ("b", "13:00"), ("c", "14:00"), ("d", "15:00")]
    for name, clock in happened:
        assert (await world.done() == {}) is (tokyo(done_at) >= tokyo(f"6-02 {clock}"))
        await world.send(world.event("login", f"6-02 {clock}", name))
    assert await world.done() == {"login": tokyo(done_at)}
    assert (await world.state()).completed_at == tokyo(done_at)


@pytest.mark.parametrize(
    ("scope", "ticks", "done"),
    [
        ("account", ["a"], True),
        ("any_member", ["b"], True),
        ("every_member", ["a", "b"], False),
        ("every_member", ["a", "b", "c"], True),
        ("{members: 2}", ["a"], False),
        ("{members: 2}", ["a", "c"], True),
        ("{share: 60%}", ["a"], False),
        ("{share: 60%}", ["a", "b"], True),
        ("{role: admin}", ["c"], True),
    ],
)
@ON_SQLITE
async def test_whose_ticks_it_takes(world: World, scope: str, ticks: list[str], done: bool) -> None:
    await world.publish(checklist(step("read", scope=scope)))
    await world.account()
    members = {name: await world.member(name) for name in ("a", "b")}
    members["c"] = await world.member("c", role="admin")
    for name in ticks:
        await world.complete("read", by_member(members[name]))
        await world.complete("read", by_member(members[name]))
    assert set(await world.done()) == ({"read"} if done else set())
    assert len(await world.completions("read")) == (1 if scope == "account" else len(ticks) + done)


async def test_who_leaves_holds_nobody_back(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    await people(world, "a", "b")
    await world.send(world.event("login", "6-02 12:00", "a"))
    assert await world.done() == {}
    world.now = tokyo("6-05 10:00")
    leaving = await world.member("b")

    await world.write(
        lambda session: mark_member_left(session, session.merge(leaving), left_at=tokyo("6-04 18:00"), now=world.now)
    )
    assert await world.done() == {"login": tokyo("6-04 18:00")}


async def test_who_joins_before_it_is_done_has_to_do_it_too(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    await people(world, "a", "b")
    await world.send(world.event("login", "6-02 12:00", "a"))
    await world.member("late", joined="6-02 18:00", email="late@example.com")
    await world.send(world.event("login", "6-02 19:00", "b"))
    assert await world.done() == {}
    await world.send(world.event("login", "6-02 20:00", "late"))
    assert await world.done() == {"login": tokyo("6-02 20:00")}


async def test_who_joins_afterwards_takes_nothing_back(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    await people(world, "a")
    await world.send(world.event("login", "6-02 12:00", "a"))
    await people(world, "new")
    await world.member("backdated", joined="6-01 16:00", email="backdated@example.com")
    found = await world.state()
    assert (found.completed_at, found.steps[0].people) == (tokyo("6-02 12:00"), (1, 3))


async def test_whoever_has_no_identity_is_not_waited_for(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    await people(world, "a")

    def nobody(session: Session) -> None:
        home = session.exec(select(Account)).one()
        session.add(Member(account_id=home.id or 0, joined_at=tokyo("6-01 15:00"), recorded_at=world.now, is_stub=True))

    await world.write(nobody)
    await world.send(world.event("login", "6-02 12:00", "a"))
    assert await world.done() == {"login": tokyo("6-02 12:00")}


async def test_an_account_without_people_has_not_every_member_done(world: World) -> None:
    await world.publish(checklist(step("plan", "{plan: pro}", scope="every_member")))
    await world.account(plan="pro")
    assert await world.done() == {}
    await people(world, "a")
    assert set(await world.done()) == {"plan"}


# --- proofs -----------------------------------------------------------------------------------------------------------

PROOFS = [
    ("{event: x, at_least: 2}", [("x", "6-02 10:00", {})], None),
    ("{event: x, at_least: 2}", [("x", "6-02 10:00", {}), ("x", "6-02 10:01", {})], "6-02 10:01"),
    ("{event: x, where: {kind: paid}}", [("x", "6-02 10:00", {"kind": "free"})], None),
    ("{event: x, where: {total: {gte: 10}}}", [("x", "6-02 10:00", {"total": 10})], "6-02 10:00"),
    ("{event: x, distinct: day, at_least: 2}", [("x", "6-02 10:00", {}), ("x", "6-02 23:59", {})], None),
    ("{event: x, distinct: day, at_least: 2}", [("x", "6-02 23:59", {}), ("x", "6-03 00:00", {})], "6-03 00:00"),
    ("{event: x, distinct: p, at_least: 2}", [("x", "6-02 10:00", {"p": 1}), ("x", "6-02 11:00", {"p": 1})], None),
    (
        "{event: x, distinct: p, at_least: 2}",
        [("x", "6-02 10:00", {"p": 1}), ("x", "6-02 11:00", {"p": 2})],
        "6-02 11:00",
    ),
    ("{event: x, at_least: 2, last: 2d}", [("x", "6-01 10:00", {}), ("x", "6-03 09:00", {})], None),
    ("{event: x, at_least: 2, last: 2d}", [("x", "6-01 10:00", {}), ("x", "6-02 23:00", {})], "6-02 23:00"),
    ("{all: [{event: x}, {event: y}]}", [("x", "6-02 10:00", {})], None),
    ("{all: [{event: x}, {event: y}]}", [("x", "6-02 10:00", {}), ("y", "6-01 09:00", {})], "6-02 10:00"),
    ("{any: [{event: x}, {event: y}]}", [("x", "6-02 10:00", {}), ("y", "6-01 09:00", {})], "6-01 09:00"),
    ("{all: [{event: x}, {not: {event: y}}]}", [("y", "6-02 10:00", {}), ("x", "6-02 11:00", {})], None),
    ("{all: [{event: x}, {plan: pro}]}", [("x", "6-02 11:00", {})], "6-02 11:00"),
    ("{all: [{event: x}, {traits: {industry: retail}}]}", [("x", "6-02 11:00", {})], "6-02 11:00"),
    ("{all: [{event: x}, {plan: free}]}", [("x", "6-02 11:00", {})], None),
]


@pytest.mark.parametrize(("condition", "happened", "done_at"), PROOFS, ids=lambda part: str(part)[:40])
@ON_SQLITE
async def test_what_proves_a_step(
    world: World, condition: str, happened: list[tuple[str, str, dict[str, Any]]], done_at: str | None
) -> None:
    await world.publish(checklist(step("it", condition)))
    await world.account(plan="pro", traits={"industry": "retail"})
    for name, at, properties in happened:
        await world.send(world.event(name, at, "a", **properties))
    assert await world.done() == ({"it": tokyo(done_at)} if done_at else {})


async def test_different_members_are_counted_once_each(world: World) -> None:
    await world.publish(checklist(step("it", "{event: x, distinct: member, at_least: 2}")))
    await world.account()
    events = [("a", "10:00"), ("a", "11:00"), (None, "12:00")]
    await world.send(*(world.event("x", f"6-02 {clock}", name) for name, clock in events))
    assert await world.done() == {}
    await world.send(world.event("x", "6-02 13:00", "b"))
    assert await world.done() == {"it": tokyo("6-02 13:00")}


@pytest.mark.parametrize(
    ("condition", "name", "properties", "how"),
    [
        ("{tutorial: first-invoice}", "tutorial.completed", {"tutorial": "first-invoice"}, "tutorial"),
        ("{document: setup}", "article.read", {"document": "setup"}, "document"),
        ("{webinar: intro, watched: 80%}", "webinar.watched", {"webinar": "intro", "share": 0.8}, "webinar"),
    ],
)
async def test_what_the_library_proves(
    world: World, condition: str, name: str, properties: dict[str, object], how: str
) -> None:
    await world.publish(checklist(step("it", condition, scope="any_member")))
    account = await world.account()
    person = await world.member("a")
    other = {key: "another" if isinstance(value, str) else value for key, value in properties.items()}
    for number, told in enumerate((other, properties)):
        assert await world.done() == {}
        at = tokyo(f"6-02 1{number}:00")
        await world.write(
            lambda session, told=told, at=at: ingest.record(  # type: ignore[misc]
                session,
                account_id=account,
                member_id=person.id,
                name=name,
                at=at,
                properties=told,
                message_id=str(at),
                now=world.now,
                zone=TOKYO,
            )
        )
    found = (await world.state()).steps[0].done
    assert found is not None
    assert (found.how, found.at, found.members) == (how, tokyo("6-02 11:00"), ("a",))
    assert found.evidence["event"] == name


# --- windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("5-31 23:59:59", False),
        ("6-01 00:00:00", True),
        ("6-08 23:59:59", True),
        ("6-09 00:00:00", False),
    ],
)
@ON_SQLITE
async def test_a_window_is_whole_days_of_the_vendor(world: World, at: str, counts: bool) -> None:
    await world.publish(checklist(step("it", "{event: x, within: 7d}")))
    await world.account()
    world.now = tokyo("6-30 10:00")
    await world.send(world.event("x", at))
    assert await world.done() == ({"it": tokyo(at)} if counts else {})


async def test_a_members_window_begins_when_they_join(world: World) -> None:
    await world.publish(checklist(step("it", "{event: x, within: 7d}", scope="{members: 2}")))
    await world.account()
    await world.member("early", joined="5-01 12:00")
    await world.member("late", joined="6-20 12:00")
    world.now = tokyo("6-30 10:00")
    await world.send(world.event("x", "6-09 00:00", "early"), world.event("x", "6-28 00:00", "late"))
    assert [row.member_id for row in await world.completions("it")] == []
    await world.send(world.event("x", "6-08 23:00", "early"), world.event("x", "6-27 23:59:59", "late"))
    assert await world.done() == {"it": tokyo("6-27 23:59:59")}


# --- the checklist itself ---------------------------------------------------------------------------------------------

FOUR = (
    step("a", "{event: a}")
    + step("b", "{event: b}")
    + step("c", "{event: c}", required="false")
    + step("staff", by="staff")
)


@pytest.mark.parametrize(
    ("rule", "completed_at"),
    [
        ("required", "6-02 13:00"),
        ("{at_least: 2}", "6-02 11:00"),
        ("{at_least: 4}", "6-02 13:00"),
        ("{event: b}", "6-02 10:00"),
        ("{all: [{event: c}, {event: a}]}", "6-02 12:00"),
        ("{event: d}", None),
    ],
)
@ON_SQLITE
async def test_what_completes_a_checklist(world: World, rule: str, completed_at: str | None) -> None:
    await world.publish(checklist(FOUR, completed_when=rule))
    await world.account()
    await world.send(world.event("a", "6-02 11:00"), world.event("b", "6-02 10:00"))
    await world.complete("staff", at=tokyo("6-02 13:00"))
    await world.send(world.event("c", "6-02 12:00"))
    found = await world.state()
    assert found.completed_at == (tokyo(completed_at) if completed_at else None)
    assert (found.progress.done, found.progress.total) == (4, 4)


async def test_optional_steps_are_not_waited_for_and_still_ticked(world: World) -> None:
    await world.publish(checklist(FOUR))
    await world.account()
    await world.send(world.event("a", "6-02 11:00"), world.event("b", "6-02 10:00"))
    await world.complete("staff", at=tokyo("6-02 13:00"))
    assert (await world.state()).completed_at == tokyo("6-02 13:00")
    await world.send(world.event("c", "6-02 14:00"))
    found = await world.state()
    assert (found.completed_at, found.steps[2].done is not None) == (tokyo("6-02 13:00"), True)
    assert (await world.enrollments())["acme", "start"].furthest == 4


async def test_one_checklist_completes_the_next_and_that_the_next(world: World) -> None:
    """All in the transaction of the event; and an earlier event that comes late moves the whole chain."""
    await world.publish(
        checklist(step("login", LOGIN)),
        checklist(step("first", "{checklist: start}"), key="second"),
        checklist(step("both", "{all: [{checklist: start}, {checklist: second}]}") + step("login", LOGIN), key="third"),
    )
    await world.account()
    for at in ("6-02 12:00", "6-02 09:00", "6-02 10:00"):
        await world.send(world.event("login", at))
        earliest = tokyo(min(at, "6-02 09:00") if at != "6-02 12:00" else at)
        assert {row.completed_at for row in (await world.enrollments()).values()} == {earliest}
    assert await world.done(key="third") == {"both": tokyo("6-02 09:00"), "login": tokyo("6-02 09:00")}


async def test_a_batch_for_many_checklists_at_once(world: World) -> None:
    """One event ticks the first, and the same batch brings what the others need: nothing is written twice."""
    names = [chr(ord("a") + number) for number in range(6)]
    await world.publish(
        *(
            checklist(step("x", "{event: x}") + (step("wait", f"{{checklist: {before}}}") if before else ""), key=name)
            for name, before in zip(names, [None, *names], strict=False)
        )
    )
    await world.account()
    batch: list[Incoming] = [world.event("x", "6-02 12:00"), world.event("x", "6-02 11:00")]
    await world.send(*batch)
    assert [row.completed_at for row in (await world.enrollments()).values()] == [tokyo("6-02 11:00")] * 6


async def test_evidence_says_what_was_counted(world: World) -> None:
    await world.publish(checklist(step("it", "{event: x, at_least: 2}") + step("each", LOGIN, scope="every_member")))
    await world.account()
    await people(world, "a", "b")
    await world.send(world.event("x", "6-02 10:00"), world.event("x", "6-02 11:00"))
    await world.send(world.event("login", "6-02 12:00", "b"), world.event("login", "6-02 13:00", "a"))
    it, each = (one.done for one in (await world.state()).steps)
    assert it is not None
    assert each is not None
    assert (it.evidence["event"], it.evidence["count"], it.evidence["needed"]) == ("x", 2, 2)
    assert (each.members, each.by, each.by_name) == (("a", "b"), "a", "a")


async def test_a_large_account_is_read_as_a_whole(world: World) -> None:
    """A new colleague makes everybody be looked at again: in as many statements as there are steps, not people."""
    await world.publish(
        checklist(
            step("login", "{event: login, at_least: 2}", scope="every_member")
            + step("learn", "{tutorial: first}", scope="{share: 80%}")
        )
    )
    account = await world.account()
    said: list[str] = []

    def look(session: Session) -> None:
        known = catalog(session)
        sql_event.listen(session.connection(), "before_cursor_execute", lambda *given: said.append(given[2]))
        enroll_accounts(session, known, [account], now=world.now, zone=TOKYO)
        said.append("end")

    async def statements() -> int:
        said.clear()
        await world.write(look)
        return said.index("end")

    counts = []
    for number in range(12):
        await world.send(world.event("login", "6-02 12:00", f"u{number}"))
        counts.append(await statements())
    assert counts[-1] == counts[1]
