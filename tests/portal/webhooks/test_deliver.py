"""Delivery for real: from what happened, in its transaction, to a receiver on loopback, and what failures come to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session, col
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from portal.accounts.personal import person_of
from portal.jobs import registry
from portal.kit.addresses import Policy
from portal.kit.clock import utcnow
from portal.kit.errors import NotFound
from portal.kit.jobs import Job
from portal.kit.outbound import Outbound
from portal.webhooks import personal, service
from portal.webhooks.announce import Happening, announce
from portal.webhooks.models import Told
from portal.webhooks.rules import PAUSES
from portal.webhooks.service import Wanted
from tests.factories import NOW, make_account, make_member, make_staff
from tests.portal.webhooks.conftest import House
from tests.receiver import Delivery, receiving

DAY = timedelta(days=1)


async def test_what_happened_arrives_signed_once_for_each_who_wants_it(house: House) -> None:
    async with receiving() as one, receiving() as other:
        await house.endpoint(one.url, headers={"Authorization": "Bearer abc"})
        await house.endpoint(other.url, "checklist.completed")
        await house.tell("checklist.completed", "tutorial.completed", checklist="start")
        assert await house.work() == 3
        assert sorted(delivery.told["type"] for delivery in one.got) == ["checklist.completed", "tutorial.completed"]
        (only,) = other.got
    assert only.told == {
        "type": "checklist.completed",
        "timestamp": "2026-06-03T01:00:00.000Z",
        "data": {"account": "acme", "checklist": "start"},
    }
    assert only.id in {delivery.id for delivery in one.got}
    assert {delivery.headers["authorization"] for delivery in one.got} == {"Bearer abc"}
    assert "authorization" not in only.headers
    assert only.headers["content-type"] == "application/json"
    assert [(attempt.ok, attempt.status, attempt.number) for attempt in await house.attempts()] == [(True, 204, 1)] * 3
    assert await house.jobs() == []


async def test_what_was_undone_is_told_to_nobody(house: House) -> None:
    async with receiving() as receiver:
        await house.endpoint(receiver.url)

        def work(session: Session) -> None:
            announce(session, [Happening("checklist.completed", NOW, {})], now=NOW)
            raise LookupError

        with pytest.raises(LookupError):
            await house.write(work)
        assert await house.work() == 0
        assert receiver.got == []


async def test_a_failure_is_tried_again_by_the_schedule_with_the_same_id(house: House) -> None:
    async with receiving(lambda _delivery: 500) as receiver:
        await house.endpoint(receiver.url)
        await house.tell("checklist.completed")
        waits = []
        for number in range(len(PAUSES) + 1):
            assert await house.work() == 1
            if number < len(PAUSES):
                (job,) = await house.jobs()
                waits.append(job.run_at - house.clock.now)
                house.clock.now = job.run_at
        assert len({delivery.id for delivery in receiver.got}) == 1
        assert len({delivery.body for delivery in receiver.got}) == 1
        assert len({delivery.headers["webhook-timestamp"] for delivery in receiver.got}) == len(PAUSES) + 1
    assert all(pause <= wait <= 1.1 * pause for pause, wait in zip(PAUSES, waits, strict=True))
    (dead,) = await house.jobs("dead")
    assert dead.error == "the endpoint answered 500"
    attempts = await house.attempts()
    assert [attempt.number for attempt in attempts] == list(range(1, 9))
    assert {(attempt.status, attempt.answer, attempt.error) for attempt in attempts} == {
        (500, "the receiver says 500", None)
    }


async def test_no_answer_a_redirect_and_a_forbidden_address_are_failures(house: House) -> None:
    async with receiving(lambda _delivery: 302) as receiver:
        key, _ = await house.endpoint(receiver.url)
        await house.tell("checklist.completed")
        await house.work()
        change = Wanted("http://127.0.0.1:1/")
        await house.write(
            lambda session: service.change_endpoint(
                session, key, change, secrets=house.site.secrets, policy=Policy.parse("127.0.0.1")
            )
        )
        house.clock.now += timedelta(minutes=1)
        await house.work()
        house.clock.now += timedelta(hours=1)
        await house.site.outbound.close()
        house.site = replace(house.site, outbound=Outbound(Policy()))
        await house.work()
    redirected, unreachable, refused = await house.attempts()
    assert (redirected.status, redirected.ok) == (302, False)
    assert (unreachable.status, unreachable.ok) == (None, False)
    assert (unreachable.error or "").startswith("ConnectError")
    assert refused.error == "127.0.0.1 may not be called: not a public address"


async def test_410_disables_at_once_and_owners_are_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    await house.write(lambda session: make_staff(session, email="owner@vendor.example", role="owner") and None)
    await house.write(lambda session: make_staff(session, email="cs@vendor.example") and None)
    async with receiving(lambda _delivery: 410) as receiver:
        key, _ = await house.endpoint(receiver.url)
        await house.tell("checklist.completed")
        await house.work()
        await house.tell("tutorial.completed")
        await house.work()
        assert len(receiver.got) == 1
    endpoint = await house.stored(key)
    assert (endpoint.disabled_because, endpoint.disabled_at) == ("gone", house.clock.now)
    mails = capsys.readouterr().out
    assert mails.count("--- mail to") == 1
    assert "owner@vendor.example" in mails
    assert receiver.url in mails
    assert f"/staff/webhooks/{key}" in mails


async def test_five_days_of_failure_disable_and_what_was_missed_can_be_recovered(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.write(lambda session: make_staff(session, role="owner") and None)
    answers = [503]
    start = house.clock.now
    async with receiving(lambda _delivery: answers[0]) as receiver:
        key, _ = await house.endpoint(receiver.url)
        for day in range(6):
            house.clock.now = start + day * DAY
            await house.tell("checklist.completed", day=day)
            await house.work()
        assert (await house.stored(key)).disabled_because == "failing"
        assert capsys.readouterr().out.count("--- mail to") == 1
        assert await house.jobs() == []
        house.clock.now += DAY
        await house.tell("checklist.completed", day=6)
        seen = len(receiver.got)
        assert await house.work() == 0

        answers[0] = 200
        await house.write(lambda session: service.enable_endpoint(session, key) and None)
        back = await house.write(lambda session: service.recover(session, key, since=start + DAY, now=house.clock.now))
        again = await house.write(lambda session: service.recover(session, key, since=start, now=house.clock.now))
        assert (back, again) == (6, 1)
        assert await house.work() == 7
        assert sorted(delivery.told["data"]["day"] for delivery in receiver.got[seen:]) == list(range(7))
        nothing = await house.write(lambda session: service.recover(session, key, since=start, now=house.clock.now))
        assert nothing == 0
    assert (await house.stored(key)).failing_since is None


async def test_a_success_begins_the_five_days_anew(house: House) -> None:
    answers = [500]
    async with receiving(lambda _delivery: answers[0]) as receiver:
        key, _ = await house.endpoint(receiver.url)
        await house.tell("checklist.completed")
        await house.work()
        assert (await house.stored(key)).failing_since == house.clock.now
        answers[0] = 200
        house.clock.now += DAY
        await house.work()
        assert (await house.stored(key)).failing_since is None
        assert len(receiver.got) == 2


async def test_a_test_and_a_replay_go_out_once_even_where_it_is_disabled(house: House) -> None:
    answers = [500]
    async with receiving(lambda _delivery: answers[0]) as receiver:
        key, _ = await house.endpoint(receiver.url, "checklist.completed")
        other, _ = await house.endpoint(receiver.url, "tutorial.completed")
        await house.write(lambda session: service.disable_endpoint(session, key, now=house.clock.now) and None)
        await house.tell("checklist.completed")
        await house.write(lambda session: service.send_test(session, key, now=house.clock.now))
        assert await house.work() == 1
        assert receiver.got[0].told["type"] == "webhook.test"
        message = await house.db.read(
            lambda session: session.execute(
                select(col(Told.key)).where(col(Told.type) == "checklist.completed")
            ).scalar_one()
        )
        answers[0] = 204
        await house.write(lambda session: service.replay(session, key, message, now=house.clock.now))
        assert await house.work() == 1
        assert receiver.got[1].id == message
        for endpoint, named in ((key, "msg_none"), (other, message)):
            with pytest.raises(NotFound):
                await house.write(
                    lambda session, endpoint=endpoint, named=named: service.replay(  # type: ignore[misc]
                        session, endpoint, named, now=house.clock.now
                    )
                )
    assert (await house.stored(key)).failing_since is None
    assert [attempt.ok for attempt in await house.attempts()] == [False, True]
    assert await house.jobs() == []


async def test_while_a_secret_rotates_both_sign(house: House) -> None:
    house.clock.now = utcnow()
    async with receiving() as receiver:
        key, old = await house.endpoint(receiver.url)
        _, new = await house.write(
            lambda session: service.rotate_secret(session, key, secrets=house.site.secrets, now=house.clock.now)
        )
        await house.tell("checklist.completed")
        await house.work()
        for secret in (old, new):
            Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        await house.write(lambda session: service.forget_previous_secret(session, key) and None)
        await house.tell("checklist.completed")
        await house.work()
        Webhook(new).verify(receiver.got[1].body, receiver.got[1].headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(old).verify(receiver.got[1].body, receiver.got[1].headers)
    endpoint = await house.stored(key)
    assert new not in endpoint.secret
    assert old not in endpoint.secret


async def test_the_old_secret_is_worthless_after_a_day(house: House) -> None:
    async with receiving() as receiver:
        key, _ = await house.endpoint(receiver.url)
        await house.write(
            lambda session: service.rotate_secret(session, key, secrets=house.site.secrets, now=house.clock.now)
        )
        for _ in range(2):
            await house.tell("checklist.completed")
            await house.work()
            house.clock.now += DAY
        assert [len(delivery.headers["webhook-signature"].split(" ")) for delivery in receiver.got] == [2, 1]


async def test_a_dead_endpoint_delays_no_other(house: House) -> None:
    dead: list[Delivery] = []

    def never(delivery: Delivery) -> None:
        dead.append(delivery)

    async with receiving(never) as hanging, receiving() as fast:
        await house.endpoint(hanging.url)
        await house.endpoint(fast.url)
        for number in range(10):
            await house.tell(*["checklist.completed"] * 10, number=number)
        stop = asyncio.Event()
        running = asyncio.create_task(registry.worker(house.site).run(stop))
        try:
            await fast.has(lambda got: len(got) == 100, seconds=15)
        finally:
            stop.set()
            await running
        assert len({delivery.id for delivery in fast.got}) == 100
        assert len(dead) <= 16 + 2 * 8


async def test_removing_an_endpoint_takes_its_log_and_what_waited_along(house: House) -> None:
    async with receiving() as receiver:
        key, _ = await house.endpoint(receiver.url)
        await house.tell("checklist.completed")
        await house.work()
        await house.tell("checklist.completed")
        await house.write(lambda session: service.remove_endpoint(session, key))
        await house.work()
        assert len(receiver.got) == 1
    assert list(await house.attempts()) == []
    assert list(await house.jobs()) == []


async def test_what_was_told_of_an_erased_person_is_gone_and_what_waits_is_not_sent(house: House) -> None:
    async with receiving() as receiver:
        await house.endpoint(receiver.url)
        await house.tell("tutorial.completed", member="u-1")
        await house.work()
        await house.tell("tutorial.completed", member="u-1")
        await house.tell("tutorial.completed", member="u-2")
        gone = await house.write(lambda session: service.forget_member(session, account="acme", member="u-1"))
        assert gone == 2
        await house.work()
        assert [delivery.told["data"]["member"] for delivery in receiver.got] == ["u-1", "u-2"]
    assert len(await house.attempts()) == 1


async def test_what_was_told_long_ago_is_forgotten_a_few_at_a_time(house: House) -> None:
    async with receiving() as receiver:
        await house.endpoint(receiver.url)
        await house.tell(*["checklist.completed"] * 3)
        await house.work()
    before = house.clock.now + timedelta(seconds=1)
    gone = [await house.write(lambda session: service.forget_old(session, before=before, limit=2)) for _ in range(3)]
    assert gone == [2, 1, 0]
    assert list(await house.attempts()) == []
    done = await house.db.read(lambda session: session.execute(select(col(Job.state))).scalars().all())
    assert set(done) == {"done"}


async def test_an_erased_person_takes_along_what_was_told_of_them(house: House) -> None:
    def work(session: Session) -> list[object]:
        member = make_member(session, make_account(session, external_id="acme"), external_id="u-1")
        happenings = [
            Happening("tutorial.completed", NOW, {"account": "acme", "member": one}) for one in ("u-1", "u-2")
        ]
        announce(session, happenings, now=NOW)
        person = person_of(session, member)
        held = personal.held(session, person)["webhooks"]
        personal.erase(session, person, NOW)
        return [len(held), held[0]["data"]["member"], personal.held(session, person)["webhooks"]]

    await house.endpoint("https://example.com/hooks")
    assert await house.write(work) == [1, "u-1", []]
