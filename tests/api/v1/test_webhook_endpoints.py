"""Webhook endpoints by API key."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import httpx
import pytest

from portal.jobs import registry
from portal.kit.addresses import Policy
from portal.kit.outbound import Outbound
from portal.webhooks.announce import Happening, announce
from tests.api.conftest import Api, code_of, mounted
from tests.receiver import receiving

ROOT = "/api/v1/webhook-endpoints"


async def hooked(api: Api) -> Api:
    """The same door, from which loopback may be called."""
    site = replace(api.site, outbound=Outbound(Policy.parse("127.0.0.1"), seconds=2))
    transport = httpx.ASGITransport(mounted(site), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://portal.example")
    return replace(api, client=client, site=site)


async def work(api: Api) -> None:
    worker = registry.worker(api.site)
    while await worker.run_due():
        pass


async def test_from_adding_one_to_recovering_what_it_missed(api: Api) -> None:
    door = await hooked(api)
    auth = await door.key("write")
    answers = [500]
    async with door.client as client, receiving(lambda _delivery: answers[0]) as receiver:
        told = {"url": receiver.url, "event_types": ["checklist.completed"], "headers": {"X-A": "b"}}
        added = await client.post(ROOT, headers=auth, json=told)
        assert added.status_code == 201, added.text
        body = added.json()
        assert body.pop("secret").startswith("whsec_")
        assert body["headers"] == ["x-a"]
        assert (await client.get(ROOT, headers=auth)).json() == {"endpoints": [body]}
        here = f"{ROOT}/{body['id']}"
        assert (await client.get(here, headers=auth)).json() == body

        happening = Happening("checklist.completed", door.clock.now, {"account": "acme"})
        await door.db.write(partial(announce, happenings=[happening], now=door.clock.now))
        await work(door)
        (attempt,) = (await client.get(f"{here}/attempts?failed=true", headers=auth)).json()["attempts"]
        assert (attempt["status"], attempt["ok"], attempt["attempt"], attempt["type"]) == (
            500,
            False,
            1,
            "checklist.completed",
        )
        assert "answer" not in attempt
        changed = await client.patch(here, headers=auth, json={"enabled": False, "description": "CRM"})
        assert (changed.json()["enabled"], changed.json()["disabled_because"]) == (False, "person")
        assert code_of(await client.post(f"{here}/recover", headers=auth, json={"since": "2026-06-01"}), 422)
        answers[0] = 204
        await client.patch(here, headers=auth, json={"enabled": True})
        since = {"since": "2026-06-03T00:00:00Z"}
        assert (await client.post(f"{here}/recover", headers=auth, json=since)).json() == {"messages": 1}
        await work(door)
        for path in ("test", f"messages/{attempt['message']}/replay"):
            answer = await client.post(f"{here}/{path}", headers=auth)
            assert answer.status_code == 202, answer.text
        await work(door)
        last = sorted(delivery.told["type"] for delivery in receiver.got[-2:])
        assert last == ["checklist.completed", "webhook.test"]
        first = (await client.get(f"{here}/attempts?limit=2", headers=auth)).json()
        rest = (await client.get(f"{here}/attempts", headers=auth, params={"limit": 2, "cursor": first["next"]})).json()
        ids = [one["id"] for one in first["attempts"] + rest["attempts"]]
        assert len(ids) == 4
        assert ids == sorted(ids, reverse=True)
        assert rest["next"] is None

        rotated = await client.post(f"{here}/secret", headers=auth)
        assert rotated.json()["secret"].startswith("whsec_")
        assert rotated.json()["previous_secret_until"] == "2026-06-04T01:00:00Z"
        assert (await client.delete(f"{here}/secret/previous", headers=auth)).status_code == 204
        assert (await client.get(here, headers=auth)).json()["previous_secret_until"] is None
        assert (await client.delete(here, headers=auth)).status_code == 204
        code_of(await client.get(here, headers=auth), 404)
    await door.site.outbound.close()


async def test_what_is_left_out_of_a_patch_stays(api: Api) -> None:
    auth = await api.key("write")
    told = {"url": "https://example.com/a", "event_types": ["tutorial.completed"], "headers": {"x-a": "1"}}
    made = (await api.client.post(ROOT, headers=auth, json={**told, "enabled": False})).json()
    assert made["enabled"] is False
    here = f"{ROOT}/{made['id']}"
    body = (await api.client.patch(here, headers=auth, json={"url": "https://example.com/b"})).json()
    assert (body["url"], body["event_types"], body["headers"], body["enabled"]) == (
        "https://example.com/b",
        ["tutorial.completed"],
        ["x-a"],
        False,
    )
    body = (await api.client.patch(here, headers=auth, json={"event_types": [], "headers": {}})).json()
    assert (body["event_types"], body["headers"]) == ([], [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"url": "missing"}),
        ({"url": "http://10.0.0.1/"}, {"url": "not_allowed"}),
        ({"url": "nowhere", "event_types": ["x"], "headers": {"host": "x"}}, None),
        ({"url": "https://example.com", "event_types": "x"}, {"event_types": "not_types"}),
        ({"url": "https://example.com", "headers": {"x": 1}}, {"headers": "not_headers"}),
        ({"url": "https://example.com", "secret": "mine"}, {"secret": "unknown_field"}),
    ],
)
async def test_what_cannot_be_taken_is_named(api: Api, body: dict[str, object], fields: dict[str, str] | None) -> None:
    answer = await api.client.post(ROOT, headers=await api.key("write"), json=body)
    code_of(answer, 422)
    found = {one["pointer"].rpartition("/")[2]: one["code"] for one in answer.json()["errors"]}
    assert found == (fields or {"url": "not_a_url", "event_types": "unknown", "headers": "reserved"})


async def test_a_key_that_reads_changes_nothing_and_without_one_nothing_is_seen(api: Api) -> None:
    made = await api.client.post(ROOT, headers=await api.key("write"), json={"url": "https://example.com"})
    here = f"{ROOT}/{made.json()['id']}"
    reads = await api.key()
    assert (await api.client.get(here, headers=reads)).status_code == 200
    calls = [("POST", ROOT), ("PATCH", here), ("DELETE", here), ("DELETE", f"{here}/secret/previous")]
    calls += [("POST", f"{here}/{act}") for act in ("secret", "test", "recover", "messages/msg_1/replay")]
    for method, path in calls:
        code_of(await api.client.request(method, path, headers=reads, json={}), 403)
        code_of(await api.client.request(method, path, json={}), 401)
    for path in (ROOT, here, f"{here}/attempts"):
        code_of(await api.client.get(path), 401)


async def test_what_is_not_there_is_404(api: Api) -> None:
    auth = await api.key("write")
    for path in ("we_none", "%00", "a%2Fb"):
        code_of(await api.client.get(f"{ROOT}/{path}", headers=auth), 404)
        code_of(await api.client.post(f"{ROOT}/{path}/test", headers=auth), 404)
