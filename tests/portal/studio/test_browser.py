"""The studio in a real Chromium: from the first word to a reader, by input methods, pasted tables and hostile words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.async_playwright import Axe
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlmodel import Session

from portal.jobs.registry import worker
from portal.kit.db import Database
from portal.kit.web import Site
from portal.main import build, site_from
from portal.settings import Settings
from portal.studio.manuscripts import writing
from tests.conftest import OpenPage
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.library import TOKYO, Clock
from tests.postgres import free_port

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
HERE = Path(__file__).parent
EDITOR = ".cm-content"


@dataclass
class Studio:
    """A portal that runs in this very process, so that its clock is in the test's hand."""

    site: Site
    clock: Clock
    url: str
    tokens: dict[str, str]
    open_page: OpenPage

    async def page(self, who: str, *, locale: str = "ja", dark: bool = False, width: int = 1280) -> Page:
        """A browser signed in as the owner, the writer, the reviewer, or a member."""
        page = await self.open_page(self.url, locale=locale, dark=dark, viewport=(width, 900))
        await page.context.add_cookies([{"name": "banso", "value": self.tokens[who], "url": self.url}])
        return page

    async def text(self, key: str) -> str:
        """The newest text of a document in Japanese."""

        def work(session: Session) -> str:
            found = writing(session, key, "ja")
            assert found
            return found.revision.text.partition("\n---\n")[2]

        return await self.site.database.read(work)


@pytest.fixture
async def studio(db: Database, open_page: OpenPage) -> AsyncIterator[Studio]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    clock = Clock(NOW)
    settings = Settings(database_url=str(db.url), base_url=url, secret_key="x" * 40)
    site = replace(site_from(settings), clock=clock, database=db)

    def people(session: Session) -> dict[str, str]:
        staff = {"owner": "owner", "writer": "editor", "reviewer": "cs"}
        tokens = {
            name: sign_in_as(session, make_staff(session, email=f"{name}@x.example", role=role))
            for name, role in staff.items()
        }
        return {**tokens, "member": sign_in_as(session, make_member(session, make_account(session)))}

    tokens = await db.write(people)
    server = Server(build(settings, site=site), address="127.0.0.1", port=port, interface=Interfaces.ASGINL)
    serving = asyncio.create_task(server.serve())
    try:
        yield Studio(site, clock, url, tokens, open_page)
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian's own
        await serving


async def begun(page: Page, title: str, key: str) -> None:
    """A new document, opened in the editor."""
    await page.goto("/staff/content/new")
    await page.fill("#f-title", title)
    await page.fill("#f-new_collection", "billing")
    await page.fill("#f-key", key)
    await page.get_by_role("button", name="書き始める").click()
    await page.wait_for_selector(EDITOR)


async def test_an_article_is_written_reviewed_scheduled_and_read(studio: Studio) -> None:
    writer = await studio.page("writer")
    await begun(writer, "請求書を受け取る", "invoices")
    await writer.click(EDITOR)
    await writer.keyboard.insert_text("## 届く日\n\n請求書は毎月**1日**に届きます。\n\n")
    await writer.click("[data-insert=table]")
    await writer.fill("#dialog-table [name=columns]", "2")
    await writer.fill("#dialog-table [name=rows]", "1")
    await writer.click("#dialog-table button[value=ok]")
    # The table comes into the text when the dialog has closed: whoever types sooner types before it.
    await writer.wait_for_selector(f"{EDITOR}:has-text('|---|---|')")
    await writer.keyboard.insert_text("項目")
    for _ in range(3):
        await writer.keyboard.press("ArrowRight")
    await writer.keyboard.insert_text("金額")
    await writer.wait_for_selector("#sight table th:has-text('項目')")
    await writer.wait_for_selector("#sight strong:has-text('1日')")
    await writer.click("#fields > summary")
    tomorrow = (NOW + timedelta(days=1)).astimezone(TOKYO)
    await writer.fill("#f-publish_at", tomorrow.strftime("%Y-%m-%dT%H:%M"))
    found = await Axe().run(writer)
    assert [one["id"] for one in found.response["violations"]] == []
    await writer.get_by_role("button", name="保存して確認を頼む").click()
    await writer.wait_for_selector(".notice-good")

    reviewer = await studio.page("reviewer")
    await reviewer.goto("/staff/content?state=review")
    await reviewer.click("text=請求書を受け取る")
    await reviewer.get_by_role("button", name="承認する").click()
    await reviewer.wait_for_selector(".notice-good")
    await reviewer.get_by_role("button", name="公開を予約する").click()
    await reviewer.wait_for_selector(".badge:has-text('公開予約')")

    member = await studio.page("member")
    gone = await member.goto("/manuals/invoices")
    assert gone is not None
    assert gone.status == 404
    studio.clock.now = NOW + timedelta(days=1, minutes=1)
    await worker(studio.site).run_due()
    there = await member.goto("/manuals/invoices")
    assert there is not None
    assert there.status == 200
    await member.wait_for_selector("article h1:has-text('請求書を受け取る')")
    await member.wait_for_selector("article table th:has-text('項目')")
    await reviewer.goto("/staff/content/invoices/ja")
    await reviewer.wait_for_selector(".badge:has-text('公開中')")


