"""The widget's figures: how long its state takes with 100,000 people stored, and what a thousand open streams cost.

The customers go in as bare rows, five people each; everything asked goes through the real `banso serve`. A token is
signed for each person beforehand, as the product's server would.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import insert
from sqlmodel import Session

from portal.accounts.models import Account, Member
from portal.checklists.models import Enrollment
from portal.kit.clock import utcnow
from portal.kit.db import chunks, run
from tests.bench.figures import Figure
from tests.bench.load import Load, Plan, Seen, get
from tests.server import Server

ACCOUNTS = 20_000
MEMBERS = 5
CONNECTIONS = 32
PEOPLE = 4000
STREAMS = 1000
STATE_MS = 20.0
STREAM_MB = 150.0
STREAM_CORE = 0.05
NEWS_SECONDS = 1.0
ORIGIN = "https://app.example"
CHECKLIST: dict[str, Any] = {
    "key": "start",
    "title": {"ja": "はじめの30日", "en": "Your first 30 days"},
    "from": "2000-01-01",
    "due": "1mo",
    "steps": [
        {"key": "invite", "title": "Invite", "done_when": {"event": "member.invited", "at_least": 3}},
        {"key": "login", "title": "Log in", "done_when": {"event": "login", "distinct": "day", "at_least": 8}},
        {"key": "send", "title": "Send", "scope": "any_member", "done_when": {"event": "invoice.sent"}},
        {"key": "billing", "title": "Billing", "scope": {"role": "admin"}, "done_when": "tick"},
        {"key": "profile", "title": "Profile", "scope": "every_member", "done_when": "tick"},
    ],
}


@dataclass(frozen=True)
class Product:
    """The served portal, and the keys of the product that shows its widget."""

    server: Server
    public_key: str
    write_key: str
    signing_secret: str

    def headers(self, account: int, person: int) -> tuple[tuple[str, str], ...]:
        """What a page sends for one person."""
        claims = {"sub": f"p-{account}-{person}", "account": f"c-{account}", "exp": int(time.time()) + 3600}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(self.signing_secret.encode()))
        return (("Banso-Key", self.public_key), ("Authorization", f"Bearer {token}"), ("Origin", ORIGIN))


def furnish_product(server: Server) -> Product:
    """100,000 people of 20,000 customers, all enrolled; leaves the server running."""
    server.banso("migrate")
    folder = server.directory / "library" / "content" / "checklists"
    folder.mkdir(parents=True)
    (folder / "start.yml").write_text(json.dumps(CHECKLIST, ensure_ascii=False), encoding="utf-8")
    server.banso("publish", "library", "--yes")
    printed = server.banso("source", "add", "app", "--origin", ORIGIN)
    told = {label: value for label, _, value in (line.partition(": ") for line in printed.splitlines())}
    run(server.database_url, lambda session: _fill(session, now=utcnow()))
    server.start()
    return Product(server, told["public key"], told["write key"], told["signing secret"])


def state_figures(load: Load, product: Product, *, seconds: float) -> list[Figure]:
    """The state for people who have been seen before, and for somebody new each time."""
    seen = [asked_for(number, headers=_headers(product)) for number in range(CONNECTIONS)]
    warm = partial(asked, requests=tuple(seen))
    # The first look at an account is a write of its own: afterwards its changes are followed.
    people = tuple(asked_for(number, headers=_headers(product)) for number in range(PEOPLE))
    figures = []
    for name, make, count, aim in (
        (f"widget state, {CONNECTIONS} people seen before", warm, len(seen), STATE_MS),
        ("widget state, somebody else each time", partial(asked, requests=people), PEOPLE, None),
    ):
        first = load.run(_plan(product, make, count, 60))
        turns, spent = [], []
        for _ in range(3):
            before = product.server.cpu_seconds()
            turns.append(load.run(_plan(product, make, 400_000 if aim else PEOPLE, seconds)))
            spent.append(1000 * (product.server.cpu_seconds() - before) / turns[-1].answers)
        figures.append(_state_figure(name, turns, first, aim, cpu=median(spent)))
    return figures


def _state_figure(name: str, turns: list[Seen], first: Seen, aim: float | None, *, cpu: float) -> Figure:
    p95 = median(turn.p95_ms for turn in turns)
    rate = median(turn.per_second for turn in turns)
    return Figure(
        name=f"{name}, {CONNECTIONS} connections, {ACCOUNTS * MEMBERS:,} stored",
        measured=f"{rate:,.0f} req/s; p50 {median(turn.p50_ms for turn in turns):.1f} ms, p95 {p95:.1f} ms; CPU"
        f" {cpu:.2f} ms; the very first time p95 {first.p95_ms:.0f} ms",
        aim=f"p95 ≤ {aim:.0f} ms" if aim else "",
        ok=p95 <= aim if aim else None,
    )


def stream_figures(product: Product, *, seconds: float) -> list[Figure]:
    """What a thousand idle streams hold and compute, and how soon one of them hears of a completion."""
    return asyncio.run(_streams(product, seconds))


async def _streams(product: Product, seconds: float) -> list[Figure]:
    server = product.server
    before = server.memory()
    opened = [await _open(product, number) for number in range(STREAMS)]
    await asyncio.sleep(2)
    held = (server.memory() - before) / 1e6
    computed = server.cpu_seconds()
    await asyncio.sleep(seconds)
    core = (server.cpu_seconds() - computed) / seconds
    delays = [await _news(product, opened[number][0], number) for number in range(20, 40)]
    for _, writer in opened:
        writer.close()
    worst = max(delays)
    return [
        Figure(
            name=f"{STREAMS:,} idle widget streams",
            measured=f"{held:,.0f} MB; {100 * core:.1f} % of a core over {seconds:.0f} s",
            aim=f"≤ {STREAM_MB:.0f} MB and ≤ {100 * STREAM_CORE:.0f} %",
            ok=held <= STREAM_MB and core <= STREAM_CORE,
        ),
        Figure(
            name=f"a completion seen in a stream, {STREAMS:,} open",
            measured=f"median {1000 * median(delays):.0f} ms, worst {1000 * worst:.0f} ms after the event's 200",
            aim="≤ 1 s",
            ok=worst <= NEWS_SECONDS,
        ),
    ]


async def _open(product: Product, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", product.server.port)
    writer.write(get(0, path="/api/v1/widget/stream", headers=product.headers(number, 1)))
    await asyncio.wait_for(reader.readuntil(b"event: hello"), 20)
    return reader, writer


async def _news(product: Product, reader: asyncio.StreamReader, account: int) -> float:
    """Seconds from the answer to the event that completes a step until the stream says so."""
    event = {"userId": f"p-{account}-1", "event": "invoice.sent", "context": {"groupId": f"c-{account}"}}
    async with httpx.AsyncClient(base_url=product.server.url, trust_env=False) as client:
        answer = await client.post("/api/v1/track", json=event, auth=(product.write_key, ""))
        answer.raise_for_status()
        answered = time.perf_counter()
        await asyncio.wait_for(reader.readuntil(b"event: changed"), 10)
        return max(0.0, time.perf_counter() - answered)


# --- what is sent, and to whom ----------------------------------------------------------------------------------------


def asked(number: int, *, requests: tuple[bytes, ...]) -> bytes:
    """The n-th request, beginning anew after the last."""
    return requests[number % len(requests)]


def asked_for(number: int, *, headers: Any) -> bytes:
    """A look at the state of the n-th person."""
    return get(number, path="/api/v1/widget/state", headers=headers(1000 + number))


def _headers(product: Product) -> Any:
    return lambda account: product.headers(account, account % MEMBERS)


def _plan(product: Product, make: Any, at_most: int, seconds: float) -> Plan:
    return Plan(product.server.port, make, connections=CONNECTIONS, seconds=seconds, at_most=at_most)


def _fill(session: Session, *, now: datetime) -> None:
    started = now - timedelta(days=3)
    for rows in chunks(list(_accounts(started)), 2000):
        session.execute(insert(Account), list(rows))
    for rows in chunks(list(_members(started)), 2000):
        session.execute(insert(Member), list(rows))
    for rows in chunks(list(_enrollments(started)), 2000):
        session.execute(insert(Enrollment), list(rows))


def _accounts(at: datetime) -> Iterator[dict[str, Any]]:
    for number in range(ACCOUNTS):
        yield {
            **{
                "id": number + 1,
                "external_id": f"c-{number}",
                "name": f"Customer {number}",
                "mail_domains": [],
                "traits": {},
            },
            **{"created_at": at, "started_at": at, "recorded_at": at},
        }


def _members(at: datetime) -> Iterator[dict[str, Any]]:
    for account in range(ACCOUNTS):
        for person in range(MEMBERS):
            ref = f"p-{account}-{person}"
            yield {
                **{"account_id": account + 1, "external_id": ref, "name": f"Person {ref}", "traits": {}},
                **{"email": f"{ref}@c.example", "email_key": f"{ref}@c.example", "joined_at": at, "recorded_at": at},
                "role": "admin" if person == 0 else "member",
            }


def _enrollments(at: datetime) -> Iterator[dict[str, Any]]:
    for number in range(ACCOUNTS):
        yield {
            **{"account_id": number + 1, "checklist_key": "start", "version": 1, "furthest": 0},
            **{"enrolled_at": at, "started_at": at, "due_at": at + timedelta(days=30)},
        }
