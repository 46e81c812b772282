"""Mails: how long it takes to queue ten thousand by hand, and to look at every rule for a hundred thousand customers.

In this process, on the database a portal would have: neither has anything to do with pages. A tenth of the customers
have been silent for longer than the rule allows, so the first look writes ten thousand letters and the second none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.rules import new_account, new_member
from portal.checklists import publish as publishing
from portal.checklists.models import Enrollment
from portal.kit.db import chunks
from portal.kit.migrations import upgrade
from portal.mailing import by_rule, configured
from portal.mailing.batches import Sender, send_batch
from portal.mailing.models import Letter
from portal.mailing.rules import OF_RUNS
from portal.mailing.selection import Selection, accounts_of, recipients
from portal.mailing.templates import template_by_key
from portal.main import site_from
from portal.settings import Settings
from tests.bench.figures import TOKYO, Figure
from tests.library import Clock
from tests.onboarding import checklist, step
from tests.server import Server

QUEUED = 10_000
NOW = datetime(2026, 6, 25, 1, 0, tzinfo=UTC)
"""A Thursday, 10:00 in Tokyo."""


def mail_figures(server: Server, *, accounts: int) -> list[Figure]:
    """Two figures against their aims: 5 s for the first, 2 min for the second."""
    upgrade(server.database_url)
    return asyncio.run(_measure(server.database_url, accounts))


async def _measure(url: str, accounts: int) -> list[Figure]:
    clock = Clock(NOW)
    site = replace(site_from(Settings(database_url=url, secret_key="x" * 40)), clock=clock)
    try:
        await site.database.write(_publish)
        for some in chunks(range(1, accounts + 1), 5_000):
            await site.database.write(lambda session, some=some: _enroll(session, list(some)))  # type: ignore[misc]
        begun = time.perf_counter()
        await site.database.write(_send)
        queued = time.perf_counter() - begun
        looks = []
        for _ in range(2):
            begun = time.perf_counter()
            await by_rule.look(site)
            looks.append(time.perf_counter() - begun)
        written = await site.database.read(
            lambda session: session.execute(select(func.count()).where(col(Letter.cause) == "rule")).scalar_one()
        )
    finally:
        await site.database.close()
    said = f"{looks[0]:.1f} s, {written:,} written; again {looks[1]:.1f} s"
    return [
        Figure(f"{QUEUED:,} mails queued", f"{queued:.1f} s", aim="5 s", ok=queued <= 5),
        Figure(f"rules over {accounts:,} customers", said, aim="120 s", ok=sum(looks) <= 120),
    ]


def _publish(session: Session) -> None:
    definition = checklist(step("invite") + step("login", scope="every_member"))
    publishing.apply(session, [definition], by="bench", now=NOW - timedelta(days=60), zone=TOKYO)
    for kind in OF_RUNS:
        configured.switch(session, kind, on=True, by="bench", now=NOW)


def _send(session: Session) -> None:
    found = accounts_of(session, Selection(everybody=True), now=NOW, zone=TOKYO)[:QUEUED]
    to = recipients(session, found, whom="admins", checklist=None, needs_run=False, now=NOW)
    send_batch(
        session,
        template_by_key(session, "checking-in"),
        to,
        key="bench-bench-bench-bench",
        confirmed=len(to),
        whom="admins",
        checklist=None,
        at_once=False,
        by=Sender("sato@vendor.example", "佐藤"),
        locale="ja",
        now=NOW,
    )


def _enroll(session: Session, numbers: list[int]) -> None:
    for model, rows in ((Account, _accounts(numbers)), (Member, _members(numbers)), (Enrollment, _runs(numbers))):
        session.connection().execute(insert(model), list(rows))


def _accounts(numbers: list[int]) -> Iterator[dict[str, Any]]:
    for one in numbers:
        row = new_account(f"c-{one}", now=NOW - timedelta(days=24))
        yield {**row, "id": one, "name": f"株式会社{one}", "is_stub": False}


def _members(numbers: list[int]) -> Iterator[dict[str, Any]]:
    for one in numbers:
        address = f"u-{one}@example.com"
        row = new_member(one, now=NOW - timedelta(days=24))
        told = {"external_id": f"u-{one}", "email": address, "email_key": address, "name": "田中", "role": "admin"}
        yield {**row, **told, "is_stub": False}


def _runs(numbers: list[int]) -> Iterator[dict[str, Any]]:
    for one in numbers:
        yield {
            "account_id": one,
            "checklist_key": "start",
            "version": 1,
            "enrolled_at": NOW,
            "started_at": NOW - timedelta(days=24),
            "start_moved": False,
            "due_at": NOW + timedelta(days=30),
            "due_moved": False,
            "furthest": 0,
            "last_progress_at": NOW - timedelta(days=1 if one % 10 else 20),
        }
