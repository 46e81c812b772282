"""The search box as people use it: typing Japanese with an input method, with a keyboard, and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page
from sqlmodel import Session, select

from portal.kit.clock import utcnow
from portal.kit.db import Database, open_database
from portal.search.models import Search
from tests.conftest import OpenPage
from tests.factories import make_account, make_member, sign_in_as
from tests.library import document, write
from tests.server import Server

FILES = {
    "content/manuals/search-invite.ja.md": document(
        "search-invite", "メンバーを招待するには、画面右上のボタンを押します。\n", title="メンバーを招待する"
    ),
    "content/manuals/search-invoice.ja.md": document(
        "search-invoice", "請求書は毎月1日に発行されます。\n", title="請求書の再発行"
    ),
}


async def test_the_search_box(make_server: Callable[..., Server], open_page: OpenPage, tmp_path: Path) -> None:
    server = make_server()
    server.banso("migrate")
    server.banso("publish", str(write(tmp_path / "library", FILES)), "--yes")
    server.start()
    db = open_database(server.database_url)
    try:
        token = await db.write(_sign_in)
        page = await open_page(server.url, locale="ja", viewport=(1280, 800))
        await page.context.add_cookies([{"name": "banso", "value": token, "url": server.url}])
        await type_choose_and_search(page, db)
        page = await open_page(server.url, locale="ja", viewport=(390, 800), js=False)
        await page.context.add_cookies([{"name": "banso", "value": token, "url": server.url}])
        await search_on_a_phone_without_scripts(page)
    finally:
        await db.close()


def _sign_in(session: Session) -> str:
    return sign_in_as(session, make_member(session, make_account(session)), now=utcnow())


async def type_choose_and_search(page: Page, db: Database) -> None:
    await page.goto("/manuals/search-invoice/search-invoice")
    box = page.get_by_role("combobox", name="マニュアルとチュートリアルを検索")
    offered = page.get_by_role("listbox")
    await box.focus()

    # An input method composes せいきゅう: titles are offered by their reading, and its Enter sends nothing.
    keyboard = await page.context.new_cdp_session(page)
    await keyboard.send("Input.imeSetComposition", {"text": "せいきゅう", "selectionStart": 5, "selectionEnd": 5})
    await offered.get_by_role("option", name="請求書の再発行").wait_for()
    await box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "isComposing": True, "bubbles": True})
    assert page.url.endswith("/search-invoice")
    await keyboard.send("Input.insertText", {"text": "招待"})
    option = offered.get_by_role("option", name="メンバーを招待する")
    await option.wait_for()
    assert await box.get_attribute("aria-expanded") == "true"
    assert (await Axe().run(page)).violations_count == 0

    # The keyboard chooses; Escape closes and leaves what was typed.
    await box.press("ArrowDown")
    assert await box.get_attribute("aria-activedescendant") == await option.get_attribute("id")
    assert await option.get_attribute("aria-selected") == "true"
    await box.press("Escape")
    assert await offered.count() == 0
    assert await box.input_value() == "招待"
    await box.press("ArrowDown")
    await box.press("Enter")
    await page.wait_for_url("**/manuals/search-invite/search-invite")

    # Enter without a choice searches; opening a result is noted, once.
    box = page.get_by_role("combobox")
    await box.fill("再発行")
    await box.press("Enter")
    await page.wait_for_url("**/search?q=*")
    assert await page.locator("mark").first.inner_text() == "再発行"
    assert (await Axe().run(page)).violations_count == 0
    async with page.expect_response("**/search/opened") as noted:
        # In a tab of its own, so that this page is still there to see the answer.
        await page.get_by_role("link", name="請求書の再発行").click(modifiers=["Control"])
    assert (await noted.value).status == 204
    await page.get_by_role("link", name="請求書の再発行").click()
    await page.wait_for_url("**/manuals/search-invoice/search-invoice")
    kept = await db.read(lambda session: session.exec(select(Search)).all())
    assert [(one.query, one.clicked, one.clicked_key) for one in kept] == [("再発行", 1, "document/search-invoice")]


async def search_on_a_phone_without_scripts(page: Page) -> None:
    await page.goto("/manuals/search-invoice/search-invoice")
    await page.get_by_role("link", name="検索", exact=True).click()
    await page.get_by_role("searchbox").fill("招待")
    await page.get_by_role("button", name="検索").click()
    await page.get_by_role("link", name="メンバーを招待する").click()
    await page.wait_for_url("**/manuals/search-invite/search-invite")
