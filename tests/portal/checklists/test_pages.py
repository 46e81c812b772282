from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session

from portal.checklists.actors import Actor
from portal.checklists.steps import complete_step
from portal.kit.db import Database
from tests.factories import NOW
from tests.library import TOKYO, document, publish, publish_tutorials, tutorial, write
from tests.vendor import FIRST_DAYS, Vendor, account_of, vendor_on

PAGE = "/checklists/first-30-days"
STAFF = Actor(kind="staff", key="yamada@vendor.example", name="山田")
CRM = Actor(kind="api", key="crm", name="crm")
HOOK = Actor(kind="webhook", key="product", name="product")
pytestmark = pytest.mark.anyio


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        yield vendor


def tick(step: str) -> str:
    return f"{PAGE}/steps/{step}/completion"


async def text_of(client: httpx.AsyncClient, path: str = PAGE) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def step_in(page: str, step: str) -> str:
    """The part of the page that is about one step."""
    begin = page.index(f'id="step-first-30-days-{step}"')
    return page[begin : page.index("</li>", begin)]


async def test_the_page_shows_the_path_the_day_and_what_counts(vendor: Vendor) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=2)
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
    assert "はじめの30日" in page
    assert "5件中0件完了" in page
    assert "あと30日（7月3日(金)まで）" in page
    assert "3回中2回" in step_in(page, "invite")
    assert "サポート担当が行い" in step_in(page, "kickoff")
    assert "6月10日(水)まで" in step_in(page, "kickoff")
    assert "3名中0名" in step_in(page, "profile")
    assert "管理者の方が行う" in step_in(page, "billing")
    assert "任意" in step_in(page, "logo")


async def test_the_page_is_english_for_who_reads_english(vendor: Vendor) -> None:
    async with vendor.browser("tanaka", language="en") as browser:
        page = await text_of(browser)
    assert "0 of 5 done" in page
    assert "30 days left (until Fri 3 Jul)" in page
    assert "Invite three members" in page


