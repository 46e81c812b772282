"""The main job, lived through in a real browser: a customer onboards, the product sends events, staff read the rate."""

from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from segment.analytics.client import Client

from tests.conftest import ROOT, OpenPage
from tests.server import Server

CHECKLIST = """\
key: start
title: {ja: はじめの一歩, en: First steps}
due: 30d
steps:
  - {key: hello, title: {ja: あいさつする, en: Say hello}}
  - {key: invite, title: {ja: 招待する, en: Invite}, done_when: {event: member.invited, at_least: 2}}
"""
DOCUMENT = "---\nid: guide\ntitle: {title}\ncollection: basics\n---\n\n## {head}\n\n**重要。**必ず読みます。\n"
ACCOUNTS = "external_id,name\nc1,株式会社あおば\nc2,株式会社みどり\n"
MEMBERS = (
    "external_id,account,email,name,role\n"
    "u1,c1,tanaka@aoba.example,田中 美咲,admin\n"
    "u2,c2,suzuki@midori.example,鈴木 健太,member\n"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A fresh installation, set up by its commands alone."""
    server = Server(tmp_path_factory.mktemp("journey"))
    library = server.directory / "library"
    files = {
        "content/checklists/start.yml": CHECKLIST,
        "content/manuals/guide.ja.md": DOCUMENT.format(title="手引き", head="はじめに"),
        "content/manuals/guide.en.md": DOCUMENT.format(title="Guide", head="To begin"),
    }
    for name, text in files.items():
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (server.directory / "accounts.csv").write_bytes(ACCOUNTS.encode("cp932"))
    (server.directory / "members.csv").write_bytes(MEMBERS.encode("utf-8-sig"))
    server.banso("migrate")
    server.banso("staff", "add", "sato@vendor.example", "--name", "佐藤 真理", "--role", "owner")
    server.banso("publish", str(library))
    server.banso("import", "accounts", "accounts.csv")
    server.banso("import", "members", "members.csv")
    try:
        yield server.start()
    finally:
        server.stop()


def way_in(server: Server, email: str) -> str:
    path = server.banso("link", email).strip().splitlines()[-1].partition("/sign-in/")[2]
    return f"/sign-in/{path}"


def key_of(printed: str, label: str) -> str:
    return next(line.partition(": ")[2] for line in printed.splitlines() if line.startswith(f"{label}: "))


async def test_a_customer_onboards_and_staff_read_the_rate(installed: Server, open_page: OpenPage) -> None:
    page = await open_page(installed.url, locale="ja")
    await page.goto(way_in(installed, "tanaka@aoba.example"))
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/")
    assert "田中" in await page.inner_text("h1")
    assert "2件中0件完了" in await page.inner_text("main")

    await page.click("text=完了にする")
    await page.wait_for_selector("text=2件中1件完了")

    source = installed.banso("source", "add", "product")
    client = Client(key_of(source, "write key"), host=f"{installed.url}/api", sync_mode=True, max_retries=2)
    for number in range(2):
        client.track("u1", "member.invited", {"number": number}, context={"groupId": "c1"})
    await page.reload()
    await page.wait_for_selector("text=2件中2件完了")
    await page.goto("/checklists/start")
    assert "自動で完了" in await page.inner_text("main")

    api_key = key_of(installed.banso("key", "add", "reports"), "API key")
    headers = {"Authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(base_url=f"{installed.url}/api/v1", headers=headers, trust_env=False) as api:
        state = (await api.get("/accounts/c1/checklists/start")).json()
        assert state["status"] == "completed"
        assert [step["completion"]["how"] for step in state["steps"]] == ["member", "event"]
        rate = (await api.get("/checklists/start/completion-rate")).json()
        assert rate["rows"][0]["started"] == 2
        assert rate["rows"][0]["already_completed"] == 1
        assert rate["rows"][0]["rate"] is None

    desk = await open_page(installed.url, locale="en")
    await desk.goto(way_in(installed, "sato@vendor.example"))
    await desk.click("main button[type=submit]")
    await desk.wait_for_url("**/staff")
    await desk.goto("/staff/onboarding?by=none&lang=en")
    assert "1 of 2 that started" in await desk.inner_text("main")
    await desk.click(".stat-value a >> nth=0")
    assert "株式会社あおば" in await desk.inner_text("main")


async def test_it_all_works_without_javascript(installed: Server, open_page: OpenPage) -> None:
    page = await open_page(installed.url, locale="ja", js=False)
    await page.goto(way_in(installed, "suzuki@midori.example"))
    await page.click("main button[type=submit]")
    await page.click("text=完了にする")
    assert "2件中1件完了" in await page.inner_text("main")
    await page.goto("/checklists/start")
    await page.click("summary:has-text('あいさつする')")
    await page.click("text=取り消す")
    assert "2件中0件完了" in await page.inner_text("main")
    await page.goto("/manuals/guide")
    assert page.url.endswith("/manuals/guide/guide")
    assert await page.inner_text("article strong, .prose strong") == "重要。"


@pytest.mark.parametrize("dark", [False, True])
async def test_pages_have_no_barriers(installed: Server, open_page: OpenPage, dark: bool) -> None:
    member = await open_page(installed.url, locale="ja", viewport=(390, 844), dark=dark)
    await member.goto("/sign-in")
    await no_violations(member)
    await member.goto(way_in(installed, "tanaka@aoba.example"))
    await member.click("main button[type=submit]")
    for path in ("/", "/checklists/start", "/manuals", "/manuals/guide", "/tutorials", "/team", "/me"):
        await member.goto(path)
        await no_violations(member)
    staff = await open_page(installed.url, locale="en", dark=dark)
    await staff.goto(way_in(installed, "sato@vendor.example"))
    await staff.click("main button[type=submit]")
    for path in ("/staff", "/staff/onboarding", "/staff/accounts", "/staff/accounts/c1", "/staff/content"):
        await staff.goto(path)
        await no_violations(staff)


async def no_violations(page: object) -> None:
    found = await Axe().run(page)
    said = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found.response["violations"]
        if violation["id"] != "region"
    ]
    assert said == [], page


def test_an_article_brings_little_with_it() -> None:
    """Style and script of every page, as they travel; the words of an article come on top, up to 60 KB in all."""
    built = list((ROOT / "static" / "dist").glob("app-*.gz"))
    assert len(built) == 2
    assert sum(path.stat().st_size for path in built) < 20_000
