"""Events in over HTTP, as servers send them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from tests.api.conftest import Api, code_of

TRACK = {"type": "track", "event": "login", "userId": "u1", "context": {"groupId": "acme"}}


def batch(*messages: object, **more: Any) -> dict[str, Any]:
    return {"batch": list(messages), **more}


@pytest.mark.parametrize("call", ["track", "t"])
async def test_one_event(api: Api, call: str) -> None:
    answer = await api.send(call, {**TRACK, "messageId": "m1", "properties": {"n": 1}})
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "accepted": 1, "duplicates": 0, "rejected": []}
    again = await api.send(call, {**TRACK, "messageId": "m1", "properties": {"n": 2}})
    assert again.json() == {"success": True, "accepted": 0, "duplicates": 1, "rejected": []}
    assert await api.events() == [
        {
            "message_id": "m1",
            "event": "login",
            "at": "2026-06-03T01:00:00Z",
            "received_at": "2026-06-03T01:00:00Z",
            "source": "app",
            "account": "acme",
            "member": "u1",
            "properties": {"n": 1},
        }
    ]


@pytest.mark.parametrize(
    ("calls", "body", "events"),
    [
        (["identify", "i"], {"userId": "u1", "traits": {"name": "早川"}}, []),
        (["group", "g"], {"userId": "u1", "groupId": "acme", "traits": {"plan": "pro"}}, []),
        (["page", "p"], {"userId": "u1", "name": "Home"}, ["page", "page"]),
        (["screen", "s"], {"anonymousId": "a1"}, ["screen", "screen"]),
        (["alias", "a"], {"userId": "u1", "previousId": "a1"}, []),
        (["batch", "b"], batch(TRACK, TRACK), ["login"] * 4),
    ],
)
async def test_every_call_by_its_long_and_short_name(
    api: Api, calls: list[str], body: dict[str, Any], events: list[str]
) -> None:
    for call in calls:
        answer = await api.send(call, body)
        assert answer.json()["accepted"] == len(body.get("batch", [body])), answer.text
    assert [event["event"] for event in await api.events()] == events


async def test_one_bad_event_never_costs_the_others(api: Api) -> None:
    answer = await api.send(
        "batch",
        batch(
            {**TRACK, "messageId": "m1"},
            {**TRACK, "event": "tutorial.completed"},
            "not an event",
            {**TRACK, "properties": {"text": "a\x00b"}},
            {**TRACK, "messageId": "m1"},
            {**TRACK, "messageId": "m2"},
            {**TRACK, "properties": {"text": "x" * 32_768}},
        ),
    )
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (2, 1)
    assert [(one["index"], one["code"]) for one in body["rejected"]] == [
        (1, "reserved_event"),
        (2, "not_an_object"),
        (3, "invalid_value"),
        (6, "too_large"),
    ]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (rb'{"half": "\ud83d"}', "invalid_value"),
        (b'{"endless": 1e999}', "invalid_value"),
        (b'{"none": NaN}', "invalid_value"),
        (b'{"deep": ' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
    ],
)
async def test_json_that_only_some_can_read_costs_one_event(api: Api, broken: bytes, code: str) -> None:
    good = json.dumps(TRACK).encode()
    bad = good[:-1] + b', "properties": ' + broken + b"}"
    body = b'{"batch": [' + good + b"," + bad + b"," + good + b"]}"
    answer = await api.client.post("/api/v1/batch", content=body, auth=(api.source.write_key, ""))
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer.json()["rejected"]] == [(1, code)]


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({**TRACK, "event": ""}, 400, "invalid_event"),
        ({**TRACK, "event": "nps.answered"}, 400, "reserved_event"),
        ({"event": "login"}, 400, "missing_user"),
        ({**TRACK, "properties": {"text": "x" * 40_000}}, 413, "too_large"),
    ],
)
async def test_a_single_bad_event_says_why(api: Api, message: dict[str, Any], status: int, code: str) -> None:
    answer = await api.send("track", message)
    assert code_of(answer, status) == code
    assert [(one["index"], one["code"]) for one in answer.json()["rejected"]] == [(0, code)]
    assert await api.events() == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", ""]
)
@pytest.mark.parametrize("packed", ["plain", "gzip, labelled", "gzip, not labelled"])
async def test_the_label_does_not_matter(api: Api, content_type: str, packed: str) -> None:
    body = json.dumps(batch(TRACK)).encode()
    headers = {"content-type": content_type}
    if packed != "plain":
        body = gzip.compress(body)
    if packed == "gzip, labelled":
        headers["content-encoding"] = "gzip"
    answer = await api.client.post("/api/v1/batch", content=body, headers=headers, auth=(api.source.write_key, ""))
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b"null", 400, "malformed"),
        (b'"track"', 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b"[" * 40_000, 400, "malformed"),
        (b'{"batch": {}}', 400, "malformed"),
        (b'{"n": ' + b"9" * 5_000 + b"}", 400, "malformed"),
        (b'{"batch": [' + b",".join([b"{}"] * 2501) + b"]}", 413, "too_large"),
        (b'{"batch": ["' + b"x" * 512_000 + b'"]}', 413, "too_large"),
        (gzip.compress(b"{}")[:-5], 400, "malformed"),
        (gzip.compress(b"{}") + b"garbage", 400, "malformed"),
        (b"\x1f\x8b\x08\x00garbage", 400, "malformed"),
        (gzip.compress(b'{"batch": [], "pad": "' + b" " * 600_000 + b'"}'), 413, "too_large"),
        (gzip.compress(gzip.compress(b"\0" * 100_000_000, 9)), 400, "malformed"),
        (gzip.compress(b"\0" * 100_000_000, 9), 413, "too_large"),
        (gzip.compress(b" " * 300_000) * 3, 413, "too_large"),
    ],
    ids=range(18),
)
async def test_a_body_that_cannot_be_taken(api: Api, body: bytes, status: int, code: str) -> None:
    answer = await api.client.post("/api/v1/batch", content=body, auth=(api.source.write_key, ""))
    assert code_of(answer, status) == code
    assert await api.events() == []


async def test_a_body_without_end_is_refused_on_the_way(api: Api) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 100_000

    answer = await api.client.post("/api/v1/batch", content=endless(), auth=(api.source.write_key, ""))
    assert code_of(answer, 413) == "too_large"
    assert sent < 10


async def test_an_empty_batch_is_fine(api: Api) -> None:
    assert (await api.send("batch", batch())).json()["accepted"] == 0


async def test_the_batchs_own_time_corrects_the_clock_of_its_events(api: Api) -> None:
    body = batch({**TRACK, "timestamp": "2020-01-01T11:00:00Z"}, sentAt="2020-01-01T12:00:00Z")
    assert (await api.send("batch", body)).json()["accepted"] == 1
    assert (await api.events())[0]["at"] == "2026-06-03T00:00:00Z"


@pytest.mark.parametrize("where", ["basic", "body", "header"])
async def test_a_key_may_be_shown_in_three_places(api: Api, where: str) -> None:
    key = api.source.write_key
    body = {**TRACK, **({"writeKey": key} if where == "body" else {})}
    headers = {"banso-key": key} if where == "header" else {}
    answer = await api.send("track", body, headers=headers, auth=(key, "") if where == "basic" else None)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic d2tfdW5rbm93bjo=",  # wk_unknown
        "Basic 44GC44GEOg==",  # あい
        "Basic /////w==",
        "Bearer wk_unknown",
        "Digest x",
    ],
)
async def test_without_a_live_key_nothing_is_taken(api: Api, authorization: str) -> None:
    answer = await api.client.post("/api/v1/track", json=TRACK, headers={"authorization": authorization})
    assert code_of(answer, 401) == "unauthorized"
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("key", [7, None, ["wk_x"], "wk_あ", "ak_x", "x" * 10_000])
async def test_an_odd_key_in_the_body_is_no_key(api: Api, key: object) -> None:
    assert code_of(await api.send("track", {**TRACK, "writeKey": key}, auth=None), 401) == "unauthorized"


async def test_a_revoked_source_is_refused_at_once(api: Api) -> None:
    assert (await api.send("track", TRACK)).status_code == 200

    def revoke(session: Session) -> None:
        session.connection().execute(text("UPDATE source SET revoked_at = created_at"))

    await api.db.write(revoke)
    assert code_of(await api.send("track", TRACK), 401) == "unauthorized"


async def test_refusals_are_told_in_the_language_asked_for(api: Api) -> None:
    english = await api.send("track", {**TRACK, "event": ""})
    assert "must be a text" in english.json()["detail"]
    assert english.json()["detail"] == english.json()["rejected"][0]["message"]
