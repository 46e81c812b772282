"""The index: written with what is published, only where it differs, and the same whatever way it came about."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from portal.kit.db import Database
from portal.kit.rows import Row
from portal.search.catalogue import current, token
from portal.search.index import POSTING, Text, indexed, put, take_out
from portal.search.models import BLOCK
from portal.search.postings import unpacked
from tests.indexing import index, ranked, text

PLANS = text("plans", "料金プランの変更", "プランは画面から変更できます。")
BILLS = text("bills", "請求書の再発行", "請求書をもう一度出します。")


def postings(session: Session) -> dict[str, dict[str, int]]:
    """Every term with the keys that have it and what it weighs there, and nothing of how that is stored."""
    entry = Row.metadata.tables["search_entry"]
    keys = {row.id: f"{row.key}.{row.locale}" for row in session.execute(select(entry))}
    found: dict[str, dict[str, int]] = {}
    for row in session.execute(select(POSTING)):
        for place, weight in zip(*unpacked(row.places), strict=True):
            found.setdefault(row.term, {})[keys[row.block * BLOCK + int(place)]] = int(weight)
    return found


async def test_what_is_put_in_is_found(db: Database) -> None:
    assert await db.write(lambda session: index(session, [PLANS, BILLS])) == 2
    assert await db.read(lambda session: ranked(session, "再発行")) == ["bills"]
    assert set(await db.read(lambda session: indexed(session, "document"))) == {("plans", "ja"), ("bills", "ja")}


async def test_what_is_unchanged_is_not_touched(db: Database) -> None:
    await db.write(lambda session: index(session, [PLANS, BILLS]))
    before = await db.read(token)
    assert await db.write(lambda session: index(session, [PLANS, BILLS])) == 0
    assert await db.read(token) == before


async def test_a_changed_text_is_found_by_its_new_words_alone(db: Database) -> None:
    await db.write(lambda session: index(session, [PLANS, BILLS]))
    changed = text("bills", "領収書の発行", "領収書を出します。")
    assert await db.write(lambda session: index(session, [PLANS, changed])) == 1
    assert await db.read(lambda session: ranked(session, "請求")) == []
    assert await db.read(lambda session: ranked(session, "領収書")) == ["bills"]


async def test_the_way_it_came_about_makes_no_difference(db: Database) -> None:
    wanted = [text("a", "新しい題", "同じ本文です。"), text("b", "別の題", "CSVを取り込む")]

    def in_steps(session: Session) -> dict[str, Any]:
        index(session, [text("a", "古い題", "同じ本文です。消える言葉。"), BILLS])
        index(session, [wanted[0]])
        index(session, [wanted[1], PLANS])
        assert take_out(session, "document", [("bills", "ja"), ("plans", "ja"), ("never", "ja")]) == 2
        return postings(session)

    def at_once(session: Session) -> dict[str, Any]:
        take_out(session, "document", [("a", "ja"), ("b", "ja")])
        assert postings(session) == {}
        index(session, wanted)
        return postings(session)

    assert await db.write(in_steps) == await db.write(at_once)


async def test_one_key_on_two_shelves_and_in_two_languages(db: Database) -> None:
    def work(session: Session) -> list[tuple[str, str, str]]:
        put(session, "tutorial", [text("plans", "プランを選ぶ")])
        index(session, [PLANS, text("plans", "Change your plan", locale="en")])
        catalogue = current(session)
        return sorted(zip(catalogue.shelves, catalogue.keys, catalogue.locales, strict=True))

    assert await db.write(work) == [
        ("document", "plans", "en"),
        ("document", "plans", "ja"),
        ("tutorial", "plans", "ja"),
    ]


async def test_more_entries_than_a_block_holds(db: Database) -> None:
    many = [text(f"d{number}", f"題{number}", "共通の本文") for number in range(BLOCK + 40)]
    await db.write(lambda session: index(session, many))
    found = await db.read(lambda session: ranked(session, "共通"))
    assert len(found) == len(many)
    assert await db.write(lambda session: take_out(session, "document", [one.where for one in many[::2]])) == 532
    assert len(await db.read(lambda session: ranked(session, "共通"))) == 532


async def test_an_interrupted_publication_leaves_the_index_as_it_was(db: Database) -> None:
    await db.write(lambda session: index(session, [PLANS]))

    def fail(session: Session) -> None:
        index(session, [BILLS])
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        await db.write(fail)
    assert await db.read(lambda session: ranked(session, "再発行")) == []
    assert await db.read(lambda session: ranked(session, "プラン")) == ["plans"]


async def test_a_hostile_text_is_only_text(db: Database) -> None:
    odd = [
        text("odd", "'; DROP TABLE search_entry; --", "%_\\ \U0001f600 e\u0301 \u202e 𠮷野家 ﷺ" + "ﾞ" * 50),
        text("long", "長い", "あ" * 400_000),
        text("empty", "", ""),
    ]
    await db.write(lambda session: index(session, [*odd, PLANS]))
    for asked in ("%", "_", "\\", "'", "''; --", "\U0001f600", "𠮷野家", "drop table", "a" * 5_000, "\u0301"):
        await db.read(lambda session, asked=asked: ranked(session, asked))  # type: ignore[misc]
    assert await db.read(lambda session: ranked(session, "drop table")) == ["odd"]


def test_an_entry_names_where_it_belongs() -> None:
    assert Text("a", "ja", "", "", "", PLANS.words).where == ("a", "ja")
