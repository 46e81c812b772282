"""The studio in a real Chromium: by input methods, with pasted tables and hostile words, in the dark and on a phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.portal.studio.conftest import EDITOR, Studio, begun

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
HERE = Path(__file__).parent


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


async def test_the_editor_colours_and_finds_as_the_portal_reads(studio: Studio) -> None:
    page = await studio.page("writer")
    await begun(page, "太字", "bold")
    await page.click(EDITOR)
    text = "**重要。**必ず**保存**する、**「設定」**を開く、2 ** 3、**bold** です。"
    await page.keyboard.insert_text(text + "\n" * 200 + "遠くの請求書")
    await page.keyboard.press("Control+Home")
    await page.wait_for_selector(".md-strong:has-text('設定')")
    strong = await page.eval_on_selector_all(".md-strong", "all => all.map(one => one.textContent).join('')")
    assert strong.replace("*", "") == "重要。保存「設定」bold"
    # What is far below is not in the page yet, so the browser's own search would not have it.
    assert await page.locator(".cm-line:has-text('請求書')").count() == 0
    await page.keyboard.press("Control+f")
    await page.locator("[aria-label='この記事の中を探す']").press_sequentially("請求書")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".cm-searchMatch-selected:has-text('請求書')")
    await page.locator("[aria-label='置き換える言葉']").press_sequentially("見積書")
    await page.get_by_role("button", name="すべて置き換える").click()
    await page.wait_for_selector(".cm-line:has-text('遠くの見積書')")
    found = await Axe().run(page, context=".cm-panels")
    assert [one["id"] for one in found.response["violations"]] == []
    # The preview goes along: its last words come into view with those of the text.
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+Home")
    await page.keyboard.insert_text("".join(f"## 見出し{number}\n\n" + "本文。\n\n" * 9 for number in range(9)))
    await page.keyboard.press("Control+End")
    await expect(page.locator("#sight p", has_text="遠くの見積書")).to_be_in_viewport()
    await page.keyboard.press("Control+Home")
    await expect(page.locator("#sight h2", has_text="見出し0")).to_be_in_viewport()


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
