"""Saying that a step is done, and taking it back: who may, what stays on record, and what can complete it again."""

from __future__ import annotations

from typing import Any

import pytest

from portal.checklists.actors import Actor
from portal.kit.errors import BansoError, Forbidden, Invalid, NotFound
from tests.onboarding import API, STAFF, World, by_member, checklist, step, tokyo

LOGIN = "{event: login}"
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
"""For tables of rules, of which each database sees some in other tests."""


async def test_saying_it_twice_is_saying_it_once(world: World) -> None:
    await world.publish(checklist(step("call")))
    await world.account()
    await world.complete("call", STAFF, at=tokyo("6-02 09:00"))
    world.now = tokyo("6-04 09:00")
    await world.complete("call", API)
    (only,) = await world.completions("call")
    assert (only.at, only.recorded_at) == (tokyo("6-02 09:00"), tokyo("6-03 10:00"))
    assert (only.how, only.by, only.by_name, only.days) == ("staff", "sato@vendor.example", "佐藤", 1)
    assert (await world.state()).completed_at == tokyo("6-02 09:00")


@pytest.mark.parametrize("scope", ["account", "any_member", "every_member", "{members: 3}", "{role: admin}"])
@pytest.mark.parametrize("how", ["api", "webhook", "staff"])
@ON_SQLITE
async def test_a_system_or_staff_complete_it_for_the_account_whatever_its_scope(
    world: World, scope: str, how: str
) -> None:
    await world.publish(checklist(step("login", LOGIN, scope=scope)))
    await world.account()
    await world.member("a")
    await world.complete("login", Actor(how, "x", "X"))  # type: ignore[arg-type]  # the three of the table
    found = (await world.state()).steps[0].done
    assert found is not None
    assert (found.how, found.at) == (how, world.now)


async def test_a_system_speaks_for_one_member(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    people = [await world.member(name) for name in ("a", "b")]
    await world.complete("login", API, member_id=people[0].id)
    assert await world.done() == {}
    await world.send(world.event("login", "6-02 12:00", "b"))
    assert await world.done() == {"login": world.now}
    first, *_ = await world.completions("login")
    assert (first.member_id, first.how, first.evidence) == (people[0].id, "api", {"member": "a"})


@pytest.mark.parametrize(
    ("line", "role", "error"),
    [
        (step("it"), "member", None),
        (step("it", scope="any_member"), "member", None),
        (step("it", scope="{role: admin}"), "admin", None),
        (step("it", scope="{role: admin}"), "member", Forbidden),
        (step("it", by="staff"), "admin", Forbidden),
        (step("it", LOGIN), "admin", Forbidden),
        (step("other"), "admin", NotFound),
    ],
)
@ON_SQLITE
async def test_what_a_member_may_tick(world: World, line: str, role: str, error: type[BansoError] | None) -> None:
    await world.publish(checklist(line))
    await world.account()
    member = await world.member("a", role=role)
    if error is None:
        await world.complete("it", by_member(member))
        assert set(await world.done()) == {"it"}
        await world.undo("it", by_member(member))
        assert set(await world.done()) == set()
    else:
        for act in (world.complete, world.undo):
            with pytest.raises(error):
                await act("it", by_member(member))
        assert await world.completions("it") == []


async def test_what_is_not_there_is_not_found_and_changes_nothing(world: World) -> None:
    await world.publish(checklist(step("call"), audience="{plan: pro}"), checklist(step("call"), key="other"))
    await world.account()
    await world.account("neighbour")
    stranger = await world.member("x", account="neighbour")
    asked: list[dict[str, Any]] = [{"key": "start"}, {"key": "none"}, {"key": "other", "member_id": stranger.id}]
    for more in asked:
        for act in (world.complete, world.undo):
            with pytest.raises(NotFound):
                await act("call", API, **more)
    with pytest.raises(Invalid):
        await world.complete("call", API, key="other", at=tokyo("6-03 10:01"))
    assert await world.completions("call") == []


@pytest.mark.parametrize("actor", [API, STAFF], ids=["api", "staff"])
async def test_after_an_undo_only_what_happens_later_counts(world: World, actor: Actor) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 2}")))
    await world.account()
    await world.send(world.event("login", "6-02 12:00"), world.event("login", "6-02 13:00"))
    assert (await world.state()).status == "completed"
    world.now = tokyo("6-04 10:00")
    await world.undo("login", actor)
    assert ((await world.state()).status, (await world.enrollments())["acme", "start"].furthest) == ("in_progress", 0)
    await world.undo("login", actor)
    world.now = tokyo("6-05 10:00")
    # These come late and are older than the undo, and the third alone is not enough.
    await world.send(world.event("login", "6-03 12:00"), world.event("login", "6-04 10:00"))
    await world.send(world.event("login", "6-04 12:00"))
    assert await world.done() == {}
    await world.send(world.event("login", "6-04 10:00:01"))
    assert await world.done() == {"login": tokyo("6-04 12:00")}
    assert (await world.state()).completed_at == tokyo("6-04 12:00")
    first, second = await world.completions("login")
    assert (first.undone_at, first.undone_by) == (tokyo("6-04 10:00"), actor.key)
    assert (first.at, second.undone_at) == (tokyo("6-02 13:00"), None)


