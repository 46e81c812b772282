"""Plans in the browser: written by hand, on record, with every mistake said beside its row and nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from portal.accounts import pages
from portal.accounts.models import Plan
from portal.accounts.plan_fields import PlanForm, read_form
from portal.accounts.trail_models import TrailEntry
from portal.insights import pages as desk
from portal.kit.db import Database
from portal.main import build, site_from
from portal.settings import Settings
from tests.factories import make_account, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("form", "limits", "wrong"),
    [
        (PlanForm(limits=[("seats", "20"), ("calls", "１，０００")]), {"seats": 20, "calls": 1000}, set()),
        (PlanForm(limits=[("share", "0.5")], rank="３"), {"share": 0.5}, set()),
        (PlanForm(limits=[("seats", "many"), ("calls", "")]), {}, {"limits.0", "limits.1"}),
        (PlanForm(limits=[("", "3"), ("seats", "1"), ("seats", "2")]), {"seats": 1}, {"limits.0", "limits.2"}),
        (PlanForm(limits=[("seats", "-1"), ("calls", "inf"), ("more", "nan")]), {}, {f"limits.{n}" for n in range(3)}),
        (PlanForm(rank="first", title="あ" * 201), {}, {"rank", "title"}),
        (PlanForm(rank="1000001", features="x" * 201), {}, {"rank", "features"}),
    ],
)
def test_what_a_form_says(form: PlanForm, limits: dict[str, float], wrong: set[str]) -> None:
    read = read_form(form, zone=TOKYO)
    assert (read.changes["limits"], {one.field for one in read.problems}) == (limits, wrong)


@pytest.fixture
async def staff(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    app = build(settings, site=replace(site_from(settings), clock=Clock(), database=db))
    async with browser(app, await db.write(lambda s: sign_in_as(s, make_staff(s)))) as client:
        yield client


async def send(client: httpx.AsyncClient, page: str, **fields: str) -> httpx.Response:
    return await client.post(page, data={"csrf": csrf_in(await client.get(page)), **fields})


@pytest.mark.anyio
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_plan_is_written_counted_and_on_record(db: Database, staff: httpx.AsyncClient) -> None:
    await db.write(lambda session: make_account(session, external_id="a", name="青空", plan="team/x"))
    listed = await staff.get("/staff/plans")
    assert '<a href="/staff/accounts?plan=team/x">1</a>' in listed.text
    said = {"title": "チーム", "meter.0": "seats", "limit.0": "２０", "features": "api\n\n sso ", "rank": "2"}
    wrong = await send(staff, "/staff/plans/team/x", **{**said, "limit.0": "たくさん"})
    assert wrong.status_code == 422
    assert "「seats」の上限が数値ではありません" in wrong.text
    assert 'value="たくさん"' in wrong.text
    assert (await send(staff, "/staff/plans/team/x", **said)).status_code == 303
    assert 'value="20"' in (await staff.get("/staff/plans/team/x")).text
    assert (await send(staff, "/staff/plans/new", key="solo")).status_code == 303
    assert "すでにあります" in (await send(staff, "/staff/plans/new", key="team/x")).text
    assert "キーを入力してください" in (await send(staff, "/staff/plans/new", key="new")).text
    assert (await staff.get("/staff/plans/nobody")).status_code == 404
    kept = await db.read(lambda session: session.execute(select(Plan).order_by(col(Plan.key))).scalars().all())
    assert [(one.key, one.title, one.limits, one.features, one.rank) for one in kept] == [
        ("solo", None, {}, [], None),
        ("team/x", "チーム", {"seats": 20}, ["api", "sso"], 2),
    ]
    trail = await db.read(lambda session: session.execute(select(TrailEntry)).scalars().all())
    told = next(one.detail["changes"] for one in trail if one.act == "/staff/plans/{key}" and one.detail.get("changes"))
    assert told["plan team/x"]["limits"] == [{}, {"seats": 20}]


@pytest.mark.anyio
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("role", "sees", "writes"), [("viewer", 200, 403), ("editor", 403, 403)])
async def test_roles(db: Database, role: str, sees: int, writes: int) -> None:
    app = portal_with(db, Clock(), pages.router, desk.router)
    await db.write(lambda session: make_account(session, external_id="a", plan="pro"))
    async with browser(app, await db.write(lambda s: sign_in_as(s, make_staff(s, role=role)))) as client:
        shown = await client.get("/staff/plans/pro")
        assert (shown.status_code, "<textarea" in shown.text) == (sees, False)
        assert (await client.get("/staff/plans/new")).status_code == writes
