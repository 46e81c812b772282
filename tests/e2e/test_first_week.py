"""A CS person's first week, lived through in a browser: customers come in, get in, stall, go on; the month is closed.

The portal runs in this very process, so that days pass when the test says so; its mails go to a real mail server on
loopback, and its worker does what is due whenever a page has asked for something.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlmodel import Session

from portal.jobs import registry
from portal.kit.db import Database
from portal.kit.mail import SmtpMailer
from portal.kit.web import Site
from portal.main import build, site_from
from portal.settings import Settings
from tests.conftest import OpenPage
from tests.factories import make_staff, sign_in_as
from tests.library import Clock
from tests.postbox import Postbox, postbox
from tests.postgres import free_port

if TYPE_CHECKING:
    from playwright.async_api import Page

TOKYO = ZoneInfo("Asia/Tokyo")
EXISTING = 1500
NEW = (("mirai", "株式会社みらい工房"), ("nozomi", "株式会社のぞみ物産"), ("hikari", "ひかり設計合同会社"))
PEOPLE = (
    ("mirai", "田中 美咲", "tanaka@mirai.example", "admin"),
    ("mirai", "鈴木 翔", "suzuki@mirai.example", "member"),
    ("mirai", "高橋 恵", "takahashi@mirai.example", "member"),
    ("mirai", "山本 大", "yamamoto@mirai.example", "member"),
    ("mirai", "渡辺 葵", "watanabe@mirai.example", "member"),
    ("nozomi", "加藤 実", "kato@nozomi.example", "admin"),
    ("hikari", "小林 光", "kobayashi@hikari.example", "admin"),
)
ACCOUNT_COLUMNS = "顧客コード,会社名,フリガナ,契約プラン,CS担当者,利用開始日,契約更新日,月額料金"
PERSON_COLUMNS = "顧客コード,氏名,メールアドレス,役割"


@dataclass
class Vendor:
    """The installation: its clock in the test's hand, its worker at the test's word, its mails in a box."""

    site: Site
    clock: Clock
    box: Postbox
    url: str
    tokens: dict[str, str]
    open_page: OpenPage
    files: Path

    def at(self, month: int, day: int, hour: int = 9) -> None:
        self.clock.now = datetime(2026, month, day, hour, 30, tzinfo=TOKYO)

    async def work(self) -> None:
        """Whatever is due is done."""
        worker = registry.worker(self.site)
        while await worker.run_due():
            pass

    async def page(self, who: str = "", *, phone: bool = False) -> Page:
        """A browser of a colleague, or of a stranger."""
        page = await self.open_page(self.url, locale="ja", viewport=(390, 844) if phone else (1280, 900))
        if who:
            await page.context.add_cookies([{"name": "banso", "value": self.tokens[who], "url": self.url}])
        return page

    def write(self, name: str, heading: str, rows: list[str]) -> Path:
        """A file as Excel in Japan writes it."""
        path = self.files / name
        path.write_bytes("\r\n".join([heading, *rows, ""]).encode("cp932"))
        return path


@pytest.fixture
async def vendor(db: Database, open_page: OpenPage, tmp_path: Path) -> AsyncIterator[Vendor]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    clock = Clock(datetime(2026, 11, 2, 9, 30, tzinfo=TOKYO))
    settings = Settings(database_url=str(db.url), base_url=url, secret_key="x" * 40, vendor_name="伴走クラウド")

    def colleagues(session: Session) -> dict[str, str]:
        made = {role: make_staff(session, email=f"{role}@vendor.example", role=role) for role in ("owner", "cs")}
        return {role: sign_in_as(session, one, now=clock.now) for role, one in made.items()}

    with postbox() as box:
        mailer = SmtpMailer(box.url, "portal@vendor.example", "伴走クラウド")
        site = replace(site_from(settings), clock=clock, database=db, mailer=mailer)
        tokens = await db.write(colleagues)
        server = Server(build(settings, site=site), address="127.0.0.1", port=port, interface=Interfaces.ASGINL)
        serving = asyncio.create_task(server.serve())
        try:
            yield Vendor(site, clock, box, url, tokens, open_page, tmp_path)
        finally:
            server.stop()  # type: ignore[no-untyped-call]  # granian's own
            await serving


async def confirmed(page: Page, button: str) -> None:
    """Press a button that asks first, and say yes."""
    await page.get_by_role("button", name=button).click()
    await page.locator("dialog[open]").get_by_role("button").last.click()


async def brought_in(vendor: Vendor, page: Page, kind: str, file: Path, new: int) -> None:
    """A file goes through the four pages of an import; its columns are recognised as they are."""
    await page.goto(f"/staff/import?kind={kind}")
    await page.set_input_files("#f-file", file)
    await page.get_by_role("button", name="列の選択へ進む").click()
    await page.get_by_role("button", name="取り込む前に確かめる").click()
    await page.wait_for_selector("[aria-live] h2")
    await vendor.work()
    await page.goto(page.url)
    assert f"{new:,} 新規" in await page.inner_text("main")
    await page.get_by_role("button", name="取り込む", exact=True).click()
    await page.wait_for_selector("[aria-live] h2")
    await vendor.work()
    await page.goto(page.url)
    assert f"{new:,} 新規" in await page.inner_text(".notice-good")


async def checklist_published(page: Page) -> None:
    """A starter becomes a checklist of one's own: a title and a number changed, a step moved up, another taken out."""
    await page.goto("/staff/checklists/new")
    await page.get_by_label("はじめの30日").check()
    await page.fill("#f-title_ja", "はじめの一歩")
    await page.get_by_role("button", name="始める").click()
    invite = page.locator(".workshop-step").nth(2)
    await invite.locator("summary").click()
    await page.fill("[name='steps.2.title_ja']", "仲間を2名招待する")
    await page.fill("[name='steps.2.when.at_least']", "2")
    await page.click("[value='step:up:3']")
    await page.wait_for_selector(".arrange-item:nth-child(3) >> text=主な機能を1回使う")
    await page.locator(".workshop-step").nth(4).locator("summary").click()
    await page.click("[value='step:remove:4']")
    await page.wait_for_selector(".arrange-item:nth-child(6)", state="detached")
    await page.click("#publish")
    await page.wait_for_url("**/publish")
    assert "まだ届いていない利用ログ" in await page.inner_text("main")
    assert "今は関係する顧客がいません" in await page.inner_text("main")  # all of them started long ago
    await page.get_by_role("button", name="公開する").click()
    await page.wait_for_selector("#flash .notice-good")
    steps = [one.partition("\n")[0] for one in await page.locator(".workshop-step > summary").all_inner_texts()]
    assert steps[2:4] == ["3. 主な機能を1回使う", "4. 仲間を2名招待する"]
    assert len(steps) == 5