async def test_enter_that_settles_a_word_sends_no_form(studio: Studio) -> None:
    page = await studio.page("writer")
    await begun(page, "下書き", "draft")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.is_navigation_request() else None)
    keys = await page.context.new_cdp_session(page)

    async def compose(reading: str, word: str) -> None:
        await keys.send("Input.imeSetComposition", {"text": reading, "selectionStart": 2, "selectionEnd": 2})
        enter = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
        await keys.send("Input.dispatchKeyEvent", enter)
        await keys.send("Input.insertText", {"text": word})

    for field in ("#f-title", "#f-summary"):
        if field == "#f-summary":
            await page.evaluate("document.querySelector('#fields').open = true")
        await page.fill(field, "")
        await page.focus(field)
        await compose("せいきゅう", "請求")
        assert await page.input_value(field) == "請求"
    await page.click(EDITOR)
    await compose("かいやく", "解約")
    assert await page.inner_text(EDITOR) == "解約"
    # Safari sends the key once more when the word is settled already; the form must not go then either.
    stopped = await page.evaluate(
        """() => {
          const key = new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true, isComposing: true});
          return !document.querySelector("#f-summary").dispatchEvent(key);
        }"""
    )
    assert stopped
    assert sent == []
    # Enter in the title, with nothing to settle, goes on to the text.
    await page.focus("#f-title")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.classList.contains('cm-content')")
    assert sent == []
    await page.keyboard.press("Control+s")
    await page.wait_for_selector(".notice-good")
    assert await studio.text("draft") == "解約"


async def test_what_was_typed_is_there_after_the_browser_was_closed(studio: Studio) -> None:
    page = await studio.page("writer")
    await begun(page, "下書き", "draft")
    await page.click(EDITOR)
    async with page.expect_response("**/unsaved"):
        await page.keyboard.insert_text("まだ保存していない")
    await page.close()
    again = await studio.page("writer")
    await again.goto("/staff/content/draft/ja")
    assert await again.inner_text(EDITOR) == "まだ保存していない"
    other = await studio.page("reviewer")
    await other.goto("/staff/content/draft/ja")
    await other.wait_for_selector(".notice-warn")
    assert await other.inner_text(EDITOR) != "まだ保存していない"


async def test_rich_text_is_pasted_as_clean_markdown(studio: Studio) -> None:
    page = await studio.page("writer")
    await begun(page, "貼り付け", "paste")
    cases = json.loads((HERE / "pasted.json").read_text(encoding="utf-8"))
    for case in cases:
        await page.click(EDITOR)
        await page.keyboard.press("Control+a")
        await page.keyboard.press("Delete")
        await page.evaluate(
            """([html, text]) => {
              const data = new DataTransfer();
              data.setData("text/html", html);
              data.setData("text/plain", text);
              const event = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
              document.querySelector(".cm-content").dispatchEvent(event);
            }""",
            ["".join(case["html"]), case.get("text", "")],
        )
        got = await page.evaluate(
            "[...document.querySelectorAll('.cm-line')].map((one) => one.textContent).join('\\n')"
        )
        assert got.rstrip("\n") == "\n".join(case["markdown"]), case["from"]


async def test_no_words_of_an_author_ever_run(studio: Studio) -> None:
    payloads = (HERE / "hostile.txt").read_text(encoding="utf-8").splitlines()
    owner = await studio.page("owner")
    dialogs: list[str] = []

    async def note(dialog: object) -> None:
        dialogs.append(str(dialog))

    owner.on("dialog", note)
    await begun(owner, "<img src=x onerror=alert(1)>", "hostile")
    await owner.evaluate("document.querySelector('#fields').open = true")
    await owner.fill("#f-audience", 'plan: "<script>alert(1)</script>"')
    await owner.fill("#f-summary", "<svg/onload=alert(1)>")
    await owner.click(EDITOR)
    await owner.keyboard.insert_text("\n\n".join(payloads))
    async with owner.expect_response("**/preview"):
        await owner.keyboard.insert_text("\n")
    await owner.get_by_role("button", name="公開する", exact=True).click()
    await owner.wait_for_selector(".badge:has-text('公開中')")
    for path in (
        "/staff/content/hostile/ja",
        "/staff/content/hostile/ja/history",
        "/staff/content/hostile/ja/history/2",
        "/staff/content/hostile/ja/look",
        "/staff/content?q=<script>alert(1)</script>",
        "/manuals/hostile",
        "/manuals",
    ):
        await owner.goto(path)
        for link in await owner.locator("article a").all():
            target = (await link.get_attribute("href") or "").lower().strip()
            assert not target.startswith(("javascript:", "data:", "vbscript:"))
        assert await owner.locator("main script, main iframe, main object, main embed, main base").count() == 0
        handlers = "[...document.querySelectorAll('main *')].flatMap((one) => one.getAttributeNames())"
        assert not [name for name in await owner.evaluate(handlers) if name.startswith("on")]
    assert dialogs == []


@pytest.mark.parametrize(("locale", "dark", "width"), [("ja", True, 390), ("en", False, 1280)])
async def test_the_studio_can_be_used_by_everybody(studio: Studio, locale: str, dark: bool, width: int) -> None:
    owner = await studio.page("owner")
    await begun(owner, "記事", "one")
    page = await studio.page("owner", locale=locale, dark=dark, width=width)
    for path in (
        "/staff/content",
        "/staff/content/new",
        "/staff/content/one/ja",
        "/staff/content/one/ja/history/1",
        "/staff/content/one/ja/look",
        "/staff/collections",
        "/staff/releases",
    ):
        await page.goto(path)
        found = await Axe().run(page)
        assert [(path, one["id"]) for one in found.response["violations"]] == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
