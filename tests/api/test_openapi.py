"""The interface described: complete, true to the answers, and without an error by OWASP's rules for Spectral."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from jsonschema_rs import Draft202012Validator
from starlette.routing import Mount

from api import app as door
from api import described
from api.app import build_api
from portal.events.limits import Limits
from tests.api.conftest import Api, code_of
from tests.browser import _node

CLIENTS = Path(__file__).parent.parent / "clients"
SPECTRAL = CLIENTS / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
on_one_engine = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


def inner(api: Api) -> FastAPI:
    """The application that is mounted at `/api`."""
    found = next(one.app for one in api.app.routes if isinstance(one, Mount))
    assert isinstance(found, FastAPI)
    return found


def complaints(document: dict[str, Any], tmp_path: Path) -> list[str]:
    path = tmp_path / "openapi.json"
    path.write_bytes(orjson.dumps(document))
    command = [_node(), str(SPECTRAL), "lint", str(path), "-r", str(CLIENTS / "spectral.yaml"), "-f", "json", "-q"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode in (0, 1), ran.stderr
    found = orjson.loads(ran.stdout)
    return [f"{one['code']} {'.'.join(map(str, one['path']))}" for one in found if one["severity"] == 0]


def unfit(value: object, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Why `value` is nothing that `schema` describes."""
    found = Draft202012Validator({**schema, "components": document["components"]}).iter_errors(value)
    return [one.message for one in found]


def texts_in(value: object) -> set[str]:
    """Every text in `value`, a text that nobody has given an example of too: that is an ellipsis."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {value} if isinstance(value, str) else set[str]().union(*map(texts_in, parts))


@on_one_engine
async def test_spectral_finds_no_error(api: Api, tmp_path: Path) -> None:
    document = (await api.client.get("/api/openapi.json")).json()
    assert complaints(document, tmp_path) == []
    # The same rules do find what is wrong.
    del document["paths"]["/v1/plans"]["get"]["responses"]["200"]["headers"]
    assert complaints(document, tmp_path) == ["owasp:api4:2023-rate-limit paths./v1/plans.get.responses.200"]


@on_one_engine
async def test_every_call_is_described_whole(api: Api) -> None:
    document = (await api.client.get("/api/openapi.json")).json()
    calls = [(f"{method} {path}", call) for path, item in document["paths"].items() for method, call in item.items()]
    ids = [call["operationId"] for _, call in calls]
    assert len(set(ids)) == len(ids)
    for name, call in calls:
        assert call["summary"], name
        assert call["tags"], name
        assert call["security"], name
        assert {"401", "429", "500", "503"} <= set(call["responses"]), name
        for status, answer in call["responses"].items():
            assert answer["description"] != described.UNSAID, name
            assert bool(answer.get("content")) == (status not in ("204", "304")), (name, status)
            for media_type, content in answer.get("content", {}).items():
                assert content["schema"], (name, status)
                assert unfit(content["example"], content["schema"], document) == [], (name, status)
                assert "…" not in texts_in(content["example"]), (name, status)
                if status >= "400":
                    assert media_type == "application/problem+json", name
                    assert content["example"]["status"] == int(status), name
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
    assert {tag for _, call in calls for tag in call["tags"]} == {tag["name"] for tag in document["tags"]}


@on_one_engine
async def test_what_is_left_out_is_never_told_to_be_null(api: Api) -> None:
    """Clients that are made from the schema send its defaults: `null` would clear what they do not mention."""
    document = (await api.client.get("/api/openapi.json")).json()
    bodies = [
        (f"{method} {path}", call["requestBody"]["content"]["application/json"]["schema"])
        for path, item in document["paths"].items()
        for method, call in item.items()
        if "requestBody" in call
    ]
    fields = {name: body.get("properties", {}) for name, body in bodies}
    assert not [name for name, said in fields.items() for field in said.values() if field.get("default", ...) is None]
    (change,) = (body for name, body in bodies if name.startswith("patch /v1/webhook-endpoints"))
    assert "required" not in change
    assert not any("default" in field for field in change["properties"].values())


@on_one_engine
async def test_the_server_is_named_where_it_can_be_relied_on(api: Api) -> None:
    for base, named in (
        ("https://portal.example/", "https://portal.example/api"),
        ("http://127.0.0.1:8000", "/api"),
        ("http://127.0.0.1:8000/portal", "/portal/api"),
    ):
        (server,) = build_api(replace(api.site, base_url=base)).openapi()["servers"]
        assert server["url"] == named


@on_one_engine
async def test_an_api_key_is_told_where_it_stands_and_stopped(api: Api) -> None:
    inner(api).state.requests = Limits(per_second=2, unit="requests", flood=door.BUSY, clock=lambda: 0.0)
    reads, other = await api.key(), await api.key("write")
    answers = [await api.client.get("/api/v1/plans", headers=reads) for _ in range(3)]
    assert [one.headers["ratelimit"] for one in answers] == [
        '"requests";r=1;t=1',
        '"requests";r=0;t=1',
        '"requests";r=0;t=1',
    ]
    assert answers[0].headers["ratelimit-policy"] == '"requests";q=2;w=1'
    assert code_of(answers[2], 429) == "too_many_requests"
    assert answers[2].headers["retry-after"] == "1"
    gone = await api.client.delete("/api/v1/accounts/none", headers=other)
    assert (gone.status_code, gone.headers["ratelimit"]) == (404, '"requests";r=1;t=1')
    assert "ratelimit" not in (await api.client.get("/api/v1/plans")).headers


@on_one_engine
async def test_what_an_address_takes_is_named_whole(api: Api) -> None:
    for path, allowed in (
        ("accounts/acme", "DELETE, GET, PUT"),
        ("webhook-endpoints", "GET, POST"),
        ("track", "OPTIONS, POST"),
    ):
        answer = await api.client.request("TRACE", f"/api/v1/{path}")
        assert code_of(answer, 405) == "method_not_allowed"
        assert answer.headers["allow"] == allowed


@on_one_engine
async def test_a_bare_number_is_no_instant(api: Api) -> None:
    auth = await api.key()
    for written, status in (("0", 422), ("1700000000", 422), ("-5", 422), ("2026-06-03T05:00:00Z", 200)):
        answer = await api.client.get("/api/v1/events", params={"to": written}, headers=auth)
        assert answer.status_code == status, written
