"""The list of who is stuck, worked through: narrowed, selected, and acted on; and what that does to the day after."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape

import httpx
import pytest
from sqlmodel import Session, col, select

from portal.accounts.service import upsert_account
from portal.touch import pages as touch_pages
from portal.touch.contacts import touches_of
from portal.touch.models import Contact, Task
from portal.workdays import pages as workdays_pages
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import csrf_in
from tests.vendor import Vendor, account_of

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)]
HERE = "/staff/onboarding/stuck"


@pytest.fixture
async def vendor(vendor: Vendor) -> Vendor:
    """Sixty customers more, half of them 佐藤 1's, three weeks on: everybody is quiet."""
    vendor.app.include_router(touch_pages.router)
    vendor.app.include_router(workdays_pages.router)

    def work(session: Session) -> None:
        for number in range(60):
            told = {
                "name": f"顧客{number:02}",
                "plan": ("pro", None)[number % 2],
                "owner": ("Staff1@vendor.example", "よその人")[number % 2],
                "created_at": NOW,
            }
            upsert_account(session, external_id=f"c/{number}", changes=told, now=NOW)

    await vendor.db.write(work)
    vendor.clock.now += timedelta(days=21)
    return vendor


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def ids_in(page: str) -> list[str]:
    return re.findall(r'name="account" value="(\d+)"', page)


async def test_it_is_narrowed_by_owner_plan_and_reason(vendor: Vendor) -> None:
    async with vendor.browser("staff") as staff:
        page = await text_of(staff, HERE)
        assert len(ids_in(page)) == 50
        assert "15営業日動きなし" in page
        assert len(ids_in(await text_of(staff, f"{HERE}?page=2"))) == 12
        assert len(ids_in(await text_of(staff, f"{HERE}?owner=mine"))) == 30
        assert len(ids_in(await text_of(staff, f"{HERE}?owner=mine&plan=-"))) == 0
        assert len(ids_in(await text_of(staff, f"{HERE}?owner=-"))) == 2
        assert len(ids_in(await text_of(staff, f"{HERE}?why=overdue"))) == 0
        assert (await staff.get(f"{HERE}?checklist=none")).status_code == 404


async def test_those_selected_are_acted_on_at_once(vendor: Vendor) -> None:
    async with vendor.browser("staff") as staff:
        listed = await staff.get(f"{HERE}?owner=mine")
        csrf, ids = csrf_in(listed), ids_in(listed.text)

        async def choose(act: str, **fields: object) -> httpx.Response:
            return await staff.post(HERE, data={"csrf": csrf, "act": act, "owner": "mine", "page": "1", **fields})

        none = await choose("contact")
        assert (none.status_code, none.headers["location"]) == (303, f"{HERE}?owner=mine")
        form = await choose("contact", account=ids[:2])
        assert (form.status_code, "2社" in form.text) == (200, True)
        carried = re.search(r'name="accounts" value="([\d,]+)"', form.text)
        assert carried
        assert carried[1] == ",".join(sorted(ids[:2], key=int))
        said = {
            "kind": "phone",
            "text": "留守番電話に残した",
            "next_in": "3",
            "accounts": carried[1],
            "back": f"{HERE}?owner=mine",
        }
        for wrong, complaint in (
            ({"text": " "}, "短く書いて"),
            ({"next_in": "soon"}, "0から250"),
            ({"day": "2026-12-31"}, "先の日時"),
        ):
            again = await staff.post("/staff/touch/contact", data={"csrf": csrf, **said, **wrong})
            assert (again.status_code, complaint in again.text) == (422, True)
            assert carried[1] in again.text  # nothing chosen is lost
        done = await staff.post("/staff/touch/contact", data={"csrf": csrf, **said})
        assert (done.status_code, done.headers["location"]) == (303, f"{HERE}?owner=mine")
        listed_again = await text_of(staff, f"{HERE}?owner=mine")
        assert "対応を記録しました（2社）" in listed_again
        assert listed_again.count("6月29日(月)") == 2  # three business days on, over a weekend

        form = await choose("task", everyone="1")
        assert "30社" in form.text
        everybody = re.search(r'name="accounts" value="([\d,]+)"', form.text)
        assert everybody
        task = {
            "title": "電話する",
            "staff_id": "1",
            "due_on": "2026-06-24",
            "accounts": everybody[1],
            "back": "//evil.example",
        }
        made = await staff.post("/staff/touch/task", data={"csrf": csrf, **task})
        assert (made.status_code, made.headers["location"]) == (303, "/staff")
        await staff.post("/staff/touch/next", data={"csrf": csrf, "accounts": everybody[1], "next_on": "2026-06-24"})
        assert (await choose("burn", account=ids[0])).status_code == 404

    def look(session: Session) -> tuple[int, int, date | None]:
        touch = touches_of(session, [int(ids[5])])[int(ids[5])]
        return len(session.exec(select(Contact)).all()), len(session.exec(select(col(Task.id))).all()), touch.next_on

    assert await vendor.db.read(look) == (32, 30, date(2026, 6, 24))

    async with vendor.browser("staff") as staff:
        home = await text_of(staff, "/staff")
        assert "期限のタスク" in home
        assert "未完了のタスク30件" in home
        assert home.count("今日が期限") == 8  # as many as fit, and the way to the others
        assert "次回対応日が来た顧客" in home
        assert ("30件をすべて表示" in home, home.count("最終対応：6月24日(水)の電話")) == (True, 2)
        assert (await text_of(staff, "/staff?whose=mine&all=reached")).count(
            "/staff/touch/contact/new?account=c/"
        ) == 30
        assert "/staff/touch/contact/new?account=c/" in home
        vendor.clock.now += timedelta(days=1)
        assert "期限 6月24日(水)" in await text_of(staff, "/staff/tasks?state=overdue")


