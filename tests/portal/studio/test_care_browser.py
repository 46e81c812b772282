"""Translations and care in a real Chromium: translated, left behind, brought up to date; and a review settled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from portal.kit.db import Database
from tests.factories import NOW
from tests.library import publish, write
from tests.portal.studio.conftest import EDITOR, Studio, begun
from tests.portal.studio.test_care import FILES, answers, ask

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


async def test_a_text_is_translated_changed_and_its_translation_marked_behind(studio: Studio) -> None:
    page = await studio.page("writer")
    await begun(page, "請求書を受け取る", "invoices")
    await page.click(EDITOR)
    await page.keyboard.insert_text("## 届く日\n\n毎月1日に届きます。\n")
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.wait_for_selector(".notice-good")
    await page.get_by_role("navigation", name="言語").get_by_text("English").click()
    await page.fill("#f-title", "Receiving invoices")
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.wait_for_selector(".notice-good")
    await page.get_by_role("navigation", name="言語").get_by_text("日本語").click()
    await page.click(EDITOR)
    await page.keyboard.press("Control+End")
    await page.keyboard.insert_text("\n## 届かないとき\n\nお知らせください。\n")
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.wait_for_selector(".notice-good")
    await page.goto("/staff/content/translations?state=stale")
    await page.get_by_role("link", name="English: 原文より古い").click()
    assert await page.locator("ul:has(.badge)").inner_text() == "新しい節 届かないとき"
    found = await Axe().run(page)
    assert [one["id"] for one in found.response["violations"]] == []
    await page.get_by_role("link", name="エディターを開く").click()
    assert "届かないとき" in await page.get_by_role("textbox", name="原文").input_value()
    found = await Axe().run(page)
    assert [one["id"] for one in found.response["violations"]] == []
    await page.get_by_label("これで、翻訳は原文の3版に合っています").check()
    await page.get_by_role("button", name="保存", exact=True).click()
    await page.goto("/staff/content/translations?state=stale")
    assert await page.get_by_text("古い翻訳はありません").count() == 1


async def test_care_is_taken_on_phone_and_desktop(studio: Studio, db: Database, tmp_path: Path) -> None:
    await publish(db, write(tmp_path, FILES), now=NOW - timedelta(days=9))
    await db.write(lambda session: answers(session, helpful=1, n=8))
    await db.write(ask)
    for dark, width, locale in ((True, 390, "en"), (False, 1280, "ja")):
        page = await studio.page("writer", dark=dark, width=width, locale=locale)
        for path in ("/staff/content/care", "/staff/content/translations"):
            await page.goto(path)
            found = await Axe().run(page)
            assert [(path, one["id"]) for one in found.response["violations"]] == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await page.goto("/staff/content/care?kind=review")
    await page.get_by_role("button", name="見直した").click()
    assert await page.get_by_text("この種類のものはありません").count() == 0
    await page.goto("/staff/content/care?kind=review")
    assert await page.get_by_text("この種類のものはありません").count() == 1
