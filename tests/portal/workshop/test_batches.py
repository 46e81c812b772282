"""Exceptions for many at once: what is foreseen is what happens, and taking it back gives back what was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from functools import partial

import pytest

from portal.accounts.listing import Filters, ids_of
from portal.kit.clock import day_end, day_start
from portal.kit.errors import Conflict, Invalid
from portal.workshop import batches
from portal.workshop.chosen import chosen
from portal.workshop.wishes import Act, Outlook, Wish
from tests.onboarding import API, STAFF, TOKYO, World, checklist, step, tokyo


async def customers(world: World) -> list[int]:
    """a is plain, b is paused, c has completed, d is excluded, e is in no checklist."""
    await world.publish(checklist(step("one"), due="30d", audience="{tier: {ne: low}}"))
    found = [await world.account(name, tier="low" if name == "e" else "high") for name in "abcde"]
    await world.make_exception(account="b", paused=True)
    await world.complete("one", API, account="c")
    await world.make_exception(account="d", excluded=True)
    return found


async def make(world: World, ids: list[int], wish: Wish) -> int:
    return await world.write(
        partial(batches.make, key="start", accounts=ids, wish=wish, actor=STAFF, now=world.now, zone=TOKYO)
    )


async def undo(world: World, number: int) -> None:
    await world.write(partial(batches.undo, batch_id=number, actor=STAFF, said="戻す", now=world.now, zone=TOKYO))


async def look(world: World, ids: list[int], wish: Wish) -> dict[str, Outlook]:
    found = await world.db.read(
        lambda session: batches.outlook(session, key="start", accounts=ids, wish=wish, now=world.now, zone=TOKYO)
    )
    return {one.external_id: one for one in found}


async def counts(world: World, number: int) -> Mapping[str, int]:
    return await world.db.read(partial(batches.counts_of, batch_id=number))


async def stands(world: World) -> dict[str, tuple[object, ...]]:
    return {
        account: (
            row.started_at,
            row.start_moved,
            row.due_at,
            row.due_moved,
            row.paused_at is not None,
            row.excluded_at is not None,
        )
        for (account, _), row in (await world.enrollments()).items()
    }


WISHES: list[tuple[Act, dict[str, str]]] = [
    ("start", {"a": "", "b": "", "c": "completed", "d": ""}),
    ("due", {"a": "", "b": "", "c": "completed", "d": ""}),
    ("extend", {"a": "", "b": "", "c": "completed", "d": ""}),
    ("pause", {"a": "", "b": "same", "c": "completed", "d": ""}),
    ("resume", {"a": "same", "b": "", "c": "completed", "d": "same"}),
    ("exclude", {"a": "", "b": "", "c": "", "d": "same"}),
    ("include", {"a": "same", "b": "same", "c": "same", "d": ""}),
]


@pytest.mark.parametrize(("act", "why"), WISHES)
async def test_what_is_foreseen_happens_and_is_taken_back(world: World, act: Act, why: dict[str, str]) -> None:
    ids = await customers(world)
    wish = Wish(act, "夏季休業のため", date(2026, 7, 20), 10)
    seen = await look(world, ids, wish)
    assert {name: one.why for name, one in seen.items()} == why
    before = await stands(world)
    recorded = len(await world.exceptions())
    number = await make(world, ids, wish)
    after = await stands(world)
    assert {name for name in before if before[name] != after[name]} == {name for name, said in why.items() if not said}
    done = sum(not said for said in why.values())
    assert await counts(world, number) == {"done": done, "skipped": 5 - done}
    assert len(await world.exceptions()) == recorded + done
    if act == "extend":
        assert (await world.state(account="a")).due_at == seen["a"].after == day_end(date(2026, 7, 11), TOKYO)
    if act == "start":
        assert (await world.state(account="a")).started_at == day_start(date(2026, 7, 20), TOKYO)
    world.now = tokyo("6-13 10:00")
    await undo(world, number)
    assert await stands(world) == before
    assert await counts(world, number) == {"undone": done, "skipped": 5 - done}
    await undo(world, number)
    assert (await world.exceptions())[-1].reason == "戻す"
    assert len(await world.exceptions()) == recorded + 2 * done


async def test_what_somebody_has_changed_since_is_left_alone(world: World) -> None:
    ids = await customers(world)
    number = await make(world, ids[:2], Wish("extend", "なぜなら", days=10))
    await world.make_exception(account="a", due_at=tokyo("8-01"))
    due = (await world.state(account="a")).due_at
    await undo(world, number)
    assert await counts(world, number) == {"kept": 1, "undone": 1}
    assert (await world.state(account="a")).due_at == due


async def test_many_are_done_so_many_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    ids = await customers(world)
    number = await make(world, ids, Wish("exclude", "なぜなら"))
    assert await counts(world, number) == {"waiting": 5}
    on = partial(batches.go_on, batch_id=number, now=world.now, zone=TOKYO)
    with pytest.raises(Conflict):
        await undo(world, number)
    assert [await world.write(on) for _ in range(4)] == [True, True, False, False]
    assert await counts(world, number) == {"done": 3, "skipped": 2}
    await undo(world, number)
    back = partial(batches.go_back, batch_id=number, actor=STAFF, said="戻す", now=world.now, zone=TOKYO)
    assert [await world.write(back) for _ in range(3)] == [True, False, False]
    assert await counts(world, number) == {"undone": 3, "skipped": 2}


REFUSED = [
    Wish("due", "なぜなら"),
    Wish("due", "なぜなら", date(9999, 12, 31)),
    Wish("start", "なぜなら", date(1, 1, 1)),
    Wish("extend", "なぜなら", days=0),
    Wish("pause", "  "),
    Wish("pause", "x" * 1001),
]


@pytest.mark.parametrize("wish", REFUSED)
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_is_refused_changes_nothing(world: World, wish: Wish) -> None:
    ids = await customers(world)
    before = await stands(world)
    with pytest.raises(Invalid):
        await make(world, ids, wish)
    assert await stands(world) == before


async def test_all_of_a_list_are_those_it_holds(world: World) -> None:
    ids = await customers(world)

    async def among(text: str, *, ticked: tuple[str, ...] = (), all_of_it: bool = True) -> list[int]:
        return await world.db.read(
            lambda session: chosen(session, ticked=ticked, among=text, all_of_it=all_of_it, now=world.now, zone=TOKYO)
        )

    assert await among("accounts?tier=high&status=") == ids[:4]
    assert await among("accounts?q=nobody") == []
    assert await among(f"ids?{ids[0]},{ids[2]},999999,x") == [ids[0], ids[2]]
    assert await among("elsewhere?x=1") == []
    assert await among("accounts?", ticked=("b", "nobody", "b"), all_of_it=False) == [ids[1]]
    world.now = tokyo("7-20")
    assert await among("stuck?checklist=start&why=overdue") == [ids[0]]
    assert await world.db.read(lambda session: ids_of(session, filters=Filters(), now=world.now)) == ids


async def test_two_clicks_extend_once_and_what_was_meant_twice_is_done_twice(world: World) -> None:
    ids = await customers(world)
    wish = Wish("extend", "夏季休業のため", None, 10)
    first, second = await asyncio.gather(make(world, ids, wish), make(world, ids, wish))
    assert first == second
    due = (await stands(world))["a"][2]
    other = await make(world, ids[:1], wish)
    assert other != first
    world.now += batches.TWICE
    assert await make(world, ids, wish) not in (first, other)
    assert due == day_end(date(2026, 7, 11), TOKYO)
    assert (await stands(world))["a"][2] == day_end(date(2026, 7, 31), TOKYO)
