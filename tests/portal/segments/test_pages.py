"""Segments in the browser: written, looked at before they are kept, used as a filter, and not lost by mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from markupsafe import escape
from sqlalchemy import select

from portal.conditions.models import Segment
from portal.insights import pages
from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.segments import service
from portal.segments.files import parse_segments
from tests.factories import make_staff, sign_in_as
from tests.library import TOKYO, browser
from tests.vendor import FIRST_DAYS, Vendor, vendor_on

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)]
AOBA = {
    "condition.kind": "trait",
    "condition.name": "name",
    "condition.op": "eq",
    "condition.value": "株式会社あおば商事",
}
MIDORI = {**AOBA, "condition.value": "みどり物産"}


def text(condition: str) -> dict[str, str]:
    """A condition in the words of the file, as a browser sends it."""
    return {"condition.kind": "text", "condition.text": condition}


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        vendor.app.include_router(pages.router)
        yield vendor


@pytest.fixture
async def staff(vendor: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor.browser("staff") as staff:
        yield staff


async def test_looked_at_kept_and_filtered_by(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    fields = {"key": "aoba", "title_ja": "あおば", **AOBA}
    looked = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields, act="look")
    assert looked.status_code == 200
    assert "全2社のうち1社" in looked.text
    assert "株式会社あおば商事</a>" in looked.text
    assert await vendor.db.read(lambda session: session.execute(select(Segment)).first()) is None
    kept = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields)
    assert (kept.status_code, kept.headers["location"]) == (303, "/staff/segments/aoba")
    found = await staff.get("/staff/accounts?segment=aoba")
    assert "あおば商事" in found.text
    assert "みどり物産" not in found.text
    assert 'aria-label="「あおば」の絞り込みを外す"' in found.text or "あおば" in found.text
    assert "/staff/accounts?segment=aoba" in (await staff.get("/staff/segments")).text
    for title, key in (("Aoba & Co", "aoba-co"), ("", "segment"), ("", "segment-2")):  # whoever names no key gets one
        named = {"title_ja": "あおば", "title_en": title, **AOBA}
        kept = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **named)
        assert kept.headers["location"] == f"/staff/segments/{key}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "A B", "title_ja": "あ", **AOBA}, "半角の小文字"),
        ({"key": "a", **AOBA}, "少なくとも1つの言語"),
        ({"key": "a", "title_ja": "あ", **text("plan: pro\nplam: x\n")}, "2行目：「plam」"),
        ({"key": "a", "title_ja": "あ", **text("plan: [pro\nx")}, "行目："),
        ({"key": "a", "title_ja": "あ", **text("role: admin")}, "「role」"),
        (
            {"key": "a", "title_ja": "あ", "condition.kind": "segment", "condition.value": "a"},
            "自分自身を含んでいます",
        ),
        ({"key": "a", "title_ja": "あ"}, "顧客が満たす条件を入力してください"),
        ({"key": "taken", "title_ja": "あ", **AOBA}, "すでにあります"),
    ],
)
async def test_what_cannot_be_kept_is_said_beside_the_field(
    vendor: Vendor, staff: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    taken = {"key": "taken", "title_ja": "先の", **AOBA}
    await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **taken)
    answer = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    for name in ("condition.value", "condition.text"):
        assert escape(fields.get(name, "").split("\n", maxsplit=1)[0]) in answer.text


async def test_sentences_are_built_and_counted_before_anything_is_kept(
    vendor: Vendor, staff: httpx.AsyncClient
) -> None:
    fields = {"key": "aoba", "title_ja": "あおば", **AOBA}
    more = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields, act="add:condition")
    assert more.status_code == 200
    assert 'name="condition.0.value" value="株式会社あおば商事"' in more.text
    assert 'name="condition.1.kind"' in more.text
    assert "ここに表示します" in more.text  # The new sentence is empty yet, which is no mistake.
    assert 'value="role"' not in more.text
    kind = await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields, act="refresh")
    assert "全2社のうち1社" in kind.text
    assert await vendor.db.read(lambda session: session.execute(select(Segment)).first()) is None


async def test_who_would_come_into_checklists_and_go_out_is_said_by_name(
    vendor: Vendor, staff: httpx.AsyncClient
) -> None:
    fields = {"key": "aoba", "title_ja": "あおば", **AOBA}
    await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields)
    await vendor.post(
        staff,
        "/staff/segments/new",
        "/staff/segments/new",
        key="outer",
        title_ja="外",
        **{"condition.kind": "segment", "condition.value": "aoba"},
    )
    await vendor.publish({**FIRST_DAYS, "audience": {"segment": "outer"}})
    same = await vendor.post(staff, "/staff/segments/aoba", "/staff/segments/aoba", **fields, act="look")
    assert "公開中のチェックリストへの影響" not in same.text
    other = {"title_ja": "みどり", **MIDORI}
    looked = await vendor.post(staff, "/staff/segments/aoba", "/staff/segments/aoba", **other, act="look")
    said = looked.text.split("公開中のチェックリストへの影響")[1]
    coming, going = said.split("対象から外れる")
    assert "1社" in coming
    assert "みどり物産</a>" in coming
    assert "あおば" not in coming
    assert "株式会社あおば商事</a>" in going.split("</ul>")[0]


async def test_what_is_named_follows_and_cannot_be_archived(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    fields = {"key": "aoba", "title_ja": "あおば", **AOBA}
    await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields)
    await vendor.publish({**FIRST_DAYS, "audience": {"segment": "aoba"}})
    page = await staff.get("/staff/segments/aoba")
    assert "はじめの30日" in page.text
    await vendor.post(staff, "/staff/segments/aoba", "/staff/segments/aoba/archive")
    assert "何も変更していません" in (await staff.get("/staff/segments/aoba")).text
    await vendor.post(staff, "/staff/segments/aoba", "/staff/segments/aoba", title_ja="別", **MIDORI)
    queued = await vendor.db.read(lambda session: session.execute(select(Job)).scalars().all())
    assert {"keys": ["first-30-days"], "after": 0} in [job.payload for job in queued]
    await vendor.publish(FIRST_DAYS)
    gone = await vendor.post(staff, "/staff/segments/aoba", "/staff/segments/aoba/archive")
    assert gone.headers["location"] == "/staff/segments"
    back = await vendor.post(staff, "/staff/segments", "/staff/segments/aoba/bring-back")
    assert back.headers["location"] == "/staff/segments/aoba"


async def test_a_file_s_segment_is_taken_over_first(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    file = parse_segments("- {key: pros, title: Pro, condition: {plan: pro}}\n", file="content/segments.yml")
    await vendor.db.write(lambda session: service.apply(session, file, by="cli", now=vendor.clock.now, zone=TOKYO))
    page = await staff.get("/staff/segments/pros")
    assert 'name="condition.kind"' not in page.text
    assert "プラン" in page.text
    await vendor.post(staff, "/staff/segments/pros", "/staff/segments/pros/take-over")
    assert 'name="condition.kind"' in (await staff.get("/staff/segments/pros")).text


@pytest.mark.parametrize(("role", "sees", "writes"), [("viewer", 200, 403), ("editor", 403, 403)])
async def test_roles(vendor: Vendor, role: str, sees: int, writes: int) -> None:
    token = await vendor.db.write(lambda s: sign_in_as(s, make_staff(s, role=role), now=vendor.clock.now))
    async with browser(vendor.app, token) as client:
        assert (await client.get("/staff/segments")).status_code == sees
        assert (await client.get("/staff/segments/new")).status_code == writes


async def test_the_rate_by_segment_as_page_and_for_machines(vendor: Vendor, staff: httpx.AsyncClient) -> None:
    fields = {"key": "aoba", "title_ja": "あおばグループ", **AOBA}
    await vendor.post(staff, "/staff/segments/new", "/staff/segments/new", **fields)
    page = await staff.get("/staff/onboarding?by=segment")
    assert "あおばグループ" in page.text
    assert "1社が複数のセグメントに入ることがあり" in page.text
    assert (
        "みどり"
        not in (
            await staff.get("/staff/onboarding/accounts?box=started&by=segment&group=aoba&checklist=first-30-days")
        ).text
    )
    async with vendor.caller("read") as api:
        answer = (await api.get("/checklists/first-30-days/completion-rate?by=segment")).json()
        lines = (await api.get("/checklists/first-30-days/completion-rate?by=segment&format=csv")).text.splitlines()
    assert [(row["group"], row["started"]) for row in answer["rows"]] == [("aoba", 1), (None, 1)]
    assert answer["overlaps"] is True
    assert lines[1].startswith("aoba,1,")
