"""Erased means erased: whatever a person is called, no table of either database knows it afterwards, however late the
next event about them comes. And what their company did stays counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal import listening
from portal.accounts import changes, personal, sessions
from portal.accounts.models import Account, Erasure, Member, SignInLink, Visit
from portal.accounts.people import member_of, upsert_member
from portal.accounts.personal import SWEEP_JOB, erase_member, everything_about, sweep
from portal.accounts.service import account_by_external_id
from portal.accounts.staff import add_staff
from portal.checklists import publish as checklists
from portal.checklists.actors import Actor
from portal.checklists.definition import load
from portal.checklists.exceptions import Change, make_exception
from portal.checklists.models import Completion
from portal.checklists.steps import complete_step
from portal.events import ingest
from portal.events.activity import note_refused, refused_of
from portal.events.log import fingerprint
from portal.events.models import Event, EventDay
from portal.events.rules import Incoming, parse
from portal.events.sources import add_source
from portal.kit import db as databases
from portal.kit.db import Database
from portal.kit.jobs import Job, enqueue
from portal.kit.secrets import Secrets
from portal.mailing.addresses import stop
from portal.mailing.models import Letter, SummaryReader
from portal.tables import metadata
from portal.touch import contacts, tasks
from portal.touch.rules import Colleague, Said, Wanted
from portal.tutorials.models import Tutorial, TutorialRun
from portal.workshop import batches
from portal.workshop.wishes import Wish
from tests.factories import NOW
from tests.library import TOKYO

OLD, NEW = "the secret key of the first year, long enough", "the secret key of the second year, long enough"
CHECKLIST = {
    "key": "start",
    "title": {"en": "Start"},
    "steps": [
        {"key": "send", "title": {"en": "Send"}, "scope": "any_member", "done_when": {"event": "sent"}},
        {"key": "say", "title": {"en": "Say"}, "scope": "any_member", "done_when": "tick"},
    ],
}


@dataclass(frozen=True)
class Called:
    """What somebody is called; every word of it is theirs alone in these tests."""

    id: str
    email: str
    name: str
    kana: str

    @property
    def other(self) -> str:
        """What they were called before anybody knew them."""
        return f"anonymous-{self.id}"

    @property
    def all(self) -> tuple[str, ...]:
        return self.id, self.email, self.name, self.kana


numbers = count(1)
odd = st.text(st.sampled_from("abz019-_.:/%\\\"'&<>+*?()[]{}| 日本é"), min_size=3, max_size=12)
people = st.builds(
    lambda one, two, three: Called(
        f"zq{one}7".strip(), f"zq{two.encode().hex()}@example.com", f"千早 {three}々".strip(), f"ちはや{three}ん"
    ),
    odd,
    odd,
    odd,
)


@pytest.fixture(autouse=True)
def as_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody listens who listens in a running portal, and only in these tests."""
    monkeypatch.setattr(changes, "_subscribers", changes.Subscribers())
    monkeypatch.setattr(ingest.subscribers, "_listeners", [])
    monkeypatch.setattr(sessions.on_signed_in, "_listeners", [])
    monkeypatch.setattr(personal.erasers, "_listeners", [])
    monkeypatch.setattr(personal, "_holders", [])
    listening.subscribe()


def incoming(message: dict[str, Any]) -> Incoming:
    read = parse(message, received_at=NOW)
    assert isinstance(read, Incoming), (read, message)
    return read


def send(session: Session, source_id: int, *messages: dict[str, Any]) -> None:
    ingest.ingest(session, [incoming(one) for one in messages], source_id=source_id, received_at=NOW, zone=TOKYO)


def track(event: str, user: str | None, group: str | None, message: str, **properties: Any) -> dict[str, Any]:
    context = {"groupId": group} if group else {}
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "anonymousId": "browser-1",
        "messageId": message,
        "context": context,
        "properties": properties,
    }


