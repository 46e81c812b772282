"""Events taken in, on both databases: stored once, attributed, counted, handed on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from portal.accounts import changes
from portal.accounts.models import Account
from portal.accounts.people import member_of, upsert_member
from portal.accounts.personal import erase_member
from portal.accounts.service import upsert_account
from portal.events import ingest as ingesting
from portal.events.ingest import Outcome, record
from portal.events.sources import add_source
from portal.kit.db import Database
from tests.portal.events.conftest import NOW, SECRETS, TOKYO, Feed, group, identify, look, track

EARLIER = NOW - timedelta(hours=1)


async def test_strangers_are_listed_at_once(feed: Feed) -> None:
    outcome = await feed.send(track(group="acme", timestamp=EARLIER.isoformat()))
    assert outcome == Outcome(accepted=1)
    seen = await feed.look()
    account, member = seen.accounts["acme"], seen.members["acme", "u1"]
    assert (account.is_stub, account.name, member.is_stub, member.joined_at) == (True, "acme", True, EARLIER)
    assert seen.owners == [("login", "acme", "u1")]
    assert seen.days == [("acme", "login", "2026-12-01", "u1", 1, EARLIER, EARLIER)]


async def test_the_same_message_counts_once(feed: Feed) -> None:
    message = track(group="acme", messageId="m1")
    assert await feed.send(message, message) == Outcome(accepted=1, duplicates=1)
    assert await feed.send(message, track(group="acme", messageId="m2")) == Outcome(accepted=1, duplicates=1)
    assert await feed.send(message) == Outcome(duplicates=1)
    assert [(day[3], day[4]) for day in (await feed.look()).days] == [("u1", 2)]
    assert [one.message_id for one in feed.told] == ["m1", "m2"]


async def test_sources_and_browsers_do_not_use_up_each_others_message_ids(feed: Feed, db: Database) -> None:
    other = await db.write(lambda session: add_source(session, SECRETS, name="other", now=NOW))
    message = track(group="acme", messageId="order-1")
    assert await feed.send(message, from_browser=True) == Outcome(accepted=1)
    assert await feed.send(message) == Outcome(accepted=1)
    feed.source_id = other.id
    assert await feed.send(message) == Outcome(accepted=1)


async def test_without_a_group_the_only_account_counts(feed: Feed) -> None:
    await feed.send(track("a", group="acme"), track("b"))
    assert (await feed.look()).owners == [("a", "acme", "u1"), ("b", "acme", "u1")]


async def test_a_person_of_two_accounts_must_be_told_apart(feed: Feed) -> None:
    await feed.send(track("a", group="acme"), track("b", group="beta"))
    assert await feed.send(track("c"), track("d", group="beta")) == Outcome(accepted=2)
    seen = await feed.look()
    assert ("c", None, None) in seen.owners
    assert ("d", "beta", "u1") in seen.owners
    assert "c" not in {day[1] for day in seen.days}


async def test_who_left_one_account_belongs_to_the_other(feed: Feed, db: Database) -> None:
    await feed.send(track("a", group="acme"), track("b", group="beta"))

    def leave(session: Session) -> None:
        account = session.get_one(Account, feed.told[0].account_id)
        upsert_member(session, account, external_id="u1", changes={"left_at": EARLIER}, now=NOW)

    await db.write(leave)
    left = "acme" if feed.told[0].name == "a" else "beta"
    await feed.send(track("late", timestamp=(EARLIER - timedelta(minutes=1)).isoformat()), track("now"))
    owners = {name: account for name, account, _ in (await feed.look()).owners}
    assert owners["late"] is None
    assert owners["now"] == ({"acme", "beta"} - {left}).pop()


async def test_an_event_of_a_company_alone(feed: Feed) -> None:
    await feed.send(track("synced", user=None, group="acme"))
    seen = await feed.look()
    assert seen.owners == [("synced", "acme", None)]
    assert seen.days[0][3:5] == (None, 1)
    assert feed.told[0].member_id is None


async def test_an_unknown_person_waits_for_the_group(feed: Feed) -> None:
    await feed.send(track("first", timestamp=(NOW - timedelta(days=2)).isoformat()), track("second"))
    assert feed.told == []
    assert (await feed.look()).days == []
    await feed.send(group("acme"), track("third"))
    seen = await feed.look()
    assert {owner[1:] for owner in seen.owners if owner[0] != "group"} == {("acme", "u1")}
    assert [(day[1], day[2]) for day in seen.days] == [
        ("first", "2026-11-29"),
        ("second", "2026-12-01"),
        ("third", "2026-12-01"),
    ]
    assert sorted(one.name for one in feed.told) == ["first", "second", "third"]


async def test_identify_before_group_keeps_its_traits(feed: Feed) -> None:
    await feed.send(identify(email="u1@acme.example", name="早川 美咲", nickname="mi"))
    assert (await feed.look()).members == {}
    await feed.send(group("acme", name="株式会社アクメ", plan="pro", seats=12))
    seen = await feed.look()
    account, member = seen.accounts["acme"], seen.members["acme", "u1"]
    assert (account.name, account.plan_key, account.seats, account.is_stub) == ("株式会社アクメ", "pro", 12, False)
    assert (member.email, member.name, member.is_stub) == ("u1@acme.example", "早川 美咲", False)
    assert member.traits == {"nickname": "mi"}
    assert all(event.properties == {} for event in seen.events), "traits stay only while they wait"


async def test_what_was_said_later_wins_whatever_came_first(feed: Feed) -> None:
    new = {**identify(name="new"), "timestamp": NOW.isoformat()}
    old = {**identify(name="old", role="admin"), "timestamp": EARLIER.isoformat()}
    await feed.send(new, old)
    await feed.send(group("acme"))
    member = (await feed.look()).members["acme", "u1"]
    assert (member.name, member.role) == ("new", "admin")


async def test_identify_and_group_sent_again_change_nothing(feed: Feed) -> None:
    old = {**identify(group="acme", name="old"), "messageId": "i1"}
    await feed.send(old)
    await feed.send(identify(group="acme", name="new"))
    assert await feed.send(old) == Outcome(duplicates=1)
    assert (await feed.look()).members["acme", "u1"].name == "new"


async def test_joined_and_created_at_come_from_traits(feed: Feed) -> None:
    await feed.send(group("acme", createdAt="2026-04-01T00:00:00Z"), identify(created_at=1775001600))
    seen = await feed.look()
    assert seen.accounts["acme"].created_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert seen.members["acme", "u1"].joined_at == datetime(2026, 4, 1, tzinfo=UTC)


async def test_whoever_is_listed_by_address_alone_gets_the_id_the_product_gives_them(feed: Feed, db: Database) -> None:
    def listed(session: Session) -> None:
        account = upsert_account(session, external_id="acme", changes={"name": "株式会社アクメ"}, now=NOW)
        upsert_member(session, account, external_id=None, changes={"email": "a@acme.example", "name": "早川"}, now=NOW)

    await db.write(listed)
    outcome = await feed.send(
        identify("u1", group="acme", email="A@acme.example"), track(group="acme"), identify("u2", group="acme")
    )
    assert outcome == Outcome(accepted=3)
    seen = await feed.look()
    assert sorted(seen.members) == [("acme", "u1"), ("acme", "u2")]
    assert (seen.members["acme", "u1"].name, seen.members["acme", "u1"].email) == ("早川", "A@acme.example")
    assert ("login", "acme", "u1") in seen.owners


async def test_an_address_of_somebody_else_is_refused_alone(feed: Feed) -> None:
    await feed.send(identify("u1", group="acme", email="a@acme.example"))
    outcome = await feed.send(
        track(user="u2", group="acme"),
        identify("u2", group="acme", email="A@acme.example"),
        identify("u3", group="acme"),
    )
    assert outcome == Outcome(accepted=2, rejected=((1, "email_taken"),))
    seen = await feed.look()
    assert seen.members["acme", "u2"].email is None
    assert ("acme", "u3") in seen.members


async def test_identity_messages_are_no_events(feed: Feed) -> None:
    await feed.send(group("acme"), identify(), {"type": "alias", "userId": "u1", "previousId": "a"})
    seen = await feed.look()
    assert len(seen.events) == 3
    assert seen.days == []
    assert feed.told == []


async def test_days_are_those_of_the_vendors_zone(feed: Feed) -> None:
    moments = ["2026-11-30T14:59:59Z", "2026-11-30T15:00:00Z", "2026-11-30T15:00:01Z"]
    await feed.send(*(track(group="acme", timestamp=moment) for moment in moments))
    assert [day[2:5] for day in (await feed.look()).days] == [("2026-11-30", "u1", 1), ("2026-12-01", "u1", 2)]


async def test_a_listener_that_fails_undoes_the_batch(feed: Feed) -> None:
    def fail(_session: Session, _recorded: object, _now: datetime) -> None:
        raise LookupError("no")

    leave = ingesting.subscribe(fail)
    try:
        with pytest.raises(LookupError):
            await feed.send(track(group="acme", messageId="m1"))
    finally:
        leave()
    seen = await feed.look()
    assert (seen.events, seen.days, seen.accounts) == ([], [], {})
    assert await feed.send(track(group="acme", messageId="m1")) == Outcome(accepted=1)


async def test_the_portals_own_happenings_go_the_same_way(feed: Feed, db: Database) -> None:
    def work(session: Session) -> bool:
        account = upsert_account(session, external_id="acme", changes={}, now=NOW)
        member = upsert_member(session, account, external_id="u1", changes={}, now=NOW)
        assert account.id is not None
        return record(
            session,
            account_id=account.id,
            member_id=member.id,
            name="tutorial.completed",
            at=NOW,
            properties={"tutorial": "first"},
            message_id="tutorial.completed:1:first",
            now=NOW,
            zone=TOKYO,
        )

    assert await db.write(work) is True
    assert await db.write(work) is False
    seen = await feed.look()
    assert seen.days == [("acme", "tutorial.completed", "2026-12-01", "u1", 1, NOW, NOW)]
    assert [(one.name, one.properties) for one in feed.told] == [("tutorial.completed", {"tutorial": "first"})]


# --- when accounts change elsewhere -----------------------------------------------------------------------------------


async def test_an_import_that_names_the_person_attaches_what_waits(feed: Feed, db: Database) -> None:
    await feed.send(track("early"), identify(name="早川"))

    def add(session: Session) -> None:
        account = upsert_account(session, external_id="acme", changes={}, now=NOW)
        upsert_member(session, account, external_id="u1", changes={"role": "admin"}, now=NOW)

    leave = changes.subscribe(ingesting.follow_accounts)
    try:
        await db.write(add)
    finally:
        leave()
    seen = await feed.look()
    assert ("early", "acme", "u1") in seen.owners
    assert [day[:2] for day in seen.days] == [("acme", "early")]
    assert [one.name for one in feed.told] == ["early"]
    member = seen.members["acme", "u1"]
    assert (member.name, member.role) == ("早川", "admin")


async def test_what_the_erased_did_stays_with_their_company(feed: Feed, db: Database) -> None:
    await feed.send(track(group="acme"), track(user="u2", group="acme"), track(user=None, group="acme"))

    def erase(session: Session) -> None:
        account_id = feed.told[0].account_id
        member = member_of(session, account_id, "u1")
        assert member is not None
        erase_member(session, member, by="test", now=NOW)

    leave = changes.subscribe(ingesting.follow_accounts)
    try:
        await db.write(erase)
    finally:
        leave()
    seen = await feed.look()
    assert sorted((day[3] or "", day[4]) for day in seen.days) == [("", 2), ("u2", 1)]
    assert sorted((account, member or "") for _, account, member in seen.owners) == [
        ("acme", ""),
        ("acme", ""),
        ("acme", "u2"),
    ]


async def test_a_large_batch_is_taken_whole(feed: Feed, db: Database) -> None:
    batch = [track(f"e{n % 9}", user=f"u{n % 40}", group=f"g{n % 7}", messageId=f"m{n}") for n in range(2500)]
    assert await feed.send(*batch) == Outcome(accepted=2500)
    assert await feed.send(*reversed(batch)) == Outcome(duplicates=2500)
    counted = await db.read(lambda session: session.connection().scalar(text("SELECT sum(count) FROM event_day")))
    assert counted == 2500
    assert len((await db.read(look)).accounts) == 7
