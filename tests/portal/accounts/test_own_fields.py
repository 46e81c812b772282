"""Fields of the vendor's own, and duplicates, in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlmodel import Session

from portal.accounts import changes, merging, own_fields, pages
from portal.accounts.fields import Unreadable
from portal.accounts.models import Account
from portal.accounts.records import AccountField
from portal.accounts.service import account_by_external_id
from portal.events import merging as events_merging
from portal.insights import pages as desk
from portal.kit.db import Database
from tests.factories import make_account, make_member, make_staff, sign_in_as
from tests.library import TOKYO, Clock, browser, csrf_in, portal_with

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)]


@pytest.fixture
async def staff(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    leave = changes.subscribe(own_fields.on_accounts_changed)
    merging.subscribe(events_merging.JOINER)
    app = portal_with(db, Clock(), pages.router, desk.router)
    async with browser(app, await db.write(lambda s: sign_in_as(s, make_staff(s)))) as client:
        yield client
    leave()


async def send(client: httpx.AsyncClient, page: str, action: str = "", **fields: str) -> httpx.Response:
    return await client.post(action or page, data={"csrf": csrf_in(await client.get(page)), **fields})


async def account(db: Database, external_id: str) -> Account | None:
    return await db.read(lambda session: account_by_external_id(session, external_id))


async def test_a_trait_becomes_a_field_that_is_shown_edited_and_filtered_by(
    staff: httpx.AsyncClient, db: Database
) -> None:
    def furnish(session: Session) -> None:
        make_account(session, external_id="a", name="青空", traits={"industry": "小売", "size": 3})
        make_account(session, external_id="b", name="みどり", traits={"industry": "飲食"})

    await db.write(furnish)
    field = {"key": "industry", "label_ja": "業種", "kind": "choice", "choices": "小売\n飲食\n", "is_filter": "1"}
    assert (await send(staff, "/staff/fields", **field)).status_code == 303
    assert "業種" in (await staff.get("/staff/accounts/a")).text
    found = (await staff.get("/staff/accounts?own=industry:小売")).text
    assert ("青空" in found, "みどり" in found) == (True, False)
    form = {"name": "青空", "currency": ""}
    wrong = await send(staff, "/staff/accounts/a/edit", **form, **{"traits.industry": "製造"})
    assert (wrong.status_code, "選択肢にありません" in wrong.text) == (422, True)
    assert (await send(staff, "/staff/accounts/a/edit", **form, **{"traits.industry": "飲食"})).status_code == 303
    changed = await account(db, "a")
    assert changed is not None
    assert changed.traits == {"industry": "飲食", "size": 3}
    assert "青空" in (await staff.get("/staff/accounts?own=industry:飲食")).text
    await send(staff, "/staff/fields", "/staff/fields/industry/remove")
    assert "業種" not in (await staff.get("/staff/accounts/a")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "a b", "label_ja": "x"}, "半角の英数字"),
        ({"key": "name", "label_ja": "x"}, "半角の英数字"),
        ({"key": "a"}, "項目の名前"),
        ({"key": "a", "label_ja": "x", "kind": "choice"}, "選択肢を1行に1つ"),
    ],
)
async def test_a_field_that_cannot_be(staff: httpx.AsyncClient, fields: dict[str, str], said: str) -> None:
    answer = await send(staff, "/staff/fields", **fields)
    assert (answer.status_code, said in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        ("number", "１，２００", 1200),
        ("number", "1.5", 1.5),
        ("number", "many", None),
        ("day", "2026/4/1", "2026-04-01"),
        ("day", "April", None),
        ("yes_no", "はい", True),
        ("yes_no", "×", False),
        ("yes_no", "maybe", None),
        ("choice", "b", "b"),
        ("choice", "c", None),
        ("text", " x ", "x"),
    ],
)
async def test_what_may_stand_in_a_field(engine_name: str, kind: str, written: str, kept: object) -> None:
    field = AccountField(key="k", label={"ja": "k"}, kind=kind, choices=["a", "b"])
    read = own_fields.readers([field])["traits.k"]
    if kept is None:
        with pytest.raises(Unreadable):
            read(written, TOKYO)
    else:
        assert read(written, TOKYO) == kept


async def test_duplicates_are_found_merged_undone_and_told_apart(staff: httpx.AsyncClient, db: Database) -> None:
    def furnish(session: Session) -> None:
        one = make_account(session, external_id="crm/1", name="株式会社アオバ商事")
        other = make_account(session, external_id="stub", name="あおば商事㈱")
        make_account(session, external_id="else", name="みどり")
        make_member(session, one, email="a@aoba.example")
        make_member(session, other, email="A@aoba.example")

    await db.write(furnish)
    page = await staff.get("/staff/duplicates")
    assert ("あおば商事㈱" in page.text, "みどり" in page.text) == (True, False)
    both = "/staff/duplicates/merge?keep=crm%2F1&other=stub"
    assert "両方にいる" in (await staff.get(both)).text
    asked = {"keep": "crm/1", "other": "stub", "reason": "同じ会社"}
    done = await send(staff, both, "/staff/duplicates/merge", **asked)
    shown = await staff.get(done.headers["location"])
    assert "同じ会社" in shown.text
    moved = await staff.get("/staff/accounts/stub")
    assert moved.headers["location"] == "/staff/accounts/crm%2F1"
    itself = await send(staff, "/staff/duplicates", "/staff/duplicates/merge", keep="crm/1", other="stub")
    assert "何も変更していません" in (await staff.get(itself.headers["location"])).text
    assert (await send(staff, shown.url.raw_path.decode(), "/staff/duplicates/undo", merge="1")).status_code == 303
    assert (await account(db, "stub")) is not None
    token = csrf_in(await staff.get("/staff/duplicates"))
    await staff.post("/staff/duplicates/apart", data={"csrf": token, "accounts": ["crm/1", "stub"]})
    assert "あおば商事㈱" not in (await staff.get("/staff/duplicates")).text