def live(session: Session, who: Called, account: str) -> int:
    """Everything that can happen to somebody, and every place where something of it is kept; the source's id."""
    secrets = databases.secrets_of(session)
    checklists.apply(session, [load(CHECKLIST)], by="test", now=NOW - timedelta(days=9), zone=TOKYO)
    source = add_source(session, secrets, name=f"app of {account}", now=NOW)
    send(
        session,
        source.id,
        # It waits for nobody knows whom, until the group says where they belong.
        {"type": "identify", "userId": who.id, "traits": {"email": who.email, "name": who.name, "nick": who.name}},
        track("sent", who.id, None, f"{account}: 1 of {who.id}"[-100:]),
        {"type": "group", "groupId": account, "userId": who.id, "traits": {"name": "Acme", "contact": who.email}},
        track("sent", who.id, account, f"{account}-2", to=who.email.upper(), path=f"/people/{who.id}/x", n=5),
        track("sent", "colleague", account, f"{account}-3", **{"cc": [who.email, {"from": f"({who.name})"}]}),
        track(
            "sent", "colleague", account, f"{account}-4", **{who.email: 1, "said": f"{who.kana}さん、{who.name}様へ"}
        ),
        track("opened", None, account, f"{account}-5", plan="pro"),
        # Before they signed in they were called otherwise, and the one who was not told of it goes on.
        {**track("sent", None, account, f"{account}-6", by=who.other), "anonymousId": who.other},
        {"type": "alias", "previousId": who.other, "userId": who.id},
        {**track("sent", "colleague", account, f"{account}-7"), "anonymousId": who.other},
        {"type": "identify", "anonymousId": who.other, "traits": {"nick": who.name}},
    )
    owner = account_by_external_id(session, account)
    assert owner is not None
    assert owner.id is not None
    owner.goal = f"{who.name} answers within a day"
    person = upsert_member(session, owner, external_id=who.id, changes={"name_kana": who.kana}, now=NOW)
    actor = Actor(kind="member", key=who.id, name=who.name, member_id=person.id)
    complete_step(session, account_id=owner.id, key="start", step_key="say", actor=actor, now=NOW, zone=TOKYO)
    staff = Actor(kind="staff", key="sato@vendor.example", name="Sato")
    change = Change(reason=f"{who.name} is away", paused=True)
    make_exception(session, account_id=owner.id, key="start", change=change, actor=staff, now=NOW, zone=TOKYO)
    said = Said("phone", NOW, f"{who.name} <{who.email}> asked", with_whom=who.name)
    contacts.record_contact(session, account_id=owner.id, said=said, by=Colleague(None, "sato", "Sato"), now=NOW)
    staff_id = add_staff(session, email="sato@vendor.example", name="Sato", now=NOW).id or 0
    wanted = Wanted(f"Call {who.name}", staff_id, f"their id is {who.id}")
    task = tasks.make_task(session, account_id=owner.id, wanted=wanted, by=Colleague(None, "sato", "Sato"), now=NOW)
    outcome = f"{who.email} answers"
    tasks.finish_task(session, task, outcome=outcome, by=Colleague(None, "sato", "Sato"), now=NOW)
    batches.make(
        session,
        key="start",
        accounts=[owner.id],
        wish=Wish("exclude", f"{who.name} has left"),
        actor=staff,
        now=NOW,
        zone=TOKYO,
    )
    sessions.open_visit(session, member_id=person.id, now=NOW, days=30, device="Chrome")
    session.add(
        SignInLink(
            email_key=who.email,
            token_hash=f"{account}-t",
            code_hash="c",
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=30),
        )
    )
    enqueue(session, "mail", {"to": who.email, "subject": "Hi", "text": f"Dear {who.name}"}, now=NOW)
    enqueue(session, "tell", {"text": f"{who.name} <{who.email}> is done", "account": account}, now=NOW)
    session.execute(Job.__table__.update().values(error=f"no such user: {who.email}"))  # type: ignore[attr-defined]
    if session.get(Tutorial, "t") is None:
        session.add(Tutorial(key="t", created_at=NOW, updated_at=NOW))
        session.flush()
    run = TutorialRun(account_id=owner.id, member_id=person.id or 0, tutorial_key="t", started_at=NOW, last_at=NOW)
    session.add(run)
    write_to(session, who, owner.id, person.id or 0)
    broken = {"type": "track", "userId": who.id, "event": ""}
    refused = refused_of([broken], [(0, "invalid_event")])
    assert refused is not None
    note_refused(session, source.id, [refused], received_at=NOW, zone=TOKYO)
    session.flush()
    return source.id


