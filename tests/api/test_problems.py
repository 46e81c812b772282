"""Errors of the machine door, its description of itself, and its page for people."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from portal.events import ingest
from portal.kit.errors import Unavailable
from portal.kit.i18n import Message
from tests.api.conftest import PAGE, Api, code_of

TRACK = {"event": "login", "userId": "u1", "context": {"groupId": "acme"}}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/track", 405, "method_not_allowed"),
        ("PUT", "/api/v1/batch", 405, "method_not_allowed"),
        ("POST", "/api/v1/track/", 404, "not_found"),
        ("GET", "/api/v1/events", 401, "unauthorized"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(api: Api, method: str, path: str, status: int, code: str) -> None:
    assert code_of(await api.client.request(method, path), status) == code


async def test_a_surprise_tells_nothing_and_changes_nothing(api: Api) -> None:
    def fail(_session: Session, _recorded: object, _now: object) -> None:
        raise LookupError("a secret detail")

    leave = ingest.subscribe(fail)
    try:
        answer = await api.browse("track", TRACK, api.token())
    finally:
        leave()
    assert code_of(answer, 500) == "error"
    assert "secret" not in answer.text
    assert await api.events() == []


async def test_not_now_says_when_to_come_again(api: Api) -> None:
    def busy(_session: Session, _recorded: object, _now: object) -> None:
        raise Unavailable(Message("later"), retry_after=7)

    leave = ingest.subscribe(busy)
    try:
        answer = await api.browse("track", TRACK, api.token())
    finally:
        leave()
    assert code_of(answer, 503) == "unavailable"
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_openapi_describes_every_call(api: Api) -> None:
    schema = (await api.client.get("/api/openapi.json")).json()
    assert schema["openapi"].startswith("3.")
    tracking = {f"/v1/{name}" for name in ("track", "identify", "group", "page", "screen", "alias", "batch")}
    assert tracking | {"/v1/events"} <= set(schema["paths"])
    assert not {"/v1/t", "/v1/b", "/docs"} & set(schema["paths"])
    for path in tracking:
        assert list(schema["paths"][path]) == ["post"]
    known = schema["components"]["schemas"]
    wanted = {part.split('"')[0] for part in orjson.dumps(schema).decode().split('"#/components/schemas/')[1:]}
    assert wanted <= set(known)
    schemes = {name for item in schema["paths"].values() for one in item.values() for name in one["security"][0]}
    assert schemes <= set(schema["components"]["securitySchemes"])


@pytest.mark.parametrize(("language", "heading"), [("en", "Calls"), ("ja", "API")])
async def test_the_page_for_people_needs_no_script(api: Api, language: str, heading: str) -> None:
    answer = await api.client.get("/api/docs", headers={"accept-language": language})
    assert answer.status_code == 200
    assert f">{heading}</" in answer.text
    assert "POST /api/v1/batch" in answer.text
    assert "&#34;first-30-days&#34;" in answer.text, "an example"
    assert "<script>" not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")


keys = ["batch", "writeKey", "sentAt", "userId", "event", "type", "context", "traits", "groupId", "timestamp"]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3))
bodies = st.dictionaries(st.sampled_from(keys) | st.text(), values, max_size=6)
calls = st.sampled_from(["track", "identify", "group", "page", "alias", "batch", "b"])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=calls, body=bodies, messages=st.lists(bodies | values, max_size=4))
async def test_no_json_makes_it_stumble(api: Api, call: str, body: dict[str, object], messages: list[object]) -> None:
    """Written as Python writes it: with NaN, endless numbers and half characters, as some senders do."""
    content = json.dumps({**body, "batch": messages} if call in ("batch", "b") else body).encode()
    answer = await api.client.post(f"/api/v1/{call}", content=content, auth=(api.source.write_key, ""))
    assert answer.status_code in (200, 400, 409, 413), answer.text
