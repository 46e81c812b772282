"""Where a customer stands, as pages and other systems read it."""

from __future__ import annotations

import pytest

from portal.checklists import state
from portal.checklists.catalog import catalog
from portal.checklists.runs import load_runs
from portal.kit.errors import NotFound
from tests.onboarding import TOKYO, World, by_member, checklist, step, tokyo


async def test_a_waiting_step_says_what_counts_towards_it(world: World) -> None:
    await world.publish(
        checklist(
            step("days", "{event: login, distinct: day, at_least: 3}")
            + step("each", "{event: x, at_least: 2}", scope="every_member")
            + step("after", "{checklist: other}")
            + step("call")
        ),
        checklist(step("call"), key="other"),
    )
    await world.account()
    a, _ = [await world.member(name) for name in ("a", "b")]
    await world.send(
        world.event("login", "6-01 12:00"), world.event("login", "6-02 12:00"), world.event("x", "6-02", "a")
    )
    found = await world.state(member=a)
    counted = [[(one.count, one.needed) for one in step.reasons] for step in found.steps]
    assert counted == [[(2, 3)], [(1, 2)], [(None, None)], []]
    assert [step.people for step in found.steps] == [None, (0, 2), None, None]
    assert [[one.count for one in step.reasons] for step in (await world.state()).steps] == [[2], [], [None], []]
    await world.complete("call", key="other")
    assert (await world.state()).steps[2].done is not None


async def test_after_an_undo_the_count_begins_again(world: World) -> None:
    await world.publish(checklist(step("it", "{event: x, at_least: 2}")))
    await world.account()
    await world.send(world.event("x", "6-02 12:00"), world.event("x", "6-02 13:00"))
    world.now = tokyo("6-04 10:00")
    await world.undo("it")
    world.now = tokyo("6-05 10:00")
    await world.send(world.event("x", "6-04 12:00"))
    assert [(one.count, one.needed) for one in (await world.state()).steps[0].reasons] == [(1, 2)]


async def test_who_may_tick_and_take_back(world: World) -> None:
    await world.publish(
        checklist(
            step("account")
            + step("mine", scope="any_member")
            + step("admin", scope="{role: admin}")
            + step("staff", by="staff")
            + step("event", "{event: x}")
        )
    )
    await world.account()
    admin, other = await world.member("a", role="admin"), await world.member("b")

    async def may(member: object) -> list[tuple[bool, bool]]:
        found = await world.state(member=member)  # type: ignore[arg-type]
        return [(one.can_tick, one.can_undo) for one in found.steps]

    assert await may(None) == [(False, False)] * 5
    assert await may(admin) == [(True, False), (True, False), (True, False), (False, False), (False, False)]
    assert await may(other) == [(True, False), (True, False), (False, False), (False, False), (False, False)]
    for key in ("account", "mine", "admin"):
        await world.complete(key, by_member(admin))
    for key in ("staff", "event"):
        await world.complete(key)
    assert await may(admin) == [(False, True), (False, True), (False, True), (False, False), (False, False)]
    assert await may(other) == [(False, True), (True, False), (False, False), (False, False), (False, False)]


async def test_what_is_next_and_what_is_late(world: World) -> None:
    await world.publish(
        checklist(
            step("hello", by="staff", due="1d")
            + step("nice", required="false")
            + step("one", due="2d")
            + step("two", due="3d")
        )
    )
    await world.account()
    world.now = tokyo("6-04 00:00:00")
    found = await world.state()
    assert (found.next_key, found.days_left) == ("one", 27)
    assert [one.is_late for one in found.steps] == [True, False, True, False]
    assert [one.due_at for one in found.steps] == [
        tokyo("6-02 23:59:59"),
        None,
        tokyo("6-03 23:59:59"),
        tokyo("6-04 23:59:59"),
    ]
    for key, following in (("one", "two"), ("two", "nice"), ("nice", None)):
        await world.complete(key)
        assert (await world.state()).next_key == following


async def test_the_runs_of_an_account_come_in_the_order_of_the_files(world: World) -> None:
    await world.publish(*(checklist(step("call"), key=key) for key in ("b", "c", "a")))
    account = await world.account()
    await world.account("other")

    async def keys() -> list[str]:
        states = await world.db.read(
            lambda session: state.states_of(session, account_id=account, now=world.now, zone=TOKYO)
        )
        assert {one.account for one in states} == {"acme"}
        return [one.key for one in states]

    assert await keys() == ["b", "c", "a"]
    await world.publish(*(checklist(step("call"), key=key) for key in ("a", "b")))
    assert await keys() == ["a", "b"]
    with pytest.raises(NotFound):
        await world.state(key="c")


async def test_each_ones_part(world: World) -> None:
    await world.publish(
        checklist(step("read", scope="every_member") + step("admin", scope="{role: admin}")),
    )
    account = await world.account()
    people = [
        await world.member("a", role="admin"),
        await world.member("b"),
        await world.member("gone", left_at=tokyo("6-02")),
        await world.member("future", joined="6-30"),
    ]
    await world.complete("read", by_member(people[1]))

    def parts(session: object) -> list[list[tuple[str, bool, bool]]]:
        (run,) = load_runs(session, catalog(session), accounts=[account])  # type: ignore[arg-type]
        return [
            [(one.name, one.done is not None, one.counts) for one in state.parts_of(run, each, now=world.now)]
            for each in run.published.definition.steps
        ]

    assert await world.db.read(parts) == [
        [("a", False, True), ("b", True, True), ("gone", False, False), ("future", False, False)],
        [("a", False, True), ("b", False, False), ("gone", False, False), ("future", False, False)],
    ]
