"""Sending: once, whatever the mail server does; what is refused for good is marked, and what is unclear says so."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.sign_in import MAIL_JOB, ask_for_link
from portal.checklists.news import ChecklistOverdue
from portal.mailing import addresses, alerts, posting
from portal.mailing.alert_channels import WantedChannel, add_channel
from portal.mailing.alerts import Happening
from portal.mailing.models import AlertLine, Letter, StoppedAddress
from tests.onboarding import tokyo
from tests.portal.mailing.conftest import DAY, House

ADMIN = "admin@acme.example"


async def one_letter(house: House) -> None:
    """A rule has one letter to send."""
    await house.begin()
    await house.switch_on("next_step", days=7, whom="admins")
    house.at(tokyo("6-09 10:00"))
    await house.look()


async def test_a_letter_as_its_reader_gets_it(house: House) -> None:
    await one_letter(house)
    await house.work()
    ((to, state, _),) = await house.became()
    (mail,) = house.box.got
    assert (to, state, mail.to) == (ADMIN, "sent", ADMIN)
    assert mail.mail["Auto-Submitted"] == "auto-generated"
    (letter,) = await house.letters()
    token = addresses.unsubscribe_token(house.site.secrets, letter.id or 0, to)
    assert mail.mail["List-Unsubscribe"] == f"<http://portal.example/unsubscribe/{token}>"
    assert mail.mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html = mail.part("html")
    assert "<style" not in html
    assert "src=" not in html
    assert html.count("<a ") == html.count("<a href=") == 2
    assert (letter.subject, letter.text) == (mail.mail["Subject"], mail.part("plain"))


async def test_a_server_that_is_busy_is_asked_again_and_again_and_then_no_more(house: House) -> None:
    await one_letter(house)
    house.box.recipient = lambda _: "451 4.3.0 come back later"
    await house.work()
    assert await house.became() == [(ADMIN, "waiting", None)]
    (letter,) = await house.letters()
    assert letter.detail == "451 4.3.0 come back later"
    house.at(house.clock.now + timedelta(seconds=59))
    assert await house.work() == 0
    house.box.recipient = lambda _: "250 OK"
    house.at(house.clock.now + timedelta(seconds=10))
    await house.work()
    assert (house.box.to, await house.became()) == ([ADMIN], [(ADMIN, "sent", None)])


async def test_what_never_gets_through_is_given_up(house: House) -> None:
    await one_letter(house)
    house.box.recipient = lambda _: "450 never"
    for _ in range(7):  # a weekend among them
        await house.work()
        assert house.box.got == []
        house.at(house.clock.now + DAY)
    assert await house.became() == [(ADMIN, "failed", "unreachable")]


async def test_a_sign_in_mail_that_nobody_gets_marks_the_address_and_the_next_one_goes(house: House) -> None:
    await house.begin()

    async def ask() -> None:
        house.at(house.clock.now + timedelta(hours=2))
        wanted = partial(ask_for_link, client="127.0.0.1", next_path="/", locale="ja", minutes=15)
        secrets, now = house.site.secrets, house.clock.now
        await house.db.write(lambda session: wanted(session, secrets, address=ADMIN, now=now))
        await house.work()

    house.box.recipient = lambda _: "450 not now"
    await ask()
    assert await house.stopped() == []
    house.box.recipient = lambda _: "550 5.1.1 no such person"
    await ask()
    assert await house.stopped() == [(ADMIN, "bounced")]
    assert [one.kind for one in await house.jobs() if one.kind == MAIL_JOB] == [], "nothing is tried there again"
    house.box.recipient = lambda _: "250 OK"
    await ask()
    assert ADMIN in house.box.to


async def test_an_address_refused_for_good_is_marked_and_gets_nothing_more(house: House) -> None:
    await one_letter(house)

    def watch(session: Session) -> None:
        wanted = WantedChannel("slack", "cs", "http://127.0.0.1:9/x", wants=("bounced",))
        policy = house.site.outbound.policy
        add_channel(session, wanted, secrets=house.site.secrets, policy=policy, by="x", now=house.clock.now)

    await house.db.write(watch)
    house.box.recipient = lambda _: "550 5.1.1 no such person"
    await house.work()
    assert await house.became() == [(ADMIN, "failed", "bad_address")]
    assert await house.stopped() == [(ADMIN, "bounced")]
    lines = await house.db.read(lambda session: session.execute(select(col(AlertLine.kind))).scalars().all())
    assert lines == ["bounced"]
    house.box.recipient = lambda _: "250 OK"
    await house.switch_on("deadline_near", days=30)
    await house.look_and_work()
    assert (await house.became())[-1] == (ADMIN, "held", "bounced")
    # Somebody has put it right.
    row = await house.db.read(lambda session: session.execute(select(StoppedAddress)).scalar_one())
    await house.db.write(lambda session: addresses.clear(session, row.id or 0, by="sato", now=house.clock.now))
    await house.world.make_exception(due_at=tokyo("7-05 10:00"))
    await house.look_and_work()
    assert house.box.to == [ADMIN]


async def test_a_mail_that_is_refused_does_not_mark_its_address(house: House) -> None:
    await one_letter(house)
    house.box.content = lambda: "554 5.7.1 looks like spam"
    await house.work()
    assert await house.became() == [(ADMIN, "failed", "refused")]
    assert await house.stopped() == []


async def test_a_server_that_hangs_after_taking_it_is_not_given_it_twice(house: House) -> None:
    await one_letter(house)
    house.box.content = lambda: None
    await house.work()
    house.box.content = lambda: "250 OK"
    for _ in range(3):
        house.at(house.clock.now + DAY)
        await house.look_and_work()
    assert len(house.box.got) == 1
    assert await house.became() == [(ADMIN, "uncertain", "unanswered")]


async def test_a_worker_killed_in_the_middle_leaves_no_second_mail(house: House) -> None:
    await one_letter(house)
    (letter,) = await house.letters()
    now = house.clock.now
    # It has got as far as this, and then there is no worker any more.
    found = await house.db.read(
        lambda session: posting.decide(session, site=house.site, letter_id=letter.id or 0, now=now)
    )
    await house.db.write(lambda session: posting.begin(session, letter_id=letter.id or 0, found=found, now=now))
    house.at(now + timedelta(minutes=5))
    await house.work()
    assert (house.box.got, await house.became()) == ([], [(ADMIN, "uncertain", "interrupted")])


async def test_nothing_goes_to_an_address_that_was_taken_off_meanwhile(house: House) -> None:
    await one_letter(house)
    await house.world.member("acme-admin", role="admin", email="new@acme.example")
    await house.db.write(lambda session: addresses.stop(session, ADMIN, "unsubscribed", now=house.clock.now))
    await house.work()
    assert house.box.to == ["new@acme.example"]
    await house.db.write(
        lambda session: addresses.stop(session, "new@acme.example", "unsubscribed", now=house.clock.now)
    )
    await house.switch_on("deadline_near", days=30)
    await house.look_and_work()
    assert (await house.became())[-1] == ("new@acme.example", "held", "unsubscribed")


async def test_a_deadline_is_news_once_for_each_channel(house: House) -> None:
    await house.begin()

    def watch(session: Session) -> None:
        wanted = WantedChannel("slack", "cs", "http://127.0.0.1:9/x", wants=("overdue",))
        policy = house.site.outbound.policy
        add_channel(session, wanted, secrets=house.site.secrets, policy=policy, by="x", now=house.clock.now)

    await house.db.write(watch)
    told = ChecklistOverdue("acme", "start", 1, tokyo("7-01 23:59"))
    for _ in range(2):
        await house.db.write(lambda session: alerts.on_checklist_news(session, [told], house.clock.now))
    assert len(await house.db.read(lambda session: session.execute(select(AlertLine)).all())) == 1


async def test_more_than_goes_into_one_message_goes_into_the_next(house: House) -> None:
    await house.begin()

    def watch(session: Session) -> None:
        wanted = WantedChannel("mail", "cs", "cs@vendor.example", wants=("silent",))
        policy = house.site.outbound.policy
        add_channel(session, wanted, secrets=house.site.secrets, policy=policy, by="x", now=house.clock.now)
        many = [Happening("silent", 1, f"silent:{one}", house.clock.now) for one in range(alerts.AT_ONCE + 1)]
        alerts.tell(session, many, now=house.clock.now)

    house.at(tokyo("6-02 10:00"))
    await house.db.write(watch)
    await house.work()
    assert house.box.to == ["cs@vendor.example"]
    house.at(tokyo("6-02 10:01"))
    await house.work()
    assert house.box.to == ["cs@vendor.example"] * 2
    waiting = select(AlertLine).where(col(AlertLine.sent_at).is_(None))
    assert await house.db.read(lambda session: session.execute(waiting).all()) == []


async def test_a_letter_put_off_twice_is_one_job(house: House) -> None:
    await one_letter(house)
    (letter,) = await house.letters()
    later = posting.Later(tokyo("6-02 09:00"))
    for _ in range(2):  # as after a worker that was killed between this and the end of its job
        begun = partial(posting.begin, letter_id=letter.id or 0, found=later, now=house.clock.now)
        await house.db.write(begun)
    assert [one.run_at for one in await house.jobs() if one.kind == "mailing.send"].count(later.at) == 1


async def test_a_link_proves_to_whom_it_was_written(house: House) -> None:
    await one_letter(house)
    await house.work()
    (letter,) = await house.letters()
    token = addresses.unsubscribe_token(house.site.secrets, letter.id or 0, letter.to)

    def found(session: Session) -> bool:
        return addresses.letter_of(session, house.site.secrets, token) is not None

    assert await house.db.read(found)
    other = update(Letter).where(col(Letter.id) == letter.id).values(to="x@beta.example", to_key="x@beta.example")
    await house.db.write(lambda session: session.execute(other))  # the number is another letter's by now
    assert not await house.db.read(found)
