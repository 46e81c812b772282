"""Who is stuck, and who only looks like it."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from portal.accounts.service import account_by_external_id, mark_left
from portal.checklists.stuck import StuckPage, Why, stuck_accounts, why_stuck
from tests.onboarding import TOKYO, World, checklist, step, tokyo

NOW = tokyo("6-30 10:00")


async def stuck(
    world: World, *, why: Why | None = None, page: int = 1, limit: int = 50, key: str | None = None
) -> StuckPage:
    return await world.db.report(
        lambda session: stuck_accounts(
            session, now=world.now, zone=TOKYO, checklist=key, why=why, page=page, limit=limit
        )
    )


async def names(world: World) -> list[tuple[str, str, int]]:
    return [(one.name, one.why, one.days) for one in (await stuck(world)).rows]


@pytest.fixture
async def world(world: World) -> World:
    """At the end of June, with a checklist of thirty days."""
    world.now = NOW
    steps = step("call", by="staff") + step("setup") + step("extra", required="false")
    await world.publish(checklist(steps, **{"from": "2026-01-01"}))
    return world


@pytest.mark.parametrize(
    ("due", "quiet", "expected"),
    [
        ("6-29 23:59:59", "6-29", ("overdue", 1)),
        ("6-30 23:59:59", "6-29", None),
        ("6-29 23:59:59", "6-01", ("overdue", 1)),
        ("12-01", "6-16", ("quiet", 14)),
        ("12-01", "6-16 23:59:59", ("quiet", 14)),
        ("12-01", "6-17", None),
        ("", "6-16", ("quiet", 14)),
        ("", "6-30", None),
    ],
)
def test_the_rule_counts_days_of_the_calendar(due: str, quiet: str, expected: tuple[Why, int] | None) -> None:
    found = why_stuck(due=tokyo(due) if due else None, quiet_since=tokyo(quiet), now=NOW, zone=TOKYO)
    assert found == expected


async def test_worst_first_with_what_they_lack(world: World) -> None:
    await world.account("quiet", "6-10")
    await world.account("overdue", "5-01")
    await world.account("long-overdue", "3-01")
    await world.complete("setup", account="long-overdue", at=tokyo("3-05"))
    await world.account("busy", "6-10")
    await world.complete("call", account="busy", at=tokyo("6-25"))
    await world.account("fresh", "6-29")
    assert await names(world) == [("long-overdue", "overdue", 91), ("overdue", "overdue", 30), ("quiet", "quiet", 20)]
    worst = (await stuck(world)).rows[0]
    assert ([one.key for one in worst.lacks], worst.done, worst.total) == (["call"], 1, 3)
    assert (worst.due_at, worst.quiet_since) == (tokyo("3-31 23:59:59"), tokyo("3-05"))
    assert worst.last_seen is None


async def test_whoever_somebody_has_decided_about_is_not_stuck(world: World) -> None:
    for name in ("done", "paused", "excluded", "left", "leaving", "later"):
        await world.account(name, "3-01")
    for key in ("call", "setup"):
        await world.complete(key, account="done", at=tokyo("6-01"))
    await world.make_exception(account="paused", paused=True)
    await world.make_exception(account="excluded", excluded=True)
    await world.make_exception(account="later", started_at=tokyo("7-15"))

    def leave(session: Session) -> None:
        for name, day in (("left", "6-30"), ("leaving", "7-31")):
            account = account_by_external_id(session, name)
            assert account is not None
            mark_left(session, account, left_at=tokyo(day), now=world.now)

    await world.write(leave)
    assert [name for name, _, _ in await names(world)] == ["leaving"]


async def test_an_extension_ends_being_overdue_but_not_being_quiet(world: World) -> None:
    await world.account("acme", "5-01")
    await world.make_exception(account="acme", due_at=tokyo("7-31"))
    assert await names(world) == [("acme", "quiet", 60)]


async def test_the_quiet_counts_from_the_end_of_a_pause(world: World) -> None:
    await world.account("acme", "6-01")
    world.now = tokyo("6-10")
    await world.make_exception(account="acme", paused=True)
    world.now = tokyo("6-25")
    await world.make_exception(account="acme", paused=False)
    world.now = tokyo("7-08")
    assert await names(world) == []
    world.now = tokyo("7-09")
    assert await names(world) == [("acme", "quiet", 14)]
    world.now = tokyo("7-17")  # 1 July and fifteen days of pause
    assert await names(world) == [("acme", "overdue", 1)]


async def test_a_page_at_a_time_and_by_reason(world: World) -> None:
    for number in range(7):
        await world.account(f"late-{number}", "5-01")
    await world.account("quiet", "6-10")
    found = await stuck(world, limit=3)
    assert (found.total, found.pages, found.counts) == (8, 3, {"overdue": 7, "quiet": 1})
    assert [one.name for one in (await stuck(world, limit=3, page=3)).rows] == ["late-6", "quiet"]
    assert (await stuck(world, limit=3, page=99)).page == 3
    only = await stuck(world, why="quiet")
    assert ([one.name for one in only.rows], only.total, only.counts["overdue"]) == (["quiet"], 1, 7)


async def test_with_nothing_required_left_it_is_the_optional_that_is_lacking(world: World) -> None:
    await world.publish(
        checklist(step("a") + step("b", required="false"), completed_when="{at_least: 2}", **{"from": "2026-01-01"})
    )
    await world.account("acme", "5-01")
    await world.complete("a", account="acme", at=tokyo("5-02"))
    (one,) = (await stuck(world)).rows
    assert [lacking.key for lacking in one.lacks] == ["b"]


async def test_each_checklist_counts_for_itself_and_archived_ones_for_nothing(world: World) -> None:
    other = checklist(step("x"), key="other", **{"from": "2026-01-01"})
    await world.publish(checklist(step("setup"), **{"from": "2026-01-01"}), other)
    await world.account("acme", "5-01")
    assert {one.checklist for one in (await stuck(world)).rows} == {"start", "other"}
    assert {one.checklist for one in (await stuck(world, key="other")).rows} == {"other"}
    await world.publish(other)
    assert {one.checklist for one in (await stuck(world)).rows} == {"other"}
