"""The judged set: untuned Japanese and English questions find their document first, alike on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.kit.db import Database, open_database
from portal.search import readings, synonyms
from portal.search.catalogue import current
from portal.search.thesaurus import thesaurus
from tests.indexing import Judged, gold_queries, gold_texts, index, ranked
from tests.postgres import Databases

LEAST_RANK = 0.95
MOST_UNANSWERED = 0.02


async def lists(db: Database) -> list[list[str]]:
    return await db.read(
        lambda session: [ranked(session, judged.query, locale=judged.locale) for judged in gold_queries()]
    )


def mean_rank(found: list[list[str]], judged: list[Judged]) -> float:
    ranks = [
        1 / (keys[:10].index(one.best) + 1) if one.best in keys[:10] else 0.0
        for keys, one in zip(found, judged, strict=True)
    ]
    return sum(ranks) / len(ranks)


async def test_the_judged_questions(db: Database) -> None:
    await db.write(lambda session: index(session, gold_texts()))
    found, judged = await lists(db), gold_queries()
    assert len(judged) == 93
    assert mean_rank(found, judged) >= LEAST_RANK
    assert sum(not keys for keys in found) / len(found) <= MOST_UNANSWERED


@pytest.fixture
def other_url(postgres: Databases, migrated_postgres: str) -> Iterator[str]:
    url = postgres.create(migrated_postgres)
    yield url
    postgres.drop(url)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_one_order_on_both_databases(db: Database, other_url: str) -> None:
    other = open_database(other_url)
    try:
        await db.write(lambda session: index(session, gold_texts()))
        for text in gold_texts()[::-1]:  # numbered the other way round
            await other.write(lambda session, text=text: index(session, [text]))  # type: ignore[misc]
        assert await lists(db) == await lists(other)
    finally:
        await other.close()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_readings_and_synonyms_are_for(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ingredient is worth its weight: without it, questions it is for are no longer answered first."""
    judged = gold_queries()

    def of(found: list[list[str]], kind: str) -> float:
        pairs = [(keys, one) for keys, one in zip(found, judged, strict=True) if one.kind == kind]
        return mean_rank([keys for keys, _ in pairs], [one for _, one in pairs])

    monkeypatch.setattr(readings, "_tokenizer", lambda: None)
    readings.reading.cache_clear()
    try:
        await db.write(lambda session: index(session, gold_texts()))
        without_readings = await lists(db)
    finally:
        readings.reading.cache_clear()
    monkeypatch.setattr(synonyms, "in_force", lambda _session: thesaurus([]))
    monkeypatch.setattr("portal.search.service.in_force", lambda _session: thesaurus([]))
    without_either = await lists(db)
    assert of(without_readings, "kana") < 0.7
    assert of(without_either, "synonym") < of(without_readings, "synonym")
    assert len(await db.read(current)) == len(gold_texts())


def test_the_dictionary_is_only_for_publishing() -> None:
    """A process that serves searches must not have 45 MB of dictionary in memory."""
    import subprocess
    import sys

    code = (
        "import sys, portal.search.service, portal.search.question as q;"
        "q.understand('請求書を再発行したい'); sys.exit('sudachipy' in sys.modules)"
    )
    root = Path(__file__).parent.parent.parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
