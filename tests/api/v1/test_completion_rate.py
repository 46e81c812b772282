from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from portal.kit.db import Database
from tests.vendor import Vendor, vendor_on

pytestmark = pytest.mark.anyio
PATH = "/checklists/first-30-days/completion-rate"
ROW = {
    "group", "started", "matured", "completed_in_time", "completed_late", "missed", "left", "in_progress",
    "already_completed", "rate", "interval", "cumulative_rate", "median_days",
}  # fmt: skip
STEPS = ("kickoff", "invite", "profile", "billing")


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        yield vendor


@pytest.fixture
async def caller(vendor: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor.caller() as caller:
        yield caller


async def finish(caller: httpx.AsyncClient, account: str) -> None:
    for step in STEPS:
        answer = await caller.put(f"/accounts/{account}/checklists/first-30-days/steps/{step}/completion")
        assert answer.status_code == 200, answer.text


async def rate(caller: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await caller.get(PATH, params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_report_as_it_is_agreed(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await caller.put("/accounts/aoba", json={"plan": "pro"})
    await finish(caller, "aoba")
    found = await rate(caller)
    assert set(found) == {"checklist", "unit", "due_days", "as_of", "rows", "curve", "steps"}
    assert (found["checklist"], found["unit"], found["due_days"]) == ("first-30-days", "account", 30)
    assert found["as_of"] == "2026-06-03T01:00:00Z"
    (row,) = found["rows"]
    assert set(row) == ROW
    assert row == {
        "group": None, "started": 2, "matured": 0, "completed_in_time": 0, "completed_late": 0, "missed": 0, "left": 0,
        "in_progress": 2, "already_completed": 1, "rate": None, "interval": None, "cumulative_rate": 0.5,
        "median_days": 0,
    }  # fmt: skip
    assert found["curve"] == [{"day": 0, "completed": 0.5, "at_risk": 2}]
    assert found["steps"][0] == {"key": "kickoff", "reached": 2, "completed": 1, "median_days": 0}
    assert [step["key"] for step in found["steps"]] == [*STEPS, "logo"]

    ahead = await rate(caller, as_of="2026-07-31", by="plan")
    assert ahead["as_of"] == "2026-07-31T14:59:59Z"
    assert [(one["group"], one["matured"], one["rate"]) for one in ahead["rows"]] == [("pro", 1, 1.0), (None, 1, 0.0)]
    low, high = ahead["rows"][0]["interval"]
    assert (round(low, 3), high) == (0.207, 1.0)


async def test_the_deadline_day_itself_is_not_over(caller: httpx.AsyncClient) -> None:
    assert (await rate(caller, as_of="2026-07-03"))["rows"][0]["matured"] == 0
    assert (await rate(caller, as_of="2026-07-03T23:59:59+09:00"))["rows"][0]["matured"] == 0
    assert (await rate(caller, as_of="2026-07-03T15:00:00Z"))["rows"][0]["matured"] == 2
    assert (await rate(caller, as_of="2026-07-04"))["rows"][0]["matured"] == 2


async def test_before_anybody_started_there_is_still_one_row(caller: httpx.AsyncClient) -> None:
    found = await rate(caller, as_of="2026-01-01")
    assert [row["started"] for row in found["rows"]] == [0]
    assert found["rows"][0]["cumulative_rate"] is None
    assert (await rate(caller, as_of="2026-01-01", by="owner"))["rows"] == []


async def test_members_and_months(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    found = await rate(caller, unit="member", by="month", as_of="2026-07-31")
    assert [(row["group"], row["started"], row["missed"]) for row in found["rows"]] == [("2026-06", 4, 4)]
    assert [(step["key"], step["reached"]) for step in found["steps"]] == [("profile", 4), ("billing", 2)]


async def test_without_a_deadline_its_days_are_null(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await vendor.publish(
        {
            "key": "first-30-days",
            "title": {"en": "Start"},
            "from": "2026-01-01",
            "steps": [{"key": "a", "title": {"en": "A"}}],
        }
    )
    found = await rate(caller, as_of="2030-01-01")
    assert found["due_days"] is None
    assert found["rows"][0]["in_progress"] == 2


async def test_csv_opens_in_excel_and_runs_nothing(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await caller.put("/accounts/aoba", json={"owner": "=HYPERLINK(1)"})
    answer = await caller.get(PATH, params={"format": "csv", "by": "owner", "as_of": "2026-07-31"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="completion-rate-first-30-days.csv"' in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert set(rows[0]) == ROW - {"interval"} | {"interval_low", "interval_high"}
    assert [row["group"] for row in rows] == ["'=HYPERLINK(1)", ""]
    assert (rows[0]["matured"], rows[0]["rate"], rows[0]["median_days"]) == ("1", "0.0", "")
    nobody = await caller.get(PATH, params={"format": "csv", "as_of": "2026-01-01"})
    (only,) = csv.DictReader(io.StringIO(nobody.content.decode("utf-8-sig")))
    assert (only["started"], only["rate"], only["interval_low"], only["interval_high"]) == ("0", "", "", "")


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({"by": "moon"}, {"#/query/by"}),
        ({"unit": "team"}, {"#/query/unit"}),
        ({"format": "xlsx"}, {"#/query/format"}),
        ({"as_of": "yesterday"}, {"#/query/as_of"}),
        ({"as_of": "2026-02-30"}, {"#/query/as_of"}),
        ({"as_of": "2026-06-03T05:00:00"}, {"#/query/as_of"}),
        ({"as_of": "0001-01-01"}, {"#/query/as_of"}),
        ({"as_of": "9999-12-31"}, {"#/query/as_of"}),
        ({"as_of": ""}, {"#/query/as_of"}),
        ({"by": "moon", "as_of": "soon"}, {"#/query/by", "#/query/as_of"}),
    ],
)
async def test_what_cannot_be_asked(caller: httpx.AsyncClient, asked: dict[str, str], pointers: set[str]) -> None:
    answer = await caller.get(PATH, params=asked)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["pointer"] for error in answer.json()["errors"]} == pointers


async def test_no_such_checklist(caller: httpx.AsyncClient) -> None:
    answer = await caller.get("/checklists/other/completion-rate")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_it_needs_a_key_that_reads(vendor: Vendor) -> None:
    async with vendor.caller(None) as nobody:
        assert (await nobody.get(PATH, params={"by": "moon"})).status_code == 401
    async with vendor.caller("read") as reader:
        assert (await reader.get(PATH)).status_code == 200


async def test_a_plus_sign_that_was_not_encoded(caller: httpx.AsyncClient) -> None:
    answer = await caller.get(f"{PATH}?as_of=2026-07-04T00:00:00+09:00")
    assert answer.json()["as_of"] == "2026-07-03T15:00:00Z"


async def test_late_news_restates_the_past(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    vendor.clock.now += timedelta(days=60)
    assert (await rate(caller))["rows"][0]["missed"] == 2
    for step in STEPS:
        await caller.put(
            f"/accounts/aoba/checklists/first-30-days/steps/{step}/completion", json={"at": "2026-06-20T00:00:00Z"}
        )
    assert (await rate(caller))["rows"][0]["completed_in_time"] == 1
    assert (await rate(caller, as_of="2026-06-19"))["rows"][0]["already_completed"] == 0
