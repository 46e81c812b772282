"""The stream of a widget, against the real server: heard in every process, and no obstacle when it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from portal.checklists import publish as checklists
from portal.checklists.definition import load
from portal.events.sources import NewSource, add_source
from portal.kit.clock import utcnow
from portal.kit.db import run
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from tests.library import TOKYO
from tests.server import Server
from tests.vendor import FIRST_DAYS

PAGE = "https://app.example"


@dataclass
class Portal:
    """A served portal with a source."""

    server: Server
    source: NewSource

    def headers(self, member: str, account: str, *, seconds: int = 600) -> dict[str, str]:
        claims = {"sub": member, "account": account, "exp": int(time.time()) + seconds}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(self.source.signing_secret.encode()))
        return {"banso-key": self.source.public_key, "authorization": f"Bearer {token}", "origin": PAGE}

    @asynccontextmanager
    async def stream(self, member: str, account: str, *, seconds: int = 600) -> AsyncIterator[AsyncIterator[str]]:
        """An open stream; the iterator gives the names of its events."""
        async with (
            httpx.AsyncClient(base_url=self.server.url, trust_env=False, timeout=30) as client,
            client.stream(
                "GET", "/api/v1/widget/stream", headers=self.headers(member, account, seconds=seconds)
            ) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["access-control-allow-origin"] == PAGE
            yield (line.removeprefix("event: ") async for line in answer.aiter_lines() if line.startswith("event: "))

    async def invite(self, account: str) -> float:
        """Three invitations, which complete a step; when the last was answered."""
        async with httpx.AsyncClient(base_url=self.server.url, trust_env=False, timeout=30) as client:
            for number in range(3):
                event = {
                    **{"userId": "u1", "event": "member.invited", "messageId": f"{account}-{number}"},
                    "context": {"groupId": account},
                }
                answer = await client.post("/api/v1/track", json=event, auth=(self.source.write_key, ""))
                assert answer.status_code == 200
        return time.perf_counter()


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    """On either database, by two processes: what one of them is told the streams of the other must hear."""
    publish = partial(checklists.apply, definitions=[load(FIRST_DAYS)], by="test", now=utcnow(), zone=TOKYO)
    run(database_url, publish)
    secrets = Secrets(LOOPBACK_SECRET)
    add: Callable[..., NewSource] = partial(add_source, secrets=secrets, name="app", origins=[PAGE], now=utcnow())
    source = run(database_url, add)
    server = Server(tmp_path, database_url=database_url)
    try:
        yield Portal(server.start("--workers", "2"), source)
    finally:
        server.stop()


async def test_a_completion_is_heard_within_a_second_in_every_process(portal: Portal) -> None:
    async def hear(account: str) -> float:
        async with portal.stream("u1", account) as events:
            assert await anext(events) == "hello"
            ready.release()
            assert await anext(events) == "changed"
            return time.perf_counter()

    ready = asyncio.Semaphore(0)
    listening = [asyncio.create_task(hear("acme")) for _ in range(6)]
    for _ in listening:
        await asyncio.wait_for(ready.acquire(), 20)
    async with portal.stream("u1", "elsewhere") as others:
        assert await anext(others) == "hello"
        answered = await portal.invite("acme")
        heard = await asyncio.wait_for(asyncio.gather(*listening), 20)
        assert max(heard) - answered < 1
        nothing = asyncio.ensure_future(anext(others))
        done, _ = await asyncio.wait({nothing}, timeout=0.5)
        assert not done, "what happens to one customer is not said to another"
        started = time.perf_counter()
        stopping = asyncio.create_task(asyncio.to_thread(portal.server.stop))
        assert await asyncio.wait_for(nothing, 10) == "bye"
        assert await stopping == 0
        assert time.perf_counter() - started < 10, "open streams do not hold a stop up"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_stream_ends_with_its_token(portal: Portal) -> None:
    async with portal.stream("u1", "acme", seconds=2) as events:
        assert [name async for name in events] == ["hello", "bye"]
