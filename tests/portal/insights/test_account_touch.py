"""A customer's page with its contacts and tasks, the one timeline of everything, and the usage sheet."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from itertools import pairwise

import httpx
import pytest
from sqlmodel import Session

from portal.accounts.models import Account
from portal.accounts.people import mark_member_left, member_of, upsert_member
from portal.insights.account_touch import touch_part
from portal.insights.usage import stretches, usage_of
from portal.touch import contacts, tasks
from portal.touch import pages as touch_pages
from portal.touch.rules import Colleague, Said, Wanted
from tests.factories import NOW
from tests.library import TOKYO
from tests.statements import statements_to
from tests.vendor import Vendor, account_of

pytestmark = pytest.mark.anyio
SATO = Colleague(None, "sato@vendor.example", "佐藤")
THERE = "/staff/accounts/aoba"


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_contacts_and_tasks_are_made_done_and_taken_back_on_the_page(vendor: Vendor) -> None:
    vendor.app.include_router(touch_pages.router)
    async with vendor.browser("staff") as staff:
        page = await text_of(staff, THERE)
        assert "まだ対応の記録がありません" in page
        assert "この顧客の未完了のタスクはありません" in page
        form = re.search(r'href="(/staff/touch/contact/new[^"]+)"', page)
        assert form
        sheet = await text_of(staff, form[1])
        assert "田中 美咲" in sheet  # with whom it may have been
        accounts = re.search(r'name="accounts" value="(\d+)"', sheet)
        assert accounts
        fields = {"accounts": accounts[1], "back": f"{THERE}#contacts", "kind": "meeting"}
        once = re.search(r'name="once" value="([^"]+)"', sheet)
        assert once
        fields |= {"once": once[1], "with_whom": "田中 <i>様</i>", "text": "一行目\n二行目", "next_on": "2026-06-03"}
        for _ in range(2):  # a double click
            said = await vendor.post(staff, THERE, "/staff/touch/contact", **fields)
            assert said.headers["location"] == f"{THERE}#contacts"
        page = await text_of(staff, THERE)
        assert page.count("面談：田中 <i>様</i>") == 1
        for shown in ("面談：田中 <i>様</i>", "一行目\n二行目", "次回対応日：6月3日(水)", "到来"):
            assert shown in page, shown
        assert "<i>様" not in (await staff.get(THERE)).text
        assert "/staff/contacts/1/change" in page
        form_of_it = await text_of(staff, "/staff/contacts/1/change")
        for typed in ('action="/staff/contacts/1/change"', "一行目\n二行目</textarea>", 'value="2026-06-03"'):
            assert typed in form_of_it, typed
        right = {"kind": "meeting", "with_whom": "田中 <i>様</i>", "text": "直した\n二行目", "next_on": "2026-06-03"}
        wrong = await vendor.post(
            staff, THERE, "/staff/contacts/1/change", **{**right, "text": " ", "day": "2026-02-30"}
        )
        assert (wrong.status_code, "直" in wrong.text) == (422, False)
        changed = await vendor.post(staff, THERE, "/staff/contacts/1/change", **right)
        assert changed.headers["location"] == f"{THERE}#contacts"
        page = await text_of(staff, THERE)
        assert "直した\n二行目" in page.split("佐藤 1さんが取り消し")[0]
        assert "一行目\n二行目" in page.split("直した\n二行目")[1]  # what it said stays on record, as taken back
        at, vendor.clock.now = vendor.clock.now, vendor.clock.now + timedelta(days=1)
        assert "/contacts/1/change" not in await text_of(staff, THERE)
        assert (await staff.get("/staff/contacts/1/change")).status_code == 404
        late = await vendor.post(staff, THERE, "/staff/contacts/1/change", **right)
        assert "書いた本人だけ" in await text_of(staff, late.headers["location"])
        vendor.clock.now = at
        assert (await vendor.post(staff, THERE, "/staff/contacts/1/remove")).headers["location"] == f"{THERE}#contacts"
        page = await text_of(staff, THERE)
        assert "佐藤 1さんが取り消し" in page
        assert "面談：田中" not in page
        assert (await vendor.post(staff, THERE, "/staff/contacts/1/restore")).status_code == 303
        assert (await vendor.post(staff, THERE, "/staff/contacts/1/burn")).status_code == 404
        assert (await vendor.post(staff, THERE, "/staff/contacts/99/remove")).status_code == 404
        assert "面談：田中" in await text_of(staff, THERE)

        made = {
            "accounts": accounts[1],
            "back": f"{THERE}#tasks",
            "title": "見積を送る",
            "staff_id": "1",
            "due_in": "1",
        }
        for _ in range(2):
            await vendor.post(staff, THERE, "/staff/touch/task", **made, once="of this form")
        page = await text_of(staff, THERE)
        assert "期限 6月4日(木)" in page
        assert page.count("タスクを追加：見積を送る") == 1
        assert "タスクを追加：見積を送る" in page
        one = "/staff/tasks/1"
        assert (await vendor.post(staff, one, one, title="", staff_id="1")).status_code == 422
        assert (await vendor.post(staff, one, one, title="見積と契約書を送る", staff_id="1")).status_code == 303
        assert (await vendor.post(staff, one, f"{one}/done", outcome="x" * 2001)).headers["location"] == one
        await vendor.post(staff, one, f"{one}/done", outcome="送った")
        page = await text_of(staff, THERE)
        assert "タスク完了：見積と契約書を送る" in page
        assert page.count("送った") >= 2  # with the task, and in the timeline
        for act in ("reopen", "remove", "restore"):
            assert (await vendor.post(staff, one, f"{one}/{act}")).status_code == 303
        assert (await vendor.post(staff, one, f"{one}/burn")).status_code == 404
        for nobody in ("99", "9999999999"):
            assert (await staff.get(f"/staff/tasks/{nobody}")).status_code == 404
        shown = await text_of(staff, one)
        assert all(
            word in shown for word in ("タスクを変更", "タスクを未完了に戻した", "タスクを取り下げ", "タスクを戻した")
        )
        assert (await staff.get("/staff/touch/task/new?account=nobody")).status_code == 404
        assert (await staff.get("/staff/touch/burn/new?account=aoba")).status_code == 404


async def test_the_timeline_is_one_line_of_everything_a_page_at_a_time(vendor: Vendor) -> None:
    def work(session: Session) -> None:
        account = account_of(session, "aoba")
        for number in range(40):
            at = vendor.clock.now - timedelta(hours=number // 4)  # many at the same moment
            contacts.record_contact(
                session, account_id=account, said=Said("phone", at, f"電話{number:02}"), by=SATO, now=NOW
            )
            wanted = Wanted(f"用件{number:02}", 1)
            tasks.make_task(session, account_id=account, wanted=wanted, by=SATO, now=at)

    await vendor.db.write(work)
    await vendor.happen("login", member="u-tanaka")
    async with vendor.browser("staff") as staff:
        seen: list[str] = []
        path = THERE
        while path:
            page = await text_of(staff, path)
            seen += re.findall(r"電話\d\d|用件\d\d|login", page[page.index('id="timeline"') :])
            older = re.search(r'href="(\?before=[^"]+)"', page)
            path = f"{THERE}{older[1]}" if older else ""
    assert len(seen) == 81
    assert len(set(seen)) == 81


@pytest.mark.parametrize(
    ("first", "last", "count", "ends"),
    [
        ("2026-06-01", "2026-06-30", 5, ["6-7", "6-14", "6-21", "6-28", "6-30"]),
        ("2026-06-03", "2026-06-03", 1, ["6-3"]),
        ("2026-12-28", "2027-01-10", 2, ["1-3", "1-10"]),
        ("2025-11-15", "2026-10-31", 12, ["11-30", "12-31"]),
    ],
)
def test_a_period_falls_into_weeks_or_months(first: str, last: str, count: int, ends: list[str]) -> None:
    found = stretches(date.fromisoformat(first), date.fromisoformat(last))
    assert len(found) == count
    assert [f"{end.month}-{end.day}" for _, end in found][: len(ends)] == ends
    assert (found[0][0].isoformat(), found[-1][1].isoformat()) == (first, last)
    assert all(later[0] == earlier[1] + timedelta(days=1) for earlier, later in pairwise(found))


async def test_usage_counts_whoever_belonged_and_what_they_did(vendor: Vendor) -> None:
    """Three people at first; one leaves, one joins later, and somebody whom nobody can name counts as nobody."""
    for member, name, days in (
        ("u-tanaka", "login", 1),
        ("u-tanaka", "login", 1),
        ("u-admin", "invoice.sent", 7),
        (None, "login", 0),
        ("u-tanaka", "article.read", 0),
    ):
        vendor.clock.now += timedelta(days=days)
        await vendor.happen(name, member=member, times=2)

    def change(session: Session) -> None:
        now = vendor.clock.now
        account = account_of(session, "aoba")
        suzuki = member_of(session, account, "u-suzuki")
        assert suzuki is not None
        mark_member_left(session, suzuki, left_at=NOW + timedelta(days=2), now=now)

    await vendor.db.write(change)

    def look(session: Session, first: str, last: str) -> tuple[int, int, int, list[tuple[str, int, int, int]]]:
        account = account_of(session, "aoba")
        days = (date.fromisoformat(first), date.fromisoformat(last))
        found = usage_of(session, account_id=account, first=days[0], last=days[1], zone=TOKYO)
        used = [(one.name, one.times, one.days, one.people) for one in (*found.used, *found.portal)]
        return found.members, found.active, found.days, used

    def all_of_it(session: Session) -> None:
        # Two signed in on the 3rd; then 4, 5 and 12 June; 鈴木 left on the 5th.
        assert look(session, "2026-06-03", "2026-06-30") == (
            3,
            2,
            4,
            [("login", 6, 3, 1), ("invoice.sent", 2, 1, 1), ("portal.signed_in", 2, 1, 2), ("article.read", 2, 1, 1)],
        )
        assert look(session, "2026-06-06", "2026-06-30")[:3] == (2, 2, 1)
        assert look(session, "2026-06-06", "2026-06-11") == (2, 0, 0, [])
        assert look(session, "2026-05-01", "2026-05-31")[:2] == (0, 0)

    await vendor.db.read(all_of_it)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_the_sheet_is_for_the_customer_and_says_what_it_counts(vendor: Vendor) -> None:
    def work(session: Session) -> None:
        account = account_of(session, "aoba")
        said = Said("note", vendor.clock.now, "社内だけの話")
        contacts.record_contact(session, account_id=account, said=said, by=SATO, now=vendor.clock.now)

    await vendor.db.write(work)
    await vendor.happen("login", member="u-tanaka")
    async with vendor.browser("staff") as staff:
        sheet = f"{THERE}/usage"
        page = await text_of(staff, f"{sheet}?from=2026-06-01&to=2026-06-30")
        for shown in (
            "株式会社あおば商事",
            "3名中2名",
            "login",
            "キックオフ",
            "今日までの",
            "1回でも操作の記録",
        ):
            assert shown in page, shown
        assert "社内だけの話" not in page
        assert "6月1日(月)〜6月3日(水)" in page  # days to come are cut off
        last_month = await text_of(staff, sheet)
        assert "5月1日(金)〜5月31日(日)" in last_month
        assert "この期間の利用ログはありません" in last_month
        for odd in ("from=x", "from=2026-07-01&to=2026-06-01", "from=2031-01-01", "to=2026-02-31"):
            assert "5月1日(金)〜5月31日(日)" in await text_of(staff, f"{sheet}?{odd}"), odd
        assert (await staff.get("/staff/accounts/nobody/usage")).status_code == 404


async def test_as_much_is_asked_for_many_people_as_for_few(vendor: Vendor) -> None:
    def asked(session: Session) -> int:
        account = account_of(session, "aoba")
        with statements_to(session) as said:
            touch_part(session, account, "aoba", staff_id=None, now=NOW, zone=TOKYO)
            usage_of(session, account_id=account, first=NOW.date(), last=NOW.date(), zone=TOKYO)
        return len(said)

    def more(session: Session) -> None:
        account = session.get_one(Account, account_of(session, "aoba"))
        for number in range(30):
            upsert_member(session, account, external_id=f"n{number}", changes={"name": f"人{number}"}, now=NOW)
            tasks.make_task(session, account_id=account.id or 0, wanted=Wanted(f"t{number}", 1), by=SATO, now=NOW)

    before = await vendor.db.read(asked)
    await vendor.db.write(more)
    assert 5 < await vendor.db.read(asked) == before
