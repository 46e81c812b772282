"""The widget on pages of a product of its own: another origin, a strict policy, a server that signs and sends."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe

from portal.demo.product import Product as Sample
from portal.demo.product import ProductServer, Seat
from portal.events.sources import add_source
from portal.kit.clock import utcnow
from portal.kit.db import run
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from tests.conftest import ROOT, OpenPage
from tests.server import Process, Server

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Request, Route

CHECKLIST = """\
key: start
title: {ja: はじめの30日, en: Your first 30 days}
from: 2000-01-01
due: 1mo
steps:
  - key: invite
    title: {ja: メンバーを招待する, en: Invite a member}
    done_when: {event: member.invited}
    help: manuals/inviting
  - key: billing
    title: {ja: 請求先を確認する, en: Confirm billing}
    scope: any_member
    done_when: tick
  - key: profile
    title: {ja: プロフィールを書く, en: Write your profile}
    scope: any_member
    required: false
    done_when: tick
    url: https://app.example.com/me
"""
INVITING = """\
---
id: inviting
title: メンバーの招待
collection: start
---
## 招待のしかた
設定を開き、**招待**を押します。

- メールアドレスを入れる
- [権限を選ぶ](manuals/roles)
"""
ROLES = "---\nid: roles\ntitle: 権限について\ncollection: start\n---\n管理者とメンバーがあります。\n"


@dataclass
class Product:
    """The product and its portal, both running."""

    portal: Server
    app: Process

    def page(self, user: str, account: str = "acme", **query: str) -> str:
        """The address of a page for somebody."""
        told = "&".join(f"{name}={value}" for name, value in {"user": user, "account": account, **query}.items())
        return f"/?{told}"

    def token(self, user: str, account: str) -> str:
        """What the product's server signs for somebody."""
        return httpx.get(f"{self.app.url}/token?user={user}&account={account}", trust_env=False).text

    def did(self, event: str, user: str, account: str = "acme") -> None:
        """Somebody did something in the product, and its server has told so."""
        url = f"{self.app.url}/did/{event}?user={user}&account={account}"
        httpx.post(url, trust_env=False, timeout=20).raise_for_status()


def keys_of(portal: Server, app: Process) -> dict[str, str]:
    secrets = Secrets(LOOPBACK_SECRET)
    added = run(portal.database_url, partial(add_source, secrets=secrets, name="app", origins=[app.url], now=utcnow()))
    return {
        "PUBLIC_KEY": added.public_key,
        "WRITE_KEY": added.write_key,
        "SIGNING_SECRET": added.signing_secret,
        "PORTAL": portal.url,
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("widget")
    (home / "portal").mkdir()
    (home / "app").mkdir()
    portal = Server(home / "portal")
    shutil.copyfile(migrated_sqlite, portal.directory / "banso.db")
    for name, text in (
        ("checklists/start.yml", CHECKLIST),
        ("manuals/inviting.ja.md", INVITING),
        ("manuals/roles.ja.md", ROLES),
    ):
        path = portal.directory / "library" / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    portal.banso("publish", "library", "--yes")
    app = Process(home / "app", [sys.executable, "-m", "tests.e2e.sample_app"], {})
    app.environment |= keys_of(portal, app)
    try:
        portal.start()
        app.launch()
        app.wait()
        yield Product(portal, app)
    finally:
        app.stop()
        portal.stop()


async def launcher(page: Page) -> Locator:
    found = page.locator("banso-checklist .launcher")
    await found.wait_for()
    return found


async def opened(page: Page, address: str) -> Locator:
    """The panel on the page at `address`, opened as a reader opens it."""
    await page.goto(address)
    await (await launcher(page)).click()
    panel = page.locator("banso-checklist .panel")
    await panel.wait_for()
    return panel


async def heard(page: Page, name: str) -> list[Any]:
    """What the page's own listeners were told."""
    told: list[Any] = await page.evaluate("name => heard.filter(one => one[0] === name).map(one => one[1])", name)
    return told


async def happened(page: Page, name: str, *, times: int = 1) -> None:
    """The page's own listener was told so often."""
    await page.locator(f'html[data-{name}="{times}"]').wait_for(state="attached")


async def unharmed(page: Page) -> None:
    """The product goes on, whatever became of the widget."""
    await page.click("#own")
    assert await page.text_content("#said") == "作りました"
    assert await page.evaluate("mistakes") == []


async def test_a_step_done_in_the_product_is_done_in_the_panel(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "boot"))
    await panel.locator(".step.next", has_text="メンバーを招待する").wait_for()
    assert await panel.locator(".due").count() == 2
    assert (await heard(page, "ready")) == [{"member": "u1", "account": "boot"}]

    product.did("member.invited", "u1", "boot")
    await panel.locator(".step.done", has_text="メンバーを招待する").wait_for(timeout=2000)
    assert [one["step"] for one in await heard(page, "step_completed")] == ["invite"]
    assert "メンバーを招待する" in (await page.locator("banso-checklist [role=status]").text_content() or "")

    await panel.get_by_role("button", name="自分の分を完了にする").click()
    await panel.locator(".party").wait_for()
    assert [one["checklist"] for one in await heard(page, "completed")] == ["start"]
    await unharmed(page)


