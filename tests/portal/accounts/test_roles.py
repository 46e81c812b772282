"""Who of the vendor's people may do what, as a table; and at every door of the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from portal.accounts.models import Staff
from portal.accounts.roles import RIGHTS, ROLES, Right, rights_of
from portal.accounts.sign_in import issue_link
from portal.accounts.staff import add_staff, list_staff
from portal.kit.db import Database
from portal.main import build, site_from
from portal.settings import Settings
from tests.factories import NOW, make_account, make_staff, sign_in_as
from tests.library import browser, csrf_in

pytestmark = pytest.mark.anyio
EVERY: tuple[Right, ...] = ("see_customers", "act_for_customers", "write_content", "connect_systems", "manage_staff")


@pytest.mark.parametrize(
    ("role", "rights"),
    [("owner", "sawcm"), ("cs", "saw"), ("editor", "w"), ("viewer", "s"), ("staff", ""), ("", "")],
)
def test_what_each_role_may_do(role: str, rights: str) -> None:
    assert "".join(letter for letter, right in zip("sawcm", EVERY, strict=True) if right in rights_of(role)) == rights


def test_every_right_is_somebodys() -> None:
    assert RIGHTS["owner"] == set(EVERY)
    assert set(RIGHTS) == set(ROLES)


@pytest.fixture
async def app(db: Database) -> AsyncIterator[FastAPI]:
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    site = replace(site_from(settings), clock=lambda: NOW)
    yield build(settings, site=site)
    await site.database.close()


async def signed_in(app: FastAPI, db: Database, role: str, email: str | None = None) -> httpx.AsyncClient:
    return browser(app, await db.write(lambda s: sign_in_as(s, make_staff(s, role=role, email=email))))


CUSTOMERS = ("/staff/accounts", "/staff/accounts/aoba", "/staff/onboarding", "/staff/onboarding/rate.csv")


@pytest.mark.parametrize(
    ("role", "customers", "content", "people"),
    [("owner", 200, 200, 200), ("cs", 200, 200, 403), ("editor", 403, 200, 403), ("viewer", 200, 200, 403)],
)
async def test_a_role_opens_its_doors_and_no_others(
    app: FastAPI, db: Database, role: str, customers: int, content: int, people: int
) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba").name)
    async with await signed_in(app, db, role) as staff:
        for path in CUSTOMERS[:3]:
            assert (await staff.get(path)).status_code == customers, path
        assert (await staff.get("/staff/content")).status_code == content
        assert (await staff.get("/staff/people")).status_code == people
        home = await staff.get("/staff")
        assert (home.status_code, home.headers.get("location")) == (
            (303, "/staff/content") if customers == 403 else (200, None)
        )
        shown = (await staff.get("/staff/content")).text
        assert ('href="/staff/accounts"' in shown, 'href="/staff/people"' in shown) == (customers == 200, people == 200)


@pytest.mark.parametrize(("role", "status"), [("cs", 404), ("viewer", 403), ("editor", 403)])
async def test_who_only_looks_cannot_act(app: FastAPI, db: Database, role: str, status: int) -> None:
    async with await signed_in(app, db, role) as staff:
        csrf = csrf_in(await staff.get("/staff/content"))
        answer = await staff.post("/staff/accounts/nobody/checklists/x/steps/y/complete", data={"csrf": csrf})
        assert answer.status_code == status


async def roles(db: Database) -> dict[str, str]:
    return await db.read(lambda s: {one.email: one.role for one in list_staff(s)})


async def id_of(db: Database, email: str) -> int:
    def work(session: Session) -> int:
        return next(
            one.id or 0 for one in [*list_staff(session), *list_staff(session, removed=True)] if one.email == email
        )

    return await db.read(work)


async def test_an_owner_adds_changes_removes_and_brings_back(app: FastAPI, db: Database) -> None:
    async with await signed_in(app, db, "owner", "owner@vendor.example") as owner:
        csrf = csrf_in(await owner.get("/staff/people"))

        async def send(path: str = "", **fields: str) -> str:
            answer = await owner.post(f"/staff/people{path}", data={"csrf": csrf, **fields})
            assert (answer.status_code, answer.headers["location"]) == (303, "/staff/people")
            return (await owner.get("/staff/people")).text

        assert "メールで送ります" in await send(email="Mori@vendor.example", name="森 一郎", role="editor")
        assert (await roles(db))["Mori@vendor.example"] == "editor"
        number = await id_of(db, "Mori@vendor.example")
        assert "CS担当" in await send(f"/{number}/role", role="cs")
        mori = browser(app, await db.write(lambda s: sign_in_as(s, s.get_one(Staff, number))))
        assert (await mori.get("/staff/accounts")).status_code == 200
        await send(f"/{number}/remove")
        assert (await mori.get("/staff/accounts")).status_code == 303, "signed out at once"
        assert "Mori@vendor.example" not in await roles(db)
        await send(f"/{number}/return")
        assert (await roles(db))["Mori@vendor.example"] == "cs"
        await mori.aclose()


async def test_a_removed_colleague_is_out_and_stays_out(app: FastAPI, db: Database) -> None:
    """The open session asks to sign in with its next click, and a link that was mailed before lets nobody in."""

    def work(session: Session) -> tuple[str, str]:
        mori = make_staff(session, role="cs", email="mori@vendor.example")
        return sign_in_as(session, mori), issue_link(session, "mori@vendor.example", now=NOW, minutes=30)

    token, link = await db.write(work)
    async with await signed_in(app, db, "owner") as owner, browser(app, token) as mori, browser(app, None) as later:
        assert (await mori.get("/staff/accounts")).status_code == 200
        form = csrf_in(await later.get(link))
        number = await id_of(db, "mori@vendor.example")
        csrf = csrf_in(await owner.get("/staff/people"))
        await owner.post(f"/staff/people/{number}/remove", data={"csrf": csrf})
        answer = await mori.get("/staff/accounts")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fstaff%2Faccounts")
        assert (await mori.post("/me/visits/end-others", data={"csrf": csrf})).status_code in (303, 403)
        await later.post(link, data={"csrf": form})
        assert (await later.get("/staff/accounts")).status_code == 303


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"email": "not an address"}, 422, "メールアドレス"),
        ({"email": "new@vendor.example", "role": "king"}, 422, "owner, cs, editor, viewer"),
        ({"email": "OWNER@vendor.example"}, 409, "すでに一覧にあります"),
    ],
)
async def test_who_cannot_be_added(app: FastAPI, db: Database, fields: dict[str, str], status: int, said: str) -> None:
    async with await signed_in(app, db, "owner", "owner@vendor.example") as owner:
        csrf = csrf_in(await owner.get("/staff/people"))
        answer = await owner.post("/staff/people", data={"csrf": csrf, **fields})
        assert (answer.status_code, said in answer.text) == (status, True)
        assert fields["email"] in answer.text, "what was typed is still there"
        assert list(await roles(db)) == ["owner@vendor.example"]


@pytest.mark.parametrize("act", [("remove", {}), ("role", {"role": "cs"})], ids=["remove", "role"])
async def test_the_last_owner_stays(app: FastAPI, db: Database, act: tuple[str, dict[str, str]]) -> None:
    async with await signed_in(app, db, "owner", "owner@vendor.example") as owner:
        number = await id_of(db, "owner@vendor.example")
        csrf = csrf_in(await owner.get("/staff/people"))
        await owner.post(f"/staff/people/{number}/{act[0]}", data={"csrf": csrf, **act[1]})
        assert "管理者はこの方だけです" in (await owner.get("/staff/people")).text
        assert await roles(db) == {"owner@vendor.example": "owner"}
        await db.write(lambda s: add_staff(s, email="second@vendor.example", role="owner", now=NOW).email)
        await owner.post(f"/staff/people/{number}/{act[0]}", data={"csrf": csrf, **act[1]})
        assert (await roles(db)).get("owner@vendor.example") != "owner"


async def test_nobody_there_is_a_404(app: FastAPI, db: Database) -> None:
    async with await signed_in(app, db, "owner") as owner:
        csrf = csrf_in(await owner.get("/staff/people"))
        for act in ("role", "remove", "return"):
            answer = await owner.post(f"/staff/people/999/{act}", data={"csrf": csrf, "role": "cs"})
            assert answer.status_code == 404, act