def write_to(session: Session, who: Called, account_id: int, member_id: int) -> None:
    """Mails to them and about them, in every state; they have named somebody, and want nothing more themselves."""
    said: dict[str, Any] = {
        "account_id": account_id,
        "cause": "hand",
        "template_key": "x",
        "created_at": NOW,
        "at": NOW,
    }
    their: dict[str, Any] = {"member_id": member_id, "to": who.email, "to_key": who.email.lower()}
    dear = f"Dear {who.name} ({who.id}),"
    session.add(Letter(**said, **their, state="sent", subject=f"For {who.name}", text=dear))
    session.add(Letter(**said, **their, state="failed", reason="refused", detail=f"550 <{who.email}> unknown"))
    session.add(Letter(**said, **their, state="waiting"))
    session.add(Letter(**said, to="colleague@example.com", to_key="colleague@example.com", state="sent", text=dear))
    for email, by in (("boss@example.com", who.email), (who.email, "sato@vendor.example")):
        reader: dict[str, Any] = {
            "account_id": account_id,
            "email": email,
            "email_key": email.lower(),
            "created_at": NOW,
        }
        session.add(SummaryReader(**reader, by=by, by_name=who.name))
    stop(session, who.email, "unsubscribed", now=NOW, detail=who.email)


def erase(session: Session, who: Called, account: str) -> None:
    owner = account_by_external_id(session, account)
    assert owner is not None
    person = member_of(session, owner.id or 0, who.id)
    assert person is not None
    erase_member(session, person, by="sato@vendor.example", reason=f"asked for by {who.name}", now=NOW)


def texts_of(value: object) -> Iterator[str]:
    """Every text in a value of a column, names of fields and all; a text that is JSON also as it is meant."""
    if isinstance(value, str):
        yield value
        yield value.replace('\\"', '"').replace("\\\\", "\\")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from texts_of(key)
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)
    elif value is not None:
        yield str(value)


def found_of(session: Session, who: Called) -> list[tuple[str, str, str]]:
    """Where anything of them is: every column of every row of every table is read."""
    words = [one.lower() for one in who.all]
    return [
        (table.name, column.name, text)
        for table in metadata.sorted_tables
        for row in session.connection().execute(select(table))
        for column, value in zip(table.columns, row, strict=True)
        for text in texts_of(value)
        if any(word in text.lower() for word in words)
    ]