async def test_undoing_the_step_takes_everybodys_part(world: World) -> None:
    await world.publish(checklist(step("login", LOGIN, scope="every_member")))
    await world.account()
    for name in ("a", "b"):
        await world.member(name)
    await world.send(world.event("login", "6-02 12:00", "a"), world.event("login", "6-02 13:00", "b"))
    world.now = tokyo("6-04 10:00")
    await world.undo("login", STAFF)
    await world.member("c", joined="6-02 15:00")
    await world.send(*(world.event("login", "6-03 12:00", name) for name in ("a", "b", "c")))
    # Who had no part of their own in what was undone is held to it as well: the step as a whole was undone.
    assert await world.done() == {}
    assert {row.undone_by for row in await world.completions("login")} == {STAFF.key}
    world.now = tokyo("6-05 10:00")
    await world.send(*(world.event("login", "6-04 12:00", name) for name in ("a", "b", "c")))
    assert await world.done() == {"login": tokyo("6-04 12:00")}


async def test_undoing_one_part_takes_what_followed_from_it(world: World) -> None:
    await world.publish(
        checklist(step("read", scope="{members: 2}")), checklist(step("wait", "{checklist: start}"), key="next")
    )
    await world.account()
    a, b, c = [await world.member(name) for name in ("a", "b", "c")]
    for clock, member in (("10:00", a), ("11:00", b)):
        world.now = tokyo(f"6-03 {clock}")
        await world.complete("read", by_member(member))
    assert (await world.state()).completed_at == tokyo("6-03 11:00")
    world.now = tokyo("6-03 12:00")
    await world.undo("read", by_member(a))
    assert ((await world.state()).completed_at, await world.done()) == (None, {})
    derived = next(row for row in await world.completions("read") if row.member_id is None)
    assert (derived.undone_at, derived.undone_by) == (world.now, "a")
    # What another checklist has made of it stands.
    assert await world.done(key="next") == {"wait": tokyo("6-03 11:00")}
    world.now = tokyo("6-03 13:00")
    await world.complete("read", by_member(c))
    assert (await world.state()).completed_at == tokyo("6-03 13:00")
    assert (await world.state()).steps[0].done.members == ("b", "c")  # type: ignore[union-attr]


async def test_undoing_a_part_that_was_not_needed_moves_the_step_to_those_who_did_it(world: World) -> None:
    await world.publish(checklist(step("read", scope="any_member")))
    await world.account()
    a, b = [await world.member(name) for name in ("a", "b")]
    for clock, member in (("10:00", a), ("11:00", b)):
        world.now = tokyo(f"6-03 {clock}")
        await world.complete("read", by_member(member))
    world.now = tokyo("6-03 12:00")
    await world.undo("read", by_member(a))
    found = (await world.state()).steps[0].done
    assert found is not None
    assert (found.at, found.by, found.members) == (tokyo("6-03 11:00"), "b", ("b",))
    assert (await world.state()).completed_at == tokyo("6-03 11:00")


async def test_a_member_takes_back_only_what_members_ticked(world: World) -> None:
    await world.publish(checklist(step("call")))
    await world.account()
    a, b = [await world.member(name) for name in ("a", "b")]
    await world.complete("call", STAFF)
    with pytest.raises(Forbidden):
        await world.undo("call", by_member(a))
    assert set(await world.done()) == {"call"}
    await world.undo("call", STAFF)
    await world.complete("call", by_member(a))
    await world.undo("call", by_member(b))
    assert await world.done() == {}


async def test_said_for_the_account_it_no_longer_hangs_on_its_members(world: World) -> None:
    await world.publish(checklist(step("read", scope="any_member")))
    await world.account()
    a = await world.member("a")
    await world.complete("read", by_member(a))
    await world.complete("read", STAFF)
    await world.undo("read", by_member(a))
    assert set(await world.done()) == {"read"}
    await world.undo("read", STAFF)
    assert await world.done() == {}


async def test_a_long_address_is_kept_as_far_as_it_fits(world: World) -> None:
    address = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example"
    await world.publish(checklist(step("call")))
    await world.account()
    await world.complete("call", Actor("staff", address, "佐藤"))
    await world.undo("call", Actor("staff", address, "佐藤"))
    (row,) = await world.completions("call")
    assert (row.by, row.undone_by) == (address[:200], address[:200])
