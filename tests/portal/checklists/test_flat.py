"""What a batch or a page costs must not grow with what is stored: every question finds its rows by an index."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlmodel import Session

from portal.checklists.state import states_of
from tests.onboarding import TOKYO, World, checklist, step
from tests.statements import statements_to

GROWING = ("event", "event_day", "completion", "enrollment", "account", "member")
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@ON_SQLITE
async def test_no_question_walks_over_a_table_that_grows(world: World) -> None:
    await world.publish(
        checklist(
            step("days", "{event: login, distinct: day, at_least: 2}")
            + step("each", "{event: login, at_least: 2}", scope="every_member")
            + step("rich", "{event: paid, where: {amount: {gte: 3}}}")
        )
    )
    account = await world.account()
    await world.member("u1")
    await world.send(world.event("login", "6-01 12:00", "u1"))

    def work(session: Session) -> list[str]:
        batch = (world.event("login", "6-02 12:00", "u1"), world.event("paid", "6-02 12:00", "u2", amount=5))
        with statements_to(session) as said:
            world.take_in(session, batch)
            session.flush()
            states_of(session, account_id=account, now=world.now, zone=TOKYO)
        asked = [statement for statement in said if statement.startswith(("SELECT", "UPDATE", "DELETE"))]
        assert len(asked) > 10
        plans = {one: session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {one}").all() for one in asked}
        walk = re.compile(rf"SCAN ({'|'.join(GROWING)})\b")
        return [f"{step}: {statement}" for statement, plan in plans.items() for *_, step in plan if walk.match(step)]

    assert await world.write(work) == []
    assert await world.db.read(lambda session: session.connection().scalar(text("SELECT count(*) FROM completion")))