async def test_a_mail_is_offered_only_where_somebody_writes_it(vendor: Vendor) -> None:
    async with vendor.browser("staff") as staff:
        assert "メールを書く" not in await text_of(staff, HERE)
        vendor.app.add_api_route("/staff/mails/new", lambda: None)
        listed = await staff.get(f"{HERE}?owner=mine")
        assert "メールを書く" in listed.text
        fields = {"csrf": csrf_in(listed), "act": "mail", "account": ids_in(listed.text)[:2]}
        answer = await staff.post(HERE, data=fields)
        assert answer.headers["location"] == "/staff/mails/new?account=c%2F0&account=c%2F2"
        everybody = {**fields, "everyone": "1", "owner": "mine", "why": "quiet"}
        answer = await staff.post(HERE, data=everybody)
        assert answer.headers["location"] == "/staff/mails/new?stuck=%2A&why=quiet&owner=mine"


async def test_each_checklist_has_its_own_threshold(vendor: Vendor) -> None:
    async with vendor.browser("staff") as staff:
        send = {"checklist": "first-30-days", "quiet_days": "20", "overdue_days": "0"}
        there = f"{HERE}/threshold"
        assert (await vendor.post(staff, HERE, there, **{**send, "quiet_days": "0"})).status_code == 422
        assert (await vendor.post(staff, HERE, there, **{**send, "quiet_days": "many"})).status_code == 422
        assert (await vendor.post(staff, HERE, there, **{**send, "checklist": "none"})).status_code == 404
        assert (await vendor.post(staff, HERE, there, **send)).status_code == 303
        page = await text_of(staff, HERE)
        assert ids_in(page) == []
        assert "20営業日進みがないか" in page


async def test_a_viewer_looks_and_does_nothing_and_an_editor_does_not_look(vendor: Vendor) -> None:
    def people(session: Session) -> list[str]:
        return [
            sign_in_as(session, make_staff(session, role=role), now=vendor.clock.now) for role in ("viewer", "editor")
        ]

    vendor.tokens["viewer"], vendor.tokens["editor"] = await vendor.db.write(people)
    account = await vendor.db.read(lambda session: account_of(session, "aoba"))
    async with (
        vendor.browser("viewer") as viewer,
        vendor.browser("editor") as editor,
        vendor.browser("other") as member,
    ):
        for path in (HERE, "/staff", "/staff/tasks", "/staff/accounts/aoba", "/staff/accounts/aoba/usage"):
            page = await text_of(viewer, path)
            assert "対応を記録する" not in page, path
            assert "タスクを追加" not in page, path
            assert (await editor.get(path)).status_code == (303 if path == "/staff" else 403), path
            assert (await member.get(path)).status_code == 404, path
        csrf = csrf_in(await viewer.get("/staff"))
        for path in (HERE, f"{HERE}/threshold", "/staff/touch/task", "/staff/tasks/1/done", "/staff/contacts/1/remove"):
            answer = await viewer.post(path, data={"csrf": csrf, "account": str(account), "accounts": str(account)})
            assert answer.status_code == 403, path
        assert (await viewer.get("/staff/touch/task/new?account=aoba")).status_code == 403


async def test_my_day_is_everyones_for_whoever_owns_nobody(vendor: Vendor) -> None:
    def another(session: Session) -> str:
        return sign_in_as(session, make_staff(session, email="new@vendor.example"), now=vendor.clock.now)

    vendor.tokens["new"] = await vendor.db.write(another)
    async with vendor.browser("staff") as mine, vendor.browser("new") as new:
        assert "顧客01" not in await text_of(mine, "/staff?whose=mine")
        assert "株式会社あおば商事" in await text_of(mine, "/staff?whose=all")
        assert "株式会社あおば商事" in await text_of(new, "/staff")
        empty = await text_of(new, "/staff?whose=mine")
        for honest in (
            "遅れているタスクもありません",
            "今日連絡する予定の顧客はありません",
            "この一覧の全員が期限前",
            "お知らせすることはありません",
        ):
            assert honest in empty, honest