async def key_of_the_product(vendor: Vendor) -> str:
    """Whoever runs the installation connects the product."""
    page = await vendor.page("owner")
    await page.goto("/staff")
    await page.get_by_role("link", name="送信元を追加").click()
    await page.fill("#f-name", "product")
    await page.get_by_role("button", name="送信元を追加").click()
    await page.wait_for_selector("text=今コピーしてください")
    shown = re.search(r"wk_[\w-]{20,}", await page.inner_text("main"))
    assert shown
    return shown[0]


async def got_in_by_mail(vendor: Vendor, address: str) -> None:
    mail = next(one for one in vendor.box.got if one.to == address)
    link = re.search(r"http://\S+/invitation/\S+", mail.part("plain"))
    assert link
    page = await vendor.page(phone=True)
    await page.goto(link[0])
    await page.get_by_role("button", name="招待を受ける").click()
    await page.wait_for_selector("text=はじめの一歩")


async def got_in_by_phone(vendor: Vendor, desk: Page, name: str, address: str) -> None:
    """A colleague reads a code out; the caller types it, without waiting for the mail."""
    await desk.goto("/staff/accounts/mirai")
    await desk.get_by_role("link", name=name).first.click()
    await confirmed(desk, "電話で伝えるコード")
    await desk.wait_for_selector(".code-aloud")
    code = re.sub(r"\D", "", await desk.locator(".code-aloud [aria-hidden]").inner_text())
    caller = await vendor.page(phone=True)
    await caller.goto("/sign-in")
    await caller.fill("[name=email]", address)
    await caller.get_by_role("button", name="メールを受け取る").click()
    await caller.fill("[name=code]", code)
    await caller.get_by_role("button", name="サインイン").click()
    await caller.wait_for_selector("text=はじめの一歩")


