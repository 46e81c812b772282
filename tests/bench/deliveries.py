"""How fast webhooks go out: from jobs on the table to a receiver, with an endpoint beside it that never answers.

One `banso worker` in a process of its own; the receiver is a bare protocol in a thread here. The ceiling is the same
HTTP client posting the same bytes to the same receiver and doing nothing else: no database, no signature, no log.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
from sqlmodel import Session

from portal.kit.addresses import Policy
from portal.kit.db import run
from portal.kit.migrations import upgrade
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from portal.webhooks import service
from portal.webhooks.announce import Happening, announce
from portal.webhooks.service import Wanted
from tests.bench.figures import Figure
from tests.server import BackgroundWorker, Server

MESSAGES = 6_000
SINGLE = 60
AT_ONCE = 16
PER_SECOND = 300
IDLE_SECONDS = 1.0
PATIENCE = 120.0


class Fast(asyncio.Protocol):
    """Answers 204 to everything at once, and notes when."""

    def __init__(self, arrived: list[float]) -> None:
        self._arrived = arrived
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            if len(self._rest) < end + 4 + length:
                return
            self._rest = self._rest[end + 4 + length :]
            self._arrived.append(time.monotonic())
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@contextmanager
def receivers() -> Iterator[tuple[str, str, list[float]]]:
    """A fast one and a dead one: their addresses, and when the fast one was reached."""
    arrived: list[float] = []
    ready: list[tuple[str, str]] = []
    loop, up = asyncio.new_event_loop(), threading.Event()

    async def start() -> None:
        fast = await loop.create_server(lambda: Fast(arrived), "127.0.0.1", 0)
        dead = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        ports = [server.sockets[0].getsockname()[1] for server in (fast, dead)]
        ready.append((f"http://127.0.0.1:{ports[0]}/fast", f"http://127.0.0.1:{ports[1]}/dead"))
        up.set()

    def serve() -> None:
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    up.wait(10)
    try:
        yield (*ready[0], arrived)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def delivery_figures(server: Server) -> list[Figure]:
    """Deliveries a second, and how long one takes from its commit when nothing else is to do."""
    server.environment["BANSO_OUTBOUND_ALLOW"] = "127.0.0.1"
    upgrade(server.database_url)
    worker = BackgroundWorker(server)
    with receivers() as (fast, dead, arrived):
        _add_endpoints(server, fast, dead)
        ceiling = asyncio.run(_bare(fast, arrived))
        _tell(server, MESSAGES)
        worker.start()
        try:
            _wait_for(arrived, MESSAGES)
            rate = (MESSAGES - 1) / (arrived[-1] - arrived[0])
            delays = sorted(_delay(server, arrived) for _ in range(SINGLE))
        finally:
            worker.stop()
    p50, p99 = delays[len(delays) // 2], delays[int(0.99 * len(delays))]
    return [
        Figure(
            name="webhooks out, one worker, a dead endpoint beside it",
            measured=f"{rate:,.0f} deliveries/s",
            ceiling=f"{ceiling:,.0f} posts/s of the bare client",
            ratio=rate / ceiling,
            aim=f"≥ {PER_SECOND} deliveries/s",
            ok=rate >= PER_SECOND,
        ),
        Figure(
            name=f"from commit to delivery, idle, {SINGLE} times",
            measured=f"p50 {1000 * p50:,.0f} ms, p99 {1000 * p99:,.0f} ms",
            aim="p99 ≤ 1 s",
            ok=p99 <= IDLE_SECONDS,
        ),
    ]


def _add_endpoints(server: Server, *urls: str) -> None:
    def work(session: Session) -> None:
        secrets, policy, now = Secrets(LOOPBACK_SECRET), Policy.parse("127.0.0.1"), datetime.now(UTC)
        for url in urls:
            service.add_endpoint(session, Wanted(url), secrets=secrets, policy=policy, by="bench", now=now)

    run(server.database_url, work)


def _tell(server: Server, count: int) -> None:
    def work(session: Session) -> None:
        now = datetime.now(UTC)
        data = {"account": "acme", "checklist": "first-30-days", "version": 1}
        announce(session, [Happening("checklist.completed", now, data)] * count, now=now)

    run(server.database_url, work)


def _delay(server: Server, arrived: list[float]) -> float:
    before = len(arrived)
    _tell(server, 1)
    committed = time.monotonic()
    _wait_for(arrived, before + 1)
    return max(0.0, arrived[-1] - committed)


def _wait_for(arrived: list[float], count: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(arrived) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(arrived)} of {count} arrived")
        time.sleep(0.002)


async def _bare(url: str, arrived: list[float]) -> float:
    body = b'{"type":"checklist.completed","timestamp":"2026-06-03T00:00:00.000Z","data":{"account":"acme"}}'
    async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=AT_ONCE)) as client:
        began = time.monotonic()

        async def post_some() -> None:
            for _ in range(MESSAGES // 4 // AT_ONCE):
                await client.post(url, content=body)

        await asyncio.gather(*(post_some() for _ in range(AT_ONCE)))
    rate = len(arrived) / (time.monotonic() - began)
    arrived.clear()
    return rate
