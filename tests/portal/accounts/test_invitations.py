"""Getting customers in: invitations by mail, again and taken back, codes by phone, and what a customer's admin does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from portal.accounts import invitations, pages, sessions
from portal.accounts.invitation_mails import send_invitation
from portal.accounts.invitations import MAIL_JOB, State, history, state_of
from portal.accounts.models import Member
from portal.accounts.people import describe_member, mark_member_left, members_of
from portal.accounts.rules import is_among, is_shared_address
from portal.accounts.service import account_by_external_id, id_of
from portal.desk import pages as desk
from portal.insights import pages as insights
from portal.kit.db import Database
from portal.kit.jobs import Kind
from portal.kit.mail import Mail
from portal.kit.worker import Worker
from tests.factories import NOW, make_account, make_admin, make_member, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with
from tests.portal.accounts.conftest import Outbox

pytestmark = pytest.mark.anyio
STAFF = "/staff/accounts/aoba/people"


@dataclass
class Entrance:
    """A portal with one customer, three of its people (an admin, Suzuki, and Kondo without an address), and staff."""

    db: Database
    clock: Clock
    app: FastAPI
    outbox: Outbox
    stack: AsyncExitStack
    people: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def browser(self, who: str = "") -> httpx.AsyncClient:
        return await self.stack.enter_async_context(browser(self.app, self.tokens[who] if who else None))

    async def send(self, client: httpx.AsyncClient, page: str, action: str, **fields: str) -> httpx.Response:
        return await client.post(action, data={"csrf": csrf_in(await client.get(page)), **fields})

    async def invite(self, client: httpx.AsyncClient, who: str = "suzuki") -> None:
        page = f"{STAFF}/{self.people[who]}"
        assert (await self.send(client, page, f"{page}/invitation")).status_code == 303

    async def mails(self) -> list[Mail]:
        site = self.app.state.site
        kinds = {MAIL_JOB: Kind(partial(send_invitation, site))}

        async def nothing() -> None:
            """Nothing runs by the clock here."""

        await Worker(database=self.db, kinds=kinds, clock=self.clock, prepare=nothing).run_due()
        return self.outbox.mails

    async def link(self) -> str:
        found = re.search(r"http://portal\.example(/invitation/\S+)", (await self.mails())[-1].text)
        assert found
        return found[1]

    async def states(self, who: str = "suzuki") -> list[State]:
        def work(session: Session) -> list[State]:
            member = session.get_one(Member, self.people[who])
            return [state_of(one, now=self.clock.now) for one in history(session, member)]

        return await self.db.read(work)

    async def change(self, who: str, **changes: object) -> None:
        def work(session: Session) -> None:
            describe_member(session, session.get_one(Member, self.people[who]), changes=changes, now=self.clock.now)

        await self.db.write(work)


@pytest.fixture
async def entrance(db: Database) -> AsyncIterator[Entrance]:
    clock, outbox = Clock(), Outbox()
    app = portal_with(db, clock, pages.router, insights.router, desk.router)
    object.__setattr__(app.state.site, "mailer", outbox)
    sessions.on_signed_in.subscribe(invitations.note_joined)
    people: dict[str, int] = {}
    tokens: dict[str, str] = {}

    def furnish(session: Session) -> None:
        aoba = make_account(session, external_id="aoba", name="青葉商事")
        for who, member in (
            ("admin", make_admin(session, aoba, name="田中", email="tanaka@aoba.example")),
            ("suzuki", make_member(session, aoba, name="鈴木", email="suzuki@aoba.example")),
            ("kondo", make_member(session, aoba, name="近藤", email=None)),
        ):
            people[who] = member.id or 0
        tokens["admin"] = sign_in_as(session, session.get_one(Member, people["admin"]))
        tokens["staff"] = sign_in_as(session, make_staff(session, email="sato@vendor.example"))
        other = make_admin(session, make_account(session, external_id="midori"))
        tokens["other"] = sign_in_as(session, other)

    await db.write(furnish)
    async with AsyncExitStack() as stack:
        yield Entrance(db, clock, app, outbox, stack, people, tokens)


# --- by mail ----------------------------------------------------------------------------------------------------------


async def test_an_invitation_lets_exactly_one_person_in_once(entrance: Entrance) -> None:
    await entrance.invite(await entrance.browser("staff"))
    [mail] = await entrance.mails()
    assert (mail.to, "青葉商事" in mail.text, "佐藤" in mail.text) == ("suzuki@aoba.example", True, True)
    link, scanner, suzuki = await entrance.link(), await entrance.browser(), await entrance.browser()
    assert (await scanner.head(link)).status_code == 200
    assert await entrance.states() == ["invited"]
    for _ in range(3):
        assert (await scanner.get(link)).status_code == 200
    assert await entrance.states() == ["opened"]
    entered = await entrance.send(suzuki, link, link)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "鈴木" in (await suzuki.get("/me")).text
    assert await entrance.states() == ["joined"]
    again = await entrance.send(scanner, "/sign-in", link)
    assert (again.status_code, (await scanner.get("/me")).status_code) == (410, 303)


async def test_a_new_invitation_ends_the_one_before(entrance: Entrance) -> None:
    staff = await entrance.browser("staff")
    await entrance.invite(staff)
    first = await entrance.link()
    await entrance.invite(staff)
    assert await entrance.states() == ["invited", "revoked"]
    assert (await (await entrance.browser()).get(first)).status_code == 410
    assert (await (await entrance.browser()).get(await entrance.link())).status_code == 200


@pytest.mark.parametrize(
    ("what", "state"), [("revoked", "revoked"), ("late", "expired"), ("moved", "invited"), ("left", "invited")]
)
async def test_a_link_that_is_no_longer_good(entrance: Entrance, what: str, state: State) -> None:
    staff, suzuki = await entrance.browser("staff"), await entrance.browser()
    await entrance.invite(staff)
    link = await entrance.link()
    page = f"{STAFF}/{entrance.people['suzuki']}"
    if what == "revoked":
        await entrance.send(staff, page, f"{page}/invitation/revoke")
    elif what == "late":
        entrance.clock.now += timedelta(days=14)
    elif what == "moved":
        await entrance.change("suzuki", email="other@aoba.example")
    else:
        await entrance.db.write(
            lambda s: mark_member_left(s, s.get_one(Member, entrance.people["suzuki"]), left_at=NOW, now=NOW)
        )
    assert await entrance.states() == [state]
    answer = await entrance.send(suzuki, "/sign-in", link)
    assert (answer.status_code, (await suzuki.get("/me")).status_code) == (410, 303)


async def test_nothing_is_sent_that_was_taken_back_before_it_went(entrance: Entrance) -> None:
    staff = await entrance.browser("staff")
    await entrance.invite(staff)
    page = f"{STAFF}/{entrance.people['suzuki']}"
    await entrance.send(staff, page, f"{page}/invitation/revoke")
    assert await entrance.mails() == []


async def test_signing_in_another_way_is_coming_in_too(entrance: Entrance) -> None:
    await entrance.invite(await entrance.browser("staff"))
    await entrance.db.write(lambda s: sign_in_as(s, s.get_one(Member, entrance.people["suzuki"])))
    assert await entrance.states() == ["joined"]


async def test_an_unknown_link_is_a_page_of_its_own(entrance: Entrance) -> None:
    stranger = await entrance.browser()
    assert (await stranger.get("/invitation/nonsense")).status_code == 404
    assert (await entrance.send(stranger, "/sign-in", "/invitation/nonsense")).status_code == 404


async def test_everybody_who_was_never_here_is_invited_at_once(entrance: Entrance) -> None:
    staff = await entrance.browser("staff")
    shown = (await staff.get("/staff/accounts/aoba")).text
    assert "未利用の1人を招待" in shown, "the admin was here, and Kondo has no address"
    await entrance.send(staff, "/staff/accounts/aoba", "/staff/accounts/aoba/invitations")
    assert [mail.to for mail in await entrance.mails()] == ["suzuki@aoba.example"]
    await entrance.send(staff, "/staff/accounts/aoba", "/staff/accounts/aoba/invitations")
    assert len(await entrance.mails()) == 1, "their invitation is still open"


@pytest.mark.parametrize(
    ("who", "domains", "said"),
    [("kondo", [], "メールアドレスがない"), ("suzuki", ["aoba.co.jp"], "aoba.co.jp"), ("suzuki", ["aoba.example"], "")],
)
async def test_who_cannot_be_invited(entrance: Entrance, who: str, domains: list[str], said: str) -> None:
    def work(session: Session) -> None:
        account = account_by_external_id(session, "aoba")
        assert account is not None
        account.mail_domains = domains
        session.add(account)

    await entrance.db.write(work)
    staff = await entrance.browser("staff")
    await entrance.invite(staff, who)
    assert said in (await staff.get(f"{STAFF}/{entrance.people[who]}")).text
    assert len(await entrance.mails()) == (0 if said else 1)


# --- by phone ---------------------------------------------------------------------------------------------------------


async def test_a_code_read_out_lets_in_without_any_mail(entrance: Entrance) -> None:
    staff, suzuki = await entrance.browser("staff"), await entrance.browser()
    page = f"{STAFF}/{entrance.people['suzuki']}"
    shown = await entrance.send(staff, page, f"{page}/code")
    assert shown.headers["cache-control"] == "private, no-store"
    code = re.search(r'<span aria-hidden="true">(\d{3} \d{3})</span>', shown.text)
    assert code
    assert "http://portal.example/sign-in" in shown.text, "where it is typed is read out too"
    await entrance.send(suzuki, "/sign-in", "/sign-in", email="suzuki@aoba.example")
    await entrance.send(suzuki, "/sign-in/sent", "/sign-in/code", code=code[1])
    assert (await suzuki.get("/me")).status_code == 200
    assert await entrance.states() == ["joined"], "on record, and used"
    assert "電話でコード" in (await staff.get(page)).text


async def test_a_code_lasts_ten_minutes(entrance: Entrance) -> None:
    staff, suzuki = await entrance.browser("staff"), await entrance.browser()
    page = f"{STAFF}/{entrance.people['suzuki']}"
    shown = await entrance.send(staff, page, f"{page}/code")
    code = re.search(r'<span aria-hidden="true">(\d{3} \d{3})</span>', shown.text)
    assert code
    entrance.clock.now += timedelta(minutes=10)
    await entrance.send(suzuki, "/sign-in", "/sign-in", email="suzuki@aoba.example")
    await entrance.send(suzuki, "/sign-in/sent", "/sign-in/code", code=code[1])
    assert (await suzuki.get("/me")).status_code == 303
    assert await entrance.states() == ["expired"]


async def test_there_is_no_code_for_whom_there_is_no_way_in(entrance: Entrance) -> None:
    staff = await entrance.browser("staff")
    page = f"{STAFF}/{entrance.people['kondo']}"
    assert (await entrance.send(staff, page, f"{page}/code")).status_code == 303
    assert await entrance.states("kondo") == []


# --- the customer's own admin -----------------------------------------------------------------------------------------


async def people_of(db: Database) -> dict[str | None, str]:
    def work(session: Session) -> dict[str | None, str]:
        account = account_by_external_id(session, "aoba")
        assert account is not None
        return {one.email: one.role for one in members_of(session, id_of(account))}

    return await db.read(work)


async def test_an_admin_invites_a_colleague_nobody_knew(entrance: Entrance) -> None:
    admin = await entrance.browser("admin")
    await entrance.send(admin, "/team", "/team/people", email="mori@aoba.example", name="森")
    assert (await people_of(entrance.db))["mori@aoba.example"] == "member"
    [mail] = await entrance.mails()
    assert (mail.to, "田中さんから" in mail.text) == ("mori@aoba.example", True)
    await entrance.send(admin, "/team", f"/team/people/{entrance.people['suzuki']}/invitation")
    assert await entrance.states() == ["invited"]


async def test_an_admin_invites_several_at_once_or_nobody(entrance: Entrance) -> None:
    admin = await entrance.browser("admin")
    several = "mori@aoba.example\n abe@aoba.example,suzuki@aoba.example、abe@aoba.example "
    await entrance.send(admin, "/team", "/team/people", email=several, name="森")
    assert "3件の招待を送ります" in (await admin.get("/team")).text
    assert sorted(mail.to for mail in await entrance.mails()) == [
        "abe@aoba.example",
        "mori@aoba.example",
        "suzuki@aoba.example",
    ]
    many = "\n".join(f"p{number}@aoba.example" for number in range(51))
    await entrance.send(admin, "/team", "/team/people", email=many)
    assert "50名まで" in (await admin.get("/team")).text


@pytest.mark.parametrize("email", ["", "nonsense", "mori@elsewhere.example", "mori@aoba.example nonsense"])
async def test_an_address_an_admin_cannot_invite(entrance: Entrance, email: str) -> None:
    def work(session: Session) -> None:
        account = account_by_external_id(session, "aoba")
        assert account is not None
        account.mail_domains = ["aoba.example"]
        session.add(account)

    await entrance.db.write(work)
    before = await people_of(entrance.db)
    admin = await entrance.browser("admin")
    await entrance.send(admin, "/team", "/team/people", email=email, name="森")
    assert 'class="notice notice-bad' in (await admin.get("/team")).text
    assert (await people_of(entrance.db), await entrance.mails()) == (before, [])


@pytest.mark.parametrize(("stay", "mine"), [("", "member"), ("1", "admin")])
async def test_an_admin_hands_the_role_over(entrance: Entrance, stay: str, mine: str) -> None:
    admin = await entrance.browser("admin")
    await entrance.send(admin, "/team", "/team/admin", member=str(entrance.people["suzuki"]), stay=stay)
    after = await people_of(entrance.db)
    assert (after["suzuki@aoba.example"], after["tanaka@aoba.example"]) == ("admin", mine)
    assert (await admin.get("/team")).status_code == (200 if stay else 404)


async def test_no_admin_reaches_into_another_customer(entrance: Entrance) -> None:
    other = await entrance.browser("other")
    number = entrance.people["suzuki"]
    for action, fields in ((f"/team/people/{number}/invitation", {}), ("/team/admin", {"member": str(number)})):
        assert (await entrance.send(other, "/team", action, **fields)).status_code == 404
    assert (await entrance.states(), (await people_of(entrance.db))["suzuki@aoba.example"]) == ([], "member")


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("info@aoba.example", True),
        ("ＩＮＦＯ@aoba.example", True),
        ("soumu@aoba.co.jp", True),
        ("sales01@aoba.example", True),
        ("support+tokyo@aoba.example", True),
        ("tanaka@aoba.example", False),
        ("informatics@aoba.example", False),
    ],
)
def test_addresses_that_several_people_read(address: str, shared: bool) -> None:
    assert is_shared_address(address) is shared


@pytest.mark.parametrize(
    ("address", "domains", "among"),
    [
        ("a@aoba.example", [], True),
        ("a@aoba.example", ["aoba.example"], True),
        ("a@Sales.AOBA.example", ["aoba.example"], True),
        ("a@notaoba.example", ["aoba.example"], False),
        ("a@aoba.example.evil.example", ["aoba.example"], False),
    ],
)
def test_the_domains_a_customer_allows(address: str, domains: list[str], among: bool) -> None:
    assert is_among(address, domains) is among
