"""The completion rate from end to end, on both databases: what people and services did, against a table worked out by
hand. The rules alone are in `test_rate`."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta

import pytest
from sqlmodel import Session

from portal.accounts.people import mark_member_left
from portal.accounts.service import account_by_external_id, mark_left
from portal.checklists.catalog import catalog
from portal.checklists.counting import whole_second
from portal.checklists.funnel import who_completed, who_reached
from portal.checklists.rate import FIGURES, CurvePoint, RateRow, StepRow, box_of
from portal.checklists.report import By, Counted, Report, Unit, completion_report, counted_runs
from portal.kit.errors import NotFound
from portal.kit.intervals import wilson
from tests.onboarding import TOKYO, World, checklist, step, tokyo

TWO_STEPS = checklist(step("setup") + step("invite"), **{"from": "2026-01-01"})
"""Thirty days: whoever started on 1 January has until 31 January, 23:59:59."""
NEW_YEAR = "1-01 12:00"


async def report(world: World, as_of: str, *, by: By = "none", unit: Unit = "account", key: str = "start") -> Report:
    at = tokyo(as_of)
    return await world.db.report(
        lambda session: completion_report(session, key, by=by, unit=unit, as_of=at, zone=TOKYO)
    )


async def runs(world: World, as_of: str, *, by: By = "none", unit: Unit = "account") -> list[Counted]:
    at = tokyo(as_of)
    return await world.db.report(lambda session: counted_runs(session, "start", by=by, unit=unit, as_of=at, zone=TOKYO))


async def customer(
    world: World, name: str, started: str = NEW_YEAR, *, done: str = "", left: str = "", **more: object
) -> None:
    """A customer that did its first step at once, and the other when `done` says."""
    await world.account(name, started, **more)
    if done:
        await world.complete("setup", account=name, at=tokyo(started))
        await world.complete("invite", account=name, at=tokyo(done))
    if left:
        await leave(world, name, left)


async def leave(world: World, name: str, left: str) -> None:
    def work(session: Session) -> None:
        account = account_by_external_id(session, name)
        assert account is not None
        mark_left(session, account, left_at=tokyo(left), now=world.now)

    await world.write(work)


@pytest.fixture(autouse=True)
async def in_june(world: World) -> None:
    await world.publish(TWO_STEPS)


def counts(row: RateRow) -> dict[str, int]:
    """The boxes that are not empty; the two sums are checked on the way."""
    assert row.started == row.matured + row.in_progress
    assert row.matured == row.completed_in_time + row.completed_late + row.missed + row.left
    boxes = ("completed_in_time", "completed_late", "missed", "left", "in_progress", "already_completed")
    return {name: getattr(row, name) for name in boxes if getattr(row, name)}


@pytest.mark.parametrize(
    ("told", "as_of", "expected"),
    [
        pytest.param({}, "1-31 23:59:59", {"in_progress": 1}, id="the deadline day is not over"),
        pytest.param({}, "2-01", {"missed": 1}, id="the deadline day is over"),
        pytest.param({"done": "1-31 23:59:59"}, "2-01", {"completed_in_time": 1}, id="in the last second"),
        pytest.param({"done": "2-01"}, "2-01", {"completed_late": 1}, id="in the first second after"),
        pytest.param({"done": "2-01"}, "1-31 23:59:59", {"in_progress": 1}, id="not done yet as we look"),
        pytest.param({"done": "1-09"}, "1-20", {"in_progress": 1, "already_completed": 1}, id="early, nobody matured"),
        pytest.param({"done": "3-01"}, "2-10", {"missed": 1}, id="late, before it happened"),
        pytest.param({"done": "3-01"}, "5-01", {"completed_late": 1}, id="late"),
        pytest.param({"left": "1-10"}, "1-20", {"in_progress": 1}, id="left before the deadline, which is to come"),
        pytest.param({"left": "1-10"}, "2-01", {"left": 1}, id="left before the deadline, which is over"),
        pytest.param({"left": "2-10"}, "2-09", {"missed": 1}, id="about to leave after the deadline"),
        pytest.param({"left": "2-10"}, "5-01", {"left": 1}, id="left after the deadline"),
        pytest.param({"done": "1-09", "left": "1-10"}, "5-01", {"completed_in_time": 1}, id="done, then left"),
        pytest.param({"done": "1-11", "left": "1-10"}, "5-01", {"left": 1}, id="left, then news of it"),
        pytest.param({"started": "12-31 12:00"}, "5-01", {}, id="starts later in the year"),
        pytest.param({}, "12-31", {"missed": 1}, id="looking ahead"),
    ],
)
async def test_one_customer_is_in_one_box(
    world: World, told: dict[str, str], as_of: str, expected: dict[str, int]
) -> None:
    await customer(world, "acme", **told)
    found = await report(world, as_of)
    (row,) = found.rows
    assert counts(row) == expected
    assert row == found.total
    boxes = [box_of(one.run, as_of=tokyo(as_of)) for one in await runs(world, as_of)]
    assert [name for name in boxes if name is not None] == (
        ["already_completed"]
        if "already_completed" in expected
        else ["under_way"]
        if "in_progress" in expected
        else list(expected)
    )


async def test_nobody_is_one_row_of_nothing(world: World) -> None:
    found = await report(world, "5-01")
    assert found.rows == [RateRow(None, 0, 0, 0, 0, 0, 0, 0, 0, None, None, None, None)]
    assert found.steps == [StepRow("setup", 0, 0, None), StepRow("invite", 0, 0, None)]
    assert (await report(world, "5-01", by="plan")).rows == []


async def test_all_in_progress_gives_no_rate_and_a_cumulative_one(world: World) -> None:
    await customer(world, "a", done="1-05")
    await customer(world, "b")
    await customer(world, "c")
    await customer(world, "d")
    (row,) = (await report(world, "1-20")).rows
    assert (row.rate, row.interval, row.cumulative_rate, row.median_days) == (None, None, 0.25, None)


async def test_the_table_worked_out_by_hand(world: World) -> None:
    """Nine customers of January, three of February of whom one has not yet had its time, two that do not count."""
    await customer(world, "fast", done="1-06", plan="pro")  # day 5
    await customer(world, "edge", done="1-31 23:59:59", plan="pro")  # day 30, in time
    await customer(world, "late-1", done="2-01", plan="pro")  # day 31
    await customer(world, "late-2", done="2-15", plan="free")  # day 45
    await customer(world, "missed", plan="free")
    await customer(world, "half", plan="free")
    await world.complete("setup", account="half", at=tokyo("1-11"))  # day 10
    await customer(world, "left-early", plan="free", left="1-20")  # day 19
    await customer(world, "left-late", left="2-20")  # day 50
    await customer(world, "done-and-left", done="1-16", left="1-17")  # day 15
    await customer(world, "feb-done", "2-10 12:00", done="2-20", plan="pro")  # day 10; due 12 March
    await customer(world, "feb-open", "2-10 12:00", plan="pro")
    await customer(world, "moved", plan="free")
    await world.make_exception(account="moved", started_at=tokyo("2-20 09:00"))  # due 22 March
    await customer(world, "excluded", done="1-06")
    await world.make_exception(account="excluded", excluded=True)

    found = await report(world, "3-01 12:00")
    (row,) = found.rows
    assert astuple(row)[1:9] == (12, 9, 3, 2, 2, 2, 3, 1)
    assert row.rate == 3 / 9
    assert row.interval == wilson(3, 9)
    assert list(row.interval or ()) == pytest.approx([0.1206, 0.6458], abs=1e-4)
    assert row.cumulative_rate == 6 / 12
    assert found.due_days == 30
    # Setup was done by the six that completed and by “half”; “invite” is reached by exactly those.
    assert found.steps == [StepRow("setup", 12, 7, 0), StepRow("invite", 7, 6, 15)]

    plans = {one.group: one for one in (await report(world, "3-01 12:00", by="plan")).rows}
    assert {group: counts(one) for group, one in plans.items()} == {
        "pro": {"completed_in_time": 2, "completed_late": 1, "in_progress": 2, "already_completed": 1},
        "free": {"completed_late": 1, "missed": 2, "left": 1, "in_progress": 1},
        None: {"completed_in_time": 1, "left": 1},
    }
    assert list(plans) == ["free", "pro", None]
    months = (await report(world, "3-01 12:00", by="month")).rows
    assert [(one.group, one.started, one.matured) for one in months] == [("2026-01", 9, 9), ("2026-02", 3, 0)]

    # 31 January, the last second of the January customers: nobody has matured.
    (before,) = (await report(world, "1-31 23:59:59")).rows
    assert counts(before) == {"in_progress": 9, "already_completed": 3}


async def test_the_curve_worked_out_by_hand(world: World) -> None:
    """Four of one day: one completes on day 5, one leaves on day 10, one completes on day 20, one goes on."""
    await customer(world, "a", done="1-06")
    await customer(world, "b", left="1-11")
    await customer(world, "c", done="1-21")
    await customer(world, "d")
    found = await report(world, "1-26")
    shares = [(point.day, point.at_risk, point.completed) for point in found.curve]
    assert shares == [
        (0, 4, 0.0),
        (5, 4, pytest.approx(1 / 4)),
        (10, 3, pytest.approx(1 / 4)),
        (20, 2, pytest.approx(1 / 2)),  # two thirds of 3/4 were left waiting: 1/4 + 1/2 · 1/2
        (25, 1, pytest.approx(1 / 2)),
    ]
    assert found.rows[0].median_days == 20
    assert isinstance(found.curve[0], CurvePoint)


async def test_a_pause_suspends_the_deadline_and_then_moves_it(world: World) -> None:
    await customer(world, "acme")
    world.now = tokyo("1-21 12:00")
    await world.make_exception(account="acme", paused=True)
    world.now = tokyo("2-20 12:00")
    assert counts((await report(world, "2-15")).total) == {"in_progress": 1}
    await world.make_exception(account="acme", paused=False)
    world.now = tokyo("5-01")
    # Thirty days of pause: the deadline is 2 March.
    assert counts((await report(world, "1-31 23:59:59")).total) == {"in_progress": 1}
    assert counts((await report(world, "3-02 23:59:59")).total) == {"in_progress": 1}
    assert counts((await report(world, "3-03")).total) == {"missed": 1}


async def test_an_extension_moves_the_box(world: World) -> None:
    await customer(world, "acme", done="2-05")
    assert counts((await report(world, "3-01")).total) == {"completed_late": 1}
    await world.make_exception(account="acme", due_at=tokyo("2-05 09:00"))
    assert counts((await report(world, "2-05 23:59:59")).total) == {"in_progress": 1, "already_completed": 1}
    assert counts((await report(world, "3-01")).total) == {"completed_in_time": 1}


async def test_a_start_moved_ahead_takes_steps_out_of_the_funnel_too(world: World) -> None:
    await customer(world, "acme", done="1-06")
    await world.make_exception(account="acme", started_at=tokyo("4-01"))
    found = await report(world, "3-01")
    assert found.total.started == 0
    assert found.steps == [StepRow("setup", 0, 0, None), StepRow("invite", 0, 0, None)]


async def test_undoing_restates_the_past(world: World) -> None:
    await customer(world, "acme", done="1-06")
    assert counts((await report(world, "3-01")).total) == {"completed_in_time": 1}
    await world.undo("invite", account="acme")
    assert counts((await report(world, "3-01")).total) == {"missed": 1}
    assert (await report(world, "3-01")).steps[1] == StepRow("invite", 1, 0, None)


async def test_leaving_the_audience_and_coming_back(world: World) -> None:
    await world.publish(checklist(step("setup"), **{"from": "2026-01-01", "audience": "{plan: pro}"}))
    await customer(world, "acme", plan="pro")
    assert (await report(world, "3-01")).total.missed == 1
    await world.account("acme", "", plan="free")
    assert (await report(world, "3-01")).total.started == 0
    await world.account("acme", "", plan="pro")
    assert (await report(world, "3-01")).total.missed == 1


async def test_who_started_before_the_checklist_counts_is_not_in_it(world: World) -> None:
    await world.account("old", "1-01", created_at=tokyo("1-01") - timedelta(days=1))
    assert (await report(world, "3-01")).total.started == 0


async def test_without_a_deadline_nobody_matures(world: World) -> None:
    await world.publish(checklist(step("setup"), due=None, **{"from": "2026-01-01"}))
    await world.account("acme", NEW_YEAR)
    found = await report(world, "12-01")
    assert found.due_days is None
    assert counts(found.total) == {"in_progress": 1}


@pytest.mark.parametrize(("due", "days"), [("30d", 30), ("2w", 14), ("1mo", 30), ("3mo", 90)])
async def test_the_time_given_in_days(world: World, due: str, days: int) -> None:
    await world.publish(checklist(step("setup"), due=due))
    assert (await report(world, "3-01")).due_days == days


async def test_no_such_checklist(world: World) -> None:
    with pytest.raises(NotFound):
        await report(world, "3-01", key="other")


async def test_finished_on_an_older_version_they_count_in_the_funnel_of_the_new_one(world: World) -> None:
    await customer(world, "old", done="1-06")
    await world.publish(checklist(step("plan") + step("setup") + step("invite"), **{"from": "2026-01-01"}))
    await customer(world, "new")
    await world.complete("plan", account="new", at=tokyo("1-04"))
    found = await report(world, "3-01")
    assert found.steps == [StepRow("plan", 2, 1, 3), StepRow("setup", 2, 1, 0), StepRow("invite", 1, 1, 5)]
    # The same when one of them has gone on since, so that what the run keeps of itself is of no use.
    await world.complete("setup", account="new", at=tokyo("4-01"))
    assert (await report(world, "3-01")).steps == found.steps


# --- the members' view ------------------------------------------------------------------------------------------------


async def test_members_are_measured_by_what_they_can_do_themselves(world: World) -> None:
    own = checklist(
        step("setup") + step("profile", scope="every_member") + step("billing", scope="{role: admin}"),
        **{"from": "2026-01-01"},
    )
    await world.publish(own)
    await world.account("acme", NEW_YEAR)
    boss = await world.member("boss", joined=NEW_YEAR, role="admin")
    early = await world.member("early", joined=NEW_YEAR)
    joined = await world.member("joined", joined="2-10 12:00")
    gone = await world.member("gone", joined=NEW_YEAR)
    before = await world.member("before", joined=NEW_YEAR)
    await world.write(
        lambda session: mark_member_left(session, session.merge(gone), left_at=tokyo("1-10"), now=world.now)
    )
    await world.write(
        lambda session: mark_member_left(session, session.merge(before), left_at=tokyo(NEW_YEAR), now=world.now)
    )
    await world.complete("profile", member_id=boss.id, at=tokyo("1-03"))
    await world.complete("profile", member_id=early.id, at=tokyo("1-05"))
    await world.complete("profile", member_id=joined.id, at=tokyo("2-12"))

    found = await report(world, "3-01", unit="member")
    # The admin has not confirmed the billing; who joined in February has until 12 March; who left at once never began.
    assert counts(found.total) == {
        "completed_in_time": 1,
        "missed": 1,
        "left": 1,
        "in_progress": 1,
        "already_completed": 1,
    }
    assert found.steps == [StepRow("profile", 4, 3, 2), StepRow("billing", 1, 0, None)]
    assert len(await runs(world, "3-01", unit="member")) == 4

    world.now = tokyo("1-20")
    await world.make_exception(due_at=tokyo("4-30"))
    assert counts((await report(world, "3-01", unit="member")).total) == {"in_progress": 4, "already_completed": 2}


async def test_a_pause_of_the_account_holds_for_its_people(world: World) -> None:
    await world.publish(checklist(step("profile", scope="every_member"), **{"from": "2026-01-01"}))
    await world.account("acme", NEW_YEAR)
    await world.member("tanaka", joined=NEW_YEAR)
    world.now = tokyo("1-21 12:00")
    await world.make_exception(paused=True)
    world.now = tokyo("3-01")
    assert counts((await report(world, "3-01", unit="member")).total) == {"in_progress": 1}


# --- the accounts behind every figure ---------------------------------------------------------------------------------


async def test_behind_every_figure_stand_as_many_accounts(world: World) -> None:
    """Thirty customers of all kinds; every figure of every report, at several moments, equals its own list."""
    plans = ("pro", "free", None)
    for number in range(30):
        name, month, day = f"c{number}", 1 + number % 3, 1 + (number * 7) % 28
        await world.account(name, f"{month}-{day} 12:00", plan=plans[number % 3])
        if number % 4:
            await world.complete("setup", account=name, at=tokyo(f"{month}-{day} 12:00") + timedelta(days=number % 9))
        if number % 4 > 1:
            await world.complete("invite", account=name, at=tokyo(f"{month}-{day} 12:00") + timedelta(days=3 * number))
        if number % 5 == 0:
            await leave(world, name, f"{month + 1}-{day}")
        if number % 11 == 0:
            await world.make_exception(account=name, excluded=True)
        if number % 13 == 0:
            await world.make_exception(account=name, started_at=tokyo("3-15"))
    await world.publish(checklist(step("plan") + step("invite"), **{"from": "2026-01-01"}))

    for as_of in ("1-15", "2-20", "4-01 10:00", "6-03 10:00", "9-01"):
        at = whole_second(tokyo(as_of))
        for by in ("none", "month", "plan"):
            found = await report(world, as_of, by=by)
            counted = await runs(world, as_of, by=by)
            for row in found.rows:
                for figure, boxes in FIGURES.items():
                    behind = [
                        one for one in counted if one.run.group == row.group and box_of(one.run, as_of=at) in boxes
                    ]
                    completed = row.completed_in_time + row.completed_late + row.already_completed
                    assert len(behind) == (completed if figure == "completed" else getattr(row, figure)), (
                        as_of,
                        figure,
                    )
        for position, line in enumerate(found.steps):
            reached, done = await steps_behind(world, line.key, as_of)
            assert len(done) == line.completed
            assert len(reached) == line.reached if position else found.total.started
            assert done <= reached or not position


async def steps_behind(world: World, key: str, as_of: str) -> tuple[set[int], set[int]]:
    at = whole_second(tokyo(as_of))

    def work(session: Session) -> tuple[set[int], set[int]]:
        known = catalog(session)
        live = known.live_of("start")
        return (
            who_reached(session, known, live, key, as_of=at),
            who_completed(session, live, key, as_of=at),
        )

    return await world.db.report(work)
