"""What the library is for, from end to end in a real Chromium, by people who have nothing but the browser.

A Japanese article with a picture and a table is written, reviewed, scheduled; it appears, is found by two characters,
is translated beside its original; the original changes, and the translation is marked as behind.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.async_playwright import Axe

from portal.jobs.registry import worker
from tests.factories import NOW
from tests.library import TOKYO
from tests.pictures import moving
from tests.portal.studio.conftest import EDITOR, Studio

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
TITLE = "領収書を受け取る"


async def test_an_article_from_its_first_word_to_a_translation_that_is_behind(studio: Studio) -> None:
    writer, reviewer, member = [await studio.page(who) for who in ("writer", "reviewer", "member")]
    comes_out = NOW + timedelta(days=1)
    await _write(writer)
    await writer.click("#fields > summary")
    await writer.fill("#f-publish_at", comes_out.astimezone(TOKYO).strftime("%Y-%m-%dT%H:%M"))
    found = await Axe().run(writer)
    assert [one["id"] for one in found.response["violations"]] == []
    await _press(writer, "保存して確認を頼む", "確認待ち")

    await reviewer.goto("/staff/content?state=review")
    await reviewer.get_by_role("link", name=TITLE).click()
    await _press(reviewer, "承認する", "承認済み")
    await _press(reviewer, "公開を予約する", "公開予約")

    gone = await member.goto("/manuals/receipts")
    assert gone is not None
    assert gone.status == 404
    studio.clock.now = comes_out + timedelta(minutes=1)
    await worker(studio.site).run_due()
    await _find_and_read(member)

    await _translate(writer)
    await reviewer.goto("/staff/content/receipts/en")
    await _press(reviewer, "承認する", "承認済み")
    await _press(reviewer, "公開する", "公開中")
    await member.goto("/manuals/receipts?lang=en")
    await member.locator("article h1", has_text="Receiving a receipt").wait_for()

    await writer.goto("/staff/content/receipts/ja")
    await _type(writer, "\n\n再発行は何度でもできます。\n")
    await _press(writer, "保存して確認を頼む", "確認待ち")
    await writer.get_by_role("link", name="コンテンツ").first.click()
    await writer.get_by_role("link", name="翻訳").click()
    row = writer.get_by_role("row").filter(has_text=TITLE)
    await row.get_by_text("原文より古い").click()
    await writer.locator(".difference ins, .difference-added", has_text="再発行").first.wait_for()
    assert "A receipt comes by the first." in await writer.locator("textarea.studio-beside").last.input_value()


async def _write(page: Page) -> None:
    """A Japanese article with a picture and a table, typed and put together with the toolbar."""
    await page.goto("/staff/content")
    await page.get_by_role("link", name="新しい記事").first.click()
    await page.fill("#f-title", TITLE)
    await page.fill("#f-new_collection", "billing")
    await page.fill("#f-key", "receipts")
    await page.get_by_role("button", name="書き始める").click()
    await page.wait_for_selector(EDITOR)
    await _type(page, "## 届く日\n\n領収書は毎月**1日**に届きます。\n\n")

    await page.click("[data-insert=image]")
    dialog = page.locator("#dialog-image")
    await dialog.locator("input[type=file]").set_input_files(
        {"name": "領収書.gif", "mimeType": "image/gif", "buffer": moving(640, 360)}
    )
    await dialog.locator("[name=target]:valid").wait_for()
    await dialog.get_by_label("何が写っているか").fill("領収書の画面")
    await dialog.get_by_role("button", name="入れる").click()
    await page.locator("#sight img[alt=領収書の画面]").wait_for()

    await page.click("[data-insert=table]")
    dialog = page.locator("#dialog-table")
    await dialog.get_by_label("列").fill("2")
    await dialog.get_by_label("行").fill("1")
    await dialog.get_by_role("button", name="入れる").click()
    # The dialog gives the focus back when it has closed: what is typed before that goes nowhere.
    await page.locator(f"{EDITOR}:focus", has_text="|---|---|").wait_for()
    await page.keyboard.insert_text("項目")
    for word in ("金額", "基本料金", "1,000円"):
        await page.keyboard.press("Tab")
        await page.keyboard.insert_text(word)
    await page.locator("#sight table th", has_text="項目").wait_for()
    await page.locator("#sight table td", has_text="1,000円").wait_for()


async def _find_and_read(page: Page) -> None:
    """From the home page by two characters to the article, with its picture and its table."""
    await page.goto("/")
    box = page.get_by_role("combobox").first
    await box.fill("領収")
    await box.press("Enter")
    await page.wait_for_url("**/search?q=*")
    await page.locator(".result").get_by_role("link", name=TITLE).click()
    await page.locator("article h1", has_text=TITLE).wait_for()
    await page.locator("article table th", has_text="項目").wait_for()
    image = page.locator("article img[alt=領収書の画面]")
    await image.scroll_into_view_if_needed()
    await page.wait_for_function("(one) => one.complete && one.naturalWidth === 640", arg=await image.element_handle())
    # It would move, had this reader not asked for less: a button lets it, and stops it again.
    for button, is_still in (("動かす", "false"), ("動きを止める", "true")):
        await page.get_by_role("button", name=button).click()
        shown = f"(one) => one.currentSrc.endsWith('still.webp') === {is_still}"
        await page.wait_for_function(shown, arg=await image.element_handle())


async def _translate(page: Page) -> None:
    """Into English, with the Japanese beside it."""
    await page.goto("/staff/content?q=receipts")
    await page.get_by_role("link", name="訳す").click()
    await page.wait_for_selector(EDITOR)
    assert "領収書は毎月" in await page.get_by_label("原文").input_value()
    await page.fill("#f-title", "Receiving a receipt")
    await page.click(EDITOR)
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Delete")
    await page.keyboard.insert_text("## When\n\nA receipt comes by the first.\n")
    await page.locator("#sight", has_text="A receipt comes").wait_for()
    await _press(page, "保存して確認を頼む", "確認待ち")


async def _type(page: Page, text: str) -> None:
    """At the end of the text, and wait until the preview has it."""
    await page.click(EDITOR)
    await page.keyboard.press("Control+End")
    await page.keyboard.insert_text(text)
    last = text.rsplit(maxsplit=1)[-1].replace("*", "")
    await page.locator("#sight", has_text=last).wait_for()


async def _press(page: Page, button: str, state: str) -> None:
    """A button of the editor, and what it leads to."""
    await page.get_by_role("button", name=button, exact=True).click()
    await page.locator(".studio-head .badge", has_text=state).wait_for()
