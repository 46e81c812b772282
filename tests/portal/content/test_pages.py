"""The pages of the library, in a browser without JavaScript."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import Session, col

from portal.content import pages
from portal.events.models import Event
from portal.kit.db import Database
from portal.kit.paths import bundled
from tests.factories import NOW, make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, document, portal_with, publish, write

SOON = NOW + timedelta(days=2)
FILES = {
    "content/collections.yml": "- {key: start, title: {ja: はじめに, en: Getting started}}\n",
    "content/manuals/first-day.ja.md": document(
        "first", "## 準備\n\n[招待](manuals/inviting)する。\n\n## 始める\n\n本文です。\n", title="はじめの一日", order=1
    ),
    "content/manuals/first-day.en.md": document("first", "## Prepare\n\nText.\n", title="Your first day", order=1),
    "content/manuals/inviting.ja.md": document("inviting", title="招待する", order=2),
    "content/manuals/pro.ja.md": document("pro", title="プロだけ", audience="{plan: pro}", order=3),
    "content/faq/terms.ja.md": document("terms", title="料金の質問", public="true", order=4),
    "content/releases/june.ja.md": document("june", title="6月の新機能", publish_at=SOON.isoformat(), order=5),
}


@dataclass
class Portal:
    app: FastAPI
    db: Database
    clock: Clock
    root: Path
    tokens: dict[str, str]
    stack: AsyncExitStack
    open_: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def get(self, who: str, path: str, **headers: str) -> httpx.Response:
        return await (await self.browser(who)).get(path, headers=headers)

    async def browser(self, who: str) -> httpx.AsyncClient:
        if who not in self.open_:
            self.open_[who] = await self.stack.enter_async_context(browser(self.app, self.tokens.get(who)))
        return self.open_[who]

    async def follow(self, who: str, path: str) -> httpx.Response:
        """Where `path` leads, in exactly one step."""
        response = await self.get(who, path)
        assert response.status_code == 308
        assert response.headers["cache-control"] == "no-store"
        shown = await self.get(who, response.headers["location"])
        assert shown.status_code == 200
        return shown


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    await publish(db, write(tmp_path, FILES))

    def people(session: Session) -> dict[str, str]:
        for plan in ("pro", "starter"):
            make_plan(session, plan)
        on_pro, on_starter = make_account(session, plan="pro"), make_account(session, plan="starter")
        return {
            "member": sign_in_as(session, make_member(session, on_starter)),
            "pro member": sign_in_as(session, make_member(session, on_pro)),
            "english member": sign_in_as(session, make_member(session, on_starter, locale="en")),
            "staff": sign_in_as(session, make_staff(session)),
        }

    tokens = await db.write(people)
    clock = Clock()
    async with AsyncExitStack() as stack:
        yield Portal(portal_with(db, clock, pages.router), db, clock, tmp_path, tokens, stack)


async def test_an_article(portal: Portal) -> None:
    response = await portal.get("member", "/manuals/first/first-day")

    assert response.status_code == 200
    assert response.headers["content-language"] == "ja"
    text = response.text
    assert "<title>はじめの一日 · 伴走クラウド</title>" in text
    assert 'href="/manuals/inviting"' in text
    assert 'href="#s-準備"' in text
    assert "2026-06-03" in text
    assert '<a href="/manuals/first/first-day?lang=en" lang="en" hreflang="en">' in text
    assert '<link rel="alternate" hreflang="ja" href="http://portal.example/manuals/first/first-day?lang=ja">' in text
    assert '<a class="pager-next" rel="next" href="/manuals/inviting/inviting">' in text
    assert 'rel="prev"' not in text
    assert 'href="/manuals#start"' in text


WALL = {
    # path: who gets what
    "/manuals/first/first-day": {"stranger": 303, "member": 200, "pro member": 200, "staff": 200},
    "/manuals/pro/pro": {"stranger": 303, "member": 404, "pro member": 200, "staff": 200},
    "/manuals/pro/wrong": {"stranger": 303, "member": 404, "pro member": 308, "staff": 308},
    "/manuals/terms/terms": {"stranger": 200, "member": 200, "pro member": 200, "staff": 200},
    "/manuals/june/june": {"stranger": 303, "member": 404, "pro member": 404, "staff": 200},
    "/manuals/none/none": {"stranger": 303, "member": 404, "pro member": 404, "staff": 404},
    "/manuals/none": {"stranger": 303, "member": 404, "pro member": 404, "staff": 404},
}


@pytest.mark.parametrize(("path", "who", "status"), [(path, *one) for path, row in WALL.items() for one in row.items()])
async def test_the_wall(portal: Portal, path: str, who: str, status: int) -> None:
    response = await portal.get(who, path)
    assert response.status_code == status
    if status == 303:
        assert response.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}"


async def test_nobody_can_tell_what_is_hidden_from_what_is_not_there(portal: Portal) -> None:
    hidden = await portal.get("member", "/manuals/pro/pro")
    nothing = await portal.get("member", "/manuals/xyz/xyz")
    assert csrf_free(hidden).replace("pro", "xyz") == csrf_free(nothing).replace("pro", "xyz")


def csrf_free(response: httpx.Response) -> str:
    """The page without what differs from one answer to the next: its reference code."""
    return "\n".join(line for line in response.text.splitlines() if "reference" not in line)


async def test_the_list_shows_what_is_for_the_reader(portal: Portal) -> None:
    for who, seen in {
        "member": {"はじめの一日", "招待する", "料金の質問"},
        "pro member": {"はじめの一日", "招待する", "料金の質問", "プロだけ"},
        "stranger": {"料金の質問"},
        "staff": {"はじめの一日", "招待する", "料金の質問", "プロだけ", "6月の新機能"},
    }.items():
        text = (await portal.get(who, "/manuals")).text
        titles = ("はじめの一日", "招待する", "料金の質問", "プロだけ", "6月の新機能")
        assert {title for title in titles if title in text} == seen, who
        assert "はじめに" in text
    assert "plan: pro" in (await portal.get("staff", "/manuals")).text
    assert "plan: pro" not in (await portal.get("pro member", "/manuals")).text


async def test_an_empty_library_says_what_will_be_here(portal: Portal) -> None:
    await publish(portal.db, portal.root / "nowhere")
    assert (await portal.get("stranger", "/manuals")).status_code == 303
    assert 'class="empty"' in (await portal.get("member", "/manuals")).text
    assert "banso publish" in (await portal.get("staff", "/manuals")).text


async def test_another_slug_leads_to_the_right_one(portal: Portal) -> None:
    for path in ("/manuals/first", "/manuals/first/wrong", "/manuals/first-day", "/manuals/first-day/wrong"):
        assert (await portal.follow("member", path)).url.path == "/manuals/first/first-day"
    moved = await portal.get("member", "/manuals/first?lang=en&from=mail")
    assert moved.headers["location"] == "/manuals/first/first-day?lang=en&from=mail"


async def test_a_renamed_document_is_found_at_its_former_address_even_when_the_name_comes_back(portal: Portal) -> None:
    file = portal.root / "content/manuals/inviting.ja.md"
    for name in ("invite", "welcome", "inviting"):
        file = file.rename(file.with_name(f"{name}.ja.md"))
        await publish(portal.db, portal.root)
        for former in ("inviting", "invite", "welcome"):
            if former != name:
                shown = await portal.follow("member", f"/manuals/inviting/{former}")
                assert shown.url.path == f"/manuals/inviting/{name}"
        assert (await portal.get("member", f"/manuals/inviting/{name}")).status_code == 200


async def test_what_a_browser_has_it_is_not_sent_again(portal: Portal) -> None:
    path = "/manuals/inviting/inviting"
    first = await portal.get("member", path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"

    same = await portal.get("member", path, **{"if-none-match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await portal.get("pro member", path, **{"if-none-match": tag})).status_code == 200
    assert (await portal.get("member", f"{path}?lang=en", **{"if-none-match": tag})).status_code == 200

    write(portal.root, {"content/manuals/inviting.ja.md": document("inviting", "新しい。\n", order=2)})
    await publish(portal.db, portal.root)
    changed = await portal.get("member", path, **{"if-none-match": tag})
    assert changed.status_code == 200
    assert "新しい。" in changed.text


async def test_a_right_that_is_gone_is_not_answered_with_304(portal: Portal) -> None:
    tag = (await portal.get("pro member", "/manuals/pro/pro")).headers["etag"]
    write(portal.root, {"content/manuals/pro.ja.md": document("pro", audience="{plan: other}")})
    await publish(portal.db, portal.root)
    assert (await portal.get("pro member", "/manuals/pro/pro", **{"if-none-match": tag})).status_code == 404


async def test_a_reader_of_another_language(portal: Portal) -> None:
    own = (await portal.get("english member", "/manuals/first/first-day")).text
    assert '<html lang="en"' in own
    assert "Your first day" in own
    other = (await portal.get("english member", "/manuals/inviting/inviting")).text
    assert '<h1 lang="ja">招待する</h1>' in other
    assert "is not there in English yet" in other
    assert 'hreflang="ja"' in (await portal.get("english member", "/manuals")).text


async def test_staff_see_for_whom_and_what_is_still_to_come(portal: Portal) -> None:
    soon = await portal.get("staff", "/manuals/june/june")
    assert 'class="notice notice-warn"' in soon.text
    portal.clock.now = SOON
    assert 'class="notice notice-warn"' not in (await portal.get("staff", "/manuals/june/june")).text
    assert (await portal.get("member", "/manuals/june/june")).status_code == 200
    assert "plan: pro" in (await portal.get("staff", "/manuals/pro/pro")).text
    assert "plan: pro" not in (await portal.get("pro member", "/manuals/pro/pro")).text


async def readings(portal: Portal) -> list[object]:
    asked = select(col(Event.properties)).where(col(Event.name) == "article.read")
    return list(await portal.db.read(lambda session: session.execute(asked).scalars().all()))


async def test_reading_is_said_by_the_form_that_a_script_sends(portal: Portal) -> None:
    client = await portal.browser("english member")
    page = await client.get("/manuals/first/first-day")
    assert '<form hidden method="post" action="/manuals/first/read" data-reading="10">' in page.text
    said = {"csrf": csrf_in(page), "locale": "en", "seconds": "11", "depth": "90"}
    for wrong in ({"seconds": "9"}, {"depth": "79"}, {"depth": "101"}, {"seconds": "-1"}, {"seconds": "86401"}):
        assert (await client.post("/manuals/first/read", data={**said, **wrong})).status_code == 422
    for _ in range(2):
        assert (await client.post("/manuals/first/read", data=said)).status_code == 204
    seen = {"how": "seen", "seconds": 11, "depth": 90}
    assert await readings(portal) == [{"document": "first", "locale": "en", "revision": 1, **seen}]

    assert (await client.post("/manuals/first/read", data={"locale": "en"})).status_code == 403
    assert (await client.post("/manuals/pro/read", data=said)).status_code == 404
    assert len(await readings(portal)) == 1
    for who in ("staff", "stranger"):
        assert "data-reading" not in (await portal.get(who, "/manuals/terms/terms")).text


async def test_an_article_and_all_it_needs_is_small(portal: Portal) -> None:
    page = await portal.get("member", "/manuals/first/first-day")
    assets = [path for path in bundled("static", "dist").glob("app-*") if path.suffix in (".css", ".js")]
    assert len(assets) == 2
    sent = sum(len(gzip.compress(body)) for body in [page.content, *(path.read_bytes() for path in assets)])
    assert sent <= 60 * 1024
