"""A vendor's checklist and two customers that run through it, for tests of pages and of the machine interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI
from sqlmodel import Session

from portal.accounts import changes, sessions
from portal.accounts.keys import Scope, add_api_key
from portal.accounts.models import Member, Staff
from portal.accounts.people import member_of
from portal.accounts.service import account_by_external_id, id_of
from portal.checklists import listeners
from portal.checklists import pages as checklist_pages
from portal.checklists import publish as checklists
from portal.checklists.definition import load
from portal.desk import pages as desk_pages
from portal.desk.signed_in import record_sign_in
from portal.events import ingest
from portal.kit.db import Database
from tests.applications import api_of
from tests.factories import NOW, make_account, make_admin, make_member, make_staff, sign_in_as
from tests.library import TOKYO, Clock, browser, csrf_in, portal_with

FIRST_DAYS: dict[str, Any] = {
    "key": "first-30-days",
    "title": {"ja": "はじめの30日", "en": "Your first 30 days"},
    "from": "2026-01-01",
    "due": "1mo",
    "steps": [
        {
            "key": "kickoff",
            "title": {"ja": "キックオフ", "en": "Kickoff"},
            "by": "staff",
            "due": "7d",
            "done_when": "tick",
        },
        {
            "key": "invite",
            "title": {"ja": "メンバーを3名招待する", "en": "Invite three members"},
            "done_when": {"event": "member.invited", "at_least": 3},
        },
        {
            "key": "profile",
            "title": {"ja": "プロフィールを書く", "en": "Write your profile"},
            "scope": "every_member",
            "done_when": "tick",
        },
        {
            "key": "billing",
            "title": {"ja": "請求先を確認する", "en": "Confirm billing"},
            "scope": {"role": "admin"},
            "done_when": "tick",
        },
        {"key": "logo", "title": {"ja": "ロゴを登録する"}, "required": False, "done_when": "tick"},
    ],
}


@dataclass
class Vendor:
    """One installation: two customers, three people of the first and one of the second, and its pages and api."""

    db: Database
    clock: Clock
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    keys: dict[Scope, str] = field(default_factory=dict)

    def browser(self, who: str = "", *, language: str = "ja") -> httpx.AsyncClient:
        """A browser, signed in as `who`: admin, tanaka (of aoba), other (of midori), staff."""
        return browser(self.app, self.tokens[who] if who else None, language=language)

    def caller(self, scope: Scope | None = "write") -> httpx.AsyncClient:
        """A program with an API key, or without one."""
        headers = {"authorization": f"Bearer {self.keys[scope]}"} if scope else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://portal.example/api/v1", headers=headers
        )

    async def publish(self, *definitions: Mapping[str, object]) -> None:
        """Publish exactly these checklists."""
        read = [load(one) for one in definitions]
        await self.db.write(lambda session: checklists.apply(session, read, by="test", now=self.clock.now, zone=TOKYO))

    async def happen(self, name: str, *, account: str = "aoba", member: str | None = None, times: int = 1) -> None:
        """`name` happens now, so many times."""

        def work(session: Session) -> None:
            owner = account_of(session, account)
            person = member_of(session, owner, member) if member else None
            for number in range(times):
                ingest.record(
                    session,
                    account_id=owner,
                    member_id=person.id if person else None,
                    name=name,
                    at=self.clock.now,
                    properties={},
                    message_id=f"{name}-{account}-{member}-{self.clock.now.timestamp()}-{number}",
                    now=self.clock.now,
                    zone=TOKYO,
                )

        await self.db.write(work)

    async def post(self, client: httpx.AsyncClient, page: str, path: str, **fields: str) -> httpx.Response:
        """Send a form of `page` to `path`."""
        token = csrf_in(await client.get(page))
        return await client.post(path, data={"csrf": token, **fields})


@asynccontextmanager
async def vendor_on(db: Database, *routers: APIRouter, at: datetime = NOW) -> AsyncIterator[Vendor]:
    """A vendor on `db` with these pages too, everything subscribed as the composition root does it."""
    clock = Clock(at)
    app = portal_with(db, clock, desk_pages.router, checklist_pages.router, *routers)
    app.mount("/api", api_of(app.state.site))
    leaving = [
        changes.subscribe(listeners.on_accounts_changed),
        ingest.subscribe(listeners.on_events),
        sessions.on_signed_in.subscribe(record_sign_in),
    ]
    vendor = Vendor(db, clock, app)
    try:
        await vendor.publish(FIRST_DAYS)
        await db.write(lambda session: _people(session, vendor))
        yield vendor
    finally:
        for leave in leaving:
            leave()


def account_of(session: Session, external_id: str) -> int:
    """The id of a customer."""
    found = account_by_external_id(session, external_id)
    assert found is not None
    return id_of(found)


def ids_of(session: Session, account: str, member: str) -> tuple[int, int]:
    """The ids of a customer and one of its people."""
    account_id = account_of(session, account)
    found = member_of(session, account_id, member)
    assert found is not None
    assert found.id is not None
    return account_id, found.id


def _people(session: Session, vendor: Vendor) -> None:
    now = vendor.clock.now
    aoba = make_account(session, external_id="aoba", name="株式会社あおば商事", created_at=now)
    midori = make_account(session, external_id="midori", name="みどり物産", created_at=now)
    people: dict[str, Member | Staff] = {
        "admin": make_admin(session, aoba, external_id="u-admin", name="佐藤 花", email="admin@aoba.example"),
        "tanaka": make_member(session, aoba, external_id="u-tanaka", name="田中 美咲", email="tanaka@aoba.example"),
        "suzuki": make_member(session, aoba, external_id="u-suzuki", name="鈴木 一郎", email="suzuki@aoba.example"),
        "other": make_admin(session, midori, external_id="u-other", name="森 あい", email="mori@midori.example"),
        "staff": make_staff(session),
    }
    # 鈴木 has never been here.
    vendor.tokens = {name: sign_in_as(session, one, now=now) for name, one in people.items() if name != "suzuki"}
    scopes: tuple[Scope, ...] = ("read", "write")
    vendor.keys = {scope: add_api_key(session, f"crm {scope}", scope, now=now)[1] for scope in scopes}
