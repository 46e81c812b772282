"""A library with a wall through it, and people on every side of the wall."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from portal.content.publish import Summary
from portal.finding import pages
from portal.kit.db import Database
from tests.factories import NOW, make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, document, portal_with, publish, publish_tutorials, tutorial, write

SOON = NOW + timedelta(days=2)
FILES = {
    "content/collections.yml": "- {key: start, title: {ja: はじめに, en: Getting started}}\n",
    "content/manuals/invite.ja.md": document(
        "invite", "招待メールを送ります。管理者が行います。\n", title="メンバーを招待する"
    ),
    "content/manuals/invite.en.md": document("invite", "Send an invitation by mail.\n", title="Invite a member"),
    "content/manuals/pro.ja.md": document(
        "pro", "招待を一括で行うゼブラ機能です。\n", title="一括で招待する", audience="{plan: pro}"
    ),
    "content/faq/terms.ja.md": document("terms", "招待に料金はかかりません。\n", title="招待の料金", public="true"),
    "content/releases/june.ja.md": document(
        "june", "招待が新しくなります。\n", title="招待の新機能", publish_at=SOON.isoformat()
    ),
    **tutorial("first", title="{ja: 招待を練習する}"),
    **tutorial("special", title="{ja: 招待の特訓}", audience="{plan: pro}"),
}
MEMBER, PRO, STAFF, STRANGER = "member", "pro member", "staff", "stranger"


@dataclass
class Portal:
    app: FastAPI
    db: Database
    clock: Clock
    root: Path
    tokens: dict[str, str]
    stack: AsyncExitStack
    open_: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def browser(self, who: str) -> httpx.AsyncClient:
        if who not in self.open_:
            self.open_[who] = await self.stack.enter_async_context(browser(self.app, self.tokens.get(who)))
        return self.open_[who]

    async def get(self, who: str, path: str, **query: str | int) -> httpx.Response:
        return await (await self.browser(who)).get(path, params=query or None)

    async def post(self, who: str, path: str, page: str, **fields: str) -> httpx.Response:
        """A form, sent from `page`."""
        client = await self.browser(who)
        return await client.post(path, data={"csrf": csrf_in(await client.get(page)), **fields})

    async def publish(self, files: dict[str, str]) -> Summary:
        return await publish(self.db, write(self.root, files))


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    await publish(db, write(tmp_path, FILES))
    await publish_tutorials(db, tmp_path)

    def people(session: Session) -> dict[str, str]:
        for plan in ("pro", "starter"):
            make_plan(session, plan)
        on_pro, on_starter = make_account(session, plan="pro"), make_account(session, plan="starter")
        return {
            MEMBER: sign_in_as(session, make_member(session, on_starter)),
            PRO: sign_in_as(session, make_member(session, on_pro)),
            "english member": sign_in_as(session, make_member(session, on_starter, locale="en")),
            STAFF: sign_in_as(session, make_staff(session)),
        }

    tokens = await db.write(people)
    clock = Clock()
    async with AsyncExitStack() as stack:
        yield Portal(portal_with(db, clock, pages.router), db, clock, tmp_path, tokens, stack)