async def test_what_is_put_aside_here_is_aside_there(product: Product, open_page: OpenPage) -> None:
    here, there = await open_page(product.app.url), await open_page(product.app.url)
    panel = await opened(here, product.page("u1", "aside"))
    await panel.get_by_label("その他").click()
    await panel.get_by_role("button", name="自分には表示しない").click()
    await panel.get_by_text("「はじめの30日」を隠しました。").wait_for()
    assert await heard(here, "dismissed") == [{"checklist": "start"}]

    other = await opened(there, product.page("u1", "aside"))
    await other.locator(".aside", has_text="はじめの30日").wait_for()
    assert await other.locator(".step").count() == 0
    await other.get_by_role("button", name="もう一度表示する").click()
    await other.locator(".step").first.wait_for()
    await panel.locator(".step").first.wait_for(timeout=3000)


async def test_put_aside_for_three_days_and_by_an_admin_for_everyone(product: Product, open_page: OpenPage) -> None:
    mine, admins = await open_page(product.app.url), await open_page(product.app.url)
    panel = await opened(mine, product.page("u1", "days"))
    await panel.get_by_label("その他").click()
    assert await panel.locator(".item").all_text_contents() == ["3日間隠す", "自分には表示しない"]
    await panel.get_by_role("button", name="3日間隠す").click()
    await panel.locator(".aside").wait_for()
    until = await mine.evaluate(
        "async ({key, token, portal}) => (await (await fetch(`${portal}/api/v1/widget/state`, {headers:"
        " {authorization: `Bearer ${token}`, 'banso-key': key}})).json()).checklists[0].dismissed.until",
        await mine.evaluate("({...options})") | {"portal": product.portal.url},
    )
    assert timedelta(days=2, hours=23) < datetime.fromisoformat(until) - utcnow() <= timedelta(days=3)

    theirs = await opened(admins, product.page("boss", "days", role="admin"))
    await theirs.locator(".step").first.wait_for()
    await theirs.get_by_label("その他").click()
    await theirs.get_by_role("button", name="全員に表示しない").click()
    await theirs.locator(".aside").get_by_role("button", name="もう一度表示する").wait_for()
    await mine.reload()
    await panel.locator(".aside", has_text="boss").wait_for()
    assert await panel.get_by_role("button", name="もう一度表示する").count() == 0


