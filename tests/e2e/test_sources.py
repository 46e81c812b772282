"""An owner connects a product in a real browser: keys shown once, and the first event appears by itself."""

import httpx
from axe_playwright_python.async_playwright import Axe

from tests.conftest import OpenPage
from tests.server import Server

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def way_in(server: Server) -> str:
    server.banso("staff", "add", "owner@vendor.example", "--role", "owner")
    path = server.banso("link", "owner@vendor.example").strip().splitlines()[-1].partition("/sign-in/")[2]
    return f"/sign-in/{path}"


def send(server: Server, key: str, *messages: dict[str, object]) -> None:
    answer = httpx.post(f"{server.url}/api/v1/batch", json={"batch": messages}, auth=(key, ""), trust_env=False)
    assert answer.status_code == 200, answer.text


def track(event: str, number: int) -> dict[str, object]:
    context = {"groupId": "browsed"}
    return {"type": "track", "event": event, "userId": "b1", "messageId": f"{event}-{number}", "context": context}


async def test_a_product_is_connected_and_its_first_event_appears(server: Server, open_page: OpenPage) -> None:
    page = await open_page(server.url, locale="en")
    await page.goto(way_in(server))
    await page.locator("main form button").click()
    await page.goto("/staff/sources?lang=en")
    await page.get_by_label("Name").fill("browsed product")
    await page.get_by_label("Origins").fill("https://app.example.com")
    await page.get_by_role("button", name="Add the source").click()
    key = await page.locator("pre", has_text="wk_").inner_text()
    assert await page.locator(".code .copy").count() == 4
    await page.get_by_role("link", name="Go on").click()
    assert "pk_" in await page.locator("section", has_text="A browser").inner_text()

    await page.get_by_role("link", name="Latest events").click()
    await page.get_by_text("Nothing was received yet").wait_for()
    send(server, key, track("first.seen", 1), {"type": "track", "event": "", "userId": "b1"})
    # Nobody reloads: the page looks again by itself.
    await page.get_by_role("cell", name="first.seen").wait_for()
    await page.get_by_text("must be a text of 1 to 200 characters").wait_for()
    await page.get_by_role("button", name="Pause").click()
    send(server, key, track("second.seen", 1))
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_role("cell", name="second.seen").wait_for()

    base = page.url.split("?")[0]
    for address in ("/staff/sources", base, f"{base}/install", f"{base}/catalog", f"{base}/settings", "/staff/keys"):
        await page.goto(address)
        for width in (1280, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            if width == 1280 or address == base:
                found = await Axe().run(page, options=RULES)
                assert found.response["violations"] == [], (address, width, found.generate_report())
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (address, width)


async def test_everything_can_be_done_without_scripts(server: Server, open_page: OpenPage) -> None:
    page = await open_page(server.url, locale="en", js=False)
    await page.goto(way_in(server))
    await page.locator("main form button").click()
    await page.goto("/staff/keys?lang=en")
    await page.get_by_label("Name").fill("plain")
    await page.get_by_role("button", name="Make the key").click()
    assert (await page.locator("pre").inner_text()).startswith("ak_")
    await page.get_by_role("link", name="Back to the API keys").click()
    await page.get_by_role("row", name="plain").get_by_role("link", name="Revoke").click()
    await page.get_by_text("answered 401").wait_for()
    await page.get_by_role("button", name="Revoke the key").click()
    assert "Revoked" in await page.get_by_role("row", name="plain").inner_text()
