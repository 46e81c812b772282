"""Two entries of one person become one: nothing of either is lost, in whatever order it came to light."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from itertools import count, permutations
from os import urandom
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlmodel import Session, col

from portal import listening
from portal.accounts import one_person
from portal.accounts.errors import AddressTaken
from portal.accounts.import_rows import import_rows
from portal.accounts.imports import read_import
from portal.accounts.models import Account, Erasure, Invitation, Member, MemberJoin, Visit
from portal.accounts.one_person import SETTLE_JOB, join_people, settle
from portal.accounts.people import describe_member, member_by_email, member_of, upsert_member
from portal.accounts.personal import erase_member
from portal.accounts.service import account_by_external_id, upsert_account
from portal.accounts.trail_models import TrailEntry
from portal.content.joining import join_people as join_answers
from portal.content.models import Collection, Document, DocumentFeedback, ReleaseVisit
from portal.events import ingest as ingesting
from portal.events.merging import join_people as join_events
from portal.events.models import Alias, Event, EventDay
from portal.events.sources import add_source
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.sqlite import sqlite_engine
from portal.mailing.models import Letter
from portal.tables import metadata
from portal.tutorials.joining import join_people as join_runs
from portal.tutorials.models import Tutorial, TutorialRun, TutorialStepDone
from portal.widget.models import WidgetDismissal
from tests.onboarding import SECRETS, TOKYO, World, checklist, open_world, step, tokyo
from tests.onboarding import listening as following
from tests.portal.events.conftest import read as read_message

Say = Callable[[Session, int], None]
pytestmark = pytest.mark.anyio
NOW = tokyo("6-03 10:00")
NUMBERS = count()
ADDRESS = "hana@acme.example"
STEPS = step("ticked", scope="any_member") + step("thrice", "{event: login, at_least: 3}", scope="every_member")


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    for follow in (join_events, join_answers, join_runs):
        one_person.joined.subscribe(follow)
    with following():
        yield await open_world(db)


def in_acme(session: Session) -> Account:
    found = account_by_external_id(session, "acme")
    assert found is not None
    return found


def halves(session: Session) -> tuple[Member, Member]:
    """Who was imported by address, and who was listed by an event."""
    account = in_acme(session)
    by_address, by_id = member_by_email(session, account.id or 0, ADDRESS), member_of(session, account.id or 0, "u1")
    assert by_address is not None
    assert by_id is not None
    return by_address, by_id


async def listed_twice(world: World) -> None:
    await world.publish(checklist(STEPS))
    await world.account()

    def by_address(session: Session) -> None:
        told = {"email": ADDRESS, "name": "花子", "department": "経理", "joined_at": tokyo("6-02 09:00")}
        upsert_member(session, in_acme(session), external_id=None, changes=told, now=NOW)

    await world.write(by_address)
    await world.send(*(world.event("login", f"6-0{day} 09:00", "u1") for day in (1, 2)))


def identify(world: World, member: str = "u1", **traits: Any) -> Any:
    one = world.event("identify", NOW, member, email=ADDRESS, **traits)
    one.kind = "identify"
    return one


async def test_everything_of_both_is_one_persons(world: World) -> None:
    await listed_twice(world)

    def furnish(session: Session) -> None:
        known, stub = halves(session)
        whose = {"account_id": known.account_id}
        session.add(Tutorial(key="t", created_at=NOW, updated_at=NOW))
        session.add(Collection(key="c"))
        session.flush()
        session.add(Document(id="d", kind="manual", collection_key="c", created_at=NOW))
        session.flush()
        for number, one in enumerate((known, stub)):
            at = NOW + timedelta(minutes=number)
            mine: dict[str, Any] = {**whose, "member_id": one.id}
            run = TutorialRun(**mine, tutorial_key="t", started_at=at, last_at=at, last_step=f"s{number}")
            run.completed_at = at if one is stub else None
            session.add(run)
            session.flush()
            session.add(TutorialStepDone(run_id=run.id or 0, step_key=f"s{number}", at=at))
            session.add(TutorialStepDone(run_id=run.id or 0, step_key="both", at=at))
            session.add(
                DocumentFeedback(
                    document_id="d",
                    locale="ja",
                    revision=1,
                    reader=f"member:{one.id}",
                    member_id=one.id,
                    is_helpful=one is stub,
                    answered_at=at,
                )
            )
            session.add(ReleaseVisit(member_id=one.id or 0, seen_at=at, caught_up_at=at))
            session.add(Visit(member_id=one.id, token_hash=f"v{number}", created_at=at, last_seen_at=at, expires_at=at))
            session.add(WidgetDismissal(**mine, checklist_key="start", at=at, by=f"{number}"))
            letter: dict[str, Any] = {"cause": "hand", "template_key": "x", "created_at": at, "at": at}
            session.add(Letter(**mine, **letter, dedupe_key=f"welcome:{one.id}"))
            session.add(TrailEntry(**mine, at=at, kind="seen", act="x", by="x", by_name="x"))

    await world.write(furnish)
    await world.complete("ticked", member_id=(await world.db.read(halves))[1].id)
    assert (await world.send(identify(world, phone="03"))).rejected == ()
    await world.send(world.event("login", "6-03 09:00", "u1"))

    def found(session: Session) -> dict[str, Any]:
        (person,) = session.execute(select(Member)).scalars()
        (run,) = session.execute(select(TutorialRun)).scalars()
        steps = session.execute(select(TutorialStepDone).order_by(col(TutorialStepDone.step_key))).scalars()
        (said,) = session.execute(select(DocumentFeedback)).scalars()
        (seen,) = session.execute(select(ReleaseVisit)).scalars()
        (aside,) = session.execute(select(WidgetDismissal)).scalars()
        rows = {
            one.__name__: session.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (Visit, Letter, TrailEntry, Event)
        }
        days = session.execute(select(col(EventDay.member_id), func.sum(col(EventDay.count))).group_by("member_id"))
        return {
            "person": (person.external_id, person.email, person.name, person.department, person.joined_at),
            "known as": (person.traits, person.is_stub),
            "run": (run.started_at == NOW, run.last_step, run.completed_at == NOW + timedelta(minutes=1)),
            "steps": [(one.step_key, one.run_id == run.id, one.at == NOW) for one in steps],
            "said": (said.is_helpful, said.reader == f"member:{person.id}"),
            "seen": seen.seen_at == NOW + timedelta(minutes=1),
            "aside": aside.by,
            "count": rows,
            "days": {(who == person.id, n) for who, n in days},
            "strays": list(strays(session, person.id)),
        }

    assert await world.db.read(found) == {
        "person": ("u1", ADDRESS, "花子", "経理", tokyo("6-01 09:00")),
        "known as": ({"phone": "03"}, False),
        "run": (True, "s1", True),
        "steps": [("both", True, True), ("s0", True, True), ("s1", True, False)],
        "said": (True, True),
        "seen": True,
        "aside": "0",
        "count": {"Visit": 2, "Letter": 2, "TrailEntry": 2, "Event": 4},
        "days": {(True, 3)},
        "strays": [],
    }
    assert set(await world.done()) == {"ticked", "thrice"}


def strays(session: Session, person: int | None) -> Iterable[str]:
    """Tables that know a member who is not there."""
    for table in metadata.sorted_tables:
        if "member_id" in table.c and table.name != "erasure":
            ids = session.execute(select(table.c.member_id).where(table.c.member_id > 0)).scalars()
            if set(ids) - {person}:
                yield table.name


def outcome(order: Iterable[Say], path: Path) -> Any:
    engine = sqlite_engine(make_url(f"sqlite:///{path}"), query_only=False, shared=True)
    try:
        with Session(engine, info={"zone": TOKYO}) as session:
            source = add_source(session, SECRETS, name="app", now=NOW).id
            upsert_account(session, external_id="acme", changes={"name": "アクメ"}, now=NOW)
            session.commit()
            for say in order:
                say(session, source or 0)
                session.commit()
            people = session.execute(select(Member)).scalars().all()
            events = session.execute(select(Event)).scalars().all()
            days = session.execute(select(EventDay)).scalars().all()
            return (
                [(one.external_id, one.email, one.name, one.joined_at) for one in people],
                {one.member_id == people[0].id for one in events if one.kind == "track"},
                sorted((one.name, one.member_id == people[0].id, one.count) for one in days),
            )
    finally:
        engine.dispose()


def heard(*messages: dict[str, Any]) -> Say:
    incomings = [
        read_message({"messageId": f"m{next(NUMBERS)}", "timestamp": NOW.isoformat(), **message})
        for message in messages
    ]

    def say(session: Session, source: int) -> None:
        ingesting.ingest(session, incomings, source_id=source, received_at=NOW, zone=TOKYO)

    return say


def imported(text: str) -> Say:
    def say(session: Session, _source: int) -> None:
        read = read_import("members", text.encode(), file="a.csv", zone=TOKYO)
        result = import_rows(session, read, now=NOW, dry_run=False)
        assert result.ok, result.problems

    return say


IN_ACME = {"context": {"groupId": "acme"}}
NAMED = {"type": "identify", "userId": "u1", "traits": {"email": ADDRESS, "name": "花子"}}
DID = {"type": "track", "userId": "u1", "event": "login", "anonymousId": "b1"}
TOLD_OF = heard({**DID, **IN_ACME}, DID)
BY_ADDRESS = imported(f"external_id,account,email,name\n,acme,{ADDRESS},花子\n")


@pytest.mark.parametrize(
    "says_who",
    [
        pytest.param(heard({**NAMED, **IN_ACME}), id="in the group"),
        pytest.param(heard(NAMED), id="waiting for the group"),
        pytest.param(heard(NAMED, {**DID, **IN_ACME}), id="in one batch"),
        pytest.param(imported(f"external_id,account,email,name\nu1,acme,{ADDRESS},花子\n"), id="by a file"),
    ],
)
def test_the_order_does_not_matter(says_who: Say, migrated_sqlite: Path, tmp_path: Path) -> None:
    one_person.joined.subscribe(join_events)
    path, found = tmp_path / "one.db", []
    with following():
        for order in permutations([BY_ADDRESS, TOLD_OF, says_who]):
            shutil.copyfile(migrated_sqlite, path)
            found.append(outcome(order, path))
    people, counts = [("u1", ADDRESS, "花子", NOW)], {("login", True, 2), ("login", True, 3)}
    assert all(one[:2] == (people, {True}) and set(one[2]) <= counts and len(one[2]) == 1 for one in found), found


async def test_who_has_an_id_or_an_address_of_their_own_is_somebody_else(world: World) -> None:
    await listed_twice(world)
    await world.send(identify(world, "u2"))  # the address is u2's from now on
    outcome = await world.send(identify(world, "u1"))
    assert [code for _, code in outcome.rejected] == ["email_taken"]

    def by_hand(session: Session) -> None:
        account = in_acme(session)
        somebody = upsert_member(session, account, external_id=None, changes={"email": "x@acme.example"}, now=NOW)
        known = member_of(session, account.id or 0, "u2")
        assert known is not None
        describe_member(session, known, changes={"email": somebody.email}, now=NOW)

    with pytest.raises(AddressTaken):
        await world.write(by_hand)
    people = await world.db.read(lambda session: session.execute(select(func.count()).select_from(Member)).scalar_one())
    assert people == 2


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_staff_and_the_interface_join_them_too_and_who_left_stays_so(world: World) -> None:
    await listed_twice(world)

    def by_hand(session: Session) -> None:
        known, stub = halves(session)
        known.left_at = tokyo("6-02 18:00")
        session.add(known)
        session.flush()
        describe_member(session, stub, changes={"email": ADDRESS, "department": "総務"}, now=NOW)

    await world.write(by_hand)

    def found(session: Session) -> Any:
        (person,) = session.execute(select(Member)).scalars()
        (joined,) = session.execute(select(MemberJoin)).scalars()
        assert joined.member_id == person.id
        return person.external_id, person.department, person.left_at

    assert await world.db.read(found) == ("u1", "総務", tokyo("6-02 18:00"))


async def test_what_was_under_way_for_the_entry_that_went_is_the_persons(world: World) -> None:
    """Another transaction had looked the entry up before, and its event is written only afterwards."""
    await listed_twice(world)
    _, stub = await world.db.read(halves)
    await world.send(identify(world))

    def late(session: Session) -> None:
        # What that transaction writes, with the id it knows.
        event = session.execute(select(Event).where(col(Event.name) == "login").limit(1)).scalar_one()
        day = session.execute(select(EventDay).limit(1)).scalar_one()
        session.add(Event(**{**event.model_dump(exclude={"id"}), "fingerprint": urandom(12), "member_id": stub.id}))
        session.add(EventDay(**{**day.model_dump(), "member_id": stub.id}))

    await world.write(late)

    def settled(session: Session) -> Any:
        job = session.execute(select(Job).where(col(Job.kind) == SETTLE_JOB)).scalar_one()
        settle(session, job.payload["account"], now=NOW)
        (person,) = session.execute(select(Member)).scalars()
        return list(strays(session, person.id)), session.execute(select(func.sum(col(EventDay.count)))).scalar_one()

    assert await world.write(settled) == ([], 3)
    assert set(await world.done()) == {"thrice"}

    def erased(session: Session) -> Any:
        (person,) = session.execute(select(Member)).scalars()
        erase_member(session, person, by="佐藤", now=NOW)
        late(session)
        settle(session, person.account_id, now=NOW)
        theirs = select(col(Event.member_id)).where(col(Event.name) == "login").distinct()
        counts = [session.execute(select(func.count()).select_from(one)).scalar_one() for one in (MemberJoin, Erasure)]
        return counts, session.execute(theirs).scalars().all()

    assert await world.write(erased) == ([0, 1], [None])


async def test_another_id_of_the_product_means_the_one_who_stays(world: World) -> None:
    await world.account()
    await world.send(*(world.event("login", "6-01 09:00", who) for who in ("u1", "a1")))

    def work(session: Session) -> None:
        account = in_acme(session)
        keep, gone = (member_of(session, account.id or 0, one) for one in ("u1", "a1"))
        assert keep is not None
        assert gone is not None
        join_people(session, keep=keep, gone=gone, now=NOW)
        with pytest.raises(LookupError):
            join_people(session, keep=keep, gone=keep, now=NOW)

    await world.write(work)
    await world.send(world.event("login", "6-02 09:00", "a1"))

    def found(session: Session) -> Any:
        (person,) = session.execute(select(Member)).scalars()
        (alias,) = session.execute(select(Alias)).scalars()
        days = session.execute(select(func.sum(col(EventDay.count)), func.max(col(EventDay.member_id)))).one()
        return person.external_id, (alias.ref, alias.person), days == (3, person.id)

    assert await world.db.read(found) == ("u1", ("a1", "u1"), True)


def test_everybody_follows_who_keeps_something_of_people() -> None:
    listening.subscribe()
    assert {one.__module__ for one in one_person.joined._listeners} == {
        "portal.content.joining",
        "portal.events.merging",
        "portal.tutorials.joining",
    }


async def test_a_way_in_that_was_given_before_is_theirs(world: World) -> None:
    await listed_twice(world)

    def invited(session: Session) -> None:
        known, _ = halves(session)
        told: dict[str, Any] = {"how": "mail", "email_key": ADDRESS, "token_hash": "t", "by": "s", "by_name": "佐藤"}
        session.add(Invitation(member_id=known.id or 0, **told, created_at=NOW, expires_at=NOW + timedelta(days=7)))

    await world.write(invited)
    await world.send(identify(world))

    def found(session: Session) -> Any:
        (person,) = session.execute(select(Member)).scalars()
        (way,) = session.execute(select(Invitation)).scalars()
        return way.member_id == person.id, way.revoked_at

    assert await world.db.read(found) == (True, None)
