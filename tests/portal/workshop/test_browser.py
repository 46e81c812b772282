"""A checklist from a starter to the customers, in a real Chromium, without ever touching the mouse but to drag once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.async_playwright import Axe
from granian.constants import Interfaces
from granian.server.embed import Server

from portal.main import build, site_from
from portal.settings import Settings
from portal.workshop import drafts
from portal.workshop.form import ChecklistForm
from tests.conftest import OpenPage
from tests.factories import make_staff, sign_in_as
from tests.library import Clock
from tests.onboarding import World
from tests.postgres import free_port

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@dataclass
class Desk:
    """A portal in this very process, a page of it, and what its database says."""

    world: World
    url: str
    page: Page

    async def tab_to(self, selector: str, *, back: bool = False) -> None:
        """Press Tab until the focus is there, as somebody without a mouse does."""
        for _ in range(120):
            if await self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            await self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"no way to {selector} by keyboard")

    async def enter(self, selector: str, *, back: bool = False) -> None:
        """Go there and press Enter."""
        await self.tab_to(selector, back=back)
        await self.page.keyboard.press("Enter")

    async def choose(self, selector: str, down: int) -> None:
        """Go to a list and choose the entry so many below."""
        await self.tab_to(selector)
        for _ in range(down):
            await self.page.keyboard.press("ArrowDown")

    async def draft(self) -> ChecklistForm:
        """The draft as it is kept."""
        return await self.world.db.read(lambda session: drafts.opened(session, "kei").form)


@pytest.fixture
async def desk(world: World, open_page: OpenPage) -> AsyncIterator[Desk]:
    await world.account("株式会社あおば")
    await world.send(world.event("login", "6-02", account="株式会社あおば", device="phone"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(database_url=str(world.db.url), base_url=url, secret_key="x" * 40)
    site = replace(site_from(settings), clock=Clock(world.now), database=world.db)
    token = await world.db.write(lambda session: sign_in_as(session, make_staff(session, role="cs")))
    server = Server(build(settings, site=site), address="127.0.0.1", port=port, interface=Interfaces.ASGINL)
    serving = asyncio.create_task(server.serve())
    try:
        page = await open_page(url, locale="ja")
        await page.context.add_cookies([{"name": "banso", "value": token, "url": url}])
        yield Desk(world, url, page)
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian's own
        await serving


async def test_a_checklist_from_a_starter_by_keyboard(desk: Desk) -> None:
    page = desk.page
    await page.goto(f"{desk.url}/staff/checklists")
    await desk.enter("main a.button-primary")
    await page.wait_for_url("**/new")
    await desk.tab_to("[name=chosen]")
    for _ in range(4):
        await page.keyboard.press("ArrowDown")
    await desk.tab_to("[name=key]")
    await page.keyboard.type("kei")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/kei")

    await desk.enter("[value='step:add']")
    await page.wait_for_selector("[name='steps.3.title_ja']:focus")
    await page.keyboard.type("よく使う")
    await desk.choose("[name='steps.3.done']", 1)
    await desk.enter("[value='add:steps.3.when']")
    await page.wait_for_selector("[name='steps.3.when.kind']")
    await desk.tab_to("[name='steps.3.when.name']")
    await page.keyboard.type("login")
    await desk.choose("[name='steps.3.when.counts']", 1)
    await desk.enter("[value='ask:steps.3.when']")
    await page.wait_for_selector("[name='steps.3.when.where.0.name']:focus")
    assert await page.locator("#list-property-login option").get_attribute("value") == "device"
    await page.keyboard.type("device")
    await desk.tab_to("[name='steps.3.when.where.0.value']")
    await page.keyboard.type("phone")
    await desk.enter("[value='step:up:3']")
    await page.wait_for_selector("[value='step:up:2']:focus")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[value='step:up:1']:focus")

    # What is chosen decides which fields come next, and the focus stays.
    await desk.enter("[value='add:audience']", back=True)
    await page.wait_for_selector("[name='audience.name']")
    await desk.choose("[name='audience.kind']", 4)
    await page.wait_for_selector("[name='audience.op']")
    await page.wait_for_selector("[name='audience.kind']:focus")
    await desk.tab_to("[name='audience.value']")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".notice-bad")
    assert await page.locator("[name='audience.value']").get_attribute("aria-invalid") == "true"
    found = await Axe().run(page)
    assert [one["id"] for one in found.response["violations"]] == []
    await desk.enter("[value='remove:audience']")
    await page.wait_for_selector("[value='add:audience']:focus")

    last = page.locator(".arrange-grip").last
    await last.evaluate("grip => grip.scrollIntoView({block: 'center'})")
    box, to = await last.bounding_box(), await page.locator(".arrange-item").nth(2).bounding_box()
    assert box
    assert to
    await page.mouse.move(box["x"] + 5, box["y"] + 5)
    await page.mouse.down()
    await page.mouse.move(to["x"] + 5, to["y"] + 2, steps=4)
    let_go = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    # Whoever saves before the answer to a dragged step has come has saved: nothing that was pressed is lost.
    await page.route("**/staff/checklists/kei", hold)
    await page.mouse.up()
    await page.wait_for_selector(".arrange-item:last-child #step-first-use")
    await desk.enter("#save")
    let_go.set()
    await page.wait_for_selector("#flash .notice-good")
    await page.unroute("**/staff/checklists/kei")
    assert [step.key for step in (await desk.draft()).steps] == ["sign-in", "step-2", "colleague", "first-use"]
    assert "利用ログ「login」（deviceが「phone」）が1日以上" in await page.inner_text(".workshop-steps")
    await desk.enter("#publish")
    await page.wait_for_url("**/publish")
    assert "株式会社あおば" in (await page.locator("main").text_content() or "")
    await desk.enter("main form .button-primary")
    await page.wait_for_url("**/kei")
    assert list(await desk.world.enrollments()) == [("株式会社あおば", "kei")]
    assert list(await desk.world.done(key="kei", account="株式会社あおば")) == ["step-2"]
