from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member, Staff, Visit
from portal.accounts.people import mark_member_left
from portal.accounts.service import mark_left
from portal.accounts.sessions import end_visits_of_account, forget_visits, own_visits
from portal.accounts.staff import remove_staff
from portal.accounts.viewers import MemberViewer, StaffViewer, find_viewer
from portal.kit.db import Database
from portal.kit.secrets import hash_token
from tests.factories import NOW, make_account, make_admin, make_member, make_staff, sign_in_as
from tests.portal.accounts.conftest import Browser, Portal
from tests.statements import statements_to

TANAKA = "tanaka@example.com"


async def enter(portal: Portal, token: str, *, https: bool = False) -> Browser:
    browser = await portal.browser(https=https)
    browser.client.cookies.set("__Host-banso" if https else "banso", token)
    return browser


def several(session: Session) -> tuple[str, int, int, int]:
    """Tanaka, member of two customers, signed in with the first; somebody else in a third."""
    first = make_member(session, make_account(session, name="一番"), name="田中", email=TANAKA)
    second = make_member(session, make_account(session, name="二番"), name="田中", email="Tanaka@Example.com")
    other = make_member(session, make_account(session, name="三番"), email="other@example.com")
    return sign_in_as(session, first), first.id or 0, second.id or 0, other.id or 0


async def viewer_of(db: Database, token: str, *, now: datetime = NOW) -> MemberViewer | StaffViewer | None:
    return await db.read(lambda session: find_viewer(session, hash_token(token), now=now))


# --- who it is --------------------------------------------------------------------------------------------------------


async def test_a_member_is_found_with_their_customer_and_memberships(db: Database) -> None:
    token, first, second, _ = await db.write(several)
    viewer = await viewer_of(db, token)
    assert isinstance(viewer, MemberViewer)
    assert (viewer.member_id, viewer.account_name, viewer.name, viewer.is_admin) == (first, "一番", "田中", False)
    assert viewer.memberships == ((first, "一番"), (second, "二番"))


async def test_an_admin_and_a_staff_person_are_told_apart(db: Database) -> None:
    admin = await viewer_of(db, await db.write(lambda s: sign_in_as(s, make_admin(s, make_account(s)))))
    staff = await viewer_of(db, await db.write(lambda s: sign_in_as(s, make_staff(s, role="owner"))))
    assert isinstance(admin, MemberViewer)
    assert admin.is_admin
    assert isinstance(staff, StaffViewer)
    assert (staff.kind, staff.is_admin, staff.memberships) == ("staff", True, ())


async def test_finding_a_viewer_is_one_query(db: Database) -> None:
    token = await db.write(lambda s: sign_in_as(s, make_member(s, make_account(s))))

    def look(session: Session) -> tuple[object, list[str]]:
        with statements_to(session) as statements:
            return find_viewer(session, hash_token(token), now=NOW), statements

    viewer, statements = await db.read(look)
    assert viewer is not None
    assert len([statement for statement in statements if "visit" in statement or "member" in statement]) == 1


@pytest.mark.parametrize("name", ["", None])
async def test_someone_without_a_name_is_called_by_their_address(db: Database, name: str | None) -> None:
    token = await db.write(lambda s: sign_in_as(s, make_member(s, make_account(s), name=name, email=TANAKA)))
    viewer = await viewer_of(db, token)
    assert viewer is not None
    assert viewer.name == TANAKA


@pytest.mark.parametrize(
    "gone", ["member left", "customer left", "staff removed", "too old", "customer's visits ended", "another token"]
)
async def test_whoever_may_no_longer_be_here_is_out_at_once(db: Database, gone: str) -> None:
    def arrive(session: Session) -> tuple[str, str]:
        member = make_member(session, make_account(session))
        return sign_in_as(session, member), sign_in_as(session, make_staff(session))

    member_token, staff_token = await db.write(arrive)
    token = staff_token if gone == "staff removed" else member_token

    def leave(session: Session) -> None:
        account = session.execute(select(Account)).scalar_one()
        if gone == "member left":
            mark_member_left(session, session.execute(select(Member)).scalar_one(), left_at=NOW, now=NOW)
        elif gone == "customer left":
            mark_left(session, account, left_at=NOW, now=NOW)
        elif gone == "staff removed":
            remove_staff(session, session.execute(select(Staff)).scalar_one(), now=NOW)
        elif gone == "customer's visits ended":
            end_visits_of_account(session, account, now=NOW)

    assert await viewer_of(db, token) is not None
    await db.write(leave)
    now = NOW + timedelta(days=30) if gone == "too old" else NOW
    assert await viewer_of(db, token + "x" if gone == "another token" else token, now=now) is None


