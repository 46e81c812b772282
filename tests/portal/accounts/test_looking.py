"""Staff look at the portal as a member sees it: they see it, do nothing, leave nothing behind, and it is on record."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select
from starlette.routing import BaseRoute, Route

from portal.accounts.models import Account, Member, Staff
from portal.accounts.people import mark_member_left
from portal.accounts.staff import add_staff, remove_staff
from portal.accounts.trail_models import TrailEntry
from portal.kit.db import Database
from portal.main import build, site_from
from portal.settings import Settings
from portal.tables import metadata
from tests.factories import NOW, make_account, make_admin, make_staff, sign_in_as
from tests.library import browser, csrf_in

pytestmark = pytest.mark.anyio
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
FILLED = {"external_id": "aoba", "member_id": "1", "locale": "ja", "act": "undo"}


@dataclass
class Desk:
    """A portal whose clock can be moved, an administrator of a customer, and somebody of the vendor's."""

    app: FastAPI
    db: Database
    now: datetime
    member: int
    token: str

    async def staff(self) -> httpx.AsyncClient:
        return browser(self.app, self.token)

    async def look(self, staff: httpx.AsyncClient) -> httpx.Response:
        csrf = csrf_in(await staff.get(f"/staff/members/{self.member}"))
        return await staff.post(f"/staff/members/{self.member}/look", data={"csrf": csrf})

    async def trail(self) -> list[tuple[str, str, int | None, int | None]]:
        def work(session: Session) -> list[tuple[str, str, int | None, int | None]]:
            lines = session.exec(select(TrailEntry).order_by(TrailEntry.id))  # type: ignore[arg-type]
            return [(one.act, one.by, one.account_id, one.member_id) for one in lines if one.kind == "access"]

        return await self.db.read(work)


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    def people(session: Session) -> tuple[int, str]:
        member = make_admin(session, make_account(session, external_id="aoba", name="青葉商事"), name="田中 花子")
        return member.id or 0, sign_in_as(session, make_staff(session, role="viewer", email="mori@vendor.example"))

    member, token = await db.write(people)
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    desk = Desk(FastAPI(), db, NOW, member, token)
    site = replace(site_from(settings), clock=lambda: desk.now)
    desk.app = build(settings, site=site)
    yield desk
    await site.database.close()


def routes(found: list[BaseRoute]) -> Iterator[Route]:
    for route in found:
        if isinstance(route, Route):
            yield route
        elif hasattr(route, "routes") and not getattr(route, "path", "").startswith("/api"):
            yield from routes(route.routes or [])
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)


def addresses(app: FastAPI, method: str) -> list[str]:
    return [
        re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: FILLED.get(place[1], "1"), route.path)
        for route in routes(app.routes)
        if route.methods and method in route.methods
    ]


def everything(session: Session) -> dict[str, list[Any]]:
    return {
        table.name: [tuple(row) for row in session.connection().execute(table.select())]
        for table in metadata.sorted_tables
        if table.name != "trail_entry"
    }


async def test_looking_begins_ends_and_is_on_record(desk: Desk) -> None:
    async with await desk.staff() as staff:
        assert (await desk.look(staff)).headers["location"] == "/"
        home = await staff.get("/")
        assert "田中 花子" in home.text
        assert "として見ています" in home.text
        assert (await staff.get("/team")).status_code == 200, "what an administrator sees"
        closed = await staff.get("/staff")
        assert (closed.status_code, 'action="/look/end"' in closed.text) == (403, True), "the way out is there too"
        back = await staff.post("/look/end", data={"csrf": csrf_in(home)})
        assert back.headers["location"] == "/staff/accounts/aoba"
        assert (await staff.get("/staff")).status_code == 200
        acts = await desk.trail()
        assert [one for one in acts if one[0].startswith("member.")] == [
            ("member.looked_as", "mori@vendor.example", 1, desk.member),
            ("member.looking_ended", "mori@vendor.example", 1, desk.member),
        ]


async def test_it_ends_by_itself_and_with_the_right_to_look(desk: Desk) -> None:
    async with await desk.staff() as staff:
        for minutes, status in ((29, 200), (30, 303)):
            await desk.look(staff)
            desk.now += timedelta(minutes=minutes)
            assert (await staff.get("/")).status_code == status, minutes
        await desk.look(staff)

        def downgrade(session: Session) -> None:
            make_staff(session, role="owner", email="owner@vendor.example")
            add_staff(session, email="mori@vendor.example", role="editor", now=desk.now)

        await desk.db.write(downgrade)
        assert (await staff.get("/")).headers["location"] == "/staff", "no longer one who sees customers"
        await desk.db.write(lambda s: add_staff(s, email="mori@vendor.example", role="cs", now=desk.now).name)
        assert (await staff.get("/team")).status_code == 200
        await desk.db.write(
            lambda s: mark_member_left(s, s.get_one(Member, desk.member), left_at=desk.now, now=desk.now)
        )
        assert (await staff.get("/")).headers["location"] == "/staff", "there is nothing to look at any more"
        answer = await desk.look(staff)
        assert answer.status_code == 409
        await desk.db.write(lambda s: remove_staff(s, s.get_one(Staff, 1), now=desk.now))
        assert (await staff.get("/")).headers["location"].startswith("/sign-in")


@ON_SQLITE
async def test_no_form_does_anything_and_no_page_writes_anything(desk: Desk) -> None:
    async with await desk.staff() as staff:
        await desk.look(staff)
        csrf = csrf_in(await staff.get("/"))
        desk.now += timedelta(minutes=5)
        before = await desk.db.read(everything)
        paths = [path for path in addresses(desk.app, "GET") if path != "/sign-in/sent"]
        assert len(paths) > 60
        for path in paths:
            for asked in ("", "?lang=en&q=a"):
                answer = await staff.get(path + asked)
                assert answer.status_code in (200, 303, 307, 308, 403, 404, 410), (path, answer.status_code)
        assert await desk.db.read(everything) == before
        leaving = {"/sign-out", "/look/end", "/check/form", "/enter", "/sign-in", "/sign-in/code"}
        for path in addresses(desk.app, "POST"):
            if path in leaving or path.startswith(("/sign-in/link", "/invitation/", "/unsubscribe/")):
                continue
            answer = await staff.post(path, data={"csrf": csrf})
            assert answer.status_code in (403, 422), (path, answer.status_code)
        assert await desk.db.read(everything) == before


@ON_SQLITE
async def test_the_member_stays_as_they_were(desk: Desk) -> None:
    async with await desk.staff() as staff:
        await desk.look(staff)
        await staff.get("/?lang=en")
        csrf = csrf_in(await staff.get("/me"))
        refused = await staff.post("/me/language", data={"csrf": csrf, "language": "en"})
        assert refused.status_code == 403
        assert "only looking as 田中 花子" in refused.text, "in the language of the page"
    member = await desk.db.read(lambda s: s.get_one(Member, desk.member).locale)
    assert member is None
    assert await desk.db.read(lambda s: s.get_one(Account, 1).name) == "青葉商事"