async def test_the_next_step_is_open_and_has_one_button(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
        assert "次の一歩" in step_in(page, "invite")
        assert " open" in step_in(page, "invite").split(">")[0]
        assert "button-primary" not in page  # it ticks itself
        await vendor.happen("member.invited", member="u-tanaka", times=3)
        page = await text_of(browser)
    assert "次の一歩" in step_in(page, "profile")
    assert "あなたの分が残っている" in step_in(page, "profile")
    assert page.count("button-primary") == 1
    assert tick("profile") in step_in(page, "profile")


async def test_a_step_done_by_events_says_whose_and_shows_its_proof(vendor: Vendor) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    async with vendor.browser("admin") as browser:
        step = step_in(await text_of(browser), "invite")
    assert "田中 美咲さんの操作により自動で完了・6月3日(水)" in step
    assert "member.invited" in step
    assert "6月3日(水) 10:00" in step
    assert "<form" not in step


async def test_ticking_and_undoing_ones_own_part(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        ticked = await vendor.post(browser, PAGE, tick("profile"))
        assert ticked.status_code == 303
        assert ticked.headers["location"] == f"{PAGE}?step=profile#step-first-30-days-profile"
        page = await text_of(browser, ticked.headers["location"])
        assert "「プロフィールを書く」のあなたの分が完了しました" in page
        step = step_in(page, "profile")
        assert " open" in step.split(">")[0]
        assert "3名中1名" in step
        assert f'action="{tick("profile")}"' not in step
        assert f'action="{tick("profile")}/undo"' in step
        undone = await vendor.post(browser, PAGE, f"{tick('profile')}/undo")
        assert undone.status_code == 303
        page = await text_of(browser)
    assert "未完了に戻しました" in page
    assert "3名中0名" in step_in(page, "profile")


async def test_ticking_twice_changes_nothing_the_second_time(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        await vendor.post(browser, PAGE, tick("logo"))
        vendor.clock.now += timedelta(days=1)
        again = await vendor.post(browser, PAGE, tick("logo"))
        assert again.status_code == 303
        page = await text_of(browser)
        assert "あなたが完了・6月3日(水)" in step_in(page, "logo")
        for _ in range(2):
            assert (await vendor.post(browser, PAGE, f"{tick('logo')}/undo")).status_code == 303
        assert "5件中0件完了" in await text_of(browser)


async def test_colleagues_are_called_by_their_names(vendor: Vendor) -> None:
    for who in ("tanaka", "admin"):
        async with vendor.browser(who) as browser:
            await vendor.post(browser, PAGE, tick("profile"))
            await vendor.post(browser, PAGE, tick("logo"))
    async with vendor.browser("admin") as browser:
        page = await text_of(browser)
    assert "田中 美咲さんが完了・6月3日(水)" in step_in(page, "logo")
    assert "あなたの分は完了" in step_in(page, "profile")


async def test_a_tick_at_home_leads_back_home(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        ticked = await vendor.post(browser, "/", tick("logo"), back="/")
        elsewhere = await vendor.post(browser, "/", tick("logo"), back="https://evil.example/")
    assert ticked.headers["location"] == "/?step=logo"
    assert elsewhere.headers["location"].startswith(PAGE)


@pytest.mark.parametrize(("who", "step"), [("tanaka", "kickoff"), ("tanaka", "invite"), ("tanaka", "billing")])
async def test_what_is_not_theirs_to_tick_is_refused(vendor: Vendor, who: str, step: str) -> None:
    async with vendor.browser(who) as browser:
        assert f'action="{tick(step)}"' not in await text_of(browser)
        for path in (tick(step), f"{tick(step)}/undo"):
            assert (await vendor.post(browser, PAGE, path)).status_code == 403
        assert "5件中0件完了" in await text_of(browser)


async def test_a_role_can_tick_its_step(vendor: Vendor) -> None:
    async with vendor.browser("admin") as browser:
        await vendor.post(browser, PAGE, tick("billing"))
        assert "あなたが完了" in step_in(await text_of(browser), "billing")


async def test_staff_and_systems_are_named_as_what_they_are(vendor: Vendor) -> None:
    def work(session: Session) -> None:
        for actor, step in ((STAFF, "kickoff"), (CRM, "invite"), (HOOK, "logo")):
            complete_step(
                session,
                account_id=account_of(session, "aoba"),
                key="first-30-days",
                step_key=step,
                actor=actor,
                now=NOW,
                zone=TOKYO,
            )

    await vendor.db.write(work)
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
    assert "山田さん（サポート担当）が完了・6月3日(水)" in step_in(page, "kickoff")
    assert "連携システムの記録により完了" in step_in(page, "invite")
    assert "連携システムの通知により完了" in step_in(page, "logo")
    assert "yamada@vendor.example" not in page


async def test_a_passed_deadline_blames_nobody(vendor: Vendor) -> None:
    vendor.clock.now = NOW + timedelta(days=29)
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
        assert "明日まで（7月3日(金)）" in page
        vendor.clock.now = NOW + timedelta(days=31)
        page = await text_of(browser)
    assert "目安の7月3日(金)を過ぎました。これからでも大丈夫です" in page
    assert "目安の日を過ぎています" not in step_in(page, "invite")


async def test_finishing_says_so_and_keeps_what_is_optional(vendor: Vendor) -> None:
    short = {**FIRST_DAYS, "steps": [FIRST_DAYS["steps"][3], FIRST_DAYS["steps"][4]]}
    await vendor.publish(short)
    async with vendor.browser("admin") as browser:
        ticked = await vendor.post(browser, PAGE, tick("billing"))
        page = await text_of(browser, ticked.headers["location"])
    assert "チェックリストもすべて終わりました" in page
    assert "6月3日(水)に完了" in page
    assert "残り1件は任意です" in page


@pytest.mark.parametrize(
    "path", ["/checklists/nothing", "/checklists/%00", "/checklists/first-30-days%2F..", f"{PAGE}/steps"]
)
async def test_what_is_not_there_is_404(vendor: Vendor, path: str) -> None:
    async with vendor.browser("tanaka") as browser:
        assert (await browser.get(path)).status_code == 404


async def test_unknown_steps_and_checklists_are_404_and_change_nothing(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        for path in (tick("nothing"), "/checklists/nothing/steps/logo/completion"):
            for more in ("", "/undo"):
                assert (await vendor.post(browser, PAGE, f"{path}{more}")).status_code == 404
        assert "5件中0件完了" in await text_of(browser)


async def test_who_is_not_enrolled_finds_nothing(vendor: Vendor) -> None:
    await vendor.publish({**FIRST_DAYS, "key": "pro", "audience": {"plan": "pro"}})
    async with vendor.browser("tanaka") as browser:
        assert (await browser.get("/checklists/pro")).status_code == 404


async def test_strangers_are_led_to_the_door_and_staff_find_nothing(vendor: Vendor) -> None:
    async with vendor.browser() as stranger, vendor.browser("staff") as staff:
        answer = await stranger.get(PAGE)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=%2Fchecklists%2Ffirst-30-days"
        assert (await staff.get(PAGE)).status_code == 404


async def test_a_form_without_its_token_is_refused(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser:
        assert (await browser.post(tick("logo"))).status_code == 403
        assert "5件中0件完了" in await text_of(browser)


async def test_another_customer_sees_and_changes_only_its_own(vendor: Vendor) -> None:
    async with vendor.browser("tanaka") as browser, vendor.browser("other") as other:
        await vendor.post(browser, PAGE, tick("logo"))
        page = await text_of(other)
        assert "5件中0件完了" in page
        assert "田中" not in page
        await vendor.post(other, PAGE, f"{tick('logo')}/undo")
        assert "5件中1件完了" in await text_of(browser)


async def test_the_help_of_a_step_leads_only_where_the_reader_may_go(vendor: Vendor, tmp_path: Path) -> None:
    files = {
        "content/manuals/inviting.ja.md": document("inviting", title="招待のしかた"),
        "content/manuals/secret.ja.md": document("secret", title="上位プランの記事", audience="{plan: enterprise}"),
        **tutorial("first"),
    }
    await publish(vendor.db, write(tmp_path, files), now=NOW)
    await publish_tutorials(vendor.db, tmp_path)
    steps = [
        {"key": "a", "title": "a", "help": "manuals/inviting"},
        {"key": "b", "title": "b", "help": "manuals/secret"},
        {"key": "c", "title": "c", "help": "webinars/later"},
        {"key": "d", "title": "d", "done_when": {"tutorial": "first"}},
        {"key": "e", "title": "e", "done_when": {"document": "inviting"}},
        {"key": "f", "title": "f", "help": "tutorials/nothing"},
    ]
    await vendor.publish({**FIRST_DAYS, "steps": steps})
    async with vendor.browser("tanaka") as browser:
        page = await text_of(browser)
    assert "「招待のしかた」を読む" in step_in(page, "a")
    assert 'href="/tutorials/first"' in step_in(page, "d")
    assert 'href="/manuals/inviting/' in step_in(page, "e")
    assert [key for key in "abcdef" if "<a " in step_in(page, key)] == ["a", "d", "e"]
    assert "上位プランの記事" not in page


async def test_a_rule_of_several_parts_says_each_in_the_readers_language(vendor: Vendor) -> None:
    rule = {"all": [{"event": "login", "distinct": "day", "at_least": 2}, {"event": "export", "at_least": 2}]}
    await vendor.publish({**FIRST_DAYS, "steps": [{"key": "use", "title": "使う", "done_when": rule}]})
    await vendor.happen("login", member="u-tanaka")
    await vendor.happen("export", member="u-tanaka", times=2)
    async with vendor.browser("admin") as browser:
        waiting = step_in(await text_of(browser), "use")
        assert "2日中1日" in waiting
        vendor.clock.now += timedelta(days=1)
        await vendor.happen("login", member="u-tanaka")
        done = step_in(await text_of(browser), "use")
    assert "田中 美咲さんの操作により自動で完了・6月4日(木)" in done
    assert done.count("完了の根拠") == 2
    assert " of " not in done