async def test_who_leaves_tomorrow_is_here_today(db: Database) -> None:
    tomorrow = NOW + timedelta(days=1)
    token = await db.write(lambda s: sign_in_as(s, make_member(s, make_account(s, left_at=tomorrow), left_at=tomorrow)))
    assert await viewer_of(db, token) is not None
    assert await viewer_of(db, token, now=tomorrow) is None


# --- cookies and sessions ---------------------------------------------------------------------------------------------


def session_cookie_of(response: httpx.Response) -> str:
    return next(value for value in response.headers.get_list("set-cookie") if "banso=" in value)


@pytest.mark.parametrize(("https", "begins"), [(False, "banso="), (True, "__Host-banso=")])
async def test_the_session_cookie(portal: Portal, https: bool, begins: str) -> None:
    await portal.db.write(lambda s: make_member(s, make_account(s), email=TANAKA))
    browser = await portal.browser(https=https)
    await browser.ask(TANAKA)
    cookie = session_cookie_of(await browser.press((await portal.mail()).path))
    assert cookie.startswith(begins)
    assert ("Secure" in cookie) is https
    for part in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


async def test_signing_in_makes_a_new_session_and_ends_the_one_before(portal: Portal) -> None:
    token = await portal.db.write(several)
    browser = await enter(portal, token[0])
    other = await portal.browser()
    await other.ask(TANAKA)
    path = (await portal.mail()).path
    entered = await browser.press(path)
    fresh = session_cookie_of(entered).split("=", 1)[1].split(";", 1)[0]
    assert fresh != token[0]
    assert await viewer_of(portal.db, token[0]) is None
    assert await viewer_of(portal.db, fresh) is not None


