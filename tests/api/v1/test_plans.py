from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.v1.plans import PlanIn
from portal.accounts.plan_fields import READERS
from portal.kit.db import Database
from tests.vendor import vendor_on

pytestmark = pytest.mark.anyio
PRO: dict[str, Any] = {
    "title": "プロ",
    "limits": {"seats": 20, "storage_gb": 1.5},
    "features": ["api", "sso"],
    "rank": 2,
}


@pytest.fixture
async def caller(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor_on(db) as vendor, vendor.caller() as caller:
        yield caller


async def test_a_plan_is_exactly_what_was_put_last(caller: httpx.AsyncClient) -> None:
    assert (await caller.put("/plans/pro", json=PRO)).json() == {"key": "pro", **PRO}
    assert (await caller.get("/plans/pro")).json() == {"key": "pro", **PRO}
    shorter = await caller.put("/plans/pro", json={"title": "Pro"})
    assert shorter.json() == {"key": "pro", "title": "Pro", "limits": {}, "features": [], "rank": None}


async def test_a_plan_exists_once_it_is_named(caller: httpx.AsyncClient) -> None:
    assert (await caller.get("/plans/team")).status_code == 404
    await caller.put("/accounts/aoba", json={"plan": "team"})
    named = (await caller.get("/plans/team")).json()
    assert named == {"key": "team", "title": None, "limits": {}, "features": [], "rank": None}


async def test_plans_are_listed_by_rank(caller: httpx.AsyncClient) -> None:
    for key, rank in (("pro", 2), ("free", 0), ("other", None), ("team", 1)):
        await caller.put(f"/plans/{key}", json={"rank": rank})
    listed = (await caller.get("/plans")).json()["plans"]
    assert [plan["key"] for plan in listed] == ["free", "team", "pro", "other"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 201),
        ("title", ["a"]),
        ("limits", [1]),
        ("limits", {"seats": "20"}),
        ("limits", {"seats": True}),
        ("limits", {"seats": -1}),
        ("limits", {"seats": None}),
        ("limits", {"x" * 201: 1}),
        ("limits", {"a\u0000": 1}),
        ("limits", {f"m{number}": 1 for number in range(201)}),
        ("features", "api"),
        ("features", [1]),
        ("features", ["a\u0000"]),
        ("rank", "2"),
        ("rank", True),
        ("rank", -1),
        ("price", 100),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_changes(caller: httpx.AsyncClient, field: str, value: object) -> None:
    await caller.put("/plans/pro", json=PRO)
    answer = await caller.put("/plans/pro", json={field: value})
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]
    assert (await caller.get("/plans/pro")).json() == {"key": "pro", **PRO}


@pytest.mark.parametrize("key", ["x" * 65, "%00", "%20"])
async def test_what_cannot_be_a_key(caller: httpx.AsyncClient, key: str) -> None:
    assert (await caller.get(f"/plans/{key}")).status_code == 404
    assert (await caller.put(f"/plans/{key}", json={})).status_code == 422


async def test_what_is_documented_is_what_is_read() -> None:
    assert set(PlanIn.model_fields) == set(READERS)
