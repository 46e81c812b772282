"""Who runs through which checklist, and what becomes of a run when its customer changes."""

from __future__ import annotations

from sqlalchemy import event
from sqlmodel import Session

from portal.accounts.import_rows import import_rows
from portal.accounts.imports import read_import
from tests.onboarding import TOKYO, World, checklist, step, tokyo

TICK = step("call")


async def test_existing_customers_are_not_thrown_into_a_checklist_they_never_saw(world: World) -> None:
    world.now = tokyo("6-30 12:00")
    await world.account("older", "5-30 23:59")
    await world.account("just", "5-31 00:00")
    await world.publish(checklist(TICK, due="30d"))
    await world.account("later", "5-29 12:00")
    await world.account("new", "6-30 09:00")
    assert {name for name, _ in await world.enrollments()} == {"just", "new"}


async def test_from_says_who_is_enrolled(world: World) -> None:
    for name, started in (("old", "2-01"), ("march", "3-01"), ("june", "6-01")):
        await world.account(name, started)
    await world.publish(checklist(TICK, due="1mo", **{"from": "2026-03-01"}), checklist(TICK, key="endless", due=None))
    world.now = tokyo("6-04")
    await world.account("new", "6-03")
    found = await world.enrollments()
    assert {name for name, key in found if key == "start"} == {"march", "june", "new"}
    assert {name for name, key in found if key == "endless"} == {"new"}
    assert found["march", "start"].due_at == tokyo("4-01 23:59:59")
    assert found["new", "endless"].due_at is None


async def test_a_plan_decides_and_a_run_comes_back_whole(world: World) -> None:
    await world.publish(checklist(TICK + step("login", "{event: login}"), audience="{plan: [starter, pro]}"))
    await world.account("free", plan="free")
    await world.account("acme", plan="starter")
    assert list(await world.enrollments()) == [("acme", "start")]
    await world.complete("call")
    world.now = tokyo("6-05 10:00")
    await world.account("acme", "", plan="free")
    withdrawn = (await world.enrollments())["acme", "start"]
    assert withdrawn.withdrawn_at == world.now
    await world.send(world.event("login", "6-04 12:00"))
    assert [row.step_key for row in await world.completions("login")] == []
    world.now = tokyo("6-07 10:00")
    await world.account("acme", "", plan="pro")
    returned = (await world.enrollments())["acme", "start"]
    assert returned.withdrawn_at is None
    assert (returned.id, returned.enrolled_at) == (withdrawn.id, withdrawn.enrolled_at)
    # What happened meanwhile counts, at its own time.
    assert await world.done() == {"call": tokyo("6-03 10:00"), "login": tokyo("6-04 12:00")}
    assert returned.completed_at == tokyo("6-04 12:00")
    assert [(one.kind, one.at) for one in await world.exceptions()] == [
        ("withdraw", tokyo("6-05 10:00")),
        ("return", tokyo("6-07 10:00")),
    ]


async def test_whoever_has_completed_stays_whatever_the_plan(world: World) -> None:
    await world.publish(checklist(TICK, audience="{plan: pro}"))
    await world.account(plan="pro")
    await world.complete("call")
    await world.account("acme", "", plan="free")
    assert (await world.state()).status == "completed"
    assert await world.exceptions() == []


async def test_a_moved_account_start_moves_the_deadline_and_the_days(world: World) -> None:
    await world.publish(checklist(TICK + step("other"), due="30d"))
    await world.account()
    await world.complete("call")
    assert (await world.enrollments())["acme", "start"].due_at == tokyo("7-01 23:59:59")
    assert [row.days for row in await world.completions("call")] == [2]
    await world.account("acme", "6-02 08:00")
    moved = (await world.enrollments())["acme", "start"]
    assert (moved.started_at, moved.due_at) == (tokyo("6-02 08:00"), tokyo("7-02 23:59:59"))
    assert [row.days for row in await world.completions("call")] == [1]


async def test_a_start_that_staff_has_moved_no_longer_follows_the_account(world: World) -> None:
    await world.publish(checklist(TICK))
    await world.account()
    await world.make_exception(started_at=tokyo("6-10 09:00"))
    await world.account("acme", "6-02 08:00")
    assert (await world.enrollments())["acme", "start"].started_at == tokyo("6-10 09:00")


async def test_a_rule_about_the_account_itself_is_decided_at_once(world: World) -> None:
    """Nothing has happened to a new customer, and still these hold."""
    await world.publish(
        checklist(
            step("paid", "{plan: pro}")
            + step("either", "{any: [{plan: pro}, {event: login}]}")
            + step("both", "{all: [{plan: pro}, {event: login}]}")
            + step("never", "{not: {event: cancel}}")
        )
    )
    await world.account(plan="pro")
    assert set(await world.done()) == {"paid", "either", "never"}


async def test_a_checklist_after_a_checklist(world: World) -> None:
    """Its audience are those who have completed the first; undoing that withdraws them again."""
    await world.publish(
        checklist(TICK), checklist(step("login", "{event: login}"), key="next", audience="{checklist: start}")
    )
    await world.account()
    await world.send(world.event("login", "6-02 12:00"))
    assert set(await world.enrollments()) == {("acme", "start")}
    await world.complete("call")
    assert await world.done(key="next") == {"login": tokyo("6-02 12:00")}
    await world.account("other")
    await world.complete("call", account="other")
    world.now = tokyo("6-04")
    await world.undo("call", account="other")
    found = await world.enrollments()
    assert found["other", "next"].withdrawn_at == world.now
    assert found["acme", "next"].withdrawn_at is None


async def test_an_audience_by_events_lets_in_and_out(world: World) -> None:
    await world.publish(checklist(TICK, audience="{all: [{event: trial.started}, {not: {event: trial.ended}}]}"))
    await world.account()
    assert await world.enrollments() == {}
    await world.send(world.event("trial.started", "6-02"))
    assert (await world.state()).status == "in_progress"
    await world.send(world.event("trial.ended", "6-03"))
    assert (await world.enrollments())["acme", "start"].withdrawn_at == world.now


async def test_an_import_enrolls_everybody_in_few_statements(world: World) -> None:
    await world.publish(checklist(TICK + step("login", "{event: login}"), audience="{plan: pro}"))

    async def statements(first: int, last: int) -> int:
        rows = "".join(f"a{number},社{number},pro,2026-06-02\n" for number in range(first, last))
        text = "external_id,name,plan,created_at\n" + rows
        file = read_import("accounts", text.encode(), file="accounts.csv", zone=TOKYO)
        said: list[str] = []

        def work(session: Session) -> None:
            connection = session.connection()
            event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
            assert import_rows(session, file, now=world.now, dry_run=False).ok

        await world.write(work)
        return len(said)

    few, many = await statements(0, 5), await statements(5, 405)
    assert many <= few + 10
    found = await world.enrollments()
    assert len(found) == 405
    assert {row.due_at for row in found.values()} == {tokyo("7-02 23:59:59")}