def counted(session: Session, account: str) -> dict[str, int]:
    asked = (
        select(col(EventDay.name), func.sum(col(EventDay.count)))
        .join(Account, col(Account.id) == col(EventDay.account_id))
        .where(col(Account.external_id) == account)
        .group_by(col(EventDay.name))
    )
    return {str(name): int(count) for name, count in session.connection().execute(asked)}


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example costs a second: it is not made smaller
)
@given(who=people)
def test_nothing_of_an_erased_person_is_left_in_any_table(who: Called, database_url: str) -> None:
    # The same example may be tried twice, and is somebody else then.
    number = next(numbers)
    account, who = f"acct-{number}", replace(who, id=f"{who.id}{number}")

    def run(work: Any, *, secrets: Secrets) -> Any:
        return databases.run(database_url, work, zone=TOKYO, secrets=secrets)

    first, rotating = Secrets(OLD), Secrets(NEW, OLD)

    def begin(session: Session) -> tuple[int, set[str]]:
        source_id = live(session, who, account)
        return source_id, {table for table, _, _ in found_of(session, who)}

    source_id, places = run(begin, secrets=first)
    # The world is worth the name: there is something to be found in every one of these.
    assert places >= {
        "member",
        "account",
        "event",
        "turned_away",
        "completion",
        "enrollment_exception",
        "contact",
        "task",
        "task_act",
        "sign_in_link",
        "job",
        "mail_letter",
        "summary_reader",
        "mail_stopped_address",
    }
    before = run(lambda session: counted(session, account), secrets=first)
    assert before == {"sent": 6, "opened": 1, "portal.signed_in": 1}
    run(lambda session: erase(session, who, account), secrets=first)
    assert run(lambda session: found_of(session, who), secrets=first) == []
    assert run(lambda session: counted(session, account), secrets=first) == before

    def late(session: Session) -> None:
        send(
            session,
            source_id,
            {"type": "identify", "userId": who.id, "traits": {"email": who.email, "name": who.name}},
            {"type": "group", "groupId": account, "userId": who.id, "traits": {}},
            track("sent", who.id, account, f"{account}-late-1", to=who.email),
            track("sent", who.id, None, f"{account}-late-2", to=who.email),
            track("sent", who.other, account, f"{account}-late-3", to=who.email),
            {**track("sent", None, account, f"{account}-late-4"), "anonymousId": who.other},
            {"type": "identify", "userId": "colleague", "anonymousId": who.other, "traits": {}},
        )

    # Also while the secret key is being changed.
    run(late, secrets=rotating)
    assert run(lambda session: found_of(session, who), secrets=rotating) == []
    assert run(lambda session: counted(session, account), secrets=rotating) == {**before, "sent": 10}


async def test_what_is_left_says_who_did_it_and_not_to_whom(db: Database) -> None:
    who = Called("u-100", "hana@acme.example", "早川 花", "はやかわ はな")

    def work(session: Session) -> tuple[list[Any], ...]:
        live(session, who, "acme")
        erase(session, who, "acme")
        record = session.execute(select(Erasure)).scalar_one()
        steps = select(col(Completion.step_key), col(Completion.by), col(Completion.by_name)).where(
            col(Completion.member_id).is_(None)
        )
        return (
            [record.by, record.reason, record.at],
            sorted(tuple(row) for row in session.execute(steps)),
            [one.kind for one in session.execute(select(Job)).scalars()],
            list(session.execute(select(Visit)).scalars()),
        )

    record, steps, jobs, visits = await db.write(work)
    assert record == ["sato@vendor.example", "asked for by [erased]", NOW]
    assert steps == [("say", "", ""), ("send", "colleague", "")]
    # The mail to them is not sent any more; the other notice is, without their name; the sweep comes.
    assert jobs == ["tell", SWEEP_JOB]
    assert visits == []


async def test_the_sweep_takes_what_was_being_written_meanwhile_and_forgets_whom_it_was_about(db: Database) -> None:
    who = Called("u-100", "hana@acme.example", "早川 花", "はやかわ はな")

    def slip_through(session: Session) -> int:
        source_id = live(session, who, "acme")
        owner = account_by_external_id(session, "acme")
        assert owner is not None
        person = member_of(session, owner.id or 0, who.id)
        assert person is not None
        member_id = person.id
        erase(session, who, "acme")
        # On PostgreSQL another transaction, which had looked the person up before, commits only now.
        session.add(
            Event(
                fingerprint=fingerprint(source_id, "slipped", from_browser=False),
                source_id=source_id,
                message_id="slipped",
                kind="track",
                name="sent",
                at=NOW,
                received_at=NOW,
                account_id=owner.id,
                member_id=member_id,
                user_ref=who.id,
                properties={"to": who.email},
            )
        )
        session.flush()
        return len(found_of(session, who))

    assert await db.write(slip_through) > 0

    def again(session: Session) -> tuple[list[Any], Any]:
        job = session.execute(select(Job).where(col(Job.kind) == SWEEP_JOB)).scalar_one()
        sweep(session, job.payload["sealed"], job_id=job.id or 0, now=NOW)
        session.refresh(job)
        return found_of(session, who), job.payload

    assert await db.write(again) == ([], {})


