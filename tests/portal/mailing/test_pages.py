"""The pages of mails: writing to a selection, templates, rules, addresses, alerts, and what links in mails lead to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.accounts.trail_changes import on_trail
from portal.accounts.trail_models import TrailEntry
from portal.insights import pages as insights_pages
from portal.jobs.upkeep import tell_overdue_runs
from portal.mailing import addresses, configured, pages, reader_pages
from portal.mailing.alerts import look_for_silence
from portal.mailing.models import AlertChannel, MailBatch, SummaryReader
from portal.mailing.summaries import link_token, take_off
from tests.factories import make_staff, sign_in_as
from tests.library import browser, csrf_in
from tests.onboarding import tokyo
from tests.portal.mailing.conftest import House, desk
from tests.receiver import receiving

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)]
ADMIN, MEMBER = "admin@acme.example", "member@acme.example"


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    await house.begin("acme", "beta")
    app = desk(house, pages.router, reader_pages.router, insights_pages.router)
    token = await house.db.write(
        lambda session: sign_in_as(session, make_staff(session, role="owner"), now=house.clock.now)
    )
    async with browser(app, token) as client:
        yield client


async def send(client: httpx.AsyncClient, page: str, action: str = "", **fields: object) -> httpx.Response:
    return await client.post(action or page, data={"csrf": csrf_in(await client.get(page)), **fields})


def fields_of(page: str, action: str) -> dict[str, object]:
    """What the form with this action would send, as a browser sends it."""
    form = re.search(rf'<form[^>]*method="post"[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form, page
    found: dict[str, object] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[1]):
        found[name] = [*found.get(name, []), value]  # type: ignore[misc]
    return found


async def test_writing_to_a_selection(house: House, client: httpx.AsyncClient) -> None:
    await house.world.member("acme-odd", role="admin")  # without an address
    await house.db.write(
        lambda session: addresses.stop(session, "admin@beta.example", "unsubscribed", now=house.clock.now)
    )
    here = "/staff/mails/new?account=acme&account=beta&account=nobody&template=next-step&whom=members"
    page = (await client.get(here)).text
    assert "2社へ" in page
    assert "3通を送る" in page
    assert all(reason in page for reason in ("メールアドレスが分かりません。", "受信を希望していません。"))
    assert "次の一歩：invite" in page
    (following,) = re.findall(r'rel="next" href="([^"#]+)', page)
    assert MEMBER in (await client.get(following.replace("&amp;", "&"))).text
    form = fields_of(page, "/staff/mails/new")
    # Somebody comes in between: the number that was confirmed is no longer true, and nothing goes.
    await house.world.member("acme-new", email="new@acme.example")
    answer = await client.post("/staff/mails/new", data=form)
    assert (answer.status_code, "対象が4名に変わりました" in answer.text) == (409, True)
    form = fields_of(answer.text, "/staff/mails/new")
    for _ in range(2):  # pressed twice
        answer = await client.post("/staff/mails/new", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/staff/mails/batches/1")
    await house.work()
    assert sorted(house.box.to) == sorted([ADMIN, MEMBER, "member@beta.example", "new@acme.example"])
    mail = house.box.got[0].mail
    assert (mail["Reply-To"], mail["Auto-Submitted"]) == ("staff1@vendor.example", None)
    batch = (await client.get("/staff/mails/batches/1")).text
    assert ("送信済み" in batch, "受信を希望していません。" in batch) == (True, True)
    timeline = (await client.get("/staff/accounts/acme")).text
    assert "メール「次の一歩：invite」：送信済み" in timeline
    assert "佐藤 1さんが送信" in timeline
    beta = (await client.get("/staff/accounts/beta")).text
    assert "メール（送信見送り）：受信を希望していません。" in beta
    assert re.search(
        r'href="/staff/mails/addresses"><span[^>]*>受信を希望していません<', beta
    )  # beside the person's name


async def test_all_that_a_list_shows(house: House, client: httpx.AsyncClient) -> None:
    await house.world.account("gamma", plan="pro")
    listed = (await client.get("/staff/accounts?plan=pro")).text
    (href,) = re.findall(r'href="(/staff/mails/new\?[^"]+)"', listed)
    assert parse_qsl(urlsplit(href.replace("&amp;", "&")).query) == [("all", "1"), ("plan", "pro")]
    assert "1社へ" in (await client.get(href.replace("&amp;", "&"))).text
    house.at(tokyo("6-18 10:00"))
    for why, count in (("quiet", 3), ("overdue", 0)):
        page = (await client.get(f"/staff/mails/new?stuck=start&why={why}&template=overdue")).text
        assert f"{count}社へ" in page
    await house.world.account("gamma", owner="Staff1@vendor.example")
    for narrowed, count in (("", 3), ("&plan=pro", 1), ("&owner=mine", 1), ("&owner=-", 2), ("&owner=other", 0)):
        page = (await client.get(f"/staff/mails/new?stuck=*{narrowed}&template=checking-in")).text
        assert f"{count}社へ" in page, narrowed


async def test_other_words_for_this_time(house: House, client: httpx.AsyncClient) -> None:
    here = "/staff/mails/new?account=acme&account=beta&template=checking-in"
    form = fields_of((await client.get(here)).text, "/staff/mails/new#preview")
    words = {"subject_ja": "来週のこと", "body_ja": "{{ salutation }}\n\n月曜に伺います。"}
    looked = await client.post("/staff/mails/new", data={**form, **words, "show": "1"})
    assert ("月曜に伺います。" in looked.text, "2通中2通目" in looked.text) == (True, True)
    for wrong in ({"body_ja": "{{ member.nmae }}"}, {"subject_ja": ""}, {"body_ja": "長い\r\n" * 4000}):
        refused = await client.post("/staff/mails/new", data={**form, **words, **wrong, "show": "0"})
        assert (refused.status_code, 'aria-invalid="true"' in refused.text, "通を送る" in refused.text) == (
            422,
            True,
            False,
        )
    assert (await client.post("/staff/mails/new", data={**form, **words, "body_ja": "{{ x }}"})).status_code == 422
    done = await client.post("/staff/mails/new", data=fields_of(looked.text, "/staff/mails/new"))
    assert done.status_code == 303
    await house.work()
    assert {one.mail["Subject"] for one in house.box.got} == {"来週のこと"}
    assert all("月曜に伺います。" in one.part("plain") for one in house.box.got)
    assert "月曜に伺います" not in (await client.get("/staff/mails/templates/checking-in")).text


async def test_mails_written_at_night_wait_unless_somebody_insists(house: House, client: httpx.AsyncClient) -> None:
    house.at(tokyo("6-05 21:00"))  # Friday
    here = "/staff/mails/new?account=acme&template=checking-in"
    page = (await client.get(here)).text
    assert "6月8日(月) 09:00から送ります" in page
    await client.post("/staff/mails/new", data=fields_of(page, "/staff/mails/new"))
    await house.work()
    assert house.box.got == []
    batch = (await client.get("/staff/mails/batches/1")).text
    assert ("送信待ち" in batch, "6月8日(月) 09:00から送ります" in batch) == (True, True)
    assert re.search(
        r"最終対応: 6月5日\(金\) メール <span[^>]*>送信待ち", (await client.get("/staff/accounts/acme")).text
    )
    form = await send(client, "/staff/mails/batches/1", "/staff/mails/batches/1/next-date")
    assert fields_of(form.text, "/staff/touch/next")["back"] == ["/staff/mails/batches/1"]
    assert "acme" in form.text
    await client.post(
        "/staff/mails/new", data={**fields_of((await client.get(here)).text, "/staff/mails/new"), "at_once": "1"}
    )
    await house.work()
    assert house.box.to == [ADMIN]
    await send(client, "/staff/mails/batches/1", "/staff/mails/batches/1/withdrawal")
    house.at(tokyo("6-08 10:00"))
    await house.work()
    assert house.box.to == [ADMIN]
    assert (await house.became())[0][1:] == ("held", "withdrawn")
    assert (await send(client, "/staff/mails/batches/1", "/staff/mails/batches/1/next-date")).status_code == 303


async def test_a_template_is_written_and_a_wrong_one_is_refused(house: House, client: httpx.AsyncClient) -> None:
    page = (await client.get("/staff/mails/templates/new")).text
    (action,) = re.findall(r'action="(/staff/mails/templates/own-[^"]+)"', page)
    said = {
        "title": "秋のご案内",
        "subject_ja": "{{ account.nmae }}へ",
        "body_ja": "{{ salutation }}\n\n[開く]({{ portal.url }})",
        "is_new": "1",
        "account": "acme",
    }
    answer = await send(client, "/staff/mails/templates/new", action, **said)
    assert answer.status_code == 422
    assert "「account.nmae」という差し込みはありません。使えるもの：salutation, member.name" in answer.text
    assert "秋のご案内" in answer.text
    said["subject_ja"] = "{{ account.name | 貴社 }}へ"
    shown = await send(client, "/staff/mails/templates/new", action, **said, do="test")
    assert "貴社へ" in shown.text
    await house.work()
    (test,) = house.box.got
    assert (test.to, test.mail["Subject"]) == ("staff1@vendor.example", "貴社へ")
    assert test.mail["List-Unsubscribe"] is None
    assert (await send(client, "/staff/mails/templates/new", action, **said)).status_code == 303
    assert "秋のご案内" in (await client.get("/staff/mails/templates")).text
    # A shipped one is written over, and comes back.
    home = "/staff/mails/templates/overdue"
    await send(client, home, title="期限後", subject_en="Over", body_en="Hello")
    assert "Over" in (await client.get(home)).text
    await send(client, home, home + "/removal")
    assert "「{{ checklist.title }}」の残りについて" in (await client.get(home)).text


async def test_a_rule_that_is_on_asks_before_a_change_writes_to_many(house: House, client: httpx.AsyncClient) -> None:
    home, told = "/staff/mails/rules/deadline_near", {"template": "deadline-near", "whom": "admins"}
    await send(client, home, **told, days="1")
    await send(client, home, home + "/switch", on="1", confirmed="0")
    asked = await send(client, home, **told, days="30")
    assert (asked.status_code, "2社に2通を送ります" in asked.text) == (409, True)
    assert 'name="confirmed" value="2"' in asked.text
    assert 'value="30"' in asked.text
    assert 'value="1"' in (await client.get(home)).text
    assert (await send(client, home, **told, days="30", confirmed="2")).status_code == 303
    house.at(tokyo("6-02 10:00"))
    await house.look_and_work()
    assert len(house.box.got) == 2
    assert (await send(client, home, **told, days="29")).status_code == 303  # what was written is not written again

    def line(session: Session) -> object:
        asked = select(TrailEntry).where(col(TrailEntry.act) == "rule")
        return session.execute(asked).scalar_one().detail["changes"]

    change = partial(
        configured.set_rule, kind="deadline_near", template="deadline-near", whom="members", days=29, checklist=None
    )
    await house.db.write(on_trail(change, act="rule", now=house.clock.now))
    assert await house.db.read(line) == {"mail_rule deadline_near": {"whom": ["admins", "members"]}}


async def test_a_rule_that_would_write_to_many_asks_with_the_number(house: House, client: httpx.AsyncClient) -> None:
    house.at(tokyo("6-15 10:00"))
    home = "/staff/mails/rules/next_step"
    assert (await send(client, home, template="next-step", whom="members", days="7")).status_code == 303
    assert "有効にして4通を送る" in (await client.get(home)).text
    answer = await send(client, home, home + "/switch", on="1", confirmed="3")
    assert (answer.status_code, "2社に4通を送ります" in answer.text) == (409, True)
    assert (await send(client, home, home + "/switch", on="1", confirmed="4")).status_code == 303
    await house.look_and_work()
    assert len(house.box.got) == 4
    assert (await send(client, home, home + "/switch")).status_code == 303
    assert (
        "ルール：「はじめの一歩」が14日間進んでいない"
        in (await client.get("/staff/mails?rule=next_step&state=sent")).text
    )
    wrong = await send(client, home, template="next-step", whom="everybody", days="x")
    assert (wrong.status_code, "0から365まで" in wrong.text, "送り先を選んでください" in wrong.text) == (
        422,
        True,
        True,
    )
    settings = await send(client, "/staff/mails/settings", opens="20", closes="8", per_person="0", per_account="9")
    assert (settings.status_code, settings.text.count("field-error")) == (422, 2)


async def test_one_click_takes_an_address_off_and_looking_does_not(house: House, client: httpx.AsyncClient) -> None:
    await house.switch_on("deadline_near", days=30)
    await house.look_and_work()
    (mail,) = [one.mail for one in house.box.got if one.to == ADMIN]
    link = urlsplit(str(mail["List-Unsubscribe"]).strip("<>")).path
    stranger = browser(desk(house, reader_pages.router))
    page = await stranger.get(link)
    assert (page.status_code, "a***@acme.example" in page.text, ADMIN in page.text) == (200, True, False)
    assert await house.stopped() == []  # a mail scanner has looked
    answer = await stranger.post(link, content=b"List-Unsubscribe=One-Click")
    assert (answer.status_code, await house.stopped()) == (200, [(ADMIN, "unsubscribed")])
    assert (await stranger.get(link)).text.count("配信を停止しました") >= 1
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    assert [
        (await stranger.post(one)).status_code for one in (forged, "/unsubscribe/1", "/unsubscribe/9999-" + "0" * 24)
    ] == [404] * 3
    await stranger.post(f"{link}/undo", data={"csrf": csrf_in(await stranger.get(link))})
    assert await house.stopped() == []
    await send(client, "/staff/mails/addresses", address=MEMBER, detail="550 from a notice")
    listed = (await client.get("/staff/mails/addresses?why=bounced")).text
    assert ("550 from a notice" in listed, "acme" in listed) == (True, True)
    member = await house.db.read(
        lambda session: session.execute(select(Member).where(col(Member.email_key) == MEMBER)).scalar_one()
    )
    assert "この宛先には届きません" in (await client.get(f"/staff/members/{member.id}")).text
    (clear,) = re.findall(r'action="(/staff/mails/addresses/\d+/clearance)"', listed)
    await send(client, "/staff/mails/addresses", clear)
    assert await house.stopped() == []


async def test_a_boss_reads_the_progress_until_the_link_ends(house: House, client: httpx.AsyncClient) -> None:
    admin = await house.db.read(
        lambda session: session.execute(select(Member).where(col(Member.email_key) == ADMIN)).scalar_one()
    )
    token = await house.db.write(lambda session: sign_in_as(session, admin, now=house.clock.now))
    inside = browser(desk(house, reader_pages.router), token)
    assert (await send(inside, "/team/summary", name="社長", email="boss@")).status_code == 422
    await send(inside, "/team/summary", name="社長", email="boss@acme.example", locale="en")
    assert "boss@acme.example" in (await client.get("/staff/mails/readers?account=acme")).text
    reader = await house.db.read(lambda session: session.execute(select(SummaryReader)).scalar_one())
    until = house.clock.now + timedelta(days=28)
    link = f"/progress/{link_token(house.site.secrets, reader, until=until)}"
    stranger = browser(desk(house, reader_pages.router))
    page = await stranger.get(link)
    assert (page.status_code, "acmeの進み具合" in page.text, "invite" in page.text) == (200, True, True)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert (await stranger.get(link[:-1] + "x")).status_code == 404
    house.at(until)
    assert (await stranger.get(link)).status_code == 404
    house.at(until - timedelta(days=1))
    assert (await stranger.get(link)).status_code == 200
    await house.db.write(lambda session: take_off(session, 1, reader.id or 0, now=house.clock.now))
    assert (await stranger.get(link)).status_code == 404
    other = await house.db.read(
        lambda session: session.execute(
            select(Member).where(col(Member.email_key) == "admin@beta.example")
        ).scalar_one()
    )
    beta = browser(
        desk(house, reader_pages.router),
        await house.db.write(lambda session: sign_in_as(session, other, now=house.clock.now)),
    )
    assert (await send(beta, "/team/summary", f"/team/summary/{reader.id}/remove")).status_code == 404
    # Whoever is erased leaves a number that may be given to somebody else's boss: the old link is not theirs.
    await house.db.write(lambda session: session.execute(delete(SummaryReader)))
    again = SummaryReader(
        id=reader.id, account_id=2, email="b@b.example", email_key="b@b.example", by="", created_at=until
    )
    await house.db.write(lambda session: session.add(again))
    assert (await stranger.get(link)).status_code == 404


async def test_a_channel_is_added_tried_and_told(house: House, client: httpx.AsyncClient) -> None:
    wrong = await send(client, "/staff/mails/alerts", kind="slack", title="cs", address="javascript:alert(1)")
    assert (wrong.status_code, wrong.text.count("field-error")) == (422, 2)
    async with receiving() as receiver:
        secret = f"{receiver.url}/T0/B0/secret"
        await send(
            client,
            "/staff/mails/alerts",
            kind="slack",
            title="cs",
            address=secret,
            wants=["overdue", "silent"],
            silent_days="7",
        )
        await send(client, "/staff/mails/alerts", "/staff/mails/alerts/1/test")
        await house.work()
        assert "テストです" in receiver.got[0].told["text"]
        page = (await client.get("/staff/mails/alerts")).text
        assert ("正常" in page, "T0/B0" in page) == (True, False)
        sealed = await house.db.read(lambda session: session.execute(select(col(AlertChannel.sealed))).scalar_one())
        assert "secret" not in sealed
        house.at(tokyo("6-09 10:00"))
        for _ in range(2):
            await look_for_silence(house.site)
        await house.work()
        assert receiver.got[1].told["text"].count("8日間進んでいません") == 2
        house.at(tokyo("7-02 00:05"))
        await tell_overdue_runs(house.site)
        await house.work()
        assert len(receiver.got) == 2  # nobody's phone rings at night
        house.at(tokyo("7-02 09:00"))
        receiver.answer = lambda _: 500
        await house.work()
        assert "500" in (await client.get("/staff/mails/alerts")).text
        receiver.answer = lambda _: 204
        house.at(tokyo("7-02 09:10"))
        await house.work()
        assert "<http://portal.example/staff/accounts/acme|acme>" in receiver.got[-1].told["text"]
        await send(client, "/staff/mails/alerts", "/staff/mails/alerts/1/remove")
        assert (
            await house.db.read(
                lambda session: session.execute(select(func.count()).select_from(AlertChannel)).scalar_one()
            )
            == 0
        )


async def test_who_may_what(house: House, client: httpx.AsyncClient) -> None:
    def people(session: Session) -> dict[str, str]:
        return {
            role: sign_in_as(session, make_staff(session, role=role), now=house.clock.now)
            for role in ("cs", "editor", "viewer")
        }

    tokens = await house.db.write(people)
    app = desk(house, pages.router)
    asked = {
        ("editor", "/staff/mails"): 403,
        ("viewer", "/staff/mails"): 200,
        ("viewer", "/staff/mails/new?account=acme"): 403,
        ("cs", "/staff/mails/new?account=acme"): 200,
        ("cs", "/staff/mails/alerts"): 403,
    }
    for (role, path), status in asked.items():
        assert (await browser(app, tokens[role]).get(path)).status_code == status, (role, path)
    form = {
        **fields_of((await client.get("/staff/mails/new?account=acme&template=checking-in")).text, "/staff/mails/new")
    }
    viewer = browser(app, tokens["viewer"])
    form["csrf"] = csrf_in(await viewer.get("/staff/mails"))
    assert (await viewer.post("/staff/mails/new", data=form)).status_code == 403
    assert (
        await house.db.read(lambda session: session.execute(select(func.count()).select_from(MailBatch)).scalar_one())
        == 0
    )
