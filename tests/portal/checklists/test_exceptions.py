"""Exceptions: what each does to start, deadline and status, and what is on record of it."""

from __future__ import annotations

import pytest

from portal.kit.errors import Invalid, NotFound
from tests.onboarding import STAFF, World, checklist, step, tokyo

DUE = tokyo("7-01 23:59:59")
"""Of the account that started on 1 June, by the rule of 30 days."""


@pytest.fixture(autouse=True)
async def one_customer(world: World) -> None:
    await world.publish(checklist(step("call", due="7d") + step("login", "{event: login, within: 7d}")))
    await world.account()


async def on_record(world: World) -> list[tuple[str, str | None, str | None]]:
    return [(one.kind, one.before, one.after) for one in await world.exceptions()]


async def test_a_moved_start_moves_deadline_and_windows(world: World) -> None:
    world.now = tokyo("6-20 10:00")
    await world.send(world.event("login", "6-15 12:00"))
    assert await world.done() == {}
    await world.make_exception("契約の遅れ", started_at=tokyo("6-10 09:00"))
    found = await world.state()
    assert (found.started_at, found.due_at) == (tokyo("6-10 09:00"), tokyo("7-10 23:59:59"))
    assert await world.done() == {"login": tokyo("6-15 12:00")}
    assert [row.days for row in await world.completions("login")] == [5]
    (record,) = await world.exceptions()
    assert (record.kind, record.reason, record.by, record.at) == ("start", "契約の遅れ", STAFF.key, world.now)
    assert (record.before, record.after) == ("2026-06-01T06:00:00Z", "2026-06-10T00:00:00Z")


async def test_what_was_done_stays_when_the_start_moves_past_it(world: World) -> None:
    await world.send(world.event("login", "6-02 12:00"))
    await world.make_exception(started_at=tokyo("6-30 09:00"))
    assert await world.done() == {"login": tokyo("6-02 12:00")}
    assert [row.days for row in await world.completions("login")] == [0]


async def test_an_extension_lasts_to_the_end_of_its_day_and_can_be_taken_back(world: World) -> None:
    await world.make_exception(due_at=tokyo("7-20 09:00"))
    assert (await world.state()).due_at == tokyo("7-20 23:59:59")
    await world.account("acme", "6-02 15:00")
    assert (await world.state()).due_at == tokyo("7-20 23:59:59")
    await world.make_exception(due_at=None)
    assert (await world.state()).due_at == tokyo("7-02 23:59:59")
    assert await on_record(world) == [
        ("due", "2026-07-01T14:59:59Z", "2026-07-20T14:59:59Z"),
        ("due", "2026-07-20T14:59:59Z", "2026-07-02T14:59:59Z"),
    ]


async def test_pinning_the_day_that_the_rule_gives_is_on_record_too(world: World) -> None:
    await world.make_exception(due_at=DUE)
    await world.account("acme", "6-20 15:00")
    assert (await world.state()).due_at == DUE
    assert await on_record(world) == [("due", "2026-07-01T14:59:59Z", "2026-07-01T14:59:59Z")]


async def test_a_pause_gives_its_days_back(world: World) -> None:
    await world.make_exception(paused=True)
    world.now = tokyo("8-01 10:00")
    paused = await world.state()
    assert (paused.status, paused.due_at, paused.days_left) == ("paused", DUE, None)
    assert not any(one.is_late for one in paused.steps)
    world.now = tokyo("6-13 09:00")
    await world.make_exception(paused=False)
    resumed = await world.state()
    assert (resumed.status, resumed.due_at) == ("in_progress", tokyo("7-11 23:59:59"))
    assert [one.due_at for one in resumed.steps] == [tokyo("6-18 23:59:59"), None]
    assert [one[0] for one in await on_record(world)] == ["pause", "resume"]


async def test_a_second_pause_adds_to_the_first(world: World) -> None:
    for day in ("6-03", "6-13", "6-20", "6-25"):
        world.now = tokyo(f"{day} 10:00")
        await world.make_exception(paused=day in ("6-03", "6-20"))
    assert (await world.state()).due_at == tokyo("7-16 23:59:59")


async def test_whoever_names_a_day_after_a_pause_means_that_day(world: World) -> None:
    await world.make_exception(paused=True)
    world.now = tokyo("6-13 10:00")
    await world.make_exception(paused=False)
    await world.make_exception(due_at=tokyo("7-31 12:00"))
    await world.make_exception(due_at=tokyo("7-31 12:00"))
    assert (await world.state()).due_at == tokyo("7-31 23:59:59")
    assert (await on_record(world))[2:] == [("due", "2026-07-11T14:59:59Z", "2026-07-31T14:59:59Z")]
    world.now = tokyo("6-20 10:00")
    await world.make_exception(paused=True)
    world.now = tokyo("6-22 10:00")
    await world.make_exception(paused=False)
    assert (await world.state()).due_at == tokyo("8-02 23:59:59")


async def test_a_pause_after_the_deadline_changes_nothing(world: World) -> None:
    for day, paused in (("7-02", True), ("7-20", False)):
        world.now = tokyo(f"{day} 00:00")
        await world.make_exception(paused=paused)
    found = await world.state()
    assert (found.status, found.due_at) == ("overdue", DUE)


async def test_what_is_so_already_changes_nothing(world: World) -> None:
    await world.make_exception(paused=False, excluded=False, due_at=None)
    assert await on_record(world) == []
    for _ in range(2):
        await world.make_exception(
            started_at=tokyo("6-05"), due_at=tokyo("7-20"), paused=True, excluded=True, reason="全部"
        )
    assert [one[0] for one in await on_record(world)] == ["start", "due", "pause", "exclude"]


async def test_the_one_word_for_where_a_customer_stands(world: World) -> None:
    """Exclusion says more than completion, completion more than a pause, a pause more than a deadline."""
    world.now = tokyo("7-01 23:59:59")
    assert (await world.state()).status == "in_progress"
    world.now = tokyo("7-02 00:00:00")
    assert (await world.state()).status == "overdue"
    await world.make_exception(due_at=tokyo("7-02"))
    await world.make_exception(paused=True)
    assert (await world.state()).status == "paused"
    for key in ("call", "login"):
        await world.complete(key)
    assert (await world.state()).status == "completed"
    await world.make_exception(excluded=True)
    assert (await world.state()).status == "excluded"
    await world.make_exception(excluded=False)
    assert (await world.state()).status == "completed"
    assert [one[0] for one in await on_record(world)] == ["due", "pause", "exclude", "include"]


@pytest.mark.parametrize("reason", ["", "  \n", "あ" * 1001], ids=["none", "blank", "too long"])
async def test_every_exception_carries_a_reason(world: World, reason: str) -> None:
    with pytest.raises(Invalid):
        await world.make_exception(reason, excluded=True)
    assert ((await world.state()).status, await on_record(world)) == ("in_progress", [])


async def test_there_is_nothing_to_except_where_nobody_is_enrolled(world: World) -> None:
    with pytest.raises(NotFound):
        await world.make_exception(key="other", excluded=True)
