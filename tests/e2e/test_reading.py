"""Writing with pictures and reading, in a real browser: upload, show, play, read, answer; with scripts and without."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page
from sqlmodel import Session

from portal.accounts.models import Member, Staff
from portal.kit import db
from portal.kit.clock import utcnow
from tests.conftest import OpenPage
from tests.factories import make_account, make_member, make_staff, sign_in_as
from tests.pictures import picture
from tests.server import Server

HEAD = "---\nid: {key}\ntitle: {title}\ncollection: basics\n{more}---\n\n"
LONG = "\n\n".join(f"## 手順{number}\n\n画面を見ながら進めます。" for number in range(1, 12))
FILM = "![製品の紹介](https://www.youtube.com/watch?v=dQw4w9WgXcQ)"
CHOSEN = "image => image.decode().then(() => image.currentSrc)"
DROP = """async ([selector, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  document.querySelector(selector).dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A fresh installation with two articles, one of them for anybody."""
    server = Server(tmp_path_factory.mktemp("reading"))
    guide = HEAD.format(key="guide", title="手引き", more="") + f"![画面](images/screen.png)\n\n{FILM}\n\n{LONG}\n"
    files: dict[str, str | bytes] = {
        "content/manuals/guide.ja.md": guide,
        "content/manuals/images/screen.png": picture(1200, 700, colour="steelblue"),
        "content/faq/terms.ja.md": HEAD.format(key="terms", title="料金の質問", more="public: true\n") + "月額です。\n",
    }
    for name, content in files.items():
        path = server.directory / "library" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    server.banso("migrate")
    server.banso("publish", str(server.directory / "library"))

    def people(session: Session) -> dict[str, str]:
        now = utcnow()
        member = make_member(session, make_account(session, now=now), now=now)
        there: dict[str, Member | Staff] = {"member": member, "staff": make_staff(session, now=now)}
        return {who: sign_in_as(session, one, now=now) for who, one in there.items()}

    tokens = db.run(server.database_url, people)
    try:
        yield Installed(server.start().url, tokens)
    finally:
        server.stop()


@dataclass(frozen=True)
class Installed:
    """A running portal and who is signed in: their tokens."""

    url: str
    tokens: dict[str, str]

    async def page(self, open_page: OpenPage, who: str, **options: Any) -> Page:
        page = await open_page(self.url, **options)
        if who:
            await page.context.add_cookies([{"name": "banso", "value": self.tokens[who], "url": self.url}])
        return page


async def test_staff_drop_a_picture_and_what_is_no_picture(installed: Installed, open_page: OpenPage) -> None:
    page = await installed.page(open_page, "staff")
    await page.goto("/staff/media")
    await page.evaluate(DROP, ["form[data-upload]", "壊れた.png", base64.b64encode(picture()[:60]).decode()])
    problem = page.locator(".upload-list .field-error")
    await problem.wait_for()
    assert "壊れて" in (await problem.text_content() or "")
    assert (await Axe().run(page)).response["violations"] == []

    await page.evaluate(DROP, ["form[data-upload]", "設定の画面.png", base64.b64encode(picture(800, 500)).decode()])
    await page.wait_for_url("**/staff/media/*")
    await page.fill("#f-alt", "設定の画面。保存ボタンは右下")
    await page.click("text=説明を保存")
    assert "![設定の画面。保存ボタンは右下](media:" in (await page.text_content(".copyline") or "")
    assert (await page.locator(".media-large img").evaluate(CHOSEN)).endswith("/800.webp")
    assert (await Axe().run(page)).response["violations"] == []


async def test_an_article_is_read_when_it_was_in_sight_and_a_film_waits_to_be_asked(
    installed: Installed, open_page: OpenPage
) -> None:
    page = await installed.page(open_page, "member", viewport=(390, 844))
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda request: told.append(request.post_data or "") if "/read" in request.url else None)
    await page.route("https://www.youtube-nocookie.com/**", lambda route: route.fulfill(body="<p>player</p>"))
    await page.goto("/manuals/guide")
    assert (await page.locator(".article-body img").evaluate(CHOSEN)).endswith("/480.webp")
    assert (await Axe().run(page)).response["violations"] == []

    assert [url for url in asked if not url.startswith(installed.url)] == []
    await page.click("a.embed")
    await page.frame_locator("iframe.embed-player").locator("text=player").wait_for()
    assert [url.partition("?")[0] for url in asked if "youtube" in url] == [
        "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"
    ]

    async with page.expect_request("**/manuals/guide/read", timeout=30_000):
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert "seconds=1" in told[0]
    assert "depth=" in told[0]

    await page.click("text=いいえ")
    await page.check("text=分かりにくい")
    await page.fill("#f-comment", "手順3が分かりません")
    async with page.expect_response("**/feedback/guide?*"):
        await page.click("text=送る")
    await page.locator("#helpful >> text=「いいえ」と記録しました").wait_for()
    assert page.url.endswith("/manuals/guide/guide")
    assert len(told) == 1


async def test_without_scripts_everything_is_there_too(installed: Installed, open_page: OpenPage) -> None:
    page = await installed.page(open_page, "", js=False)
    await page.goto("/manuals/terms")
    assert await page.locator("nav[aria-label=メイン] a").count() == 1
    await page.click("text=はい")
    await page.locator("text=「はい」と記録しました").wait_for()
    await page.click("text=「いいえ」に変える")
    await page.locator("text=「いいえ」と記録しました").wait_for()

    page = await installed.page(open_page, "member", js=False)
    await page.goto("/manuals/guide")
    assert await page.get_attribute("a.embed", "href") == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    await page.click(".read-said button")
    await page.locator("text=読んだことを記録しました").wait_for()
