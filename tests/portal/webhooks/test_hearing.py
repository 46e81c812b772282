"""What is told, of what really happens: checklists and tutorials, by the services and listeners that run in earnest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from sqlmodel import col

from portal.checklists.models import OverdueNotice
from portal.checklists.overdue import tell_overdue
from portal.events.ingest import record
from portal.jobs import schedule, upkeep
from portal.kit.db import TOKYO
from portal.webhooks.models import Told
from tests.onboarding import STAFF, World, checklist, id_of, listening, open_world, step, tokyo
from tests.portal.webhooks.conftest import House

Row = tuple[str, dict[str, Any]]


@pytest.fixture
async def world(house: House) -> AsyncIterator[World]:
    with listening():
        world = await open_world(house.db)
        await house.endpoint("https://example.com/hooks")
        yield world


async def told(house: House) -> list[Row]:
    """Everything that was told so far, oldest first, without the account and version that all have."""
    asked = select(col(Told.body)).order_by(col(Told.at), col(Told.body))
    bodies = await house.db.read(lambda session: list(session.connection().scalars(asked)))
    found = []
    for body in map(orjson.loads, bodies):
        assert body["data"].pop("account") == "acme"
        body["data"].pop("version", None)
        found.append((body["type"], {"timestamp": body["timestamp"][:16], **body["data"]}))
    return found


async def test_a_step_and_then_the_checklist_by_events(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login, at_least: 2}") + step("extra", required="false")))
    await world.account()
    await world.send(world.event("login", "6-02 09:00"))
    assert await told(house) == []
    await world.send(world.event("login", "6-02 10:00"))
    assert await told(house) == [
        ("checklist.completed", {"timestamp": "2026-06-02T01:00", "checklist": "start"}),
        (
            "checklist.step_completed",
            {"timestamp": "2026-06-02T01:00", "checklist": "start", "step": "login", "how": "event"},
        ),
    ]


async def test_an_earlier_proof_is_the_same_completion(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login}")))
    await world.account()
    for at in ("6-02 10:00", "6-02 09:00"):
        await world.send(world.event("login", at))
    assert [kind for kind, _ in await told(house)] == ["checklist.completed", "checklist.step_completed"]


async def test_a_tick_by_staff_and_one_after_it_was_undone(world: World, house: House) -> None:
    await world.publish(checklist(step("call", by="staff") + step("login", "{event: login}")))
    await world.account()
    await world.complete("call", STAFF)
    await world.complete("call", STAFF)
    assert [data["how"] for _, data in await told(house)] == ["staff"]
    await world.undo("call", STAFF)
    await world.complete("call", STAFF)
    assert [data["how"] for _, data in await told(house)] == ["staff", "staff"]


async def test_a_step_of_every_member_is_told_when_it_is_done_for_the_account(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login}", scope="every_member")))
    await world.account()
    for name in ("a", "b"):
        await world.member(name)
    await world.send(world.event("login", "6-02 09:00", "a"))
    assert await told(house) == []
    await world.send(world.event("login", "6-02 10:00", "b"))
    assert len(await told(house)) == 2


async def test_a_finished_tutorial_and_a_watched_webinar(world: World, house: House) -> None:
    await world.account()
    member = await world.member("u-1")

    for name, about in (
        ("tutorial.completed", "tutorial"),
        ("webinar.watched", "webinar"),
        ("article.read", "document"),
    ):
        await world.write(
            lambda session, name=name, about=about: record(  # type: ignore[misc]
                session,
                account_id=id_of(session, "acme"),
                member_id=member.id,
                name=name,
                at=tokyo("6-02 09:00"),
                properties={about: "basics", "seconds": 10},
                message_id=f"{name}:1",
                now=world.now,
                zone=TOKYO,
            )
        )
    assert await told(house) == [
        ("tutorial.completed", {"timestamp": "2026-06-02T00:00", "member": "u-1", "tutorial": "basics"}),
        ("webinar.watched", {"timestamp": "2026-06-02T00:00", "member": "u-1", "webinar": "basics"}),
    ]


async def test_a_deadline_is_told_once_and_again_when_it_was_moved(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login}"), due="2d"))
    await world.account(started="6-01 15:00")

    async def look(at: str) -> list[Row]:
        house.clock.now = world.now = tokyo(at)
        await upkeep.tell_overdue_runs(house.site)
        await upkeep.tell_overdue_runs(house.site)
        return await told(house)

    assert await look("6-03 23:59") == []
    first = (
        "checklist.overdue",
        {"timestamp": "2026-06-03T14:59", "checklist": "start", "due_at": "2026-06-03T14:59:59Z"},
    )
    assert await look("6-04 00:05") == [first]
    await world.make_exception(due_at=tokyo("6-06"))
    assert await look("6-06 00:05") == [first]
    assert [data["due_at"] for _, data in await look("6-07 00:05")] == ["2026-06-03T14:59:59Z", "2026-06-06T14:59:59Z"]


async def test_who_is_paused_left_excluded_or_done_is_not_overdue(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login}"), due="2d"))
    for name in ("paused", "left", "excluded", "done"):
        await world.account(name)
    await world.make_exception(account="paused", paused=True)
    await world.make_exception(account="excluded", excluded=True)
    await world.account("left", left_at=tokyo("6-03"))
    await world.send(world.event("login", "6-02 09:00", account="done"))
    house.clock.now = world.now = tokyo("6-04 00:05")
    await upkeep.tell_overdue_runs(house.site)
    await world.make_exception(account="paused", paused=False)
    # The day and a half it was paused has moved its deadline by a day.
    house.clock.now = world.now = tokyo("6-05 00:05")
    await upkeep.tell_overdue_runs(house.site)
    notices = await house.db.read(lambda session: list(session.execute(select(OverdueNotice)).scalars()))
    assert [notice.due_at for notice in notices] == [tokyo("6-04 23:59:59")]


async def test_what_passed_long_ago_is_history(world: World, house: House) -> None:
    await world.publish(checklist(step("login", "{event: login}"), due="2d"))
    await world.account()
    house.clock.now = tokyo("6-12 00:05")
    await upkeep.tell_overdue_runs(house.site)
    assert await told(house) == []


async def test_many_runs_are_looked_at_a_few_at_a_time(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "tell_overdue", partial(tell_overdue, limit=2))
    await world.publish(checklist(step("login", "{event: login}"), due="2d"))
    for number in range(5):
        await world.account(f"a{number}")
    house.clock.now = tokyo("6-04 00:05")
    await upkeep.tell_overdue_runs(house.site)
    notices = await house.db.read(lambda session: list(session.execute(select(OverdueNotice)).scalars()))
    assert len(notices) == 5


def test_the_look_is_after_the_day_has_ended() -> None:
    (timed,) = [one for one in schedule.SCHEDULE if one.kind == "checklists.overdue"]
    assert timed.cron == "5 0 * * *"
