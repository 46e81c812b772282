"""People of the studio, a form as they fill it in, and a portal whose clock is in the test's hand, for browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlmodel import Session

from portal.kit.db import Database
from portal.kit.web import Site
from portal.main import build, site_from
from portal.settings import Settings
from portal.studio.front import Form
from portal.studio.manuscripts import writing
from portal.studio.rules import Person
from tests.conftest import OpenPage
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.library import Clock
from tests.postgres import free_port

if TYPE_CHECKING:
    from playwright.async_api import Page

EDITOR = ".cm-content"


@dataclass(frozen=True)
class People:
    """One of each role; two who write."""

    owner: Person
    writer: Person
    other: Person
    viewer: Person


@pytest.fixture
async def people(db: Database) -> People:
    def make(session: object) -> People:
        found = [
            Person(one.id or 0, one.name or one.email, one.role)
            for one in (
                make_staff(session, email=f"{role}{number}@vendor.example", role=role)  # type: ignore[arg-type]
                for number, role in enumerate(("owner", "editor", "cs", "viewer"))
            )
        ]
        return People(*found)

    return await db.write(make)


FORM = Form(
    title="請求書を受け取る", slug="invoices", kind="manual", collection="billing", body="## 準備\n\n本文です。\n"
)


@dataclass
class Studio:
    """A portal that runs in this very process, so that its clock is in the test's hand."""

    site: Site
    clock: Clock
    url: str
    tokens: dict[str, str]
    open_page: OpenPage

    async def page(self, who: str, *, locale: str = "ja", dark: bool = False, width: int = 1280) -> Page:
        """A browser signed in as the owner, the writer, the reviewer, or a member."""
        page = await self.open_page(self.url, locale=locale, dark=dark, viewport=(width, 900))
        await page.context.add_cookies([{"name": "banso", "value": self.tokens[who], "url": self.url}])
        return page

    async def text(self, key: str) -> str:
        """The newest text of a document in Japanese."""

        def work(session: Session) -> str:
            found = writing(session, key, "ja")
            assert found
            return found.revision.text.partition("\n---\n")[2]

        return await self.site.database.read(work)


@pytest.fixture
async def studio(db: Database, open_page: OpenPage) -> AsyncIterator[Studio]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    clock = Clock(NOW)
    settings = Settings(database_url=str(db.url), base_url=url, secret_key="x" * 40)
    site = replace(site_from(settings), clock=clock, database=db)

    def people(session: Session) -> dict[str, str]:
        staff = {"owner": "owner", "writer": "editor", "reviewer": "cs"}
        tokens = {
            name: sign_in_as(session, make_staff(session, email=f"{name}@x.example", role=role))
            for name, role in staff.items()
        }
        return {**tokens, "member": sign_in_as(session, make_member(session, make_account(session)))}

    tokens = await db.write(people)
    server = Server(build(settings, site=site), address="127.0.0.1", port=port, interface=Interfaces.ASGINL)
    serving = asyncio.create_task(server.serve())
    try:
        yield Studio(site, clock, url, tokens, open_page)
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian's own
        await serving


async def begun(page: Page, title: str, key: str) -> None:
    """A new document, opened in the editor."""
    await page.goto("/staff/content/new")
    await page.fill("#f-title", title)
    await page.fill("#f-new_collection", "billing")
    await page.fill("#f-key", key)
    await page.get_by_role("button", name="書き始める").click()
    await page.wait_for_selector(EDITOR)
