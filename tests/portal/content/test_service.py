"""The wall, and what readers do behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.content import library
from portal.content.readers import ANONYMOUS, STAFF, Reader
from portal.content.service import Article, Moved, Sight, open_article, record_reading, shelves
from portal.events.models import Event
from portal.kit.db import Database
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale
from tests.factories import NOW, make_account, make_member, make_plan
from tests.library import TOKYO, document, publish, write

SOON = NOW + timedelta(days=10)
FILES = {
    "public": {"public": "true"},
    "members": {},
    "pro": {"audience": "{plan: pro}"},
    "admins": {"audience": "{role: admin}"},
    "busy": {"audience": "{event: article.read, at_least: 1}"},
    "soon": {"publish_at": SOON.isoformat()},
    "soon-public": {"public": "true", "publish_at": SOON.isoformat()},
    "contradictory": {"public": "true", "audience": "{plan: pro}"},
    "archived": {"public": "true"},
}
NOBODY: set[str] = set()
OPEN = {"public", "members"}
SEEN = {
    "stranger": {"public"},
    "admin on pro": OPEN | {"pro", "contradictory", "admins"},
    "member on pro": OPEN | {"pro", "contradictory"},
    "member on starter": OPEN,
    "busy on starter": OPEN | {"busy"},
    "of another account": NOBODY,
    "staff": set(FILES) - {"archived"},
}


@dataclass
class Shelved:
    db: Database
    readers: dict[str, Reader]

    async def open(
        self, who: str, key: str, slug: str | None = None, *, locale: Locale = "ja", now: datetime = NOW
    ) -> Article | Moved:
        return await self.db.read(
            lambda session: open_article(
                session, self.readers[who], key=key, slug=slug or key, locale=locale, now=now, zone=TOKYO
            )
        )

    async def read(self, who: str, key: str, *, now: datetime = NOW) -> None:
        await self.db.write(
            lambda session: record_reading(
                session, self.readers[who], key=key, locale="ja", sight=Sight(10, 100), now=now, zone=TOKYO
            )
        )

    async def readings(self) -> list[tuple[int | None, object]]:
        rows = await self.db.read(
            lambda session: session.execute(
                select(col(Event.member_id), col(Event.properties)).order_by(col(Event.id))
            ).all()
        )
        return [(row[0], row[1]["document"]) for row in rows]


@pytest.fixture
async def shelved(db: Database, tmp_path: Path) -> Shelved:
    write(tmp_path, {f"content/manuals/{key}.ja.md": document(key, **front) for key, front in FILES.items()})
    await publish(db, tmp_path)
    (tmp_path / "content/manuals/archived.ja.md").unlink()
    await publish(db, tmp_path)

    def people(session: Session) -> dict[str, Reader]:
        for plan in ("pro", "starter"):
            make_plan(session, plan)
        pro, starter = make_account(session, plan="pro"), make_account(session, plan="starter")

        def member(account: object, **changes: object) -> Reader:
            made = make_member(session, account, **changes)  # type: ignore[arg-type]
            return Reader("member", made.account_id, made.id or 0)

        someone = member(pro)
        return {
            "stranger": ANONYMOUS,
            "staff": STAFF,
            "admin on pro": member(pro, role="admin"),
            "member on pro": someone,
            "member on starter": member(starter),
            "busy on starter": member(starter),
            # A member's id with an account that is not theirs opens nothing by conditions.
            "of another account": Reader("member", starter.id or 0, someone.member_id),
        }

    readers = await db.write(people)
    found = Shelved(db, readers)
    await found.read("busy on starter", "members")
    return found


@pytest.mark.parametrize("who", [who for who in SEEN if who != "of another account"])
async def test_the_wall(shelved: Shelved, who: str) -> None:
    listed = await shelved.db.read(
        lambda session: shelves(session, shelved.readers[who], locale="ja", now=NOW, zone=TOKYO)
    )
    assert {item.entry.id for shelf in listed for item in shelf.items} == SEEN[who]
    for key in FILES:
        if key in SEEN[who]:
            opened = await shelved.open(who, key)
            assert isinstance(opened, Article)
            neighbours = {item.entry.id for item in (opened.previous, opened.following) if item}
            assert neighbours <= SEEN[who]
            assert isinstance(await shelved.open(who, key, "another-slug"), Moved)
        else:
            for slug in (key, "another-slug"):
                with pytest.raises(NotFound) as hidden:
                    await shelved.open(who, key, slug)
                with pytest.raises(NotFound) as unknown:
                    await shelved.open(who, "never-written", slug)
                assert hidden.value.message == unknown.value.message
            with pytest.raises(NotFound):
                await shelved.read(who, key)


async def test_a_condition_is_asked_within_the_readers_own_account(shelved: Shelved) -> None:
    with pytest.raises(NotFound):
        await shelved.open("of another account", "pro")


async def test_a_rule_that_cannot_be_read_keeps_the_document_in(shelved: Shelved) -> None:
    def spoil(session: Session) -> None:
        session.execute(library.DOCUMENT.update().where(library.DOCUMENT.c.id == "pro").values(audience={"plan": 3}))
        library.changed(session, now=NOW)

    await shelved.db.write(spoil)
    with pytest.raises(NotFound):
        await shelved.open("member on pro", "pro")
    assert isinstance(await shelved.open("member on pro", "members"), Article)


@pytest.mark.parametrize(("now", "is_out"), [(SOON - timedelta(seconds=1), False), (SOON, True)])
async def test_a_document_comes_out_at_its_time(shelved: Shelved, now: datetime, is_out: bool) -> None:
    if is_out:
        opened = await shelved.open("member on starter", "soon", now=now)
        assert isinstance(opened, Article)
        assert opened.item.variant.changed_at == SOON
    else:
        with pytest.raises(NotFound):
            await shelved.open("member on starter", "soon", now=now)


async def test_the_right_is_asked_again_each_time(shelved: Shelved) -> None:
    """The body is in memory after the first look; a member who moves to another plan is out at once."""
    assert isinstance(await shelved.open("member on pro", "pro"), Article)
    account_id = shelved.readers["member on pro"].account_id
    accounts = library.EDITION.metadata.tables["account"]
    await shelved.db.write(
        lambda session: session.execute(accounts.update().where(accounts.c.id == account_id).values(plan_key="starter"))
    )
    with pytest.raises(NotFound):
        await shelved.open("member on pro", "pro")


async def test_reading_is_recorded_once_a_day(shelved: Shelved) -> None:
    who = shelved.readers["member on pro"].member_id
    before = await shelved.readings()
    for hours in (0, 1, 2):
        await shelved.read("member on pro", "pro", now=NOW + timedelta(hours=hours))
    await shelved.read("member on pro", "members")
    assert (await shelved.readings())[len(before) :] == [(who, "pro"), (who, "members")]
    await shelved.read("member on pro", "pro", now=NOW + timedelta(days=1))
    assert (await shelved.readings())[len(before) + 2 :] == [(who, "pro")]


async def test_staff_read_without_a_trace(shelved: Shelved) -> None:
    before = await shelved.readings()
    await shelved.read("staff", "members")
    assert await shelved.readings() == before


LANGUAGES = [
    # wanted, there is, shown
    ("ja", {"ja", "en"}, "ja"),
    ("en", {"ja", "en"}, "en"),
    ("en", {"ja"}, "ja"),
    ("ja", {"en"}, "en"),
]


@pytest.mark.parametrize(("wanted", "there", "shown"), LANGUAGES)
async def test_a_reader_gets_their_language_or_the_one_there_is(
    db: Database, tmp_path: Path, wanted: Locale, there: set[str], shown: str
) -> None:
    slugs = {"ja": "hajime", "en": "start"}
    write(tmp_path, {f"content/manuals/{slugs[locale]}.{locale}.md": document("a") for locale in there})
    await publish(db, tmp_path)

    async def opened(slug: str) -> Article | Moved:
        return await db.read(
            lambda session: open_article(session, STAFF, key="a", slug=slug, locale=wanted, now=NOW, zone=TOKYO)
        )

    article = await opened(slugs[shown])
    assert isinstance(article, Article)
    assert article.item.variant.locale == shown
    assert [item.variant.locale for item in article.translations] == sorted(there - {shown}, reverse=True)
    for other in there - {shown}:
        assert await opened(slugs[other]) == Moved(f"/manuals/a/{slugs[shown]}")


async def test_an_alias_leads_on(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/first.ja.md": document("a", aliases="[former-id]")})
    await publish(db, tmp_path)
    for name in ("former-id", "first"):
        asked = partial(open_article, reader=STAFF, key=name, slug="anything", locale="ja", now=NOW, zone=TOKYO)
        assert await db.read(asked) == Moved("/manuals/a/first")