async def test_the_same_person_in_another_company_stays_there(db: Database) -> None:
    who = Called("u-100", "hana@acme.example", "早川 花", "はやかわ はな")

    def work(session: Session) -> tuple[list[str], dict[str, int], list[tuple[Any, ...]]]:
        source_id = live(session, who, "acme")
        owner = account_by_external_id(session, "acme")
        assert owner is not None
        send(session, source_id, track("sent", who.id, "beta", "b1", to=who.email))
        erase(session, who, "acme")
        send(session, source_id, track("sent", who.id, "beta", "b2"), track("sent", who.id, None, "b3"))
        send(session, source_id, track("sent", who.id, "acme", "a9", to=who.email))
        alias = {"type": "alias", "previousId": "new device", "userId": who.id}
        send(session, source_id, alias, track("sent", "new device", "acme", "a10", to=who.email))
        send(session, source_id, track("sent", who.other, "acme", "a11", to=who.email))
        members = select(col(Account.external_id)).join(Member, col(Member.account_id) == col(Account.id))
        late = select(col(Event.user_ref), col(Event.properties)).where(col(Event.message_id).in_(["a9", "a10", "a11"]))
        there = session.execute(members.where(col(Member.external_id) == who.id)).scalars().all()
        return list(there), counted(session, "beta"), [tuple(row) for row in session.execute(late)]

    there, beta, late = await db.write(work)
    assert there == ["beta"]
    assert beta == {"sent": 3}
    assert late == [(None, {})] * 3


async def test_whoever_is_made_known_again_on_purpose_is_there_again(db: Database) -> None:
    who = Called("u-100", "hana@acme.example", "早川 花", "はやかわ はな")

    def work(session: Session) -> tuple[Any, ...]:
        source_id = live(session, who, "acme")
        erase(session, who, "acme")
        owner = account_by_external_id(session, "acme")
        assert owner is not None
        upsert_member(session, owner, external_id=who.id, changes={"name": who.name}, now=NOW)
        send(session, source_id, track("sent", who.id, "acme", "back"))
        found = select(col(Event.user_ref), col(Member.name)).join(Member, col(Member.id) == col(Event.member_id))
        return tuple(session.execute(found.where(col(Event.message_id) == "back")).one())

    assert await db.write(work) == (who.id, who.name)


async def test_everything_held_of_a_person_is_one_document(db: Database) -> None:
    who = Called("u-100", "hana@acme.example", "早川 花", "はやかわ はな")

    def work(session: Session) -> dict[str, Any]:
        live(session, who, "acme")
        owner = account_by_external_id(session, "acme")
        assert owner is not None
        person = member_of(session, owner.id or 0, who.id)
        assert person is not None
        return everything_about(session, person, now=NOW)

    told = await db.write(work)
    assert told["account"] == {"external_id": "acme", "name": "Acme"}
    assert (told["profile"]["email"], told["profile"]["name"]) == (who.email, who.name)
    assert [one["device"] for one in told["sign_ins"]] == ["Chrome"]
    assert sorted(one["event"] for one in told["events"]) == ["portal.signed_in", "sent", "sent", "sent"]
    assert told["other_ids"] == [who.other]
    assert {one["step"] for one in told["completions"]} == {"say", "send"}
    assert [one["tutorial"] for one in told["tutorials"]] == ["t"]
    assert ([one["with"] for one in told["contacts"]], [one["title"] for one in told["tasks"]]) == (
        [who.name],
        [f"Call {who.name}"],
    )
    assert "colleague" not in str(told)
