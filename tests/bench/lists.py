"""A desk with 100,000 customers: every sort and filter of the list, one customer with 100,000 events, and an import.

Rows go in bare, and then everything that is derived from them is found as it is in earnest. Pages are asked for one
after the other over HTTP, signed in as staff; p95 is over all combinations, and the slowest is named.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx
from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from portal.accounts.likeness import name_key, reading_key
from portal.accounts.models import Account, Member
from portal.accounts.own_fields import keep_field
from portal.accounts.plans import ensure_plans
from portal.accounts.rules import new_account, new_member, search_text
from portal.accounts.sessions import open_visit
from portal.accounts.staff import add_staff
from portal.conditions.parse import parse
from portal.events.models import Event
from portal.events.rollups import Recorded, add_up
from portal.events.sources import portal_source_id
from portal.kit.clock import utcnow
from portal.kit.db import TOKYO, chunks, run
from portal.segments.service import keep_segment
from tests.bench.figures import Figure
from tests.server import Server

ACCOUNTS, PEOPLE, EVENTS, IMPORTED = 100_000, 3, 100_000, 10_000
SORTS = ("name", "external_id", "plan", "tier", "owner", "started_at", "renews_at", "seats", "mrr")
FILTERS = (
    "",
    "q=青空商店99",
    "q=アオ",
    "q=person17",
    "q=c-5000",
    "plan=pro",
    "tier=-",
    "owner=cs3@vendor.example",
    "status=active",
    "status=leaving",
    "status=left",
    "status=unknown",
    "segment=large",
    "own=industry:retail",
    "plan=pro&owner=cs3@vendor.example&status=active&segment=large",
)
LIST_AIM, PAGE_AIM, IMPORT_AIM = 0.1, 0.05, 20.0


def list_figures(server: Server, *, accounts: int = ACCOUNTS) -> Iterator[Figure]:
    """Lists, the page of one customer, and the import."""
    now = utcnow()
    server.banso("migrate")
    run(server.database_url, lambda session: _furnish(session, accounts, now))
    cookie = run(server.database_url, lambda session: _sign_in(session, now))
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False, cookies={"banso": cookie}, timeout=60) as client:
        asked = [
            f"/staff/accounts?{query}&sort={sort}{order}{page}"
            for query, sort, order in itertools.product(FILTERS, SORTS, ("", "&order=desc"))
            for page in ("", "&page=20")
        ]
        _time(client, asked[0])
        times = {path: _time(client, path) for path in asked}
        slowest = max(times, key=times.__getitem__)
        p95 = statistics.quantiles(times.values(), n=20)[18]
        yield Figure(
            f"list of {accounts:,} customers, {len(asked)} filters and sorts",
            f"p95 {p95 * 1000:.0f} ms, worst {times[slowest] * 1000:.0f} ms ({slowest})",
            "",
            None,
            f"p95 ≤ {LIST_AIM * 1000:.0f} ms",
            p95 <= LIST_AIM,
        )
        pages = sorted(_time(client, "/staff/accounts/c-0") for _ in range(20))
        yield Figure(
            f"page of a customer with {EVENTS:,} events",
            f"p95 {pages[18] * 1000:.0f} ms",
            "",
            None,
            f"≤ {PAGE_AIM * 1000:.0f} ms",
            pages[18] <= PAGE_AIM,
        )
    server.stop()
    rows = "".join(f"new-{number},株式会社新規{number},pro,2026-06-01\n" for number in range(IMPORTED))
    file = server.directory / "new.csv"
    file.write_text(f"external_id,name,plan,started_at\n{rows}", encoding="utf-8")
    begun = time.perf_counter()
    server.banso("import", "accounts", str(file))
    took = time.perf_counter() - begun
    yield Figure(f"import of {IMPORTED:,} rows", f"{took:.1f} s", "", None, f"≤ {IMPORT_AIM:.0f} s", took <= IMPORT_AIM)


def _time(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - begun


def _furnish(session: Session, accounts: int, now: datetime) -> None:
    chance = Random(7)
    plans = ("free", "starter", "pro", "enterprise", None)
    ensure_plans(session, [one for one in plans if one])
    rows: list[dict[str, Any]] = []
    for number in range(accounts):
        ref, name = f"c-{number}", f"株式会社{'青空緑山海'[number % 5]}空商店{number}"
        left = now - timedelta(days=30) if number % 17 == 0 else now + timedelta(days=30) if number % 23 == 0 else None
        row = {
            **new_account(ref, now=now),
            "name": name,
            "name_kana": f"アオゾラ{number}",
            "plan_key": plans[number % 5],
            "tier": ("high", "tech", None)[number % 3],
            "owner": f"cs{number % 8}@vendor.example" if number % 9 else None,
            "seats": chance.randrange(200) if number % 7 else None,
            "mrr": chance.randrange(100_000) if number % 6 else None,
            "started_at": now - timedelta(hours=number % 9000),
            "renews_at": (now + timedelta(days=number % 365)).date() if number % 4 else None,
            "left_at": left,
            "is_stub": number % 1000 == 0,
            "traits": {"industry": ("retail", "food", "it")[number % 3]},
            "search_key": search_text(name, f"アオゾラ{number}", ref),
            "name_key": name_key(name),
            "reading_key": reading_key(name, f"アオゾラ{number}"),
        }
        rows.append(row)
    for some in chunks(rows, 2_000):
        session.connection().execute(insert(Account), list(some))
    ids = [one for one in session.exec(select(col(Account.id)).order_by(col(Account.id))) if one is not None]
    people = (
        {
            **new_member(account_id, now=now),
            "external_id": f"u-{account_id}-{number}",
            "email": f"person{account_id}.{number}@example.com",
            "email_key": f"person{account_id}.{number}@example.com",
        }
        for account_id in ids
        for number in range(PEOPLE)
    )
    while some_people := list(itertools.islice(people, 2_000)):
        session.connection().execute(insert(Member), some_people)
    _happen(session, ids[0], now)
    keep_field(session, key="industry", label={"en": "Industry"}, kind="text", choices=(), is_filter=True, is_new=True)
    keep_segment(
        session,
        key="large",
        title={"en": "Large"},
        condition=parse({"traits": {"seats": {"gte": 100}}}, level="account"),
        by="bench",
        now=now,
        zone=TOKYO,
        is_new=True,
    )
    session.connection().execute(update(Account).where(col(Account.id) == ids[0]).values(left_at=None))


def _happen(session: Session, account_id: int, now: datetime) -> None:
    source_id = portal_source_id(session, now=now)
    rows: list[dict[str, Any]] = [
        {
            "fingerprint": number.to_bytes(12, "big"),
            "source_id": source_id,
            "message_id": f"m{number}",
            "from_browser": False,
            "kind": "track",
            "name": ("login", "invoice.sent", "report.opened")[number % 3],
            "at": now - timedelta(minutes=number),
            "received_at": now,
            "account_id": account_id,
            "properties": {},
        }
        for number in range(EVENTS)
    ]
    for some in chunks(rows, 2_000):
        session.connection().execute(insert(Event), list(some))
    happened = (Recorded(0, account_id, None, row["name"], row["at"], source_id, row["message_id"]) for row in rows)
    add_up(session, happened, zone=TOKYO)


def _sign_in(session: Session, now: datetime) -> str:
    person = add_staff(session, email="desk@vendor.example", name="Desk", role="cs", now=now)
    return open_visit(session, staff_id=person.id, now=now, days=30)