async def events_sent(vendor: Vendor, key: str) -> None:
    """The product says who did something, and what: the person CS invited is the one it means."""
    context = {"context": {"groupId": "mirai"}, "timestamp": vendor.clock.now.isoformat()}
    batch = [
        {"type": "identify", "userId": "u1", "messageId": "i1", "traits": {"email": "tanaka@mirai.example"}, **context},
        *[
            {"type": "track", "userId": "u1", "event": name, "messageId": f"t{number}", **context}
            for number, name in enumerate(("feature.used", "member.invited", "member.invited"))
        ],
    ]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{vendor.url}/api/v1/batch", json={"batch": batch}, auth=(key, ""))
    assert (answer.status_code, answer.json()["accepted"]) == (200, 4)


async def stalled_is_mailed(vendor: Vendor, page: Page) -> None:
    await page.goto("/staff/onboarding/stuck")
    await page.get_by_label("株式会社のぞみ物産").check()
    await page.get_by_role("button", name="メールを書く").click()
    await page.wait_for_url("**/staff/mails/new?*")
    assert await page.get_by_label("宛先").input_value() == "admins"
    await page.get_by_label("テンプレート").select_option(label="次の一歩のご案内")
    await page.wait_for_selector("#preview >> text=株式会社のぞみ物産 加藤 実様")
    await confirmed(page, "1通を送る")
    await page.wait_for_url("**/batches/*")
    await vendor.work()
    assert vendor.box.to[-1] == "kato@nozomi.example"
    assert "はじめの一歩" in vendor.box.got[-1].part("plain")


async def answer_recorded(page: Page) -> None:
    await page.goto("/staff/accounts/nozomi")
    await page.get_by_role("link", name="対応を記録する").click()
    await page.get_by_label("種類").select_option(label="メール")
    await page.get_by_label("内容").fill("来週から設定を始めるとのお返事。")
    await page.get_by_label("または営業日数で").fill("3")
    await page.get_by_role("button", name="保存").click()
    await page.wait_for_selector("#contacts >> text=来週から設定を始めるとのお返事。")
    assert "11月27日(金)" in await page.inner_text("#contacts")
    told = await page.inner_text("#timeline")
    assert "送信済み" in told
    assert "お返事" in told


async def deadline_extended(page: Page) -> None:
    await page.goto("/staff/onboarding/stuck")
    await page.get_by_label("ひかり設計合同会社").check()
    await page.get_by_role("button", name="例外を設ける").click()
    await page.fill("#f-days", "14")
    await page.fill("#f-reason", "担当の方が入院中のため。")
    await page.get_by_role("button", name="結果を確かめる").click()
    await page.click("#make")
    await page.wait_for_url("**/staff/exceptions/*")
    await page.goto("/staff/accounts/hikari")
    assert "期限 12月16日(水)" in await page.inner_text("main")


