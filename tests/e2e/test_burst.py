"""Ten thousand events while one webhook endpoint hangs: they are taken, and the other endpoint hears of everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from sqlmodel import Session

from portal.checklists import publish as publishing
from portal.events.sources import add_source
from portal.kit.addresses import Policy
from portal.kit.db import TOKYO, run
from portal.kit.migrations import upgrade
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from portal.webhooks import service
from portal.webhooks.service import Wanted
from tests.onboarding import checklist, step
from tests.receiver import receiving
from tests.server import Server

EVENTS, BATCH, ACCOUNTS = 10_000, 500, 200


async def test_a_burst_while_an_endpoint_hangs(make_server: Callable[..., Server]) -> None:
    server = make_server(settings={"BANSO_OUTBOUND_ALLOW": "127.0.0.1"})
    async with receiving(lambda _delivery: None) as hanging, receiving() as fast:
        write_key = await asyncio.to_thread(furnish, server, hanging.url, fast.url)
        slowest = 0.0
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
            for start in range(0, EVENTS, BATCH):
                told = {"batch": list(map(event, range(start, start + BATCH)))}
                began = time.monotonic()
                answer = await client.post("/api/v1/batch", json=told, auth=(write_key, ""))
                slowest = max(slowest, time.monotonic() - began)
                assert (answer.status_code, answer.json()["accepted"]) == (200, BATCH), answer.text
        await fast.has(lambda got: len({one.id for one in got}) == 2 * ACCOUNTS, seconds=60)
        assert {one.told["data"]["account"] for one in fast.got} == {f"a-{number}" for number in range(ACCOUNTS)}
        assert len({one.id for one in hanging.got}) < 2 * ACCOUNTS
    assert slowest < 30


def furnish(server: Server, *urls: str) -> str:
    """A checklist that watches logins, and an endpoint at each of `urls`. Started; answers with a write key."""
    upgrade(server.database_url)
    secrets, policy, now = Secrets(LOOPBACK_SECRET), Policy.parse("127.0.0.1"), datetime.now(UTC)
    watched = checklist(step("login", "{event: login, at_least: 5}"), **{"from": "2000-01-01"})

    def work(session: Session) -> str:
        publishing.apply(session, [watched], by="test", now=now, zone=TOKYO)
        for url in urls:
            service.add_endpoint(session, Wanted(url), secrets=secrets, policy=policy, by="test", now=now)
        return add_source(session, secrets, name="app", now=now).write_key

    write_key = run(server.database_url, work)
    server.start()
    return write_key


def event(number: int) -> dict[str, object]:
    return {
        "type": "track",
        "event": "login",
        "messageId": f"m-{number}",
        "userId": f"u-{number % ACCOUNTS}",
        "context": {"groupId": f"a-{number % ACCOUNTS}"},
        "timestamp": datetime.now(UTC).isoformat(),
    }