async def test_signing_out_ends_the_session_on_the_server(portal: Portal) -> None:
    token, *_ = await portal.db.write(several)
    browser = await enter(portal, token)
    out = await browser.submit("/me", "/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert not await (await enter(portal, token)).is_in()


async def test_a_session_lasts_as_long_as_one_comes_back(portal: Portal) -> None:
    token, *_ = await portal.db.write(several)
    browser = await enter(portal, token)
    for _ in range(3):
        portal.clock.forward(days=29)
        assert await browser.is_in()
    portal.clock.forward(days=30)
    assert not await browser.is_in()


async def test_the_last_visit_is_written_once_an_hour_at_most(portal: Portal) -> None:
    token, *_ = await portal.db.write(several)
    browser = await enter(portal, token)

    async def seen() -> datetime:
        return await portal.db.read(lambda s: s.execute(select(Visit)).scalar_one().last_seen_at)

    portal.clock.forward(minutes=59)
    await browser.get("/me")
    assert await seen() == NOW
    portal.clock.forward(minutes=1)
    await browser.get("/me")
    assert await seen() == NOW + timedelta(hours=1)


async def test_nobody_is_led_to_sign_in_and_back(portal: Portal) -> None:
    browser = await portal.browser()
    away = await browser.get("/me?x=1")
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=%2Fme%3Fx%3D1")
    assert 'name="next" value="/me?x=1"' in (await browser.get(away.headers["location"])).text


@pytest.mark.parametrize(
    "action", ["/sign-in", "/sign-in/code", "/sign-in/link/x", "/sign-out", "/switch", "/me/language"]
)
async def test_every_form_is_checked(portal: Portal, action: str) -> None:
    token, *_ = await portal.db.write(several)
    for browser in (await portal.browser(), await enter(portal, token)):
        for csrf in ({}, {"csrf": "0" * 64}):
            assert (await browser.client.post(action, data={"email": TANAKA, **csrf})).status_code == 403


# --- switching --------------------------------------------------------------------------------------------------------


async def test_one_goes_on_as_another_membership_of_ones_own(portal: Portal) -> None:
    token, _, second, other = await portal.db.write(several)
    browser = await enter(portal, token)
    assert (await browser.submit("/me", "/switch", member=str(other))).status_code == 404
    assert (await browser.submit("/me", "/switch", member="999")).status_code == 404
    moved = await browser.submit("/me", "/switch", member=str(second))
    assert moved.headers["location"] == "/"
    viewer = await viewer_of(portal.db, token)
    assert isinstance(viewer, MemberViewer)
    assert viewer.member_id == second


async def test_nobody_switches_to_a_customer_they_left(portal: Portal) -> None:
    token, _, second, _ = await portal.db.write(several)
    browser = await enter(portal, token)

    def leave(session: Session) -> None:
        member = session.get(Member, second)
        assert member is not None
        mark_member_left(session, member, left_at=NOW, now=NOW)

    await portal.db.write(leave)
    assert (await browser.submit("/me", "/switch", member=str(second))).status_code == 404


# --- one's own page ---------------------------------------------------------------------------------------------------


async def test_one_sees_and_ends_ones_own_sessions_and_no_others(portal: Portal) -> None:
    token, *_ = await portal.db.write(several)

    def more(session: Session) -> tuple[str, str]:
        mine = session.get(Member, 2)
        theirs = session.get(Member, 3)
        assert mine is not None
        assert theirs is not None
        return sign_in_as(session, mine), sign_in_as(session, theirs)

    mine, theirs = await portal.db.write(more)
    browser = await enter(portal, token)

    async def visit_of(which: str) -> int:
        query = select(col(Visit.id)).where(col(Visit.token_hash) == hash_token(which))
        return await portal.db.read(lambda s: s.execute(query).scalar_one()) or 0

    assert (await browser.submit("/me", f"/me/visits/{await visit_of(theirs)}/end")).status_code == 404
    assert await viewer_of(portal.db, theirs) is not None
    assert (await browser.submit("/me", f"/me/visits/{await visit_of(mine)}/end")).status_code == 303
    assert await viewer_of(portal.db, mine) is None
    assert await viewer_of(portal.db, token) is not None


async def test_every_other_browser_is_signed_out_at_once(portal: Portal) -> None:
    token, *_ = await portal.db.write(several)

    def more(session: Session) -> list[str]:
        members = session.execute(select(Member).order_by(col(Member.id))).scalars().all()
        return [sign_in_as(session, member) for member in members]

    tokens = await portal.db.write(more)
    browser = await enter(portal, token)
    assert (await browser.submit("/me", "/me/visits/end-others")).status_code == 303
    alive = [await viewer_of(portal.db, other) is not None for other in [token, *tokens]]
    assert alive == [True, False, False, True]


async def test_the_list_of_sessions_begins_with_this_one(db: Database) -> None:
    token, *_ = await db.write(several)
    await db.write(lambda s: sign_in_as(s, s.get_one(Member, 1), now=NOW + timedelta(hours=1)))
    viewer = await viewer_of(db, token)
    assert viewer is not None
    own = await db.read(lambda s: own_visits(s, viewer, now=NOW))
    assert [visit.is_this for visit in own] == [True, False]


@pytest.mark.parametrize("kind", ["member", "staff"])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_a_language_is_chosen_for_good(portal: Portal, kind: str, language: str) -> None:
    def arrive(session: Session) -> str:
        return sign_in_as(
            session, make_staff(session) if kind == "staff" else make_member(session, make_account(session))
        )

    token = await portal.db.write(arrive)
    browser = await enter(portal, token)
    await browser.submit("/me", "/me/language", language=language)
    assert f'<html lang="{language}"' in (await browser.get("/me")).text
    other = "en" if language == "ja" else "ja"
    assert f'<html lang="{other}"' in (await browser.get(f"/me?lang={other}")).text
    viewer = await viewer_of(portal.db, token)
    assert viewer is not None
    assert viewer.locale == other
    assert (await browser.submit("/me", "/me/language", language="tlh")).status_code == 422


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/sent", "/sign-in/link/nothing"])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_every_page_is_there_in_both_languages(portal: Portal, path: str, language: str) -> None:
    browser = await portal.browser(language=language)
    page = await browser.get(path)
    assert f'<html lang="{language}"' in page.text
    assert "<h1>" in page.text


async def test_sessions_that_ended_long_ago_are_forgotten(db: Database) -> None:
    await db.write(several)

    def how_many(session: Session) -> int:
        return len(session.execute(select(Visit)).all())

    await db.write(lambda s: forget_visits(s, now=NOW + timedelta(days=119)))
    assert await db.read(how_many) == 1
    await db.write(lambda s: forget_visits(s, now=NOW + timedelta(days=121)))
    assert await db.read(how_many) == 0
