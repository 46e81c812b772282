"""A CS person's round in a real Chromium: everybody ticked at once, called, and promised; on a desk and on a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.async_playwright import Axe
from sqlmodel import Session

from portal.accounts.service import id_of, upsert_account
from portal.checklists import publish as checklists
from portal.checklists.definition import load
from portal.events import ingest
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import TOKYO
from tests.portal.studio import conftest as at_the_studio
from tests.portal.studio.conftest import Studio
from tests.vendor import FIRST_DAYS

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
studio = at_the_studio.studio
ACCOUNT = "/staff/accounts/c1"


async def test_a_round_of_calls(studio: Studio) -> None:
    def work(session: Session) -> str:
        checklists.apply(session, [load(FIRST_DAYS)], by="test", now=NOW, zone=TOKYO)
        staff = make_staff(session, email="cs@x.example")
        for number in range(3):
            told = {"name": f"株式会社あおば商事{number}", "owner": "cs@x.example", "created_at": NOW}
            account = upsert_account(session, external_id=f"c{number}", changes=told, now=NOW)
            ingest.record(
                session,
                account_id=id_of(account),
                member_id=None,
                name="member.invited",
                at=NOW - timedelta(days=10),
                properties={},
                message_id=f"m{number}",
                now=NOW,
                zone=TOKYO,
            )
        return sign_in_as(session, staff, now=NOW + timedelta(days=20))

    studio.tokens["cs"] = await studio.site.database.write(work)
    studio.clock.now += timedelta(days=21)
    page = await studio.page("cs")
    await page.goto("/staff")
    await page.get_by_role("link", name="3社すべてに対応する").click()
    await page.get_by_label("プラン").select_option("-")
    await page.wait_for_url("**plan=-**")
    assert await page.evaluate("document.activeElement.id") == "f-plan", "the next choice is one key away"
    boxes = page.locator('input[name="account"]')
    await page.get_by_label("このページのすべて").check()
    assert await boxes.evaluate_all("all => all.every((one) => one.checked)")
    await boxes.first.uncheck()
    assert await page.get_by_label("このページのすべて").evaluate("box => box.indeterminate && !box.checked")
    await page.get_by_role("button", name="対応を記録する").click()
    await page.get_by_label("内容").fill("電話で様子を聞いた。")
    await page.locator("[name=next_in]").fill("0")
    await page.get_by_role("button", name="2社分を保存する").click()
    await page.get_by_text("対応を記録しました（2社）").wait_for()
    await page.goto(ACCOUNT)
    await page.get_by_role("link", name="タスクを追加").click()
    await page.get_by_label("すること").fill("資料を送る")
    await page.locator("[name=due_in]").fill("0")
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.get_by_text("タスクを追加しました").wait_for()

    for locale, width, dark in (("ja", 1280, False), ("en", 390, True)):
        page = await studio.page("cs", locale=locale, width=width, dark=dark)
        for path in ("/staff", "/staff/onboarding/stuck", "/staff/calendar", ACCOUNT, f"{ACCOUNT}/usage"):
            await page.goto(path)
            found = await Axe().run(page)
            assert [one["id"] for one in found.response["violations"]] == [], path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

    page = await studio.page("cs")
    await page.goto("/staff")
    await page.locator(".task-done summary").click()
    await page.get_by_label("結果").fill("送った")
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.get_by_text("タスクを完了にしました").wait_for()
    assert await page.get_by_text("遅れているタスクもありません").count() == 1
    await page.goto(f"{ACCOUNT}/usage")
    await page.emulate_media(media="print")
    assert await page.get_by_role("button", name="印刷する").count() == 0
    sheet = await page.pdf(format="A4", prefer_css_page_size=True)
    assert sheet.count(b"/Type /Page\n") + sheet.count(b"/Type /Page ") == 1 or sheet.count(b"/Count 1") == 1
