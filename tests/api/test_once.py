"""`Idempotency-Key`: asked twice, done once, answered alike; nothing readable is kept of it, and not for ever."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from portal.accounts.models import Answer, ApiKey
from portal.jobs import upkeep
from portal.kit.jobs import Job
from portal.kit.secrets import Secrets
from portal.webhooks.announce import JOB
from portal.webhooks.models import Endpoint
from tests.api.conftest import Api, code_of, mounted

ROOT = "/api/v1/webhook-endpoints"
WANTED = {"url": "https://example.com/hooks", "event_types": ["checklist.completed"]}


async def count(api: Api, what: type[Endpoint | Answer | Job]) -> int:
    asked = select(func.count()).select_from(what)
    if what is Job:
        asked = asked.where(col(Job.kind) == JOB)
    return await api.db.read(lambda session: session.connection().execute(asked).scalar_one())


async def test_the_same_request_is_done_once_and_answered_alike(api: Api) -> None:
    auth = await api.key("write")
    again = {**auth, "idempotency-key": "first"}
    first = await api.client.post(ROOT, headers=again, json=WANTED)
    assert "idempotent-replayed" not in first.headers
    second = await api.client.post(ROOT, headers=again, json=dict(reversed(WANTED.items())))
    assert (second.status_code, second.text) == (201, first.text)
    assert second.headers["idempotent-replayed"] == "true"
    assert await count(api, Endpoint) == 1
    other = await api.client.post(ROOT, headers={**auth, "idempotency-key": "second"}, json=WANTED)
    assert other.json()["id"] != first.json()["id"]
    unmarked = [await api.client.post(ROOT, headers=auth, json=WANTED) for _ in range(2)]
    assert [one.status_code for one in unmarked] == [201, 201]
    assert await count(api, Endpoint) == 4


@pytest.mark.parametrize("act", ["secret", "test", "recover", "messages/{}/replay"])
async def test_every_act_on_an_endpoint_is_done_once(api: Api, act: str) -> None:
    auth = await api.key("write")
    here = f"{ROOT}/{(await api.client.post(ROOT, headers=auth, json={'url': WANTED['url']})).json()['id']}"
    message = (await api.client.post(f"{here}/test", headers=auth)).json()["message"]
    told = {"since": "2026-06-01T00:00:00Z"}
    marked = {**auth, "idempotency-key": "again"}
    path = f"{here}/{act.format(message)}"
    answers = [await api.client.post(path, headers=marked, json=told) for _ in range(3)]
    assert {one.text for one in answers} == {answers[0].text}
    assert [one.headers.get("idempotent-replayed") for one in answers] == [None, "true", "true"]
    assert {one.status_code for one in answers} == {200 if act == "secret" else 202}
    assert await count(api, Job) == 1 + (act in ("test", "messages/{}/replay"))


async def test_the_key_stands_for_one_request(api: Api) -> None:
    auth = {**await api.key("write"), "idempotency-key": "mine"}
    made = await api.client.post(ROOT, headers=auth, json=WANTED)
    for path, body in (
        (ROOT, {**WANTED, "description": "CRM"}),
        (f"{ROOT}/{made.json()['id']}/test", WANTED),
    ):
        answer = await api.client.post(path, headers=auth, json=body)
        assert code_of(answer, 422) == "idempotency_key_reused"
    assert (await count(api, Endpoint), await count(api, Job)) == (1, 0)


async def test_another_api_key_has_keys_of_its_own(api: Api) -> None:
    marked = {"idempotency-key": "the-same"}
    one = await api.client.post(ROOT, headers={**await api.key("write"), **marked}, json=WANTED)
    reads = {**await api.key("read"), **marked}
    code_of(await api.client.post(ROOT, headers=reads, json=WANTED), 403)
    renamed = update(ApiKey).where(col(ApiKey.name) == "write").values(name="another")
    await api.db.write(lambda session: session.connection().execute(renamed).close())
    two = await api.client.post(ROOT, headers={**await api.key("write"), **marked}, json=WANTED)
    assert one.json()["id"] != two.json()["id"]


async def test_what_was_refused_may_be_tried_again(api: Api) -> None:
    auth = {**await api.key("write"), "idempotency-key": "mine"}
    code_of(await api.client.post(f"{ROOT}/we_none/test", headers=auth), 404)
    code_of(await api.client.post(ROOT, headers=auth, json={"url": "http://10.0.0.1/"}), 422)
    assert await count(api, Answer) == 0
    assert (await api.client.post(ROOT, headers=auth, json=WANTED)).status_code == 201


async def test_what_is_kept_cannot_be_read_and_is_forgotten(api: Api) -> None:
    auth = {**await api.key("write"), "idempotency-key": "our-order-4711"}
    first = (await api.client.post(ROOT, headers=auth, json=WANTED)).json()
    (kept,) = await api.db.read(lambda session: session.execute(select(Answer)).scalars().all())
    written = repr(kept.model_dump())
    assert all(secret not in written for secret in (first["secret"], first["id"], "example.com", "our-order-4711"))
    api.clock.forward(hours=23, minutes=59)
    assert (await api.client.post(ROOT, headers=auth, json=WANTED)).json() == first
    api.clock.forward(minutes=1)
    assert (await api.client.post(ROOT, headers=auth, json=WANTED)).json()["id"] != first["id"]
    for hours, left in ((23, 1), (1, 0)):
        api.clock.forward(hours=hours)
        await upkeep.run(api.site)
        assert await count(api, Answer) == left


async def test_an_answer_nobody_can_open_any_more_is_said_to_be_lost(api: Api) -> None:
    marked = {**await api.key("write"), "idempotency-key": "first"}
    assert (await api.client.post(ROOT, headers=marked, json=WANTED)).status_code == 201
    foreign = Secrets("of the time before the last").encrypt("{}")
    await api.db.write(lambda session: session.connection().execute(update(Answer).values(answer=foreign)) and None)
    assert code_of(await api.client.post(ROOT, headers=marked, json=WANTED), 409) == "idempotency_answer_lost"
    assert await count(api, Endpoint) == 1


async def test_at_the_same_time_it_is_done_once(api: Api) -> None:
    auth = {**await api.key("write"), "idempotency-key": "mine"}
    answers = await asyncio.gather(*(api.client.post(ROOT, headers=auth, json=WANTED) for _ in range(6)))
    done = [one for one in answers if one.status_code == 201]
    assert len({one.text for one in done}) == 1
    assert {code_of(one, 409) for one in answers if one not in done} <= {"idempotency_key_in_use"}
    assert len(done) < 6
    assert await count(api, Endpoint) == 1


async def test_two_processes_at_the_same_time_do_it_once(api: Api) -> None:
    """Two doors on one database do not see what is under way in the other: the second waits for the first."""
    auth = {**await api.key("write"), "idempotency-key": "mine"}
    transport = httpx.ASGITransport(mounted(api.site), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.example") as other:
        one, two = await asyncio.gather(*(door.post(ROOT, headers=auth, json=WANTED) for door in (api.client, other)))
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.text == two.text
    assert await count(api, Endpoint) == 1


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_a_key_that_is_none_is_said_to_be_none(api: Api, key: str) -> None:
    auth = await api.key("write")
    shown = [*((name.encode(), value.encode()) for name, value in auth.items()), (b"idempotency-key", key.encode())]
    answer = await api.client.post(ROOT, headers=shown, json=WANTED)
    assert code_of(answer, 400) == "malformed"
    assert await count(api, Endpoint) == 0


async def test_events_take_the_header_and_go_by_their_message_id(api: Api) -> None:
    told = {"userId": "u1", "event": "opened", "messageId": "m1"}
    for number, duplicates in ((1, 0), (1, 1), (2, 0)):
        answer = await api.send("track", {**told, "messageId": f"m{number}"}, headers={"idempotency-key": "same"})
        assert (answer.status_code, answer.json()["duplicates"]) == (200, duplicates)


async def test_every_post_tells_of_it(api: Api) -> None:
    paths = (await api.client.get("/api/openapi.json")).json()["paths"]
    for path, item in paths.items():
        # What a page of the product sends is told apart by its own ids, or is the same when it is said twice.
        if "post" in item and not path.startswith("/v1/widget/"):
            named = {one["name"].lower() for one in item["post"].get("parameters", ()) if one["in"] == "header"}
            assert "idempotency-key" in named, path
