from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session, select

from portal.accounts.service import account_by_external_id
from portal.content.readers import Reader
from portal.events.models import Event
from portal.kit.db import Database
from portal.tutorials.service import complete_step
from tests.factories import NOW, make_member
from tests.library import TOKYO, document, publish, publish_tutorials, tutorial, write
from tests.vendor import FIRST_DAYS, Vendor, ids_of, vendor_on

CHECKLIST = "/checklists/first-30-days"
pytestmark = pytest.mark.anyio


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        yield vendor


async def text_of(client: httpx.AsyncClient, path: str = "/") -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def row_of(page: str, name: str) -> str:
    begin = page.index(name, page.index("<tbody>"))
    return page[begin : page.index("</tr>", begin)]


# --- home -------------------------------------------------------------------------------------------------------------


async def test_home_is_for_members_only(vendor: Vendor) -> None:
    async with vendor.browser() as stranger, vendor.browser("staff") as staff:
        for browser, onward in ((stranger, "/sign-in"), (staff, "/staff")):
            answer = await browser.get("/")
            assert (answer.status_code, answer.headers["location"]) == (303, onward)


async def test_home_shows_the_checklist_with_its_next_step_open(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
    assert "田中 美咲さん、おはようございます" in page
    assert "株式会社あおば商事" in page
    assert "5件中0件完了" in page
    assert page.count("<details") - page.count('class="menu"') == len(FIRST_DAYS["steps"])
    assert page.count('" open>') == 1


@pytest.mark.parametrize(
    ("hours", "greeting"),
    [(-7, "Hello"), (-5, "Good morning"), (0, "Good morning"), (1, "Hello"), (8, "Good evening"), (13, "Good evening")],
)
async def test_the_greeting_keeps_the_vendors_time(vendor: Vendor, hours: int, greeting: str) -> None:
    vendor.clock.now = NOW + timedelta(hours=hours)
    async with vendor.browser("tanaka", language="en") as browser:
        assert f"{greeting}, 田中 美咲" in await text_of(browser)


async def test_everybody_is_called_san_once(vendor: Vendor) -> None:
    vendor.clock.now = NOW + timedelta(hours=1)
    async with vendor.browser("tanaka") as browser:
        assert "田中 美咲さん、こんにちは" in await text_of(browser)


async def test_without_a_checklist_home_says_what_will_be_there(vendor: Vendor) -> None:
    await vendor.publish()
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
    assert "いま取り組むチェックリストはありません" in page
    assert 'href="/manuals"' in page


async def test_what_is_under_way_stands_before_what_is_finished(vendor: Vendor) -> None:
    done = {**FIRST_DAYS, "key": "warm-up", "title": {"ja": "準備"}, "steps": [FIRST_DAYS["steps"][4]]}
    later = {**FIRST_DAYS, "key": "second", "title": {"ja": "次の60日"}}
    await vendor.publish(done, FIRST_DAYS, later)
    async with vendor.browser("tanaka") as browser:
        await vendor.post(browser, "/", "/checklists/warm-up/steps/logo/completion", back="/")
        page = await text_of(browser)
    assert page.index("はじめの30日") < page.index("次の60日") < page.index(">準備<")
    assert page.count('class="path"') == 1
    assert "6月3日(水)に完了" in page


async def test_a_finished_checklist_is_celebrated(vendor: Vendor) -> None:
    await vendor.publish({**FIRST_DAYS, "key": "warm-up", "steps": [FIRST_DAYS["steps"][4]]})
    async with vendor.browser("tanaka") as browser:
        await vendor.post(browser, "/", "/checklists/warm-up/steps/logo/completion", back="/")
        page = await text_of(browser)
    assert "すべてのステップが完了しました" in page
    assert 'class="path"' not in page


async def test_home_offers_to_go_on_and_what_is_new_within_the_wall(vendor: Vendor, tmp_path: Path) -> None:
    files = {
        "content/manuals/old.ja.md": document("old", title="前からある記事"),
        "content/manuals/secret.ja.md": document("secret", title="別の会社の記事", audience="{plan: enterprise}"),
        **tutorial("first", steps=("one", "two", "three")),
    }
    await publish(vendor.db, write(tmp_path, files), now=NOW - timedelta(days=3))
    await publish_tutorials(vendor.db, tmp_path)
    newer = write(tmp_path, {"content/manuals/new.ja.md": document("new", title="新しい記事")})
    await publish(vendor.db, newer, now=NOW)
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
        assert page.index("新しい記事") < page.index("前からある記事")
        assert "別の会社の記事" not in page
        assert "つづきから" not in page
    reader = Reader("member", *await vendor.db.read(lambda session: ids_of(session, "aoba", "u-tanaka")))
    await vendor.db.write(lambda session: complete_step(session, reader, key="first", step="one", now=NOW, zone=TOKYO))
    async with vendor.browser("tanaka") as browser, vendor.browser("admin") as colleague:
        page = await text_of(browser)
        assert "つづきから" in page
        assert 'href="/tutorials/first/two"' in page
        assert "3ステップ中1ステップ完了" in page
        assert "つづきから" not in await text_of(colleague)


async def test_signing_in_is_a_happening(vendor: Vendor) -> None:
    found = await vendor.db.read(lambda session: session.exec(select(Event)).all())
    assert sorted((one.name, one.kind) for one in found) == [("portal.signed_in", "portal")] * 3


# --- team -------------------------------------------------------------------------------------------------------------


async def test_the_team_is_for_admins(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as member, vendor.browser("staff") as staff, vendor.browser() as stranger:
        assert (await member.get("/team")).status_code == 404
        assert (await staff.get("/team")).status_code == 404
        assert (await stranger.get("/team")).status_code == 303


async def test_the_team_shows_everyone_and_who_was_never_here(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        await vendor.post(browser, CHECKLIST, f"{CHECKLIST}/steps/profile/completion")
    async with vendor.browser("admin") as browser:
        page = await text_of(browser, "/team")
        assert (await text_of(browser, "/team?checklist=first-30-days")).count("<tr>") == page.count("<tr>")
    assert "みどり" not in page
    assert "森 あい" not in page
    tanaka, suzuki, admin = (row_of(page, name) for name in ("田中 美咲", "鈴木 一郎", "佐藤 花"))
    assert "1 / 1" in tanaka
    assert "0 / 1" in suzuki
    assert "0 / 2" in admin
    assert "まだ利用なし" in suzuki
    assert "6月3日(水)" in tanaka
    assert "3名中1名" in row_of(page, "全体")


async def test_who_has_left_or_is_nobody_is_not_listed(vendor: Vendor) -> None:
    def work(session: Session) -> None:
        aoba = account_by_external_id(session, "aoba")
        assert aoba is not None
        make_member(session, aoba, name="退職した人", left_at=NOW - timedelta(days=1))
        make_member(session, aoba, name="来月の人", joined_at=NOW + timedelta(days=30))

    await vendor.db.write(work)
    async with vendor.browser("admin") as browser:
        page = await text_of(browser, "/team")
    assert "退職した人" not in page
    assert "来月の人" not in page


async def test_a_large_team_comes_in_pages(vendor: Vendor) -> None:
    def work(session: Session) -> None:
        aoba = account_by_external_id(session, "aoba")
        assert aoba is not None
        for number in range(100):
            make_member(
                session, aoba, name=f"社員 {number:03}", external_id=f"e-{number}", email=f"e{number}@a.example"
            )

    await vendor.db.write(work)
    async with vendor.browser("admin") as browser:
        first = await text_of(browser, "/team")
        last = await text_of(browser, "/team?checklist=first-30-days&page=2")
        beyond = await text_of(browser, "/team?page=999")
    assert "103名中 1–100名" in first
    assert "103名中 101–103名" in last
    assert "103名中 101–103名" in beyond


async def test_the_team_page_chooses_among_checklists(vendor: Vendor) -> None:
    for_admins = {**FIRST_DAYS, "key": "admins", "steps": FIRST_DAYS["steps"][3:]}
    await vendor.publish(FIRST_DAYS, {**FIRST_DAYS, "key": "second", "title": {"ja": "次の60日"}}, for_admins)
    async with vendor.browser("admin") as browser:
        whole = row_of(await text_of(browser, "/team?checklist=admins"), "全体")
        assert whole.count("1名中0名") == 2, "who is asked for nothing has not done it"
        page = await text_of(browser, "/team?checklist=second")
        assert '<a href="/team?checklist=second" aria-current="page">次の60日</a>' in page
        assert (await browser.get("/team?checklist=nothing")).status_code == 404
        assert (await browser.get("/team?page=x")).status_code == 404


async def test_a_customer_without_a_checklist_has_an_empty_team_page(vendor: Vendor) -> None:
    await vendor.publish()
    async with vendor.browser("admin") as browser:
        assert "まだ表示するものがありません" in await text_of(browser, "/team")
        assert (await browser.get("/team?checklist=first-30-days")).status_code == 404
