"""Customers and their people in the browser: added, described field by field, leaving and coming back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlmodel import Session

from portal.accounts import pages
from portal.accounts.models import Account, Member
from portal.accounts.people import members_of
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.staff import add_staff
from portal.insights import pages as desk
from portal.kit.db import Database
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with

pytestmark = pytest.mark.anyio
EXACTLY = datetime(2026, 5, 1, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def staff(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = portal_with(db, Clock(), pages.router, desk.router)
    async with browser(app, await db.write(lambda s: sign_in_as(s, make_staff(s)))) as client:
        yield client


async def send(client: httpx.AsyncClient, page: str, action: str = "", **fields: str) -> httpx.Response:
    return await client.post(action or page, data={"csrf": csrf_in(await client.get(page)), **fields})


async def customer(db: Database, external_id: str) -> Account:
    def work(session: Session) -> Account:
        found = account_by_external_id(session, external_id)
        assert found is not None
        return found

    return await db.read(work)


async def people(db: Database, external_id: str) -> list[Member]:
    def work(session: Session) -> list[Member]:
        found = account_by_external_id(session, external_id)
        assert found is not None
        return list(members_of(session, id_of(found)))

    return await db.read(work)


async def test_a_customer_is_added_and_found(staff: httpx.AsyncClient, db: Database) -> None:
    answer = await send(
        staff,
        "/staff/new-customer",
        external_id="a/b 1",
        name="青葉商事",
        name_kana="あおばしょうじ",
        plan="pro",
        seats="１，２００",
        started_at="2026-06-01",
        renews_at="",
        goal="月次を1日で締める\n翌月も",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/accounts/a%2Fb%201")
    added = await customer(db, "a/b 1")
    assert (added.name, added.plan_key, added.seats, added.renews_at) == ("青葉商事", "pro", 1200, None)
    assert added.started_at == datetime(2026, 5, 31, 15, tzinfo=UTC)
    assert "青葉商事" in (await staff.get("/staff/accounts?q=アオバ")).text


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"external_id": "new", "name": " "}, 422, "空です"),
        ({"external_id": "", "name": "新"}, 422, "空です"),
        ({"external_id": "new", "name": "新", "seats": "many"}, 422, "整数"),
        ({"external_id": "new", "name": "新", "renews_at": "2026-02-30"}, 422, "日付"),
        ({"external_id": "aoba", "name": "別の会社"}, 409, "すでにあります"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(
    staff: httpx.AsyncClient, db: Database, fields: dict[str, str], status: int, said: str
) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba", name="青葉商事").name)
    answer = await send(staff, "/staff/new-customer", **fields)
    assert (answer.status_code, said in answer.text, 'aria-invalid="true"' in answer.text) == (status, True, True)
    assert all(f'value="{text}"' in answer.text for text in fields.values())
    assert (await customer(db, "aoba")).name == "青葉商事"


async def test_only_what_was_changed_is_changed(staff: httpx.AsyncClient, db: Database) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba", name="青葉", started_at=EXACTLY, tier="tech").name)
    shown = (await staff.get("/staff/accounts/aoba/edit")).text
    assert 'value="2026-05-01"' in shown
    await send(staff, "/staff/accounts/aoba/edit", name="青葉商事", started_at="2026-05-01", tier="")
    after = await customer(db, "aoba")
    assert (after.name, after.started_at, after.tier) == ("青葉商事", EXACTLY, None)
    await send(staff, "/staff/accounts/aoba/edit", name="青葉商事", started_at="2026-05-02")
    assert (await customer(db, "aoba")).started_at == datetime(2026, 5, 1, 15, tzinfo=UTC)


async def test_a_customer_leaves_and_returns(staff: httpx.AsyncClient, db: Database) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba", started_at=EXACTLY).name)
    page = "/staff/accounts/aoba/edit"
    await send(staff, page, "/staff/accounts/aoba/leave", day="2026-07-31", notice="2026-06-02")
    left = await customer(db, "aoba")
    assert left.left_at == datetime(2026, 7, 31, 14, 59, 59, tzinfo=UTC)
    assert left.notice_at is not None
    await send(staff, page, "/staff/accounts/aoba/return")
    assert (await customer(db, "aoba")).left_at is None


@pytest.mark.parametrize("day", ["", "2026-02-30", "2020-01-01"])
async def test_a_day_on_which_nobody_can_leave(staff: httpx.AsyncClient, db: Database, day: str) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba", started_at=EXACTLY).name)
    page = "/staff/accounts/aoba/edit"
    await send(staff, page, "/staff/accounts/aoba/leave", day=day)
    assert 'class="notice notice-bad' in (await staff.get(page)).text
    assert (await customer(db, "aoba")).left_at is None


async def test_people_are_added_described_and_leave(staff: httpx.AsyncClient, db: Database) -> None:
    await db.write(lambda s: make_account(s, external_id="aoba").name)
    await send(staff, "/staff/accounts/aoba/people/new", email="tanaka@aoba.example", name="田中", role="admin")
    [tanaka] = await people(db, "aoba")
    assert (tanaka.external_id, tanaka.name, tanaka.role) == (None, "田中", "admin")
    page = f"/staff/accounts/aoba/people/{tanaka.id}"
    await send(staff, page, email="ichiro@aoba.example", name="田中 一郎", role="")
    [changed] = await people(db, "aoba")
    assert (changed.id, changed.email, changed.name, changed.role) == (
        tanaka.id,
        "ichiro@aoba.example",
        "田中 一郎",
        "member",
    )
    await send(staff, page, f"{page}/leave", day="2026-06-10")
    assert [one.left_at is not None for one in await people(db, "aoba")] == [True]
    await send(staff, page, f"{page}/return")
    assert [one.left_at for one in await people(db, "aoba")] == [None]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"email": "SUZUKI@aoba.example"}, 409), ({"email": "nonsense"}, 422), ({"email": ""}, 422)],
    ids=["taken", "no address", "nothing to tell them by"],
)
async def test_an_address_somebody_cannot_have(
    staff: httpx.AsyncClient, db: Database, fields: dict[str, str], status: int
) -> None:
    def furnish(session: Session) -> int:
        aoba = make_account(session, external_id="aoba")
        make_member(session, aoba, external_id="u1", email="suzuki@aoba.example")
        member = make_member(session, aoba, email="tanaka@aoba.example")
        member.external_id = None
        session.add(member)
        session.flush()
        return member.id or 0

    number = await db.write(furnish)
    answer = await send(staff, f"/staff/accounts/aoba/people/{number}", **fields)
    assert answer.status_code == status
    assert 'aria-invalid="true"' in answer.text
    assert {one.email for one in await people(db, "aoba")} == {"suzuki@aoba.example", "tanaka@aoba.example"}


async def test_a_person_is_only_found_at_their_own_customer(staff: httpx.AsyncClient, db: Database) -> None:
    def furnish(session: Session) -> int:
        make_account(session, external_id="aoba")
        return make_member(session, make_account(session, external_id="midori")).id or 0

    number = await db.write(furnish)
    assert (await staff.get(f"/staff/accounts/midori/people/{number}")).status_code == 200
    for path in (
        f"/staff/accounts/aoba/people/{number}",
        "/staff/accounts/nobody/edit",
        "/staff/accounts/x/people/new",
    ):
        assert (await staff.get(path)).status_code == 404, path


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_an_owner_whom_nobody_is_called_is_said_beside_the_field_and_saved(
    staff: httpx.AsyncClient, db: Database
) -> None:
    await db.write(lambda s: add_staff(s, name="鈴木 花", email="suzuki@vendor.example", now=NOW).name)
    await db.write(lambda s: make_account(s, external_id="aoba", owner="suzki@vendor.example").name)
    here = "/staff/accounts/aoba/edit"
    form = (await staff.get(here)).text
    for there in (
        "「suzki@vendor.example」という担当者は登録されていません",
        'aria-describedby="f-owner-hint f-owner-remark"',
        '<option value="suzuki@vendor.example" label="鈴木 花"></option>',
        '<option value="suzki@vendor.example"></option>',  # whoever is written so already
        'list="f-owner-offered"',
    ):
        assert there in form, there
    for right in ("SUZUKI@vendor.example ", "鈴木 花", ""):
        await send(staff, here, name="青葉", owner=right)
        assert "登録されていません" not in (await staff.get(here)).text
    wrong = await send(staff, here, name="青葉", owner="鈴木 太郎")
    assert wrong.status_code == 303
    assert "保存しました。「鈴木 太郎」という担当者は" in (await staff.get("/staff/accounts")).text
    assert (await customer(db, "aoba")).owner == "鈴木 太郎"