async def test_a_token_that_has_expired_is_renewed_without_a_reload(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "renew", scene="expired"))
    await panel.locator(".step").first.wait_for()
    assert await heard(page, "token_expired") == []

    stale = await open_page(product.app.url)
    await stale.goto(product.page("u1", "renew", scene="stale"))
    await happened(stale, "token_expired")
    assert await stale.locator("banso-checklist").count() == 0, "nothing is shown of anybody"
    fresh = product.token("u1", "renew")
    await stale.evaluate("token => Banso.identify(token)", fresh)
    await launcher(stale)
    await unharmed(stale)


async def test_offline_and_back(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "offline"))
    await panel.locator(".step.next").wait_for()
    await page.context.set_offline(True)
    await panel.locator(".step-head", has_text="請求先を確認する").click()
    await panel.get_by_role("button", name="自分の分を完了にする").click()
    await panel.get_by_text("オフラインです").wait_for()
    product.did("member.invited", "u1", "offline")
    await unharmed(page)
    await page.context.set_offline(False)
    await panel.locator(".step.done", has_text="メンバーを招待する").wait_for()
    assert await panel.get_by_text("オフラインです").count() == 0


async def test_blocked_storage_costs_nothing_that_matters(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    refuse = "{ get() { throw new DOMException('blocked', 'SecurityError'); } }"
    await page.add_init_script(
        f"for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])"
        f" Object.defineProperty(window, name, {refuse});"
    )
    panel = await opened(page, product.page("u1", "storage"))
    await panel.locator(".step").first.wait_for()
    await unharmed(page)


async def test_without_a_portal_the_product_goes_on(product: Product, open_page: OpenPage, tmp_path: Path) -> None:
    app = Process(tmp_path, product.app._command, product.app.environment | {"PORTAL": "http://127.0.0.1:9"})
    app.launch()
    try:
        app.wait()
        page = await open_page(app.url)
        await page.goto(product.page("u1", "down"))
        await unharmed(page)
    finally:
        app.stop()

    page = await open_page(product.app.url)
    await page.route("**/api/v1/widget/**", lambda route: route.abort())
    await page.goto(product.page("u1", "down"))
    await page.wait_for_load_state()
    assert not await page.evaluate("Array.isArray(Banso)")
    await page.evaluate("Banso.open(); Banso.track('x'); Banso.close()")
    await unharmed(page)


async def test_calls_before_the_script_are_made_in_their_order(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    arrived = asyncio.Event()

    async def late(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await page.route("**/widget/banso.js", late)
    await page.goto(product.page("u1", "early"), wait_until="commit")
    await page.wait_for_selector("#said", state="attached")
    await page.evaluate("Banso.close(); Banso.track('member.invited'); Banso.open({document: 'inviting'})")
    arrived.set()
    panel = page.locator("banso-checklist .panel")
    await panel.get_by_role("heading", name="招待のしかた").wait_for()
    await page.evaluate("Banso.open()")
    await panel.locator(".step.done", has_text="メンバーを招待する").wait_for()

    # The same while the portal has not answered: the last word counts.
    await page.evaluate("Banso.close(); Banso.reset(); Banso.boot(options); Banso.open(); Banso.close()")
    await launcher(page)
    assert await panel.is_hidden()
    await page.evaluate("Banso.reset(); Banso.boot(options); Banso.open({search: '権限'})")
    await panel.locator(".hit", has_text="権限について").wait_for()
    await unharmed(page)


async def test_whatever_a_page_asks_it_throws_nothing(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    await page.goto(product.page("u1", "plain"))
    await launcher(page)
    for call in ("boot()", "boot({})", "boot(null)", "identify()", "track()", "open(7)", "on()", "on('ready', 1)"):
        await page.evaluate(f"Banso.{call}; undefined")
    # A page without HTTPS, where `randomUUID` is not to be had: what happens there counts all the same.
    await page.evaluate("delete Crypto.prototype.randomUUID; Banso.boot(options); Banso.track('member.invited')")
    await page.evaluate("Banso.open()")
    await page.locator("banso-checklist .step.done", has_text="メンバーを招待する").wait_for()
    await unharmed(page)


async def test_where_no_stream_gets_through_it_asks_ever_less_often(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    await page.clock.install()
    await page.route("**/widget/stream*", lambda route: route.abort())
    asked = {"state": 0, "stream": 0}

    under_way: set[Request] = set()
    answered = asyncio.Event()

    def begun(request: Request) -> None:
        under_way.add(request)
        answered.clear()
        for name in asked:
            asked[name] += f"/widget/{name}" in request.url

    def ended(request: Request) -> None:
        under_way.discard(request)
        if not under_way:
            answered.set()

    async def minutes(number: int) -> dict[str, int]:
        before = dict(asked)
        for _ in range(number * 6):
            await page.clock.run_for(10_000)
            await page.evaluate("0")  # by then it has asked whatever it was about to ask
            await answered.wait()
        return {name: asked[name] - before[name] for name in asked}

    page.on("request", begun)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    panel = await opened(page, product.page("u1", "proxy"))
    await panel.locator(".step.next").wait_for()
    product.did("member.invited", "u1", "proxy")
    await minutes(1)
    await panel.locator(".step.done", has_text="メンバーを招待する").wait_for()
    await minutes(5)
    later = await minutes(10)
    assert 3 <= later["state"] <= 12
    assert later["stream"] <= 3

    # Nobody looks at it: it asks for nothing, and at once when somebody does.
    see = (
        "how => { Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => how });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    await page.evaluate(see, "hidden")
    assert await minutes(10) == {"state": 0, "stream": 0}
    async with page.expect_request("**/widget/state*"):
        await page.evaluate(see, "visible")


async def test_a_page_that_takes_every_liberty(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    await page.goto(product.page("u1", "hostile", scene="hostile"))
    button = await launcher(page)
    await button.click()
    panel = page.locator("banso-checklist .panel")
    await panel.locator(".step.next").wait_for()
    await panel.locator(".step-head", has_text="請求先を確認する").click()
    await panel.get_by_role("button", name="自分の分を完了にする").click()
    await panel.locator(".step.done", has_text="請求先を確認する").wait_for()
    look = await panel.locator("h2").evaluate(
        "node => [getComputedStyle(node).fontSize, getComputedStyle(node).letterSpacing]"
    )
    assert look == ["17px", "normal"]
    on_top = await panel.evaluate(
        "node => { const box = node.getBoundingClientRect();"
        " return document.elementFromPoint(box.x + 20, box.y + 20)?.localName }"
    )
    assert on_top == "banso-checklist"
    # Laid over everything, after us, with the highest number there is: the panel and its button stay on top.
    war = (
        "node => { const over = document.createElement('div'); const rules = { display: 'block', position: 'fixed',"
        " inset: '0', 'z-index': '2147483647', background: 'black' };"
        " for (const name in rules) if (rules.hasOwnProperty(name))"
        " over.style.setProperty(name, rules[name], 'important');"
        " document.body.append(over);"
        " const box = node.getBoundingClientRect();"
        " const seen = [document.elementFromPoint(1, 1) === over,"
        " document.elementFromPoint(box.x + 20, box.y + 20)?.localName];"
        " over.remove(); return seen; }"
    )
    assert await panel.evaluate(war) == [True, "banso-checklist"]
    assert await button.evaluate(war) == [True, "banso-checklist"]
    assert await page.evaluate(
        "Object.keys(window).filter(name => /^(Panel|h)$/.test(name)).map(name => window[name])"
    ) == [
        "taken",
        "taken",
    ]
    await unharmed(page)


async def test_from_the_panel_into_the_portal_without_signing_in(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "ticket"))
    await panel.locator(".step").first.wait_for()
    async with page.context.expect_page() as opening:
        await panel.locator(".out").click()
    portal = await opening.value
    await portal.wait_for_url(re.compile(re.escape(product.portal.url) + r"/$"))
    await portal.get_by_role("heading", name="はじめの30日").first.wait_for()
    assert "ticket" not in portal.url
    assert await portal.evaluate("window.opener") is None


async def test_help_is_found_and_read_in_place(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "help"))
    await panel.get_by_role("button", name="読む: メンバーの招待").click()
    await panel.get_by_role("heading", name="招待のしかた").wait_for()
    assert await panel.locator("h2").text_content() == "メンバーの招待"
    await panel.get_by_role("link", name="権限を選ぶ").click()
    await panel.get_by_text("管理者とメンバーがあります。").wait_for()
    await panel.get_by_label("戻る").click()
    await panel.get_by_role("searchbox").fill("権限")
    await panel.locator(".hit", has_text="権限について").click()
    await panel.get_by_text("管理者とメンバーがあります。").wait_for()
    await page.evaluate("Banso.open({document: 'inviting'})")
    await panel.get_by_role("heading", name="招待のしかた").wait_for()
    await unharmed(page)


async def test_a_step_leads_to_where_it_is_done(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "where"))
    await panel.locator(".step-head", has_text="プロフィールを書く").click()
    way = panel.get_by_role("link", name="この手順へ進む")
    assert await way.get_attribute("href") == "https://app.example.com/me"
    assert (await way.get_attribute("target"), await way.get_attribute("rel")) == ("_blank", "noopener")
    await page.evaluate("Banso.boot({ ...options, onStep: (step) => { window.asked = step; return true; } })")
    await panel.locator(".step", has_text="プロフィールを書く").get_by_role("button", name="この手順へ進む").click()
    await panel.wait_for(state="hidden")
    asked = {
        "checklist": "start",
        "step": "profile",
        "title": "プロフィールを書く",
        "url": "https://app.example.com/me",
    }
    assert await page.evaluate("asked") == asked
    await page.evaluate("Banso.boot({ ...options, onStep: () => { throw new Error('the page\\'s own'); } })")
    await page.evaluate("Banso.open()")
    await panel.locator(".step.next").get_by_role("button", name="この手順へ進む").click()
    await unharmed(page)


async def test_by_keyboard_alone(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    await page.goto(product.page("u1", "keys"))
    button = await launcher(page)
    await button.focus()
    await page.keyboard.press("Enter")
    panel = page.locator("banso-checklist .panel")
    await panel.wait_for()
    order = []
    for _ in range(5):
        await page.keyboard.press("Tab")
        order.append(
            await page.evaluate("document.activeElement.shadowRoot?.activeElement?.getAttribute('data-at') ?? ''")
        )
    assert order[:3] == ["menu", "close", "step/start/invite"]
    await page.keyboard.press("Escape")
    await panel.wait_for(state="hidden")
    assert await page.evaluate("document.activeElement.shadowRoot?.activeElement?.className") == "launcher"
    assert await button.get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("dark", [False, True])
async def test_everybody_can_use_it(product: Product, open_page: OpenPage, dark: bool) -> None:
    for viewport in ((1280, 900), (390, 800)):
        page = await open_page(product.app.url, dark=dark, viewport=viewport)
        panel = await opened(page, product.page("u1", "axe"))
        await panel.locator(".step.next").wait_for()
        for view in ("{}", "{search: ''}", "{document: 'inviting'}"):
            await page.evaluate(f"Banso.open({view})")
            await panel.locator(".step, .hit, .prose").first.wait_for()
            found = await Axe().run(page, context={"include": [["banso-checklist"]]})
            assert [one["id"] for one in found.response["violations"]] == [], (viewport, view)
        box = await panel.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport[0]
        assert box["y"] >= 0


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_a_page_gives_it_the_look_that_the_manual_describes(
    product: Product, open_page: OpenPage, language: str
) -> None:
    manual = (ROOT / "content" / "manuals" / f"widget.{language}.md").read_text(encoding="utf-8")
    (css,) = re.findall(r"```css\n(.*?)```", manual, re.DOTALL)
    page = await open_page(product.app.url, viewport=(1280, 900))
    panel = await opened(page, product.page("u1", "look"))
    await panel.locator(".step.next").wait_for()
    await page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); document.adoptedStyleSheets = [sheet]; }",
        css,
    )
    await panel.evaluate("node => Promise.all(node.getAnimations().map(one => one.finished))")
    button = page.locator("banso-checklist .launcher")
    await page.mouse.move(10, 10)
    assert await button.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(11, 110, 79)"
    assert await panel.evaluate("node => [getComputedStyle(node).borderRadius, getComputedStyle(node).fontFamily]") == [
        "5px",
        '"Noto Sans JP", sans-serif',
    ]
    below, above = await button.bounding_box(), await panel.bounding_box()
    assert below is not None
    assert above is not None
    assert (1280 - below["x"] - below["width"], 900 - below["y"] - below["height"]) == (24, 96)
    assert 1280 - above["x"] - above["width"] == 24
    assert 0 <= above["y"] < above["y"] + above["height"] < below["y"]


async def test_where_no_motion_is_wanted_none_is_made(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    await page.emulate_media(reduced_motion="no-preference")
    panel = await opened(page, product.page("u1", "still"))
    await panel.locator(".step.next").wait_for()
    product.did("member.invited", "u1", "still")
    await panel.locator(".step.done", has_text="メンバーを招待する").wait_for()
    await panel.get_by_role("button", name="自分の分を完了にする").first.click()
    bit = panel.locator(".party .bits i").first
    await bit.wait_for(state="attached")
    moves = "node => getComputedStyle(node).animationName"
    assert await bit.evaluate(moves) == "fly"
    await page.emulate_media(reduced_motion="reduce")
    assert await bit.evaluate(moves) == "none"
    assert await panel.evaluate(moves) == "none"


async def test_staff_see_the_look_while_they_choose_it(product: Product, open_page: OpenPage) -> None:
    product.portal.banso("staff", "add", "sato@vendor.example", "--role", "owner")
    page = await open_page(product.portal.url)
    await page.goto(product.portal.banso("link", "sato@vendor.example").strip())
    await page.get_by_role("button").last.click()
    await page.goto("/staff/widget")
    drawn = page.locator('.look-scene[data-scheme="light"] .look-button')
    await page.locator("[name=accent]").fill("#0b6e4f")
    await page.locator("[name=radius]").fill("3")
    assert (await drawn.get_attribute("fill"), await drawn.get_attribute("rx")) == ("#0b6e4f", "3")
    await page.locator("[name=launcher_ja]").fill("はじめかた")
    await page.locator(".look-scene [data-launcher]", has_text="はじめかた").first.wait_for()


async def test_at_twice_the_size_nothing_is_lost(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url, viewport=(640, 450))
    panel = await opened(page, product.page("u1", "zoom"))
    await panel.locator(".step.next").wait_for()
    for name in ("閉じる", "その他"):
        box = await panel.get_by_label(name).bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 450
    assert await panel.locator(".body").evaluate("node => node.scrollWidth <= node.clientWidth")


async def test_one_page_and_several_lives(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    panel = await opened(page, product.page("u1", "lives"))
    await page.evaluate("Banso.boot(options); Banso.boot(options)")
    assert await page.locator("banso-checklist").count() == 1
    await page.evaluate("history.pushState({}, '', '/settings'); document.body.replaceChildren()")
    await launcher(page)
    await page.go_back()
    await launcher(page)

    other = product.token("u2", "others")
    await page.evaluate("token => Banso.identify(token)", other)
    await happened(page, "ready", times=2)
    assert (await heard(page, "ready"))[1] == {"member": "u2", "account": "others"}

    await page.evaluate("Banso.reset()")
    assert await page.locator("banso-checklist").count() == 0
    await panel.wait_for(state="detached")
    product.did("member.invited", "u2", "others")
    await page.evaluate("Banso.boot(options)")
    await launcher(page)

    await page.goto(product.page("u1", "lives", scene="embedded", lang="en"))
    await page.locator("banso-checklist .panel.embedded .step").first.wait_for()
    assert await page.locator("banso-checklist .launcher").count() == 0
    assert await page.locator("banso-checklist h2").text_content() == "Your first 30 days"
    await page.evaluate("document.querySelector('banso-checklist').remove()")
    await page.evaluate("document.querySelector('main').append(document.createElement('banso-checklist'))")
    await launcher(page)
    assert await page.evaluate("mistakes") == []


async def test_many_frames_are_one_widget(product: Product, open_page: OpenPage) -> None:
    page = await open_page(product.app.url)
    streams: set[Any] = set()
    page.on("request", lambda request: streams.add(request) if "/widget/stream" in request.url else None)
    page.on("requestfailed", lambda request: streams.difference_update([request]))
    page.on("requestfinished", lambda request: streams.difference_update([request]))
    await page.goto(product.page("u1", "framed", scene="frames"))
    inside = [frame for frame in page.frames if frame is not page.main_frame]
    assert len(inside) == 9
    for frame in inside:
        await frame.locator("banso-checklist .panel.embedded .step.next").wait_for()
        await frame.evaluate("Banso.boot(options); Banso.boot(options)")
    # One corner for the whole page, and one stream: a browser opens no more than six connections to the portal.
    await launcher(page)
    assert [await frame.locator("banso-checklist").count() for frame in page.frames] == [1] * 10
    assert [await frame.locator("banso-checklist .launcher").count() for frame in inside] == [0] * 9
    product.did("member.invited", "u1", "framed")
    for frame in inside:
        await frame.locator(".step.done", has_text="メンバーを招待する").wait_for()
    assert len(streams) == 1

    # Whoever listens may go: another frame takes over.
    await page.evaluate("Banso.reset()")
    await inside[3].locator(".step", has_text="請求先を確認する").get_by_role("button", name="完了にする").click()
    for frame in inside:
        await frame.locator(".step.done", has_text="請求先を確認する").wait_for()
    assert len(streams) == 1
    assert [await frame.evaluate("mistakes") for frame in page.frames] == [[]] * 10


@pytest.fixture
def shop(product: Product) -> Iterator[str]:
    """The demo vendor's product: its address."""
    server, secrets = ProductServer(0), Secrets(LOOPBACK_SECRET)
    told = partial(add_source, secrets=secrets, name="demo", origins=[server.origin], now=utcnow())
    added = run(product.portal.database_url, told)
    seats = [Seat("demo", "デモ商事", "d1", "田中 <美咲>"), Seat("other", "別会社", "d2", "鈴木 健太")]
    with server.serving(Sample(product.portal.url, added.public_key, added.signing_secret, seats)):
        yield server.origin


async def test_the_product_of_the_demo(shop: str, open_page: OpenPage) -> None:
    page = await open_page(shop, locale="en")
    panel = await opened(page, "/")
    assert await page.text_content("header strong") == "デモ商事 田中 <美咲>"
    await panel.locator(".step.next", has_text="Invite a member").wait_for()
    await page.locator("main").get_by_role("button", name="Invite a member").click()
    await panel.locator(".step.done", has_text="Invite a member").wait_for()
    assert await page.text_content("output") == "Told to Banso: member.invited"

    await page.get_by_role("link", name="日本語").click()
    await page.get_by_role("link", name="別会社 鈴木 健太").click()
    await page.wait_for_url("**/?as=1&lang=ja")
    await panel.locator(".step.next", has_text="メンバーを招待する").wait_for()
    assert (await page.request.get(f"{shop}/token?as=1")).ok
    assert [(await page.request.get(f"{shop}/{path}")).status for path in ("?as=2", "?as=x", "else")] == [404] * 3
