"""Mails by rule: once for each occasion, in business hours, within the caps, and only while the reason holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.invitations import Inviter, invite, revoke
from portal.accounts.models import Account, Member
from portal.accounts.personal import person_of
from portal.mailing import by_rule, configured, personal
from portal.mailing.addresses import stop
from portal.mailing.configured import Terms
from portal.mailing.letters import write_down
from portal.mailing.models import SummaryReader
from portal.mailing.summaries import name_reader, take_off
from tests.onboarding import TOKYO, tokyo
from tests.portal.mailing.conftest import DAY, House

ADMIN, MEMBER = "admin@acme.example", "member@acme.example"


async def test_nothing_goes_while_every_rule_is_off(house: House) -> None:
    await house.begin()
    house.at(tokyo("6-25 10:00"))
    await house.look_and_work()
    assert (await house.letters(), house.box.got) == ([], [])


async def test_silence_is_written_about_once_until_there_is_another_silence(house: House) -> None:
    await house.begin()
    await house.switch_on("next_step", days=7)
    house.at(tokyo("6-05 10:00"))
    await house.look_and_work()
    assert house.box.got == []
    house.at(tokyo("6-08 10:00"))
    await house.look_and_work()
    await house.look_and_work()
    assert sorted(house.box.to) == [ADMIN, MEMBER]
    (first, _) = house.box.got
    assert first.mail["Subject"] == "次の一歩：invite"
    assert "「はじめの一歩」は2件中0件まで進んでいます。" in first.part("plain")
    assert "http://portal.example/checklists/start" in first.part("html")
    # A step is done, and then nothing more: another silence, and only those who lack the step that is next.
    await house.world.complete("invite")
    house.at(tokyo("6-17 10:00"))
    await house.look_and_work()
    assert sorted(house.box.to) == [ADMIN, ADMIN, MEMBER, MEMBER]
    assert house.box.got[-1].mail["Subject"] == "次の一歩：login"


async def test_nobody_is_written_to_at_night_on_weekends_or_holidays(house: House) -> None:
    await house.begin(started="12-01 15:00")
    await house.switch_on("overdue")
    # The deadline passes at the turn of the year: it is a night, then holidays, then a weekend.
    for moment in ("12-31 23:59", "12-31 12:00"):
        house.at(tokyo(moment))
        await house.look_and_work()
    midnight = tokyo("12-31 23:59") + timedelta(minutes=1)
    for hours in (0, 12, 36, 60, 80):
        house.at(midnight + timedelta(hours=hours))
        await house.look_and_work()
    assert house.box.got == []
    house.at(midnight + 3 * DAY + timedelta(hours=9, minutes=10))  # Monday 4 January 2027, 9:10
    await house.look_and_work()
    assert house.box.to == [ADMIN]
    assert "12月31日" in house.box.got[0].part("plain")


async def test_what_is_queued_before_closing_waits_for_the_morning(house: House) -> None:
    await house.begin()
    await house.switch_on("next_step", days=7, whom="admins")
    house.at(tokyo("6-12 17:59"))  # Friday
    await house.look()
    house.at(tokyo("6-12 18:01"))
    await house.work()
    house.at(tokyo("6-14 12:00"))
    await house.work()
    assert [one.state for one in await house.letters()] == ["waiting"]
    house.at(tokyo("6-15 09:00"))
    await house.work()
    assert (house.box.to, await house.became()) == ([ADMIN], [(ADMIN, "sent", None)])


@pytest.mark.parametrize("gone", ["done", "paused", "excluded", "left", "moved", "off", "person"])
async def test_it_stops_the_moment_its_reason_is_gone(house: House, gone: str) -> None:
    await house.begin()
    await house.switch_on("overdue")
    house.at(tokyo("7-02 10:00"))
    await house.look()
    if gone == "done":
        await house.world.complete("invite")
        await house.world.complete("login")
    elif gone == "paused":
        await house.world.make_exception(due_at=tokyo("7-01 23:59"))
        await house.world.make_exception(paused=True)
    elif gone == "excluded":
        await house.world.make_exception(excluded=True)
    elif gone == "left":
        await house.world.account(started="", left_at=tokyo("7-02 09:59"))
    elif gone == "moved":
        await house.world.make_exception(due_at=tokyo("7-20 10:00"))
    elif gone == "person":
        await house.world.member("acme-admin", role="admin", left_at=tokyo("7-02 09:59"))
    else:
        await house.db.write(
            lambda session: configured.switch(session, "overdue", on=False, by="x", now=house.clock.now)
        )
    await house.work()
    said = {"left": "account_left", "off": "switched_off", "person": "gone"}.get(gone, "reason_gone")
    assert house.box.got == []
    assert [one.reason for one in await house.letters()] == [said]


async def test_a_person_and_a_customer_get_only_so_many(house: House) -> None:
    await house.begin("acme", "beta")
    await house.db.write(lambda session: configured.set_terms(session, Terms(per_person=1, per_account=2)))
    await house.switch_on("next_step", days=3, whom="members")
    house.at(tokyo("6-05 10:00"))
    await house.look_and_work()
    assert len(house.box.got) == 4
    await house.switch_on("deadline_near", days=30, whom="admins")
    await house.look_and_work()
    assert [one.reason for one in await house.letters()][-2:] == ["cap_person", "cap_person"]
    # Within the cap of a person, but not of a customer.
    await house.world.member("acme-third", email="third@acme.example", role="admin")
    await house.db.write(lambda session: configured.set_terms(session, Terms(per_person=5, per_account=2)))
    await house.switch_on("deadline_near", days=29, whom="admins")
    await house.world.make_exception(due_at=tokyo("6-20 10:00"))
    await house.look_and_work()
    assert {one.reason for one in await house.letters() if one.occasion == "2026-06-20"} == {"cap_account"}
    house.at(tokyo("6-15 10:00"))
    await house.world.make_exception(due_at=tokyo("6-22 10:00"))
    await house.look_and_work()
    assert sorted(house.box.to[4:]) == [ADMIN, "third@acme.example"]


async def test_two_workers_looking_at_once_write_one_letter(house: House) -> None:
    await house.begin()
    await house.switch_on("deadline_near", days=30)
    found, _ = await house.db.read(
        lambda session: by_rule.run_drafts(
            session, wanted=[configured.rule(session, "deadline_near")], now=house.clock.now, zone=TOKYO, after=0
        )
    )
    for _ in range(2):
        await house.db.write(lambda session: write_down(session, found, now=house.clock.now))
    await house.work()
    assert house.box.to == [ADMIN]


async def test_a_rule_says_beforehand_how_many_it_would_send(house: House) -> None:
    await house.begin("acme", "beta", "gamma")
    await house.db.write(lambda session: stop(session, "admin@beta.example", "unsubscribed", now=house.clock.now))
    house.at(tokyo("6-20 10:00"))

    async def tally(kind: str) -> tuple[int, int]:
        found = await house.db.read(
            lambda session: by_rule.would_send(session, configured.rule(session, kind), now=house.clock.now, zone=TOKYO)
        )
        return found.mails, found.accounts

    assert await tally("next_step") == (5, 3)
    assert await tally("overdue") == (0, 0)
    assert await tally("weekly") == (2, 2)
    house.at(tokyo("7-02 10:00"))
    assert await tally("overdue") == (2, 2)
    await house.switch_on("overdue")
    await house.look_and_work()
    assert len(house.box.got) == 2
    assert ("admin@beta.example", "held", "unsubscribed") in await house.became()


async def test_a_completed_checklist_is_told_of_and_old_ones_are_not(house: House) -> None:
    await house.begin("acme", "beta")
    for one in ("invite", "login"):
        await house.world.complete(one, account="acme")
        await house.world.complete(one, account="beta", at=tokyo("6-02 12:00"))
    house.at(tokyo("6-17 10:00"))
    await house.switch_on("completed", whom="admins")
    await house.look_and_work()
    assert house.box.to == [ADMIN]


def ask(session: Session, house: House) -> Member:
    """Invite the member."""
    member: Member = session.execute(select(Member).where(col(Member.email_key) == MEMBER)).scalar_one()
    by = Inviter("sato@vendor.example", "佐藤")
    account = session.get_one(Account, member.account_id)
    invite(session, house.site.secrets, account, member, by=by, now=house.clock.now)
    return member


async def test_nobody_is_welcomed_whose_invitation_was_taken_back(house: House) -> None:
    await house.begin()
    await house.switch_on("welcome")
    member = await house.db.write(lambda session: ask(session, house))
    await house.look()
    assert await house.db.write(lambda session: revoke(session, member, now=house.clock.now)) == 1
    await house.work()
    assert await house.became() == [(MEMBER, "held", "reason_gone")]


async def test_whoever_was_invited_by_mail_is_welcomed_once(house: House) -> None:
    await house.begin()
    await house.switch_on("welcome")
    for _ in range(2):
        await house.db.write(lambda session: ask(session, house))
        await house.look()
    assert [(one.to, one.rule) for one in await house.letters()] == [(MEMBER, "welcome")]
    await house.work()
    assert "はじめに、いちばん小さな一歩から｜伴走クラウド" in [one.mail["Subject"] for one in house.box.got]


async def test_the_week_is_told_to_admins_and_to_whom_they_named(house: House) -> None:
    await house.begin()
    readers: list[SummaryReader] = []

    def named(session: Session) -> None:
        who = {"name": "社長", "locale": "ja", "by": ADMIN, "by_name": "田中"}
        emails = ("boss@acme.example", "other@acme.example", ADMIN)  # who is told anyway is told once
        readers.extend(name_reader(session, 1, email=email, now=house.clock.now, **who) for email in emails)

    await house.db.write(named)
    await house.switch_on("weekly")
    await house.look_and_work()
    assert house.box.got == []  # it begins with the next week
    await house.world.complete("invite")
    house.at(tokyo("6-08 09:10"))
    await house.look()
    await house.db.write(lambda session: take_off(session, 1, readers[1].id or 0, now=house.clock.now))
    await house.work()
    await house.look_and_work()
    assert sorted(house.box.to) == [ADMIN, "boss@acme.example"]
    (mail,) = [one for one in house.box.got if one.to == "boss@acme.example"]
    assert "社長様" in mail.part("plain")
    assert "・invite" in mail.part("plain")
    assert "http://portal.example/progress/" in mail.part("plain")
    assert ("other@acme.example", "held", "revoked") in await house.became()


async def test_a_week_that_is_over_is_told_of_no_more(house: House) -> None:
    await house.begin()
    await house.switch_on("weekly")
    house.at(tokyo("6-12 17:50"))  # Friday
    await house.look()
    house.at(tokyo("6-15 09:00"))
    await house.work()
    assert await house.became() == [(ADMIN, "held", "reason_gone")]


async def test_who_reads_summaries_is_told_so_when_they_ask(house: House) -> None:
    await house.begin()

    def work(session: Session) -> dict[str, Any]:
        told: dict[str, Any] = {"name": "社長", "locale": "ja", "by": ADMIN, "by_name": "田中", "now": house.clock.now}
        name_reader(session, 1, email=MEMBER, **told)
        member = session.execute(select(Member).where(col(Member.email_key) == MEMBER)).scalar_one()
        return personal.held(session, person_of(session, member))

    found = await house.db.write(work)
    assert [(one["name"], one["email"], one["by"]) for one in found["summaries"]] == [("社長", MEMBER, "田中")]