async def month_closed_and_printed(page: Page) -> None:
    await page.goto("/staff/report")
    await confirmed(page, "いま締める")
    await page.wait_for_selector("text=月を締めました")
    rows = {one.partition("\t")[0].split("\n")[0]: one for one in await page.locator("tbody tr").all_inner_texts()}
    assert re.findall(r"[\d,]+", rows["顧客"])[:2] == ["1,503", "1,503"]
    assert re.findall(r"\d+", rows["開始した顧客"])[:2] == ["3", "3"]
    sheet = await page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", sheet)
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} == {(595, 842)}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_cs_person_lives_through_the_first_week(vendor: Vendor) -> None:
    desk = await vendor.page("cs")
    await desk.goto("/staff")
    await desk.get_by_role("link", name="ファイルから取り込む").click()  # what to begin with leads there
    await desk.wait_for_url("**/staff/import")
    old = [
        f"c-{number:04d},{'㈱' if number % 3 else '株式会社'}青空商事{number},ｱｵｿﾞﾗ,starter,cs@vendor.example,"
        f'20{19 + number % 7}/{1 + number % 12}/{1 + number % 28},2027/3/{1 + number % 28},"{10 + number % 90},000"'
        for number in range(EXISTING)
    ]
    await brought_in(vendor, desk, "accounts", vendor.write("顧客.csv", ACCOUNT_COLUMNS, old), EXISTING)
    await checklist_published(desk)

    for external_id, name in NEW:
        await desk.goto("/staff/new-customer")
        await desk.fill("[name=external_id]", external_id)
        await desk.fill("[name=name]", name)
        await desk.get_by_role("button", name="保存").click()
        await desk.wait_for_url(f"**/accounts/{external_id}")
    people = vendor.write("ユーザー.csv", PERSON_COLUMNS, [",".join(one) for one in PEOPLE])
    await brought_in(vendor, desk, "members", people, len(PEOPLE))

    await desk.goto("/staff/accounts/mirai")
    await confirmed(desk, "未利用の5人を招待")
    await desk.wait_for_selector("text=5件の招待を送ります")
    assert await desk.get_by_text("招待済み", exact=True).count() == 5
    await vendor.work()
    assert sorted(vendor.box.to) == sorted(address for key, _, address, _ in PEOPLE if key == "mirai")
    await got_in_by_mail(vendor, "tanaka@mirai.example")
    await got_in_by_mail(vendor, "suzuki@mirai.example")
    await got_in_by_phone(vendor, desk, "高橋 恵", "takahashi@mirai.example")
    await desk.goto("/staff/accounts/mirai")
    assert "この28日に利用したのは3名" in await desk.inner_text("main")
    assert await desk.get_by_text("招待済み", exact=True).count() == 2

    key = await key_of_the_product(vendor)
    vendor.at(11, 4)  # the next business day: nobody is overdue, however long they have been customers
    await vendor.work()
    await desk.goto("/staff")
    assert "止まっている顧客はありません" in await desk.inner_text("main")
    await desk.goto("/staff/onboarding")
    assert "開始した3社のうち0社" in await desk.inner_text("main")
    await desk.goto("/staff/onboarding/stuck")
    assert await desk.locator(".chips a").all_inner_texts() == ["すべて\n0", "期限超過\n0", "動きなし\n0"]
    await events_sent(vendor, key)
    await desk.goto("/staff/accounts/mirai")
    assert await desk.locator("td:has-text('利用ログから自動')").count() == 2
    assert "ユーザー 5" in " ".join((await desk.inner_text("h2:has-text('ユーザー')")).split())  # u1 is 田中さん

    vendor.at(11, 24)
    await desk.goto("/staff")
    assert "株式会社のぞみ物産" in await desk.inner_text("main")  # in my day: who added a customer looks after them
    await stalled_is_mailed(vendor, desk)
    await answer_recorded(desk)
    await deadline_extended(desk)
    vendor.at(11, 27)
    await desk.goto("/staff")
    reached = await desk.inner_text("section[aria-labelledby=reached]")
    assert "株式会社のぞみ物産" in reached

    vendor.at(12, 1)
    await month_closed_and_printed(desk)
