"""Raw events out as lines, and a person erased by way of the interface."""

from __future__ import annotations

import orjson

from tests.api.conftest import Api, code_of


async def send(api: Api) -> None:
    for number in range(3):
        sent = {
            "event": f"e{number}",
            "userId": "u1",
            "context": {"groupId": "acme"},
            "messageId": f"m{number}",
            "properties": {"to": "u1"},
        }
        assert (await api.send("track", sent)).status_code == 200


async def test_events_are_exported_as_lines(api: Api) -> None:
    await send(api)
    reads = await api.key("write")
    answer = await api.client.get("/api/v1/events/export?account=acme&event=e1", headers=reads)
    assert answer.headers["content-type"] == "application/x-ndjson"
    (line,) = answer.content.splitlines()
    (listed,) = await api.events(event="e1")
    assert orjson.loads(line) == listed
    whole = await api.client.get("/api/v1/events/export", headers=reads)
    assert len(whole.content.splitlines()) == 3
    assert code_of(await api.client.get("/api/v1/events/export?source=none", headers=reads), 404) == "not_found"
    assert code_of(await api.client.get("/api/v1/events/export"), 401) == "unauthorized"


async def test_rejections_are_counted_even_where_nothing_was_taken(api: Api) -> None:
    answer = await api.send("track", {"event": "", "userId": "u1"})
    assert code_of(answer, 400) == "invalid_event"
    batch = await api.send("batch", {"batch": [{"type": "track", "event": "x", "userId": "u1"}, 7]})
    assert batch.json()["accepted"] == 1

    from portal.events import live
    from portal.events.live import LiveFilters

    told = await api.db.read(lambda session: live.latest(session, api.source.id, LiveFilters()))
    assert sorted((line.status, *line.codes) for line in told) == [
        ("rejected", "invalid_event"),
        ("rejected", "not_an_object"),
        ("waiting",),
    ]


async def test_an_erased_person_does_not_come_back(api: Api) -> None:
    await send(api)
    writes = await api.key("write")
    answer = await api.client.delete("/api/v1/accounts/acme/members/u1", headers=writes)
    assert answer.status_code == 204
    await api.send("identify", {"userId": "u1", "traits": {"email": "a@acme.example"}})
    await api.send("track", {"event": "late", "userId": "u1", "properties": {"to": "u1"}})
    members = (await api.client.get("/api/v1/accounts/acme/members", headers=writes)).json()["members"]
    assert members == []
    (late,) = await api.events(event="late")
    assert (late["account"], late["member"], late["properties"]) == ("acme", None, {})
