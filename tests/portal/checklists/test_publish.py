"""Changing a live checklist: what is shown beforehand is what happens, and nobody loses what they did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from portal.checklists.definition import Definition
from portal.checklists.planning import ChecklistChange
from portal.checklists.rules import Progress
from portal.kit.errors import NotFound
from tests.onboarding import World, checklist, step, tokyo

LOGIN = step("login", "{event: login}")
TWO = checklist(step("call") + LOGIN)


async def versions(world: World) -> dict[str, int]:
    return {name: row.version for (name, _), row in (await world.enrollments()).items()}


async def test_finished_stay_finished_and_those_under_way_move(world: World) -> None:
    await world.publish(TWO)
    for name in ("done", "way", "idle"):
        await world.account(name)
        if name != "idle":
            await world.complete("call", account=name)
    await world.send(world.event("login", "6-02 12:00", account="done"))
    before = await world.state(account="done")
    three = checklist(step("call") + LOGIN + step("new"), due="60d")
    (planned,) = await world.plan(three)
    assert await versions(world) == {"done": 1, "way": 1, "idle": 1}
    assert (planned.kind, planned.moved, planned.finished, planned.asks) == ("changed", 2, 1, True)
    told = {name: (one.before, one.after, one.added, one.would_complete) for name, one in planned.affected}
    assert told == {
        "way": (Progress(1, 2), Progress(1, 3), ("new",), False),
        "idle": (Progress(0, 2), Progress(0, 3), ("new",), False),
    }
    assert await world.publish(three) == (planned,)
    assert await versions(world) == {"done": 1, "way": 2, "idle": 2}
    assert await world.state(account="done") == before
    moved = await world.state(account="way")
    assert (moved.due_at, [one.done is not None for one in moved.steps]) == (
        tokyo("7-31 23:59:59"),
        [True, False, False],
    )
    # The finished one goes on under the version it finished.
    await world.undo("call", account="done")
    assert [one.step.key for one in (await world.state(account="done")).steps] == ["call", "login"]


async def test_a_removed_step_is_not_counted_and_comes_back_with_its_completion(world: World) -> None:
    await world.publish(TWO)
    await world.account()
    await world.complete("call")
    without = checklist(LOGIN + step("other"))
    (planned,) = await world.plan(without)
    ((_, lost),) = planned.affected
    assert (lost.lost, lost.added, lost.after) == (("call",), ("other",), Progress(0, 2))
    await world.publish(without)
    state = await world.state()
    assert (state.progress, await world.done()) == (Progress(0, 2), {})
    (back,) = await world.plan(TWO)
    ((_, found),) = back.affected
    assert (found.lost, found.added, found.after) == ((), (), Progress(1, 2))
    await world.publish(TWO)
    assert set(await world.done()) == {"call"}
    assert len(await world.completions("call")) == 1


async def test_wording_and_order_concern_nobody(world: World) -> None:
    await world.publish(TWO)
    await world.account()
    reworded = replace(TWO, title={"ja": "別の題"}, steps=TWO.steps[::-1])
    (planned,) = await world.plan(reworded)
    assert (planned.kind, planned.affected, planned.asks) == ("changed", (), False)
    await world.publish(reworded)
    state = await world.state()
    assert (state.title, [one.step.key for one in state.steps]) == ({"ja": "別の題"}, ["login", "call"])


async def test_publishing_the_same_again_changes_nothing(world: World) -> None:
    await world.publish(TWO)
    await world.account()
    before = await world.enrollments()
    world.now = tokyo("6-10")
    (again,) = await world.publish(TWO)
    assert (again.kind, again.asks) == ("unchanged", False)
    assert await world.enrollments() == before


async def test_going_back_to_an_old_text_is_a_version_of_its_own(world: World) -> None:
    await world.publish(TWO)
    await world.account()
    for number, one in enumerate((checklist(LOGIN), TWO, checklist(LOGIN)), start=2):
        await world.publish(one)
        assert await versions(world) == {"acme": number}


async def test_archived_and_back(world: World) -> None:
    await world.publish(TWO, checklist(step("x"), key="other"))
    await world.account()
    await world.complete("call")
    (_, planned) = await world.plan(checklist(step("x"), key="other"))
    assert (planned.key, planned.kind, planned.withdrawn, planned.asks) == ("start", "archived", ("acme",), True)
    await world.publish(checklist(step("x"), key="other"))
    with pytest.raises(NotFound):
        await world.state()
    await world.send(world.event("login", "6-02 12:00"))
    await world.account("later")
    (planned,) = [one for one in await world.plan(TWO) if one.key == "start"]
    assert (planned.kind, planned.enrolled, planned.asks) == ("returned", ("later",), False)
    await world.publish(TWO)
    assert (await world.state()).completed_at == world.now
    assert set(await world.done()) == {"call", "login"}
    assert (await world.state(account="later")).status == "in_progress"


async def test_a_returned_one_may_have_changed(world: World) -> None:
    await world.publish(TWO)
    await world.account()
    await world.complete("call")
    await world.publish()
    await world.publish(checklist(step("call") + step("new")))
    found = await world.state()
    assert (found.version, found.progress) == (2, Progress(1, 2))


async def test_a_changed_audience_tells_who_comes_and_who_goes(world: World) -> None:
    await world.publish(checklist(step("call"), audience="{plan: starter}"))
    for name, plan in (("a", "starter"), ("b", "pro"), ("c", "pro"), ("ready", "starter")):
        await world.account(name, plan=plan)
    await world.complete("call", account="ready")
    # `c` was in it once, and is too old by the new `from`: it comes back all the same.
    await world.account("c", "", plan="starter")
    await world.account("c", "", plan="pro")
    other = checklist(step("call"), audience="{plan: pro}", **{"from": "2026-06-02"})
    (planned,) = await world.plan(other)
    assert (planned.enrolled, planned.withdrawn, planned.asks) == (("c",), ("a",), True)
    await world.publish(other)
    found = await world.enrollments()
    assert {name: row.withdrawn_at is None for (name, _), row in found.items()} == {
        "a": False,
        "c": True,
        "ready": True,
    }


RULES = [
    (LOGIN, step("login", "{event: login, at_least: 5}"), {}),
    (step("login", "{event: login, at_least: 5}"), step("login", "{event: login, at_least: 2}"), {}),
    (step("login", "{event: login}", scope="every_member"), step("login", "{event: login}", scope="any_member"), {}),
    (step("read", scope="every_member"), step("read", scope="any_member"), {}),
    (step("a") + LOGIN, LOGIN, {}),
    (step("a") + LOGIN, step("a", required="false") + LOGIN, {}),
    (step("a") + LOGIN, step("a") + LOGIN, {"completed_when": "{at_least: 1}"}),
    (step("a"), step("a"), {"completed_when": "{event: login}"}),
    (step("a"), step("a") + step("b", "{plan: pro}"), {}),
    (step("a", "{event: other}"), step("a", "{all: [{checklist: first}, {event: login}]}"), {}),
]


@pytest.mark.parametrize(("old", "new", "head"), RULES, ids=range(len(RULES)))
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_is_shown_is_what_happens(world: World, old: str, new: str, head: dict[str, str]) -> None:
    """By name: how far everybody gets, and who completes."""
    first = checklist(step("x", "{plan: pro}"), key="first")
    await world.publish(first, checklist(old, due="30d"))
    for name, plan, people in (("a", "pro", "de"), ("b", "free", "fg")):
        await world.account(name, plan=plan)
        for person in people:
            await world.member(person, account=name)
    await world.send(*(world.event("login", f"6-02 1{number}:00", "d", account="a") for number in range(2)))
    if "read" in old:
        await world.complete("read", account="a", member_id=1)
    changed = checklist(new, due="31d", **head)
    (_, planned) = await world.plan(first, changed)
    shown = {name: (one.after, one.would_complete) for name, one in planned.affected}
    finished = {name for (name, key), row in (await world.enrollments()).items() if key == "start" and row.completed_at}
    assert await world.publish(first, changed) == (planned_of(first), planned)
    for name in {"a", "b"} - finished:
        found = await world.state(account=name)
        assert shown.pop(name) == (found.progress, found.completed_at is not None), name
    assert shown == {}


def planned_of(definition: Definition) -> ChecklistChange:
    return ChecklistChange(definition.key, "unchanged", definition)


async def test_two_who_publish_at_once_are_one_after_the_other(world: World) -> None:
    async def publish(definitions: Sequence[Definition]) -> None:
        await world.publish(*definitions)

    await asyncio.gather(*(publish([checklist(step(f"s{number}"))]) for number in range(4)))
    await world.account()
    assert await versions(world) == {"acme": 4}
