"""What is new, as page and feed; what search engines are told; and the rule of what is related."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.content import feed_pages, pages, related
from portal.content.library import current
from portal.content.related import KEPT, Text, relate, terms
from portal.content.rules import seconds_to_read, was_read
from portal.kit.db import Database
from portal.kit.i18n import Locale
from portal.kit.jobs import Job
from tests.factories import NOW, make_account, make_member, make_staff, sign_in_as
from tests.library import Clock, browser, document, portal_with, publish, write

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
DAY = timedelta(days=1)


@dataclass
class Portal:
    db: Database
    root: Path
    clock: Clock
    open_: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def text(self, who: str, path: str) -> str:
        answer = await self.open_[who].get(path)
        assert answer.status_code == 200
        return answer.text

    async def release(self, key: str, **front: str) -> None:
        write(self.root, {f"content/releases/{key}.ja.md": document(key, title=f"{key} & <新機能>", **front)})
        await publish(self.db, self.root, now=self.clock.now)


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    (tmp_path / "content").mkdir()

    def people(session: Session) -> dict[str, str | None]:
        account = make_account(session)
        return {
            "member": sign_in_as(session, make_member(session, account)),
            "staff": sign_in_as(session, make_staff(session)),
            "stranger": None,
        }

    clock = Clock()
    app = portal_with(db, clock, pages.router, feed_pages.router)
    tokens = await db.write(people)
    async with AsyncExitStack() as stack:
        found = Portal(db, tmp_path, clock)
        for who, token in tokens.items():
            found.open_[who] = await stack.enter_async_context(browser(app, token))
        yield found


async def test_new_is_what_came_out_since_the_last_visit_and_stays_so_for_the_visit(portal: Portal) -> None:
    await portal.release("first")
    assert "badge-accent" not in await portal.text("member", "/releases")
    portal.clock.now += DAY
    await portal.release("second")
    portal.clock.now += timedelta(hours=1)
    for minutes in (0, 10, 20):
        page = await portal.text("member", "/releases")
        assert page.count("badge-accent") == 1, minutes
        assert "前回から1件の新着があります" in page
        portal.clock.now += timedelta(minutes=minutes)
    portal.clock.now += DAY
    page = await portal.text("member", "/releases")
    assert "badge-accent" not in page
    assert page.index("second") < page.index("first")


async def test_what_waits_is_new_when_its_time_comes(portal: Portal) -> None:
    await portal.release("soon", publish_at=(NOW + DAY).isoformat())
    await portal.text("member", "/releases")
    assert "soon" in await portal.text("staff", "/releases")
    portal.clock.now += 2 * DAY
    assert "badge-accent" in await portal.text("member", "/releases")


async def test_the_feed_has_what_is_public(portal: Portal) -> None:
    empty = ElementTree.fromstring((await portal.text("stranger", "/releases.atom")).encode())
    assert empty.findall(f"{ATOM}entry") == []
    await portal.release("inner")
    await portal.release("outer", public="true")
    answer = await portal.open_["member"].get("/releases.atom?lang=ja")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    root = ElementTree.fromstring(answer.content)
    assert [one.findtext(f"{ATOM}title") for one in root.findall(f"{ATOM}entry")] == ["outer & <新機能>"]
    entry = root.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}id") == "http://portal.example/manuals/outer"
    assert entry.findtext(f"{ATOM}published") == "2026-06-03T01:00:00Z"
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.attrib["href"] == "http://portal.example/manuals/outer/outer"
    again = await portal.open_["stranger"].get(
        "/releases.atom?lang=ja", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_search_engines_are_told_what_is_public_in_every_language(portal: Portal) -> None:
    assert "Disallow: /\n" in await portal.text("stranger", "/robots.txt")
    assert (await portal.open_["stranger"].get("/releases")).status_code == 303
    write(
        portal.root,
        {
            "content/manuals/a.ja.md": document("a", public="true"),
            "content/manuals/start.en.md": document("a", title="Start", public="true"),
            "content/manuals/one.ja.md": document("one", public="true"),
            "content/manuals/inner.ja.md": document("inner"),
        },
    )
    await publish(portal.db, portal.root)
    root = ElementTree.fromstring((await portal.text("member", "/sitemap.xml")).encode())
    base = "http://portal.example/manuals"
    found = {one.findtext(f"{SITEMAP}loc"): len(one) - 2 for one in root}
    assert found == {f"{base}/a/a?lang=ja": 2, f"{base}/a/start?lang=en": 2, f"{base}/one/one": 0}
    assert "Sitemap: http://portal.example/sitemap.xml" in await portal.text("stranger", "/robots.txt")
    assert f'<link rel="canonical" href="{base}/a/start?lang=en">' in await portal.text(
        "stranger", "/manuals/a/start?lang=en"
    )
    page = await portal.text("stranger", "/manuals/one/one?lang=ja")
    assert f'<link rel="canonical" href="{base}/one/one">' in page
    # Search engines and chats that unfurl a link are told what it is about; those who are signed in need no such words.
    for name in ('name="description"', 'property="og:description"'):
        assert f'<meta {name} content="本文です。">' in page
    assert "og:" not in await portal.text("member", "/manuals/one/one")
    assert 'href="/tutorials"' not in page
    assert 'href="/sign-in"' in page


TEXTS = [
    Text("invoice", "billing", "請求書を発行する 請求書の発行手順と送付", frozenset({"receipt"})),
    Text("receipt", "billing", "領収書を発行する 領収書の発行手順", frozenset()),
    Text("refund", "billing", "返金 返金を申し込む", frozenset()),
    Text("invite", "people", "メンバーを招待する 招待メールの送付", frozenset()),
    Text("roles", "people", "権限 招待メールとメンバーの役割", frozenset({"gone"})),
]


def test_links_shelves_and_words_decide_what_is_related() -> None:
    found = relate(TEXTS)
    assert found["invoice"][0] == ("receipt", "link")
    assert found["receipt"][0] == ("invoice", "link")
    assert found["roles"][0] == ("invite", "words")
    assert "refund" not in dict(found["invite"])
    assert all(key not in dict(others) and len(others) <= KEPT for key, others in found.items())


async def test_what_is_related_is_worked_out_once_something_was_published(db: Database, tmp_path: Path) -> None:
    def looked(session: Session) -> tuple[str, dict[str, tuple[str, ...]], int]:
        library = current(session)
        jobs = session.execute(select(func.count()).select_from(Job).where(col(Job.kind) == related.JOB)).scalar_one()
        return library.token, {key: one.related for key, one in library.entries.items()}, jobs

    async def worked_out() -> tuple[str, dict[str, tuple[str, ...]], int]:
        await related.work_out(db, now=NOW)
        return await db.read(looked)

    texts = {f"content/manuals/{key}.ja.md": document(key) for key in ("a", "b", "c")}
    await publish(db, write(tmp_path, {**texts, "content/manuals/a.ja.md": document("a", "[b](manuals/b)\n")}))
    assert (await db.read(looked))[1:] == ({"a": (), "b": (), "c": ()}, 1)
    first = await worked_out()
    assert (first[1]["a"][0], first[1]["b"][0]) == ("b", "a")
    assert await worked_out() == first
    # Somebody publishes while it is being worked out: what was found of the former edition is not written down.
    token, old = await db.read(related.texts_of)
    await publish(db, write(tmp_path, texts))
    stale = partial(related.write_related, found=related.relate(old), token=token, now=NOW)
    assert await db.write(stale) == ""
    second = await worked_out()
    assert (second[0] != first[0], second[2]) == (True, 2)
    assert await worked_out() == second


WORDS = st.text("請求書領収招待メールabc ", max_size=20)


@given(
    st.lists(st.tuples(WORDS, st.sampled_from("ab"), st.sets(st.integers(0, 6), max_size=3)), max_size=7), st.randoms()
)
def test_the_order_of_the_texts_changes_nothing(drawn: list[tuple[str, str, set[int]]], random: object) -> None:
    texts = [
        Text(f"d{number}", shelf, words, frozenset(f"d{one}" for one in links))
        for number, (words, shelf, links) in enumerate(drawn)
    ]
    shuffled = texts[::-1]
    assert relate(texts) == relate(shuffled)


def test_terms_are_words_and_pairs() -> None:
    assert terms("API連携のＡＰＩ Key を1つ") == ["api", "連携", "携の", "api", "key"]


@pytest.mark.parametrize(
    ("characters", "locale", "seconds"),
    [(0, "ja", 10), (500, "ja", 20), (9000, "ja", 90), (600, "en", 10), (3000, "en", 50)],
)
def test_how_long_reading_takes(characters: int, locale: Locale, seconds: int) -> None:
    assert seconds_to_read(characters, locale) == seconds
    assert was_read(seconds=seconds, depth=80, needed=seconds)
    assert not was_read(seconds=seconds - 1, depth=100, needed=seconds)
    assert not was_read(seconds=seconds, depth=79, needed=seconds)
