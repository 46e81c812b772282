"""Events read back with an API key."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.api.conftest import Api, code_of
from tests.factories import NOW


async def fill(api: Api) -> None:
    messages = [
        {"type": "track", "event": "login", "userId": f"u{n % 3}", "context": {"groupId": f"g{n % 2}"}}
        | {"messageId": f"m{n}", "timestamp": f"2026-06-0{1 + n % 2}T0{n}:00:00Z"}
        for n in range(8)
    ]
    messages.append({"type": "page", "userId": "stranger", "name": "Home", "messageId": "waiting"})
    assert (await api.send("batch", {"batch": messages})).json()["accepted"] == 9


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["waiting", "m7", "m5", "m3", "m1", "m6", "m4", "m2", "m0"]),
        ({"account": "g0"}, ["m6", "m4", "m2", "m0"]),
        ({"account": "g0", "member": "u0"}, ["m6", "m0"]),
        ({"member": "u0"}, ["m3", "m6", "m0"]),
        ({"event": "page"}, ["waiting"]),
        ({"event": "nothing"}, []),
        ({"source": "app", "limit": 2}, ["waiting", "m7"]),
        ({"from": "2026-06-01T02:00:00Z", "to": "2026-06-01T06:00:00Z"}, ["m4", "m2"]),
        ({"from": "2026-06-01T11:00:00+09:00", "to": "2026-06-01T15:00:00+09:00"}, ["m4", "m2"]),
    ],
)
async def test_filters(api: Api, filters: dict[str, Any], found: list[str]) -> None:
    await fill(api)
    assert [one["message_id"] for one in await api.events(**filters)] == found


async def test_pages_meet_and_end(api: Api) -> None:
    await fill(api)
    key = await api.key()
    params: dict[str, Any] = {"limit": 4}
    pages = []
    while True:
        answer = (await api.client.get("/api/v1/events", params=params, headers=key)).json()
        pages.append([one["message_id"] for one in answer["events"]])
        if answer["next"] is None:
            break
        params["cursor"] = answer["next"]
    assert [len(page) for page in pages] == [4, 4, 1]
    assert len({one for page in pages for one in page}) == 9


@pytest.mark.parametrize(
    "filters",
    [
        {"account": "nobody"},
        {"member": "nobody"},
        {"account": "g1", "member": "stranger"},
        {"account": "g0", "member": "only-in-g1"},
        {"source": "nothing"},
    ],
)
async def test_what_does_not_exist_or_is_anothers_is_not_found(api: Api, filters: dict[str, str]) -> None:
    await fill(api)
    await api.send("track", {"event": "login", "userId": "only-in-g1", "context": {"groupId": "g1"}})
    answer = await api.client.get("/api/v1/events", params=filters, headers=await api.key())
    assert code_of(answer, 404) == "not_found"


async def test_every_wrong_parameter_is_named(api: Api) -> None:
    params = {"limit": "201", "from": "yesterday", "to": "2026-06-01T00:00:00", "account": ""}
    answer = await api.client.get("/api/v1/events", params=params, headers=await api.key())
    assert code_of(answer, 422) == "invalid"
    named = {one["pointer"] for one in answer.json()["errors"]}
    assert named == {"#/query/limit", "#/query/from", "#/query/to", "#/query/account"}


async def test_whatever_has_the_form_of_a_cursor_is_one(api: Api) -> None:
    await fill(api)
    key = await api.key()
    for cursor, count in (("-" * 22, 0), ("A" * 22, 0), ("f" + "_" * 21, 9), ("", 9)):
        answer = await api.client.get("/api/v1/events", params={"cursor": cursor}, headers=key)
        assert (answer.status_code, len(answer.json()["events"])) == (200, count), cursor


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "W10", "WzEsMl0", "WyJhIiwxXQ", "=", "あ", "W251bGwsbnVsbF0"])
async def test_a_cursor_that_is_not_ours(api: Api, cursor: str) -> None:
    answer = await api.client.get("/api/v1/events", params={"cursor": cursor}, headers=await api.key())
    assert code_of(answer, 422) == "invalid"
    assert answer.json()["errors"][0]["pointer"] == "#/query/cursor"


async def test_only_a_live_api_key_reads(api: Api) -> None:
    key = await api.key()
    for shown in ({}, {"authorization": "Bearer ak_unknown"}, {"authorization": f"Bearer {api.source.write_key}"}):
        answer = await api.client.get("/api/v1/events", headers=shown)
        assert code_of(answer, 401) == "unauthorized"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await api.client.get("/api/v1/events", headers=key)).status_code == 200
    await api.db.write(lambda s: s.connection().execute(text("UPDATE api_key SET revoked_at = created_at")).close())
    assert (await api.client.get("/api/v1/events", headers=key)).status_code == 401


async def test_a_write_key_reads_too_and_its_use_is_noted(api: Api) -> None:
    key = await api.key("write")
    assert (await api.client.get("/api/v1/events", headers=key)).status_code == 200
    used = await api.db.read(lambda s: s.connection().scalar(text("SELECT last_used_at FROM api_key")))
    assert str(used).startswith(NOW.strftime("%Y-%m-%d %H:%M"))
