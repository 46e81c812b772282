"""The audit log: every act of the desk leaves a line with what was changed, views one an hour, and nothing a secret."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import orjson
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlmodel import Session, col, select
from starlette.routing import BaseRoute

from portal.accounts import visits
from portal.accounts.models import Member, Staff
from portal.accounts.personal import erase_member
from portal.accounts.trail import COMMAND_LINE, forget_trail, record
from portal.accounts.trail_models import TrailEntry
from portal.insights.audit import AuditFilters, audit_lines
from portal.kit import web
from portal.kit.db import TOKYO, Database
from portal.main import build, site_from
from portal.settings import Settings
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.library import browser, csrf_in

pytestmark = pytest.mark.anyio
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
AOBA = "/staff/accounts/aoba"


@dataclass
class Desk:
    app: FastAPI
    db: Database
    now: datetime
    token: str = ""

    def staff(self) -> httpx.AsyncClient:
        return browser(self.app, self.token)

    async def lines(self, **filters: object) -> list[TrailEntry]:
        asked = AuditFilters(**filters)  # type: ignore[arg-type]
        return list(await self.db.read(lambda s: audit_lines(s, asked, before=None, limit=100, zone=TOKYO)))


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    def people(session: Session) -> str:
        make_member(session, make_account(session, external_id="aoba", name="青葉商事"), name="田中 花子")
        return sign_in_as(session, make_staff(session, role="owner", email="mori@vendor.example"))

    desk = Desk(FastAPI(), db, NOW, await db.write(people))
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    site = replace(site_from(settings), clock=lambda: desk.now)
    desk.app = build(settings, site=site)
    yield desk
    await site.database.close()


async def test_an_act_is_on_record_with_what_was_changed_or_not_at_all(desk: Desk) -> None:
    async with desk.staff() as staff:
        form = await staff.get(f"{AOBA}/edit")
        csrf = csrf_in(form)
        sent = {"csrf": csrf, "name": "青葉商事", "tier": "high", "seats": "12"}
        assert (await staff.post(f"{AOBA}/edit", data=sent)).status_code == 303
        refused = await staff.post(f"{AOBA}/edit", data={**sent, "seats": "many"})
        assert refused.status_code == 422
        changed = await desk.lines(kind="changed")
        assert [(one.act, one.by, one.about) for one in changed] == [
            ("/staff/accounts/{external_id}/edit", "mori@vendor.example", "青葉商事 (aoba)")
        ]
        told = changed[0].detail["changes"]["account aoba"]
        assert (told["tier"], told["seats"]) == ([None, "high"], [None, 12])
        assert [len(await desk.lines(who=who)) for who in ("nobody", "banso", "mori@vendor.example")] == [0, 0, 3]
        assert [len(await desk.lines(customer=name)) for name in ("青葉", "aoba", "緑")] == [2, 2, 0]
        shown = (await staff.get("/staff/audit?customer=青葉&kind=changed")).text
        assert "顧客の情報" in shown
        assert "high" in shown


@ON_SQLITE
async def test_what_was_changed_of_a_customer_stands_on_its_timeline(desk: Desk) -> None:
    """For everybody who sees the customer: the audit log itself is for owners."""
    async with desk.staff() as staff:
        csrf = csrf_in(await staff.get(f"{AOBA}/edit"))
        for path, fields in (
            ("/staff/new-customer", {"external_id": "midori", "name": "みどり物産", "seats": "3"}),
            (
                "/staff/accounts/midori/edit",
                {"name": "みどり物産", "seats": "12", "renews_at": "2027-04-01", "mrr": "12001231", "currency": "JPY"},
            ),
            ("/staff/accounts/midori/people/new", {"name": "森 あい", "email": "mori@midori.example"}),
            ("/staff/accounts/midori/leave", {"day": "2026-12-31"}),
        ):
            assert (await staff.post(path, data={"csrf": csrf, **fields})).status_code == 303, path
        timeline = (await staff.get("/staff/accounts/midori")).text.partition('id="timeline"')[2]
    for told in (
        "顧客を追加",
        "席数：3 → 12",
        "更新日：– → 2027年4月1日(木)",
        "月額：– → 12001231",
        "森 あいさんを追加",
        "解約予定を登録",
        "12月31日",
    ):
        assert told in timeline, told
    assert "席数：– → 3" not in timeline, "what was said first is no change"
    assert [one.act for one in await desk.lines(customer="midori", kind="changed")][-1] == "/staff/new-customer"


async def test_views_are_one_line_an_hour_and_files_one_each(desk: Desk) -> None:
    async with desk.staff() as staff:
        for _ in range(3):
            await staff.get(AOBA)
        await staff.get("/staff/accounts/nobody")
        for _ in range(2):
            assert (await staff.get("/staff/members/1/export.json")).status_code == 200
        seen = await desk.lines(kind="seen")
        assert [(one.act, one.account_id) for one in seen] == [("/staff/accounts/{external_id}", 1)]
        assert len(await desk.lines(kind="exported")) == 2
        desk.now += timedelta(hours=1)
        await staff.get(AOBA)
        assert len(await desk.lines(kind="seen")) == 2


@ON_SQLITE
async def test_roles_keys_and_sign_ins_are_told_and_no_secret_is(desk: Desk) -> None:
    async with desk.staff() as staff:
        csrf = csrf_in(await staff.get("/staff/people"))
        await staff.post("/staff/people", data={"csrf": csrf, "email": "new@vendor.example", "role": "cs"})
        number = await desk.db.read(
            lambda s: s.exec(select(Staff.id).where(col(Staff.email) == "new@vendor.example")).one()
        )
        await staff.post(f"/staff/people/{number}/role", data={"csrf": csrf, "role": "viewer"})
        made = await staff.post("/staff/keys", data={"csrf": csrf, "name": "crm", "scope": "read"})
        secret = re.findall(r"ak_[\w-]{20,}", made.text)[0]
        acts = {one.act: one for one in await desk.lines(kind="access")}
        assert set(acts) == {"staff.signed_in", "/staff/people", "/staff/people/{staff_id}/role", "/staff/keys"}
        role = acts["/staff/people/{staff_id}/role"].detail["changes"]
        assert role == {"staff new@vendor.example": {"role": ["cs", "viewer"]}}
        everything = (await staff.get("/staff/audit.jsonl")).content
        assert secret.encode() not in everything
        assert b"hash" not in everything
        assert len([orjson.loads(line) for line in everything.splitlines()]) >= 4


@ON_SQLITE
async def test_only_owners_read_it_and_a_formula_stays_text(desk: Desk) -> None:
    async with desk.staff() as staff:
        csrf = csrf_in(await staff.get(f"{AOBA}/edit"))
        await staff.post(f"{AOBA}/edit", data={"csrf": csrf, "name": '=HYPERLINK("x")'})
        body = (await staff.get("/staff/audit.csv")).content
        assert body.startswith(b"\xef\xbb\xbf")
        assert b"'=HYPERLINK" in body
        assert (await staff.get("/staff/audit?kind=changed&who=nobody&first=1&last=2026-06-02")).status_code == 200
    cs = await desk.db.write(lambda s: sign_in_as(s, make_staff(s, role="cs")))
    async with browser(desk.app, cs) as other:
        for path in ("/staff/audit", "/staff/audit.csv", "/staff/audit.jsonl"):
            assert (await other.get(path)).status_code == 403


async def test_who_was_erased_is_named_no_more_and_old_lines_go(desk: Desk) -> None:
    async with desk.staff() as staff:
        await staff.get("/staff/members/1")
        page = await staff.get("/staff/members/1")
        sent = {"csrf": csrf_in(page), "typed": "user-1", "reason": "asked for it"}
        assert (await staff.post("/staff/members/1/erase", data=sent)).status_code == 303
    lines = await desk.lines()
    assert {one.act for one in lines} >= {"/staff/members/{member_id}/erase", "/staff/members/{member_id}"}
    text = "".join(f"{one.about} {one.detail} {one.once}" for one in lines)
    assert not any(word in text for word in ("田中", "user-1", "member1@example.com"))
    assert all(one.member_id is None for one in lines)

    def later(session: Session) -> list[int]:
        record(session, by=COMMAND_LINE, act="banso link", kind="changed", now=NOW + timedelta(days=40))
        return [forget_trail(session, now=NOW + timedelta(days=41), days=30) for _ in range(2)]

    assert await desk.db.write(later) == [len(lines), 0]
    assert [one.by for one in await desk.lines()] == ["banso"]


async def test_an_erasure_from_elsewhere_reaches_the_log(desk: Desk) -> None:
    def work(session: Session) -> str:
        member = session.get_one(Member, 1)
        changes = {"member user-1": {"email": ["member1@example.com", "花子@example.com"]}}
        record(session, by=COMMAND_LINE, act="x", kind="changed", now=NOW, member=member, detail={"changes": changes})
        erase_member(session, member, by="mori@vendor.example", now=NOW)
        line = session.exec(select(TrailEntry).where(col(TrailEntry.act) == "x")).one()
        return f"{line.about}{line.detail}{line.member_id}"

    said = await desk.db.write(work)
    assert not any(word in said for word in ("田中", "user-1", "member1@example.com"))


@ON_SQLITE
async def test_no_form_of_the_desk_can_stay_off_the_record(desk: Desk) -> None:
    """A form is on record when staff are asked for and it writes by way of `SiteDep`; `look_as` records by itself."""

    def asked(dependant: Dependant) -> set[object]:
        return {dependant.call, *(call for one in dependant.dependencies for call in asked(one))}

    def routes(found: list[BaseRoute]) -> Iterator[APIRoute]:
        for route in found:
            if isinstance(route, APIRoute):
                yield route
            elif hasattr(route, "original_router"):
                yield from routes(route.original_router.routes)

    forms = [one for one in routes(desk.app.routes) if one.path.startswith("/staff") and "POST" in (one.methods or ())]
    assert len(forms) > 50
    nobody = [one.path for one in forms if visits.signed_in_staff not in asked(one.dependant)]
    unfollowed = [one.path for one in forms if web._site not in [each.call for each in one.dependant.dependencies]]
    assert nobody == []
    assert unfollowed == ["/staff/members/{member_id}/look"]
