"""The staff desk through a browser: what is on it, where its figures lead, and who may not see it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import httpx
import pytest
from sqlmodel import Session

from portal.accounts.service import mark_left, upsert_account
from portal.checklists.actors import Actor
from portal.checklists.exceptions import Change, make_exception
from portal.checklists.steps import complete_step
from portal.desk import day_pages
from portal.insights import pages
from portal.kit.db import Database
from tests.factories import make_staff, sign_in_as
from tests.library import TOKYO, Clock, browser, portal_with
from tests.vendor import FIRST_DAYS, Vendor

pytestmark = pytest.mark.anyio
EXCEPTION = "/checklists/first-30-days/exception"
COMPLETE = "/checklists/first-30-days/steps/kickoff/complete"
CRM = Actor(kind="api", key="crm", name="crm")
PAGES = (
    "/staff",
    "/staff/accounts",
    "/staff/accounts/aoba",
    "/staff/onboarding",
    "/staff/onboarding/rate.csv?checklist=first-30-days",
    "/staff/onboarding/accounts?checklist=first-30-days",
)


@pytest.fixture
async def staff(vendor: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor.browser("staff") as staff:
        yield staff


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


async def furnish(vendor: Vendor) -> None:
    """Forty customers of all kinds, who started over the last five months."""

    def work(session: Session) -> None:
        now = vendor.clock.now
        for number in range(40):
            started = now - timedelta(hours=number * 90)
            told = {
                "name": f"顧客{number}",
                "created_at": started,
                "plan": ("pro", "free & easy", None)[number % 3],
                "owner": ("佐藤", None)[number % 2],
            }
            account = upsert_account(session, external_id=f"c/{number}", changes=told, now=now)
            done = ("kickoff", "invite", "profile", "billing")[: number % 5]
            for day, step in enumerate(done):
                at = min(now, started + timedelta(days=day * (number % 13)))
                complete_step(
                    session,
                    account_id=account.id or 0,
                    key="first-30-days",
                    step_key=step,
                    actor=CRM,
                    now=now,
                    zone=TOKYO,
                    at=at,
                )
            if number % 7 == 6:
                mark_left(session, account, left_at=started + timedelta(days=20), now=now)
            if number % 19 == 5:
                change = Change("検証用", excluded=True)
                make_exception(
                    session,
                    account_id=account.id or 0,
                    key="first-30-days",
                    change=change,
                    actor=CRM,
                    now=now,
                    zone=TOKYO,
                )

    await vendor.db.write(work)


async def wait(vendor: Vendor, staff: httpx.AsyncClient, *, days: int) -> None:
    """Let days pass, a click every now and then, so that staff stay signed in."""
    for _ in range(days):
        vendor.clock.now += timedelta(days=1)
        await staff.get("/staff")


# --- who may see it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_members_find_nothing_here(vendor: Vendor, path: str) -> None:
    for who in ("admin", "other"):
        async with vendor.browser(who) as member:
            assert (await member.get(path)).status_code == 404
    async with vendor.browser() as nobody:
        answer = await nobody.get(path)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")


async def test_a_member_cannot_act_for_the_vendor(vendor: Vendor) -> None:
    async with vendor.browser("staff") as staff, vendor.browser("admin") as member:
        for path in ("steps/kickoff/complete", "steps/kickoff/undo", "exception"):
            there = f"/staff/accounts/aoba/checklists/first-30-days/{path}"
            answer = await vendor.post(member, "/checklists/first-30-days", there, act="pause", reason="x")
            assert answer.status_code == 404
        assert "0 / 5" in await text_of(staff, "/staff/accounts/aoba")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_in_both_languages(vendor: Vendor, path: str) -> None:
    for language in ("ja", "en"):
        async with vendor.browser("staff", language=language) as staff:
            assert (await staff.get(path)).status_code == 200


# --- home -------------------------------------------------------------------------------------------------------------


async def test_an_empty_installation_says_what_to_do_first(db: Database) -> None:
    clock = Clock()
    app = portal_with(db, clock, pages.router, day_pages.router)
    token = await db.write(lambda session: sign_in_as(session, make_staff(session), now=clock.now))
    async with browser(app, token) as staff:
        home = await text_of(staff, "/staff")
        for act in ("/staff/checklists/new", "/staff/import"):
            assert f'href="{act}"' in home
        assert "管理者が行えます" in home  # a source is for whoever runs the installation
        assert "/manuals/" not in home  # it is not published yet
        assert "チェックリストへ" in await text_of(staff, "/staff/onboarding")
        assert 'href="/staff/import"' in await text_of(staff, "/staff/accounts")


async def test_home_is_a_list_of_work(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    home = await text_of(staff, "/staff")
    assert "日超過" not in home
    assert "/staff/checklists/new" not in home
    assert "プロダクトをつなぐ" in home  # the one act that is left
    await wait(vendor, staff, days=14)
    home = await text_of(staff, "/staff")
    assert "キックオフ" in home[home.index("株式会社あおば商事") :]
    assert "10営業日動きなし" in home
    await wait(vendor, staff, days=19)
    assert "期限を1営業日超過" in await text_of(staff, "/staff")


# --- onboarding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["month", "plan", "owner", "none"])
@pytest.mark.parametrize("as_of", ["", "2026-04-10"])
async def test_every_figure_leads_to_as_many_accounts(
    vendor: Vendor, staff: httpx.AsyncClient, by: str, as_of: str
) -> None:
    await furnish(vendor)
    page = await text_of(staff, f"/staff/onboarding?by={by}&as_of={as_of}")
    links = re.findall(r'<a href="(/staff/onboarding/accounts\?[^"]+)">([\d,]+)</a>', page)
    assert len(links) >= 20
    for href, number in links:
        behind = await text_of(staff, href)
        counted = re.search(r"<strong>(\d+)社</strong>", behind)
        assert counted, (href, number)
        assert counted[1] == number, href


async def test_people_are_behind_the_figures_of_people(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    await wait(vendor, staff, days=40)
    page = await text_of(staff, "/staff/onboarding?unit=member&by=none")
    assert "期限を過ぎた4名のうち0名" in page
    links = re.findall(r'<a href="(/staff/onboarding/accounts\?[^"]+)">([\d,]+)</a>', page)
    assert {number for _, number in links} == {"2", "4"}
    for href, number in links:
        assert f"<strong>{number}名</strong>" in await text_of(staff, href), href
    assert "田中 美咲" in await text_of(staff, links[0][0])


async def test_nothing_is_shown_as_zero_that_is_not_known(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    page = await text_of(staff, "/staff/onboarding")
    first = page[page.index('class="stat"') :]
    assert re.search(r'<p class="stat-value">–</p>\s*<p class="stat-basis">期限を過ぎた0社のうち0社', first)


async def test_behind_a_figure_in_pages(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    def work(session: Session) -> None:
        for number in range(120):
            told = {"name": f"顧客{number}", "created_at": vendor.clock.now}
            upsert_account(session, external_id=f"c{number}", changes=told, now=vendor.clock.now)

    await vendor.db.write(work)
    seen: set[str] = set()
    path = "/staff/onboarding/accounts?checklist=first-30-days&box=in_progress"
    while path:
        page = await text_of(staff, path)
        assert "<strong>122社</strong>" in page
        seen |= set(re.findall(r'href="/staff/accounts/([^"/]+)"', page))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1] if found else ""
    assert len(seen) == 122


@pytest.mark.parametrize(
    "asked", ["box=moon", "box=reached:nothing", "box=moon:kickoff", "checklist=other", "box=started&checklist="]
)
async def test_there_is_nothing_behind_a_figure_that_does_not_exist(staff: httpx.AsyncClient, asked: str) -> None:
    query = asked if "checklist" in asked else f"checklist=first-30-days&{asked}"
    assert (await staff.get(f"/staff/onboarding/accounts?{query}")).status_code == 404


async def test_the_file_says_what_the_page_says(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    await furnish(vendor)
    page = await text_of(staff, "/staff/onboarding?by=plan")
    href = re.search(r'href="(/staff/onboarding/rate\.csv\?[^"]+)"', page)
    assert href
    lines = (await staff.get(href[1])).content.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["group", "free & easy", "pro", ""]


async def test_two_checklists_each_have_their_report(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    other = {
        "key": "other",
        "title": {"ja": "別の道"},
        "from": "2026-01-01",
        "steps": [{"key": "a", "title": {"ja": "一"}}],
    }
    await vendor.publish(FIRST_DAYS, other)
    page = await text_of(staff, "/staff/onboarding?checklist=other")
    assert '<option value="other" selected>別の道</option>' in page
    assert (await staff.get("/staff/onboarding?checklist=none")).status_code == 404


# --- customers --------------------------------------------------------------------------------------------------------


async def test_customers_are_filtered_sorted_and_paged_by_the_address(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    await furnish(vendor)
    page = await text_of(staff, "/staff/accounts?plan=free+%26+easy&sort=started_at&order=desc")
    names = re.findall(r'<th scope="row">(?:<input[^>]+>)?<a href="[^"]+">([^<]+)</a>', page)
    assert names == [f"顧客{number}" for number in range(1, 40, 3)]
    assert 'href="/staff/accounts?sort=started_at&order=desc"' in page  # the way out of the filter
    assert '<option value="started_at-desc" selected>' in page  # and who filters once more keeps the order
    page = await text_of(staff, "/staff/accounts?sort=mrr-desc")
    assert ('aria-sort="descending"' in page, '<option value="mrr-desc" selected>' in page) == (True, True)
    assert '<option value="seats" selected>' in await text_of(staff, "/staff/accounts?sort=seats")
    without = await text_of(staff, "/staff/accounts?plan=-&q=顧客")
    assert "顧客2<" in without
    assert "顧客1<" not in without
    assert "table-stack" not in await text_of(staff, "/staff/accounts?q=誰でもない")


async def test_a_customer_whose_id_is_odd_has_a_page(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    await furnish(vendor)
    page = await text_of(staff, "/staff/accounts")
    href = re.search(r'<a href="(/staff/accounts/[^"]+)">顧客7</a>', page)
    assert href
    assert "<h1>顧客7</h1>" in await text_of(staff, href[1])
    assert (await staff.get("/staff/accounts/nobody")).status_code == 404


async def test_the_page_of_a_customer(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    def work(session: Session) -> None:
        told = {"goal": "請求を1日で終える", "seats": 12, "mrr": "9800", "currency": "JPY", "plan": "pro"}
        upsert_account(session, external_id="aoba", changes=told, now=vendor.clock.now)

    await vendor.db.write(work)
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    page = await text_of(staff, "/staff/accounts/aoba")
    for text in ("株式会社あおば商事", "請求を1日で終える", "9,800 JPY", "田中 美咲", "tanaka@aoba.example", "1 / 5"):
        assert text in page
    assert "3回中3回" in page
    assert "×3" in page


async def test_staff_tick_their_step_and_take_it_back(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    there = "/staff/accounts/aoba"
    done = await vendor.post(staff, there, there + COMPLETE)
    assert (done.status_code, done.headers["location"]) == (303, f"{there}#checklist-first-30-days")
    page = await text_of(staff, there)
    assert "1 / 5" in page
    assert "佐藤 1" in page
    await vendor.post(staff, there, f"{there}/checklists/first-30-days/steps/kickoff/undo")
    page = await text_of(staff, there)
    assert "0 / 5" in page
    assert "完了の取り消し：キックオフ" in page
    assert (await vendor.post(staff, there, f"{there}/checklists/first-30-days/steps/kickoff/burn")).status_code == 404
    assert (await vendor.post(staff, there, f"{there}/checklists/first-30-days/steps/none/complete")).status_code == 404
    assert (await vendor.post(staff, there, f"{there}/checklists/none/steps/kickoff/complete")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"act": "start", "day": "2026-06-10"}, "開始 6月10日(水)"),
        ({"act": "due", "day": "2026-08-31"}, "期限 8月31日(月)"),
        ({"act": "pause"}, "一時停止"),
        ({"act": "exclude"}, "除外"),
    ],
)
async def test_an_exception_is_made_and_on_record(
    vendor: Vendor, staff: httpx.AsyncClient, fields: dict[str, str], shown: str
) -> None:
    there = "/staff/accounts/aoba"
    answer = await vendor.post(staff, there, there + EXCEPTION, reason="担当者の休暇", **fields)
    assert answer.status_code == 303
    page = await text_of(staff, there)
    assert shown in page
    assert page.count("担当者の休暇") == 2  # on record, and in the timeline
    assert "staff" in page


async def test_exceptions_are_taken_back(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    there = "/staff/accounts/aoba"

    async def act(name: str, **fields: str) -> str:
        await vendor.post(staff, there, there + EXCEPTION, act=name, reason="理由", **fields)
        return await text_of(staff, there)

    assert 'value="resume"' in await act("pause")
    assert 'value="pause"' in await act("resume")
    assert 'value="include"' in await act("exclude")
    assert 'value="exclude"' in await act("include")
    assert 'value="rule"' not in await text_of(staff, there)
    assert 'value="rule"' in await act("due", day="2026-08-31")
    page = await act("rule")
    assert 'value="rule"' not in page
    assert "期限 7月3日(金)" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"act": "pause", "reason": "  "}, "理由を書いてください"),
        ({"act": "due", "reason": "x", "day": ""}, "実在する日"),
        ({"act": "start", "reason": "x", "day": "2026-02-30"}, "実在する日"),
    ],
)
async def test_an_exception_that_cannot_be_made_says_why(
    vendor: Vendor, staff: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    there = "/staff/accounts/aoba"
    answer = await vendor.post(staff, there, there + EXCEPTION, **fields)
    assert answer.status_code == 303
    page = await text_of(staff, there)
    assert said in page
    assert "例外の記録" not in page


async def test_who_may_only_look_cannot_act(vendor: Vendor) -> None:
    token = await vendor.db.write(
        lambda session: sign_in_as(session, make_staff(session, role="viewer"), now=vendor.clock.now)
    )
    there = "/staff/accounts/aoba"
    async with browser(vendor.app, token) as viewer:
        page = await text_of(viewer, there)
        assert "/steps/kickoff/complete" not in page
        assert "/exception" not in page
        for path in ("steps/kickoff/complete", "exception"):
            answer = await vendor.post(
                viewer, there, f"{there}/checklists/first-30-days/{path}", act="pause", reason="x"
            )
            assert answer.status_code == 403
        assert "0 / 5" in await text_of(viewer, there)


async def test_a_form_without_its_token_changes_nothing(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    there = "/staff/accounts/aoba"
    answer = await staff.post(there + COMPLETE)
    assert answer.status_code == 403
    assert "0 / 5" in await text_of(staff, there)


# --- the timeline -----------------------------------------------------------------------------------------------------


async def test_the_timeline_goes_back_to_the_beginning_without_loss(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    there = "/staff/accounts/aoba"
    for number in range(45):
        vendor.clock.now += timedelta(hours=7)
        await vendor.happen(f"thing.{number}", member="u-tanaka")
    await vendor.post(staff, there, there + COMPLETE)
    await vendor.post(staff, there, there + EXCEPTION, act="pause", reason="休暇")
    seen: list[str] = []
    path = there
    while path:
        page = await text_of(staff, path)
        part = page[page.index('id="timeline"') :]
        seen += re.findall(r"<code>(thing\.\d+)</code>", part) + re.findall(r"(完了：キックオフ|一時停止)", part)
        older = re.search(r'href="(\?before=[^"#]+)', part)
        path = there + older[1] if older else ""
    things = [one for one in seen if one.startswith("thing")]
    assert things == [f"thing.{number}" for number in reversed(range(45))]
    assert sorted(set(seen) - set(things)) == ["一時停止", "完了：キックオフ"]


@pytest.mark.parametrize("before", ["x", "2026-06-03", "2026-06-03T00:00:00+00:00~0~", "~~", "2026-06-03T00:00:00~1~1"])
async def test_an_odd_place_in_the_timeline_is_its_beginning(staff: httpx.AsyncClient, before: str) -> None:
    assert (await staff.get("/staff/accounts/aoba", params={"before": before})).status_code == 200


async def test_nothing_of_another_customer_is_on_the_page(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    await vendor.happen("secret.thing", account="midori", member="u-other")
    page = await text_of(staff, "/staff/accounts/aoba")
    assert "secret.thing" not in page
    assert "森 あい" not in page
