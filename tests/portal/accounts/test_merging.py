"""Two customers that are one: everything moves, late events find the survivor, undoing brings back what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts import merging
from portal.accounts.import_rows import import_rows
from portal.accounts.imports import read_import
from portal.accounts.merging import merge_accounts, merges_of, undo_merge
from portal.accounts.models import Account, Member
from portal.accounts.rows_of import snapshot, tables
from portal.accounts.service import account_by_external_id
from portal.accounts.trail_models import TrailEntry
from portal.checklists import merging as checklists_merging
from portal.checklists.counting import pauses_by_run
from portal.checklists.deadlines import effective_due
from portal.checklists.merging import RunMerged, merged_runs
from portal.content import joining as content_joining
from portal.content.models import Collection, Document, DocumentFeedback
from portal.events import merging as events_merging
from portal.events.models import Event, EventDay
from portal.kit.db import Database
from portal.kit.errors import Conflict
from portal.mailing.models import Letter
from portal.tutorials import joining as tutorials_joining
from portal.tutorials.models import Tutorial, TutorialRun
from tests.onboarding import STAFF, TOKYO, World, checklist, id_of, listening, open_world, step, tokyo

pytestmark = pytest.mark.anyio
STEPS = step("ticked") + step("invited", "{event: invited, at_least: 3}") + step("each", "tick", scope="any_member")


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    merging.subscribe(checklists_merging.JOINER)
    merging.subscribe(events_merging.JOINER)
    merging.subscribe(content_joining.JOINER)
    merging.subscribe(tutorials_joining.JOINER)
    with listening():
        yield await open_world(db)


async def furnish(world: World) -> None:
    """The one has a person with a mail address, two invitations and a plan; the other two people, one of whom is the
    same, one more invitation, a tick, an exception and a goal."""
    await world.publish(checklist(STEPS))
    await world.account("crm-1", plan="pro", traits={"industry": "retail"})
    await world.account("stub", plan="free", goal="早く締める", seats=3, traits={"size": "s"})
    await world.member("u1", account="crm-1", email="hana@aoba.example")
    await world.member("p9", account="stub", email="Hana@aoba.example", department="経理")
    other = await world.member("p8", account="stub", email="ichi@aoba.example")
    events = [("invited", "6-02 09:00", "u1", "crm-1"), ("invited", "6-02 10:00", "u1", "crm-1")]
    events += [("invited", "6-02 11:00", "p9", "stub"), ("login", "6-02 12:00", "p8", "stub")]
    await world.send(*(world.event(name, at, who, account=where) for name, at, who, where in events))
    await world.complete("ticked", STAFF, account="stub")
    await world.complete("each", account="stub", member_id=other.id)
    await world.make_exception(account="stub", due_at=tokyo("8-01"))


def everything(session: Session) -> dict[str, Any]:
    """All that belongs to any customer, as it stands."""
    accounts = [one for one in session.execute(select(col(Account.id))).scalars() if one is not None]
    found: dict[str, Any] = dict(snapshot(session, accounts))
    for table in (Event, EventDay):
        rows = session.execute(select(table)).scalars().all()
        found[table.__name__] = sorted(repr(row.model_dump()) for row in rows)
    return found


async def merged(world: World, keep: str = "crm-1", gone: str = "stub") -> int:
    def work(session: Session) -> int:
        one, other = account_by_external_id(session, keep), account_by_external_id(session, gone)
        assert one is not None
        assert other is not None
        return merge_accounts(session, keep=one, gone=other, by="佐藤", reason="名寄せ", now=world.now).id or 0

    return await world.write(work)


async def undone(world: World, *, now: timedelta = timedelta()) -> None:
    def work(session: Session) -> None:
        undo_merge(session, merges_of(session, id_of(session, "crm-1"))[0], by="佐藤", now=world.now + now)

    await world.write(work)


async def test_everything_moves_and_comes_back_exactly(world: World) -> None:
    await furnish(world)
    before = await world.db.read(everything)
    await merged(world)
    done = await world.done(account="crm-1")
    assert set(done) == {"ticked", "invited", "each"}
    assert done["invited"] == tokyo("6-02 11:00")

    def found(session: Session) -> tuple[Any, ...]:
        account = account_by_external_id(session, "crm-1")
        assert account is not None
        people = session.execute(select(Member).order_by(col(Member.external_id))).scalars().all()
        days = session.execute(select(func.sum(col(EventDay.count)))).scalar()
        told = [(one.external_id, one.email, one.name, one.department) for one in people]
        return account.plan_key, account.goal, account.seats, account.traits, told, days

    plan, goal, seats, traits, people, days = await world.db.read(found)
    assert (plan, goal, seats, days) == ("pro", "早く締める", 3, 4)
    assert traits == {"industry": "retail", "size": "s"}
    assert people == [
        ("p8", "ichi@aoba.example", "p8", None),
        ("u1", "hana@aoba.example", "u1", "経理"),
    ]
    assert [one.kind for one in await world.exceptions()] == ["due"]
    await undone(world)
    after = await world.db.read(everything)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("enrolled", "exception", "moved"),
    [
        (("crm-1", "stub"), {"due_at": tokyo("8-01")}, False),
        (("crm-1", "stub"), {"paused": True}, True),
        (("stub",), {"due_at": tokyo("8-01")}, False),
        (("stub",), {"paused": True}, False),
    ],
)
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_the_deadline_that_is_told_before_is_the_one_there_is_afterwards(
    world: World, enrolled: tuple[str, ...], exception: dict[str, Any], moved: bool
) -> None:
    for name in ("crm-1", "stub"):
        await world.account(name, plan="pro" if name in enrolled else "free")
    await world.publish(checklist(STEPS, due="30d", audience="{plan: pro}"))
    await world.make_exception(account="stub", **exception)
    before, world.now = await world.db.read(everything), world.now + timedelta(days=3)

    def told(session: Session) -> RunMerged:
        ids = {"keep_id": id_of(session, "crm-1"), "gone_id": id_of(session, "stub")}
        (run,) = merged_runs(session, **ids, now=world.now, zone=TOKYO)
        return run

    run = await world.db.read(told)
    assert (run.is_moved, run.comes_along, run.exceptions) == (moved, len(enrolled) == 1, 1)
    await merged(world)
    rows = await world.enrollments()
    (row,) = (one for (account, _), one in rows.items() if account == "crm-1")

    def effective(session: Session) -> datetime | None:
        pauses, _ = pauses_by_run(session, "start")
        return effective_due(row.due_at, pauses.get(row.id or 0, ()), as_of=world.now, zone=TOKYO)

    assert await world.db.read(effective) == run.after
    ends = "paused" in exception and len(enrolled) == 2  # what was said of the one run does not hold up the other
    assert (row.paused_at is not None, run.after is None) == (("paused" in exception and not ends,) * 2)
    assert not ends or run.after == tokyo("7-04 23:59:59")
    assert ("resume" in [one.kind for one in await world.exceptions()]) is ends
    await undone(world)
    after = await world.db.read(everything)
    assert {name: after[name] for name in before} == before


async def test_late_events_and_files_find_the_survivor_by_either_id(world: World) -> None:
    await furnish(world)
    await merged(world)
    await world.send(world.event("late", "6-03 09:00", "p9", account="stub"))

    def found(session: Session) -> tuple[int, int, list[str | None]]:
        survivor = id_of(session, "crm-1")
        late = session.execute(select(Event).where(col(Event.name) == "late")).scalars().one()
        assert late.account_id == survivor == id_of(session, "stub")
        names = session.execute(select(col(Member.external_id)).order_by(col(Member.external_id))).scalars().all()
        person = session.get_one(Member, late.member_id)
        assert person.external_id == "u1"
        return session.execute(select(func.count()).select_from(Account)).scalar_one(), survivor, list(names)

    assert (await world.db.read(found))[0::2] == (1, ["p8", "u1"])
    read = read_import("accounts", b"external_id,name,seats\nstub,x,9\ncrm-1,y,8\n", file="a.csv", zone=TOKYO)
    both = await world.write(lambda s: import_rows(s, read, now=world.now, dry_run=False))
    assert [problem.line for problem in both.problems] == [3]
    await undone(world)
    # What came in between stays with whom it was given to; all else is as before.
    assert await world.db.read(lambda s: id_of(s, "stub") != id_of(s, "crm-1"))


async def test_what_staff_did_since_is_not_lost_by_undoing(world: World) -> None:
    await furnish(world)
    await merged(world)
    await world.account("crm-1", "", goal="別の目標")
    await world.account("somebody-else")
    await undone(world)

    def goals(session: Session) -> tuple[Any, ...]:
        return tuple(
            (account.goal, account.seats)
            for account in (account_by_external_id(session, one) for one in ("crm-1", "stub"))
            if account is not None
        )

    assert await world.db.read(goals) == (("別の目標", None), ("早く締める", 3))
    assert set(await world.done(account="stub")) == {"ticked", "each"}


async def test_itself_and_too_late(world: World) -> None:
    await furnish(world)
    with pytest.raises(Conflict):
        await merged(world, "crm-1", "crm-1")
    await merged(world)
    with pytest.raises(Conflict):
        await merged(world, "crm-1", "stub")
    with pytest.raises(Conflict):
        await undone(world, now=timedelta(days=1))
    await undone(world, now=timedelta(hours=23))
    with pytest.raises(Conflict):
        await undone(world)


def test_every_table_of_customers_is_followed() -> None:
    names = {table.name for table in tables()}
    assert {"account", "member", "enrollment", "completion", "pause", "invitation", "tutorial_run"} <= names


async def test_what_was_merged_before_stays_known_and_can_be_undone_in_turn(world: World) -> None:
    await furnish(world)
    await world.account("crm-2")
    await merged(world, keep="crm-2", gone="stub")
    before = await world.db.read(everything)
    await merged(world, keep="crm-1", gone="crm-2")
    await world.send(world.event("late", "6-03 09:00", "p9", account="stub"))

    def meant(session: Session) -> bool:
        late = session.execute(select(Event).where(col(Event.name) == "late")).scalars().one()
        return {late.account_id} == {id_of(session, "crm-1"), id_of(session, "stub")}

    assert await world.db.read(meant)

    async def undo(keep: str) -> None:
        def work(session: Session) -> None:
            (row, *_) = merges_of(session, id_of(session, keep))
            undo_merge(session, row, by="佐藤", now=world.now)

        await world.write(work)

    await undo("crm-1")
    after = await world.db.read(everything)
    assert after["account"].keys() == before["account"].keys()
    assert await world.db.read(lambda session: id_of(session, "stub") == id_of(session, "crm-2"))
    await undo("crm-2")
    assert await world.db.read(lambda session: id_of(session, "stub") != id_of(session, "crm-2"))


async def test_letters_and_the_audit_log_follow_a_double(world: World) -> None:
    await furnish(world)

    def write(session: Session) -> None:
        double = session.execute(select(Member).where(col(Member.external_id) == "p9")).scalar_one()
        told: dict[str, Any] = {"account_id": double.account_id, "member_id": double.id}
        letter: dict[str, Any] = {"cause": "hand", "template_key": "x", "created_at": world.now, "at": world.now}
        session.add(Letter(**told, **letter))
        session.add(TrailEntry(**told, at=world.now, kind="seen", act="x", by="x", by_name="x"))

    await world.write(write)
    before = await world.db.read(everything)
    await merged(world)

    def whose(session: Session) -> list[str | None]:
        people = [session.execute(select(col(one.member_id))).scalar_one() for one in (Letter, TrailEntry)]
        return [session.get_one(Member, one).external_id for one in people]

    assert await world.db.read(whose) == ["u1", "u1"]
    await undone(world)
    after = await world.db.read(everything)
    assert {name: after[name] for name in before} == before


async def test_what_a_double_has_learnt_and_answered_is_the_persons(world: World) -> None:
    await furnish(world)

    def write(session: Session) -> None:
        one, double = (
            session.execute(select(Member).where(col(Member.external_id) == ref)).scalar_one() for ref in ("u1", "p9")
        )
        session.add_all([Tutorial(key="t", created_at=world.now, updated_at=world.now), Collection(key="c")])
        session.flush()
        session.add(Document(id="d", kind="manual", collection_key="c", created_at=world.now))
        session.flush()
        for person, at in ((one, world.now), (double, world.now + timedelta(hours=1))):
            told: dict[str, Any] = {"account_id": person.account_id, "member_id": person.id}
            is_done = at if person is double else None
            session.add(TutorialRun(**told, tutorial_key="t", started_at=at, last_at=at, completed_at=is_done))
            about: dict[str, Any] = {"document_id": "d", "locale": "ja", "revision": 1, "answered_at": at}
            about |= {"reader": f"member:{person.id}", "member_id": person.id, "is_helpful": person is double}
            session.add(DocumentFeedback(**about))

    await world.write(write)
    before = await world.db.read(everything)
    await merged(world)

    def found(session: Session) -> tuple[Any, ...]:
        (run,) = session.execute(select(TutorialRun)).scalars()
        (said,) = session.execute(select(DocumentFeedback)).scalars()
        person = session.get_one(Member, run.member_id)
        is_theirs = said.reader == f"member:{person.id}"
        return person.external_id, run.started_at, run.completed_at, is_theirs, said.is_helpful

    later = world.now + timedelta(hours=1)
    assert await world.db.read(found) == ("u1", world.now, later, True, True)
    await undone(world)
    after = await world.db.read(everything)
    assert {name: after[name] for name in before} == before


async def test_two_who_undo_or_merge_at_once_do_it_once(world: World) -> None:
    await furnish(world)
    told = await asyncio.gather(merged(world), merged(world), return_exceptions=True)
    assert sorted(type(one).__name__ for one in told) in (["Conflict", "int"],)
    undoing = await asyncio.gather(undone(world), undone(world), return_exceptions=True)
    assert sorted(type(one).__name__ for one in undoing) == ["Conflict", "NoneType"]
    assert await world.db.read(lambda session: session.execute(select(func.count(col(Account.id)))).scalar()) == 2
