"""Publishing: files become the library, all or nothing, and only what differs is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.engine import make_url
from sqlmodel import Session

from portal.content.files import parse_document, read_documents
from portal.content.library import EDITION, VARIANT, current
from portal.content.prepare import prepare, state
from portal.content.publish import apply
from portal.content.readers import STAFF
from portal.content.service import Article, Moved, open_article
from portal.kit.db import Database
from portal.kit.errors import Conflict
from portal.kit.files import FileProblems
from portal.kit.rows import Row
from portal.kit.sqlite import sqlite_engine
from tests.factories import NOW
from tests.library import TOKYO, document, publish, write

LATER = NOW + timedelta(days=3)


async def variant(db: Database, key: str, locale: str = "ja") -> Any:
    asked = select(VARIANT).where(VARIANT.c.document_id == key, VARIANT.c.locale == locale)
    return await db.read(lambda session: session.execute(asked).one())


async def token(db: Database) -> str | None:
    return await db.read(lambda session: session.execute(select(EDITION.c.token)).scalar())


async def test_a_document_is_rendered_and_kept(db: Database, tmp_path: Path) -> None:
    write(
        tmp_path, {"content/manuals/first-day.ja.md": document("first", "## 準備\n\n**重要。**必ず読む。\n", order=3)}
    )

    summary = await publish(db, tmp_path)

    assert summary.added == [("first", "ja")]
    row = await variant(db, "first")
    assert "<strong>重要。</strong>必ず" in row.html
    assert row.toc == [{"level": 2, "id": "s-準備", "text": "準備"}]
    assert (row.slug, row.revision, row.updated_at, row.published_at) == ("first-day", 1, NOW, NOW)
    entry = (await db.read(current)).entries["first"]
    assert (entry.kind, entry.collection, entry.is_public, entry.audience) == ("manual", "start", False, None)


async def test_publishing_twice_changes_nothing(db: Database, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "content/collections.yml": "- {key: start, title: {ja: はじめに}}\n",
            "content/manuals/a.ja.md": document("a", "[b](manuals/b) と [どこにもない](manuals/none)\n"),
            "content/faq/b.en.md": document("b", audience="{plan: [pro, starter]}", publish_at="2026-07-01", order=2),
        },
    )
    await publish(db, tmp_path)
    before, edition = await variant(db, "a"), await token(db)

    summary = await publish(db, tmp_path, now=LATER)

    assert (summary.added, summary.changed, summary.archived) == ([], [], [])
    assert sorted(summary.unchanged) == [("a", "ja"), ("b", "en")]
    assert await variant(db, "a") == before
    assert await token(db) == edition


async def test_what_is_unchanged_is_not_rendered(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a"), "content/manuals/b.ja.md": document("b")})
    await publish(db, tmp_path)
    write(tmp_path, {"content/manuals/b.ja.md": document("b", "新しい本文。\n")})

    told: list[tuple[int, int]] = []
    files, _ = read_documents(tmp_path)
    prepared = prepare(files, [], state=await db.read(state), progress=lambda done, of: told.append((done, of)))

    assert [(one.key[0], one.text.rendered is not None) for one in prepared.variants] == [("a", False), ("b", True)]
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("changes", "is_new_text", "is_new_page"),
    [
        ({"title": "別の題"}, True, True),
        ({"body": "別の本文。\n"}, True, True),
        ({"order": 9}, False, False),
        ({"collection": "other"}, False, False),
        ({"public": "true"}, False, False),
        ({"audience": "{plan: pro}"}, False, False),
        ({"review_by": "2027-01-01"}, False, False),
        ({"aliases": "[former]"}, False, False),
    ],
)
async def test_updated_at_moves_only_with_the_words(
    db: Database, tmp_path: Path, changes: dict[str, Any], is_new_text: bool, is_new_page: bool
) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a")})
    await publish(db, tmp_path)
    edition = await token(db)
    write(tmp_path, {"content/manuals/a.ja.md": document("a", **changes)})

    summary = await publish(db, tmp_path, now=LATER)

    row = await variant(db, "a")
    assert summary.changed == [("a", "ja")]
    assert row.updated_at == (LATER if is_new_text else NOW)
    assert row.revision == (2 if is_new_page else 1)
    assert await token(db) != edition


async def test_a_file_that_goes_is_archived_and_comes_back_as_it_was(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "content/manuals/a.ja.md"
    write(tmp_path, {"content/manuals/a.ja.md": document("a"), "content/manuals/a.en.md": document("a", "Text.\n")})
    await publish(db, tmp_path)
    before = await variant(db, "a")
    kept = path.read_text(encoding="utf-8")

    path.unlink()
    gone = await publish(db, tmp_path, now=LATER)
    assert gone.archived == [("a", "ja")]
    assert set((await db.read(current)).entries["a"].variants) == {"en"}

    (tmp_path / "content/manuals/a.en.md").unlink()
    assert (await publish(db, tmp_path, now=LATER)).archived == [("a", "en")]
    assert not (await db.read(current)).entries
    assert (await publish(db, tmp_path, now=LATER)).archived == []

    path.write_text(kept, encoding="utf-8")
    assert (await publish(db, tmp_path, now=LATER)).added == [("a", "ja")]
    assert await variant(db, "a") == before


async def test_nothing_is_written_when_anything_is_wrong(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a"), "content/manuals/b.ja.md": document("b", titel="x")})
    with pytest.raises(FileProblems, match=r"content/manuals/b\.ja\.md:5"):
        await publish(db, tmp_path)
    assert await db.read(lambda session: session.execute(select(VARIANT)).all()) == []


async def test_a_failing_publish_leaves_the_library_as_it_was(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a")})
    await publish(db, tmp_path)
    edition = await token(db)
    write(tmp_path, {"content/manuals/a.ja.md": document("a", "別。\n"), "content/manuals/b.ja.md": document("b")})
    files, _ = read_documents(tmp_path)
    prepared = prepare(files, [], state=await db.read(state))

    def interrupted(session: Session) -> None:
        apply(session, prepared, now=LATER)
        raise KeyError("interrupted")

    with pytest.raises(KeyError):
        await db.write(interrupted)
    assert await token(db) == edition
    assert (await variant(db, "a")).revision == 1
    assert set((await db.read(current)).entries) == {"a"}


async def test_two_who_publish_at_once_do_not_mix(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a")})
    await publish(db, tmp_path)
    files, _ = read_documents(tmp_path)
    skipping = prepare(files, [], state=await db.read(state))
    write(tmp_path, {"content/manuals/a.ja.md": document("a", "先に公開された本文。\n")})
    await publish(db, tmp_path)

    with pytest.raises(Conflict):
        await db.write(lambda session: apply(session, skipping, now=LATER))
    assert "先に公開された本文" in (await variant(db, "a")).html


async def test_links_lead_to_what_is_there_and_broken_ones_are_named(db: Database, tmp_path: Path) -> None:
    body = (
        "[id](manuals/b) [slug](faq/how-to) [file](../faq/how-to.en.md#part) [t](tutorials/first)\n\n"
        "[gone](manuals/gone) [out](https://example.com/) [here](/staff)\n"
    )
    write(tmp_path, {"content/manuals/a.ja.md": document("a", body), "content/faq/how-to.ja.md": document("b")})

    summary = await publish(db, tmp_path, others={"tutorials/first"})

    html = (await variant(db, "a")).html
    assert html.count('href="/manuals/b"') == 2
    for href in ("/manuals/b#s-part", "/tutorials/first", "https://example.com/", "/staff"):
        assert f'href="{href}"' in html
    assert [warning.into("en") for warning in summary.warnings] == [
        "content/manuals/a.ja.md:8: the link “manuals/gone” leads nowhere"
    ]
    # Told again until it is put right, though nothing has changed.
    again = await publish(db, tmp_path, others={"tutorials/first"})
    assert (len(again.warnings), again.changed) == (1, [])


async def test_a_link_finds_what_is_written_later(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a", "[b](manuals/b)\n")})
    await publish(db, tmp_path)
    write(tmp_path, {"content/manuals/b.ja.md": document("b")})

    summary = await publish(db, tmp_path, now=LATER)

    row = await variant(db, "a")
    assert 'href="/manuals/b"' in row.html
    assert (summary.changed, row.updated_at, row.revision) == ([("a", "ja")], NOW, 2)


async def test_the_studio_owns_what_it_took_over(db: Database, tmp_path: Path) -> None:
    write(tmp_path, {"content/manuals/a.ja.md": document("a")})
    await publish(db, tmp_path)
    table = VARIANT.metadata.tables["document"]
    await db.write(lambda session: session.execute(table.update().values(origin="studio")))
    write(tmp_path, {"content/manuals/a.ja.md": document("a", "ファイルの別の本文。\n")})

    summary = await publish(db, tmp_path)

    assert (summary.changed, summary.archived) == ([], [])
    assert "taken over in the studio" in summary.warnings[0].into("en")
    assert "本文です" in (await variant(db, "a")).html

    (tmp_path / "content/manuals/a.ja.md").unlink()
    write(tmp_path, {"content/manuals/b.ja.md": document("b", "[a](manuals/a)\n")})
    assert (await publish(db, tmp_path)).warnings == []
    assert 'href="/manuals/a"' in (await variant(db, "b")).html


async def test_collections_come_into_being_and_take_their_place(db: Database, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "content/collections.yml": "- {key: second, title: {ja: 二番}}\n- {key: first, title: {ja: 一番}}\n",
            "content/manuals/a.ja.md": document("a", collection="first"),
            "content/manuals/b.ja.md": document("b", collection="second", order=2),
            "content/manuals/c.ja.md": document("c", collection="second", order=1),
            "content/manuals/d.ja.md": document("d", collection="unnamed"),
        },
    )
    await publish(db, tmp_path)
    shelves = (await db.read(current)).shelves
    assert [(shelf.title["ja"], [entry.id for entry in shelf.entries]) for shelf in shelves] == [
        ("二番", ["c", "b"]),
        ("一番", ["a"]),
        ("unnamed", ["d"]),
    ]
    write(tmp_path, {"content/collections.yml": "- {key: first, title: {ja: 最初}}\n- {key: second}\n"})
    assert (await publish(db, tmp_path)).changed == []
    assert [shelf.title["ja"] for shelf in (await db.read(current)).shelves] == ["最初", "second", "unnamed"]


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    engine = sqlite_engine(make_url("sqlite://"), query_only=False, shared=True)
    Row.metadata.create_all(engine)
    yield engine
    engine.dispose()


@settings(deadline=None, max_examples=60)
@given(
    history=st.lists(st.permutations(["p", "q", "r", "s"]).map(lambda names: tuple(names[:2])), min_size=1, max_size=6)
)
def test_every_address_ever_given_out_leads_on_in_one_step(memory: Engine, history: list[tuple[str, str]]) -> None:
    """Two documents rename themselves at will, take names back and take each other's: nothing is lost or goes round."""
    with Session(memory) as session:
        given_out: set[tuple[str, str]] = set()
        last_held: dict[str, str] = {}
        for day, slugs in enumerate(history):
            held = dict(zip(("a", "b"), slugs, strict=True))
            files = [parse_document(document(key), file=f"content/manuals/{held[key]}.ja.md") for key in held]
            apply(session, prepare(files, [], state=state(session)), now=NOW + timedelta(days=day))
            given_out |= set(held.items())
            last_held |= {slug: key for key, slug in held.items()}

        def answer(key: str, slug: str | None) -> Article | Moved:
            return open_article(session, STAFF, key=key, slug=slug, locale="ja", now=NOW, zone=TOKYO)

        wanted: list[tuple[str, str | None, str]] = [(key, slug, key) for key, slug in given_out]
        wanted += [(key, None, key) for key in held] + [(slug, None, key) for slug, key in last_held.items()]
        for name, slug, document_id in wanted:
            found = answer(name, slug)
            if isinstance(found, Moved):
                assert found.path == f"/manuals/{document_id}/{held[document_id]}"
                found = answer(document_id, held[document_id])
            assert isinstance(found, Article)
            assert (found.item.entry.id, found.item.variant.slug) == (document_id, held[document_id])
        session.rollback()
