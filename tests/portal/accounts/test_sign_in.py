from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.errors import NobodyThere
from portal.accounts.models import Account, Member, SignInLink
from portal.accounts.people import mark_member_left
from portal.accounts.service import mark_left
from portal.accounts.sessions import SignIn, on_signed_in
from portal.accounts.sign_in import forget_old, issue_link, use_link, who_is
from portal.accounts.staff import remove_staff
from portal.kit.db import Database
from portal.kit.jobs import Job
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.portal.accounts.conftest import Browser, Portal

TANAKA = "tanaka@example.com"


def tanaka(session: Session) -> tuple[Account, Member]:
    account = make_account(session, external_id="a1", name="株式会社伴走")
    return account, make_member(session, account, external_id="u1", name="田中", email=TANAKA)


def counted(session: Session) -> tuple[int, int]:
    """How many links and how many jobs there are."""
    links, jobs = (session.execute(select(func.count()).select_from(table)).scalar_one() for table in (SignInLink, Job))
    return links, jobs


async def asked_by_tanaka(portal: Portal) -> Browser:
    await portal.db.write(tanaka)
    browser = await portal.browser()
    await browser.ask(TANAKA)
    return browser


# --- by link ----------------------------------------------------------------------------------------------------------


async def test_looking_at_a_link_does_not_use_it_up_and_the_button_does(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    path = (await portal.mail()).path
    scanner = await portal.browser()
    for _ in range(3):
        assert (await scanner.get(path)).status_code == 200
        assert (await scanner.client.head(path)).status_code == 200
    assert not await scanner.is_in()
    entered = await browser.press(path)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert await browser.is_in()


async def test_a_link_signs_in_once(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    path = (await portal.mail()).path
    await browser.press(path)
    other = await portal.browser()
    page = await other.get(path)
    assert page.status_code == 410
    assert not await other.is_in()
    assert (await other.submit("/sign-in", path)).status_code == 410
    assert not await other.is_in()


async def test_two_who_press_at_once_are_one(portal: Portal) -> None:
    await portal.db.write(tanaka)
    path = await portal.db.write(lambda s: issue_link(s, TANAKA, now=NOW, minutes=30))
    token = path.rsplit("/", 1)[1]
    entries = await asyncio.gather(*(portal.db.write(lambda s: use_link(s, token, now=NOW)) for _ in range(5)))
    assert sum(entry is not None for entry in entries) == 1


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (30, 410), (60, 410)])
async def test_a_links_time_is_up(portal: Portal, minutes: int, status: int) -> None:
    browser = await asked_by_tanaka(portal)
    mail = await portal.mail()
    portal.clock.forward(minutes=minutes)
    assert (await browser.get(mail.path)).status_code == status
    entered = await browser.submit("/sign-in", mail.path)
    assert (entered.status_code == 303) is (status == 200)


async def test_a_link_nobody_made(portal: Portal) -> None:
    browser = await portal.browser()
    assert (await browser.get("/sign-in/link/nothing")).status_code == 404
    assert (await browser.submit("/sign-in", "/sign-in/link/nothing")).status_code == 404


async def test_nothing_that_signs_in_is_stored_in_the_clear(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)

    def stored(session: Session) -> str:
        links = session.execute(select(SignInLink)).scalars().all()
        jobs = session.execute(select(Job)).scalars().all()
        return " ".join([*(repr(link) for link in links), *(repr(job.payload) for job in jobs)])

    before = await portal.db.read(stored)
    mail = await portal.mail()
    after = await portal.db.read(stored)
    for secret in (mail.path.rsplit("/", 1)[1], f"'{mail.code}'", f'"{mail.code}"'):
        assert secret not in before + after
    assert browser.client.cookies["banso-asked"].count(TANAKA) == 0


# --- by code ----------------------------------------------------------------------------------------------------------


