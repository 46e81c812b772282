"""Endpoints at the staff desk: from adding one to the log of its attempts, as an administrator does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from portal.webhooks import pages, service
from tests.factories import make_staff, sign_in_as
from tests.library import TOKYO, browser, csrf_in
from tests.portal.webhooks.conftest import House, desk
from tests.receiver import receiving


@pytest.fixture
async def owner(house: House) -> AsyncIterator[httpx.AsyncClient]:
    token = await house.write(lambda session: sign_in_as(session, make_staff(session, role="owner")))
    async with browser(desk(house, pages.router), token) as client:
        yield client


async def post(client: httpx.AsyncClient, page: str, path: str, **fields: object) -> httpx.Response:
    form = await client.get(page)
    return await client.post(path, data={"csrf": csrf_in(form), **fields})


async def add(client: httpx.AsyncClient, url: str, **fields: object) -> httpx.Response:
    form = await client.get("/staff/webhooks/new")
    key = re.search(r'name="key" value="(we_[^"]+)"', form.text)
    assert key
    return await client.post("/staff/webhooks", data={"csrf": csrf_in(form), "key": key[1], "url": url, **fields})


async def test_an_endpoint_is_added_its_secret_shown_once_and_a_test_sent(
    house: House, owner: httpx.AsyncClient
) -> None:
    assert "まだありません" in (await owner.get("/staff/webhooks")).text
    async with receiving(lambda _delivery: 500) as receiver:
        shown = await add(owner, receiver.url, everything="1", headers="X-Key: top secret\n", description="CRM <b>")
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", shown.text)
        key = re.search(r"/staff/webhooks/(we_[\w-]+)", shown.text)
        assert secret
        assert key
        assert shown.headers["cache-control"] == "private, no-store"
        here = f"/staff/webhooks/{key[1]}"
        sent = await post(owner, here, f"{here}/test")
        assert sent.headers["location"] == here
        await house.work()
        assert receiver.got[0].headers["x-key"] == "top secret"
    page = (await owner.get(here)).text
    attempt = re.search(rf'href="({here}/attempts/\d+)"', page)
    assert attempt
    whole = (await owner.get(attempt[1])).text
    assert "the receiver says 500" in whole
    assert "webhook.test" in whole
    for text in (page, whole, (await owner.get("/staff/webhooks")).text, (await owner.get(f"{here}/edit")).text):
        assert secret[0] not in text
        assert "top secret" not in text
        assert "CRM <b>" not in text
    message = re.search(r'action="([^"]+/replay)"', whole)
    assert message
    assert (await post(owner, attempt[1], message[1])).status_code == 303
    # By now nobody listens there.
    await post(owner, here, f"{here}/test")
    await house.work()
    assert "このアドレスに接続できません" in (await owner.get(here)).text


async def test_the_same_form_sent_twice_adds_one(house: House, owner: httpx.AsyncClient) -> None:
    form = await owner.get("/staff/webhooks/new")
    key = re.search(r'name="key" value="(we_[^"]+)"', form.text)
    assert key
    told = {"csrf": csrf_in(form), "key": key[1], "url": "https://example.com/hooks", "everything": "1"}
    answers = [await owner.post("/staff/webhooks", data=told) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 303]
    assert len(await house.db.read(service.list_endpoints)) == 1


async def test_all_that_is_wrong_is_said_at_once_and_nothing_is_lost(house: House, owner: httpx.AsyncClient) -> None:
    answer = await add(owner, "http://10.0.0.1/x", headers="nonsense", description="CRM")
    assert answer.status_code == 422
    for said in ("このアドレスには送れません", "1つ以上、または", "1行に「名前: 値」"):
        assert said in answer.text
    for kept in ("http://10.0.0.1/x", "nonsense", 'value="CRM"'):
        assert kept in answer.text
    assert await house.db.read(service.list_endpoints) == []


async def test_what_is_said_of_an_endpoint_can_be_changed(house: House, owner: httpx.AsyncClient) -> None:
    key, _ = await house.endpoint("https://example.com/a", headers={"x-one": "1"})
    here = f"/staff/webhooks/{key}"
    assert "x-one" in (await owner.get(f"{here}/edit")).text
    told = {"url": "https://example.com/b", "event_types": ["checklist.completed", "tutorial.completed"]}
    assert (await post(owner, f"{here}/edit", f"{here}/edit", **told)).status_code == 303
    endpoint = await house.stored(key)
    assert (endpoint.url, endpoint.event_types) == (told["url"], told["event_types"])
    assert service.header_names(endpoint, house.site.secrets) == ["x-one"]
    await post(owner, f"{here}/edit", f"{here}/edit", **told, headers="-")
    assert service.header_names(await house.stored(key), house.site.secrets) == []
    bad = await post(owner, f"{here}/edit", f"{here}/edit", url="nothing", everything="1")
    assert bad.status_code == 422


async def test_disable_enable_recover_rotate_and_remove(house: House, owner: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        key, secret = await house.endpoint(receiver.url)
        here = f"/staff/webhooks/{key}"
        await post(owner, here, f"{here}/disable")
        await house.tell("checklist.completed")
        assert "停止中（手動）" in (await owner.get(here)).text
        await post(owner, here, f"{here}/enable")
        today = house.clock.now.astimezone(TOKYO).date().isoformat()
        for day, said in (("never", "実在する日付"), (today, "1件を送り直します")):
            await post(owner, here, f"{here}/recover", since=day)
            assert said in (await owner.get(here)).text
        await house.work()
        assert len(receiver.got) == 1
        rotated = await post(owner, here, f"{here}/secret")
        fresh = re.search(r"whsec_[A-Za-z0-9+/=]+", rotated.text)
        assert fresh
        assert fresh[0] != secret
        assert "前のシークレットの使用をやめる" in (await owner.get(here)).text
        await post(owner, here, f"{here}/forget-previous-secret")
        assert "前のシークレットの使用をやめる" not in (await owner.get(here)).text
        assert (await post(owner, here, f"{here}/explode")).status_code == 404
        await post(owner, here, f"{here}/remove")
    assert (await owner.get(here)).status_code == 404


async def test_the_log_goes_on_and_can_be_narrowed_to_failures(
    house: House, owner: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PER_PAGE", 2)
    async with receiving(lambda delivery: 500 if delivery.told["data"]["number"] == 2 else 204) as receiver:
        key, _ = await house.endpoint(receiver.url)
        for number in range(4):
            await house.tell("checklist.completed", number=number)
            await house.work()
    here = f"/staff/webhooks/{key}"
    first = (await owner.get(here)).text
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = (await owner.get(older[1].replace("&amp;", "&"))).text
    seen = [re.findall(r"/attempts/(\d+)", text) for text in (first, second)]
    assert [len(found) for found in seen] == [2, 2]
    assert not set(seen[0]) & set(seen[1])
    assert len(re.findall(r"/attempts/\d+", (await owner.get(f"{here}?failed=1")).text)) == 1


@pytest.mark.parametrize("role", ["cs", "editor", "viewer"])
async def test_others_do_not_connect_systems(house: House, role: str) -> None:
    key, _ = await house.endpoint("https://example.com/hooks")
    token = await house.write(lambda session: sign_in_as(session, make_staff(session, role=role)))
    async with browser(desk(house, pages.router), token) as client:
        for path in ("", "/new", f"/{key}", f"/{key}/edit", f"/{key}/attempts/1"):
            assert (await client.get(f"/staff/webhooks{path}")).status_code == 403
