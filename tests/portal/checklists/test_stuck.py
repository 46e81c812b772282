"""Who is stuck, and who only looks like it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from portal.accounts.service import account_by_external_id, mark_left, upsert_account
from portal.checklists.soon import due_soon
from portal.checklists.stuck import Narrowed, StuckPage, stuck_accounts, stuck_ids
from portal.checklists.thresholds import Threshold, Why, bounds_of, set_threshold
from portal.kit.clock import day_end, local_day
from portal.kit.errors import Invalid
from portal.workdays.rules import Calendar
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
    ("due", "quiet", "threshold", "expected"),
    [
        ("6-29 23:59:59", "6-29", Threshold(), "overdue"),
        ("6-30 23:59:59", "6-29", Threshold(), None),
        ("6-29 23:59:59", "6-01", Threshold(), "overdue"),
        ("12-01", "6-16", Threshold(), "quiet"),  # ten business days are two weeks
        ("12-01", "6-16 23:59:59", Threshold(), "quiet"),
        ("12-01", "6-17", Threshold(), None),
        ("", "6-16", Threshold(), "quiet"),
        ("", "6-30", Threshold(), None),
        ("", "6-29 23:59:59", Threshold(quiet_days=1), "quiet"),
        ("", "6-30", Threshold(quiet_days=1), None),
        ("6-26 23:59:59", "6-29", Threshold(overdue_days=2), "overdue"),  # a Friday: Monday, Tuesday
        ("6-28 23:59:59", "6-29", Threshold(overdue_days=2), "overdue"),  # so is a Sunday
        ("6-29 23:59:59", "6-29", Threshold(overdue_days=2), None),
        ("6-29 23:59:59", "6-01", Threshold(overdue_days=2), "quiet"),  # not late enough, but long quiet
    ],
)
def test_the_rule_counts_business_days(due: str, quiet: str, threshold: Threshold, expected: Why | None) -> None:
    bounds = bounds_of(threshold, calendar=Calendar(), now=NOW, zone=TOKYO)
    assert bounds.why(due=tokyo(due) if due else None, quiet_since=tokyo(quiet)) == expected


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 60), st.integers(0, 60), st.integers(0, 23))
def test_bounds_say_what_counting_each_would(late: int, quiet: int, ago: int, since: int, hour: int) -> None:
    now, calendar = NOW + timedelta(hours=hour), Calendar()
    due, moved = day_end(local_day(now, TOKYO) - timedelta(days=ago), TOKYO), now - timedelta(days=since, hours=hour)
    bounds = bounds_of(Threshold(quiet, late), calendar=calendar, now=now, zone=TOKYO)

    def passed(at: datetime) -> int:
        return calendar.business_days_between(local_day(at, TOKYO), local_day(now, TOKYO))

    expected = "overdue" if ago and passed(due) >= late else "quiet" if passed(moved) >= quiet else None
    assert bounds.why(due=due, quiet_since=moved) == expected


async def test_worst_first_with_what_they_lack(world: World) -> None:
    await world.account("quiet", "6-10")
    await world.account("overdue", "5-01")
    await world.account("long-overdue", "3-01")
    await world.complete("setup", account="long-overdue", at=tokyo("3-05"))
    await world.account("busy", "6-10")
    await world.complete("call", account="busy", at=tokyo("6-25"))
    await world.account("fresh", "6-29")
    assert await names(world) == [("long-overdue", "overdue", 61), ("overdue", "overdue", 22), ("quiet", "quiet", 14)]
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
    assert await names(world) == [("acme", "quiet", 39)]


async def test_the_quiet_counts_from_the_end_of_a_pause(world: World) -> None:
    await world.account("acme", "6-01")
    world.now = tokyo("6-10")
    await world.make_exception(account="acme", paused=True)
    world.now = tokyo("6-25")
    await world.make_exception(account="acme", paused=False)
    world.now = tokyo("7-08")
    assert await names(world) == []
    world.now = tokyo("7-09")
    assert await names(world) == [("acme", "quiet", 10)]
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


async def test_each_checklist_has_its_own_patience(world: World) -> None:
    other = checklist(step("x"), key="other", due=None, **{"from": "2026-01-01"})
    await world.publish(checklist(step("setup"), due=None, **{"from": "2026-01-01"}), other)
    await world.account("acme", "6-22")
    assert await names(world) == []
    threshold = Threshold(quiet_days=5)
    await world.write(lambda session: set_threshold(session, "other", threshold=threshold, by="sato", now=world.now))
    assert {(one.checklist, one.days) for one in (await stuck(world)).rows} == {("other", 6)}
    for wrong in (Threshold(0, 0), Threshold(10, -1), Threshold(251, 251)):
        with pytest.raises(Invalid):
            await world.write(partial(set_threshold, key="start", threshold=wrong, by="x", now=NOW))


async def test_narrowed_to_a_plan_an_owner_or_ones_own(world: World) -> None:
    lists = (("start", "2026-01-01"), ("later", "2030-01-01"))  # two, so that both are asked in one question
    await world.publish(*(checklist(step("call"), key=key, **{"from": day}) for key, day in lists))
    for name, told in (
        ("a", {"plan": "pro", "owner": "Sato@vendor.example"}),
        ("b", {"plan": "pro", "owner": "佐藤"}),
        ("c", {"owner": "suzuki@vendor.example"}),
    ):
        await world.account(name, "5-01")
        await world.write(partial(upsert_account, external_id=name, changes=told, now=world.now))

    async def found(narrowed: Narrowed) -> str:
        page, ids = await world.db.report(
            lambda session: (
                stuck_accounts(session, now=world.now, zone=TOKYO, narrowed=narrowed),
                stuck_ids(session, now=world.now, zone=TOKYO, narrowed=narrowed),
            )
        )
        assert sorted(ids) == sorted(one.account_id for one in page.rows)
        return "".join(one.name for one in page.rows)

    assert await found(Narrowed()) == "abc"
    assert await found(Narrowed(plan="pro")) == "ab"
    assert await found(Narrowed(plan="-", owner="suzuki@vendor.example")) == "c"
    assert await found(Narrowed(names=frozenset({"sato@vendor.example", "佐藤"}))) == "ab"
    assert await found(Narrowed(names=frozenset({"nobody"}))) == ""


async def test_deadlines_that_come_are_those_that_pauses_moved_there(world: World) -> None:
    async def coming() -> list[tuple[str, str]]:
        until, zone = day_end(local_day(NOW, TOKYO) + timedelta(days=7), TOKYO), TOKYO
        found = await world.db.report(lambda s: due_soon(s, now=NOW, until=until, zone=zone, limit=10))
        assert found.total == len(found.rows)
        return [(one.name, f"{local_day(one.due_at, TOKYO):%m-%d}") for one in found.rows]

    for name, started in (
        ("plain", "6-03"),
        ("gone", "5-20"),
        ("moved", "5-25"),
        ("far", "6-05"),
        ("long-ago", "3-01"),
    ):
        await world.account(name, started)
    assert await coming() == [("plain", "07-03"), ("far", "07-05")]
    for name, first, last in (("moved", "6-10", "6-18"), ("far", "6-10", "6-20"), ("long-ago", "3-10", "3-18")):
        for paused, at in ((True, first), (False, last)):
            world.now = tokyo(at)
            await world.make_exception(account=name, paused=paused)
    world.now = NOW
    assert await coming() == [("moved", "07-02"), ("plain", "07-03")]


async def test_those_that_were_paused_fall_into_their_places_on_every_page(world: World) -> None:
    days = ("3-02", "3-09", "4-01", "4-20", "5-07", "6-03", "6-08", "6-10", "6-12")
    for number, day in enumerate(days):
        await world.account(f"plain-{number}", day)
        if number % 2:
            await world.account(f"paused-{number}", day)
            for paused, at in ((True, "6-13"), (False, "6-14")):
                world.now = tokyo(at)
                await world.make_exception(account=f"paused-{number}", paused=paused)
            world.now = NOW
    everybody = (await stuck(world, limit=200)).rows
    assert len(everybody) == 13
    order = [(one.why != "overdue", one.since) for one in everybody]
    assert order == sorted(order)
    # The pause moved the deadline by a day, and the quiet counts from its end.
    assert {one.since for one in everybody if one.name == "paused-5"} == {tokyo("6-14")}
    for limit in (1, 2, 3, 5):
        pages = -(-13 // limit)
        shown = [one.name for page in range(1, pages + 1) for one in (await stuck(world, limit=limit, page=page)).rows]
        assert shown == [one.name for one in everybody], limit
    for why in ("overdue", "quiet"):
        only = await stuck(world, why=why, limit=200)
        assert [one.name for one in only.rows] == [one.name for one in everybody if one.why == why]
        assert only.total == only.counts[why] == len(only.rows)