async def test_the_code_is_first_in_the_mail_and_signs_in(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    mail = await portal.mail()
    assert len(mail.code) == 6
    assert mail.code.isdigit()
    assert mail.code not in mail.mail.subject
    entered = await browser.type_code(mail.code, email=TANAKA)
    assert entered.status_code == 303
    assert await browser.is_in()


@pytest.mark.parametrize("typed", ["{} {}", "{}-{}", " {}{}　"])
async def test_a_code_as_people_type_it(portal: Portal, typed: str) -> None:
    browser = await asked_by_tanaka(portal)
    code = (await portal.mail()).code
    assert (await browser.type_code(typed.format(code[:3], code[3:]), email=TANAKA)).status_code == 303


async def test_full_width_digits_are_digits(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    wide = (await portal.mail()).code.translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    assert (await browser.type_code(wide, email=TANAKA)).status_code == 303


async def test_a_code_works_on_another_device_that_says_the_address(portal: Portal) -> None:
    await asked_by_tanaka(portal)
    code = (await portal.mail()).code
    phone = await portal.browser()
    assert 'name="email"' in (await phone.get("/sign-in/sent")).text
    assert (await phone.type_code(code, email=" Tanaka@Example.com ")).status_code == 303
    assert await phone.is_in()


async def test_code_and_link_are_one_way_in(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    mail = await portal.mail()
    await browser.type_code(mail.code, email=TANAKA)
    other = await portal.browser()
    assert (await other.get(mail.path)).status_code == 410
    assert (await other.type_code(mail.code, email=TANAKA)).status_code == 422


async def test_the_code_of_an_earlier_mail_still_works(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    first = (await portal.mail()).code
    await browser.ask(TANAKA)
    assert (await browser.type_code(first, email=TANAKA)).status_code == 303


async def test_after_five_wrong_codes_the_right_one_is_wrong_too(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    mail = await portal.mail()
    wrong = "000000" if mail.code != "000000" else "111111"
    for _ in range(5):
        refused = await browser.type_code(wrong, email=TANAKA)
        assert refused.status_code == 422
    assert (await browser.type_code(mail.code, email=TANAKA)).status_code == 422
    assert not await browser.is_in()
    assert (await browser.press(mail.path)).status_code == 303


async def test_codes_cannot_be_tried_without_end(portal: Portal) -> None:
    browser = await asked_by_tanaka(portal)
    code = (await portal.mail()).code
    wrong = "000000" if code != "000000" else "111111"
    answers = [await browser.type_code(wrong, email=TANAKA) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) == 3601
    portal.clock.forward(hours=1, seconds=1)
    assert (await browser.type_code(wrong, email=TANAKA)).status_code == 422


# --- nobody is told who is known --------------------------------------------------------------------------------------


async def test_the_answer_is_the_same_whether_or_not_an_address_is_known(portal: Portal) -> None:
    await portal.db.write(tanaka)
    seen = []
    for address in (TANAKA, "nobody@example.com"):
        browser = await portal.browser()
        before = await portal.db.read(counted)
        answer = await browser.ask(address)
        after = await portal.db.read(counted)
        cookie = browser.client.cookies["banso-asked"]
        shown = await browser.get("/sign-in/sent")
        wrong = await browser.type_code("no code", email=address)
        seen.append(
            (
                answer.status_code,
                answer.text,
                sorted(answer.headers),
                answer.headers["location"],
                (after[0] - before[0], after[1] - before[1]),
                len(cookie) // 40,
                shown.status_code,
                shown.text.replace(address, "").count("\n"),
                wrong.status_code,
            )
        )
    assert seen[0] == seen[1]
    assert seen[0][4] == (1, 1)
    assert [mail.to for mail in await portal.sent()] == [TANAKA]


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a@b.jp\r\nBcc: c@d.jp"])
async def test_what_is_no_address_is_said_at_once(portal: Portal, address: str) -> None:
    browser = await portal.browser(language="en")
    answer = await browser.ask(address)
    assert answer.status_code == 422
    assert "does not look like a mail address" in answer.text
    assert await portal.db.read(counted) == (0, 0)


async def test_an_address_is_not_flooded_with_mails(portal: Portal) -> None:
    await portal.db.write(tanaka)
    browser = await portal.browser()
    answers = [await browser.ask(TANAKA) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) == 901
    assert (await browser.ask("else@example.com")).status_code == 303
    portal.clock.forward(minutes=15, seconds=1)
    assert (await browser.ask(TANAKA)).status_code == 303


async def test_a_client_cannot_ask_for_everyone(portal: Portal) -> None:
    browser = await portal.browser()
    statuses = [(await browser.ask(f"person{number}@example.com")).status_code for number in range(61)]
    assert statuses == [303] * 60 + [429]
    elsewhere = await portal.browser(address="198.51.100.9")
    assert (await elsewhere.ask("person61@example.com")).status_code == 303


# --- who it is --------------------------------------------------------------------------------------------------------


async def test_staff_goes_before_member_and_the_membership_last_used_before_others(db: Database) -> None:
    def work(session: Session) -> list[tuple[int | None, int | None]]:
        first = make_member(session, make_account(session), email=TANAKA)
        second = make_member(session, make_account(session), email=TANAKA)
        seen = [who_is(session, TANAKA, now=NOW)]
        sign_in_as(session, second)
        seen.append(who_is(session, TANAKA, now=NOW))
        sign_in_as(session, first, now=NOW + timedelta(minutes=1))
        seen.append(who_is(session, TANAKA, now=NOW))
        staff = make_staff(session, email=TANAKA)
        seen.append(who_is(session, TANAKA, now=NOW))
        remove_staff(session, staff, now=NOW)
        seen.append(who_is(session, TANAKA, now=NOW))
        found = [(who.staff_id, who.member_id) for who in seen if who is not None]
        want = [(None, first.id), (None, second.id), (None, first.id), (staff.id, None), (None, first.id)]
        assert found == want
        return found

    assert len(await db.write(work)) == 5


@pytest.mark.parametrize("gone", ["member", "account"])
async def test_whoever_left_gets_no_mail_and_no_entry(portal: Portal, gone: str) -> None:
    browser = await asked_by_tanaka(portal)
    path = (await portal.mail()).path

    def leave(session: Session) -> None:
        account = session.execute(select(Account)).scalar_one()
        member = session.execute(select(Member)).scalar_one()
        if gone == "member":
            mark_member_left(session, member, left_at=NOW, now=NOW)
        else:
            mark_left(session, account, left_at=NOW, now=NOW)

    await portal.db.write(leave)
    assert (await browser.press(path)).status_code == 410
    assert not await browser.is_in()
    await browser.ask(TANAKA)
    assert len(await portal.sent()) == 1


async def test_the_command_line_makes_links_for_known_people_only(portal: Portal) -> None:
    await portal.db.write(tanaka)
    path = await portal.db.write(
        lambda s: issue_link(s, "TANAKA@example.com", now=NOW, minutes=5, next_path="/manuals")
    )
    browser = await portal.browser()
    assert (await browser.press(path)).headers["location"] == "/manuals"
    with pytest.raises(NobodyThere):
        await portal.db.write(lambda s: issue_link(s, "nobody@example.com", now=NOW, minutes=5))


async def test_a_members_sign_in_is_told_in_the_same_transaction(portal: Portal) -> None:
    told: list[SignIn] = []

    def listen(_session: Session, what: SignIn, _now: object) -> None:
        told.append(what)

    leave = on_signed_in.subscribe(listen)
    try:
        browser = await asked_by_tanaka(portal)
        await browser.press((await portal.mail()).path)
    finally:
        leave()
    assert told == [SignIn(account_id=1, member_id=1)]


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/manuals?q=a", "/manuals?q=a"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
    ],
)
async def test_after_signing_in_one_stays_in_the_portal(portal: Portal, asked: str, goes_to: str) -> None:
    await portal.db.write(tanaka)
    browser = await portal.browser()
    await browser.ask(TANAKA, next_path=asked)
    assert (await browser.press((await portal.mail()).path)).headers["location"] == goes_to


async def test_staff_arrive_at_their_own_home(portal: Portal) -> None:
    await portal.db.write(lambda s: make_staff(s, email="sato@vendor.example"))
    browser = await portal.browser()
    await browser.ask("sato@vendor.example")
    assert (await browser.press((await portal.mail()).path)).headers["location"] == "/staff"
    assert (await browser.get("/sign-in")).headers["location"] == "/staff"


# --- the mail ---------------------------------------------------------------------------------------------------------


async def test_the_mail_in_japanese_opens_as_a_letter_does(portal: Portal) -> None:
    await asked_by_tanaka(portal)
    mail = (await portal.mail()).mail
    assert "株式会社伴走" in mail.text.split("\n")[2]
    assert "田中" in mail.text.split("\n")[2]
    assert mail.to == TANAKA
    for remote in ("<img", "<link", "<script", "url("):
        assert remote not in mail.html


async def test_a_person_reads_mails_in_their_own_language(portal: Portal) -> None:
    await portal.db.write(tanaka)
    await portal.db.write(lambda s: s.execute(update(Member).where(col(Member.id) == 1).values(locale="en")))
    await (await portal.browser(language="ja")).ask(TANAKA)
    mail = (await portal.mail()).mail
    assert mail.subject == "Sign in to 伴走クラウド"
    assert "Dear 田中 (株式会社伴走)," in mail.text
    assert "within 30 minutes." in mail.text
    assert '<html lang="en">' in mail.html


async def test_names_do_not_become_markup_in_the_mail(portal: Portal) -> None:
    def hostile(session: Session) -> None:
        account = make_account(session, name="<b>A&B</b>")
        make_member(session, account, name="<script>x</script>", email=TANAKA)

    await portal.db.write(hostile)
    await (await portal.browser()).ask(TANAKA)
    mail = (await portal.mail()).mail
    assert "<script>" not in mail.html
    assert "<b>" not in mail.html
    assert "<b>A&B</b>" in mail.text


async def test_a_mail_that_comes_too_late_is_not_sent(portal: Portal) -> None:
    await asked_by_tanaka(portal)
    portal.clock.forward(minutes=31)
    assert await portal.sent() == []


async def test_old_links_are_forgotten(portal: Portal) -> None:
    await asked_by_tanaka(portal)
    await portal.db.write(lambda s: forget_old(s, now=NOW + timedelta(days=7)))
    assert (await portal.db.read(counted))[0] == 1
    await portal.db.write(lambda s: forget_old(s, now=NOW + timedelta(days=8)))
    assert (await portal.db.read(counted))[0] == 0
