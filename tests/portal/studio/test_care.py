"""The care queue: what stands in it and what settles it, as rules, in the database and on its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from portal.content.models import DocumentFeedback
from portal.kit.clock import local_day
from portal.kit.db import Database
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.intervals import wilson
from portal.search.log import record_searches, searched
from portal.studio.care import Matter, mark_reviewed, matters
from portal.studio.care_rules import FEWEST, POOR, broken, is_poor, overdue_since
from tests.factories import NOW
from tests.library import TOKYO, csrf_in, document, publish, write
from tests.portal.studio.conftest import People
from tests.portal.studio.test_pages import Desk

TODAY = local_day(NOW, TOKYO)
PASSED = TODAY - timedelta(days=1)
AHEAD = TODAY + timedelta(days=90)


@pytest.mark.parametrize(
    ("helpful", "n", "poor"),
    [(0, 0, False), (0, FEWEST - 1, False), (0, FEWEST, True), (2, 5, False), (4, 10, True), (5, 10, False)],
)
def test_few_answers_say_nothing(helpful: int, n: int, poor: bool) -> None:
    assert is_poor(helpful, n) is poor


@given(st.integers(0, 300), st.integers(0, 300))
def test_poor_is_only_what_is_surely_poor(helpful: int, others: int) -> None:
    interval = wilson(helpful, helpful + others)
    if is_poor(helpful, helpful + others):
        assert interval is not None
        assert interval[1] < POOR
        assert helpful + others >= FEWEST
        assert is_poor(helpful, helpful + others + 1)


@pytest.mark.parametrize(
    ("named", "settled", "since"),
    [
        (None, {}, None),
        (TODAY, {}, None),
        (PASSED, {}, PASSED),
        (PASSED, {PASSED: AHEAD}, None),
        (PASSED, {PASSED: TODAY - timedelta(days=3)}, TODAY - timedelta(days=3)),
        # The text names another day since somebody looked.
        (PASSED, {TODAY - timedelta(days=30): AHEAD}, PASSED),
    ],
)
def test_a_review_is_due_once_its_day_has_passed(
    named: date | None, settled: Mapping[date, date], since: date | None
) -> None:
    assert overdue_since(named, settled, today=TODAY) == since


def test_links_that_lead_nowhere() -> None:
    links = {
        "manuals/none": None,
        "manuals/gone": "/manuals/gone/x#s-a",
        "manuals/here": "/manuals/here/x",
        "tutorials/t": "/tutorials/t",
    }
    assert broken(links, {"here"}) == ("manuals/gone", "manuals/none")


async def queue(db: Database, kind: str = "") -> list[Matter]:
    found = await db.report(partial(matters, house="ja", today=TODAY, now=NOW))
    return [one for one in found if kind in ("", one.kind)]


def answers(session: Session, *, helpful: int, n: int, revision: int = 1) -> None:
    for number in range(n):
        session.add(
            DocumentFeedback(
                document_id="poor",
                locale="ja",
                revision=revision,
                reader=f"r{number}",
                is_helpful=number < helpful,
                reason="" if number < helpful else "unclear",
                answered_at=NOW,
            )
        )
    session.flush()


def ask(session: Session) -> None:
    found = [searched(token=f"t{one}", asked="適格請求書", locale="ja", results=0, now=NOW) for one in range(3)]
    found.append(searched(token="other", asked="招待", locale="ja", results=2, now=NOW))
    record_searches(session, found)


FILES = {
    "content/manuals/poor.ja.md": document("poor"),
    "content/manuals/linking.ja.md": document("linking", "[なし](manuals/nothing)と[あり](manuals/poor)。\n"),
    "content/manuals/old.ja.md": document("old", review_by=PASSED.isoformat()),
    "content/manuals/fresh.ja.md": document("fresh", review_by=AHEAD.isoformat()),
    "content/manuals/both.ja.md": document("both"),
    "content/manuals/both.en.md": document("both", "Text.\n"),
}


@pytest.fixture
async def library(db: Database, people: People, tmp_path: Path) -> Path:
    """One document for each reason, and one that needs nothing."""
    await publish(db, write(tmp_path, FILES), now=NOW - timedelta(days=9))
    await publish(db, write(tmp_path, {"content/manuals/both.ja.md": document("both", "変わった。\n")}))
    await db.write(partial(answers, helpful=1, n=8))
    await db.write(ask)
    return tmp_path


async def test_each_reason_stands_in_the_queue_once(db: Database, library: Path) -> None:
    found = await queue(db)
    assert [(one.kind, one.key or one.title, one.locale) for one in found] == [
        ("review", "old", "ja"),
        ("links", "linking", "ja"),
        ("feedback", "poor", "ja"),
        ("translation", "both", "en"),
        ("search", "適格請求書", "ja"),
    ]
    assert found[1].targets == ("manuals/nothing",)


async def test_what_is_settled_goes_away(db: Database, library: Path, people: People) -> None:
    looked = partial(mark_reviewed, key="old", locale="ja", person=people.writer, today=TODAY, now=NOW)
    with pytest.raises(Conflict):
        await db.write(partial(looked, named=AHEAD, until=AHEAD))
    with pytest.raises(Invalid):
        await db.write(partial(looked, named=PASSED, until=TODAY))
    with pytest.raises(NotFound):
        await db.write(partial(looked, key="none", named=PASSED, until=AHEAD))
    await db.write(partial(looked, named=PASSED, until=AHEAD))
    changed = {
        "content/manuals/linking.ja.md": document("linking", "[あり](manuals/poor)。\n"),
        "content/manuals/poor.ja.md": document("poor", "もっと分かりやすい本文です。\n"),
        "content/manuals/both.en.md": document("both", "Changed.\n"),
    }
    await publish(db, write(library, changed), now=NOW + timedelta(hours=1))
    assert [one.kind for one in await queue(db)] == ["search"]


async def test_a_link_to_a_document_that_has_gone_is_broken(db: Database, library: Path) -> None:
    (library / "content/manuals/poor.ja.md").unlink()
    await publish(db, library, now=NOW + timedelta(hours=1))
    assert [one.targets for one in await queue(db, "links")] == [("manuals/nothing", "manuals/poor")]


async def test_the_page_settles_what_stands_on_it(db: Database, library: Path) -> None:
    desk = Desk(db)
    here = "/staff/content/care"
    async with desk.as_("editor") as editor:
        page = await editor.get(here)
        assert "8人中1人" in page.text
        assert "title=%E9%81%A9" in page.text
        assert "/staff/search/synonyms?words=%E9%81%A9" in page.text
        drafted = await editor.get("/staff/content/new?title=適格請求書&language=en")
        assert 'value="適格請求書"' in drafted.text
        assert '<option value="en" selected' in drafted.text
        said = {"csrf": csrf_in(page), "named": PASSED.isoformat(), "until": AHEAD.isoformat()}
        wrong = await editor.post("/staff/content/old/ja/review", data={**said, "until": PASSED.isoformat()})
        assert (wrong.status_code, wrong.headers["location"]) == (303, here)
        assert "/staff/content/old/ja/review" in (await editor.get(f"{here}?kind=review")).text
        done = await editor.post("/staff/content/old/ja/review", data=said)
        assert (done.status_code, done.headers["location"]) == (303, here)
        assert "この種類のものはありません" in (await editor.get(f"{here}?kind=review")).text
        # What was settled by mistake stands there again.
        back = re.search(r"/staff/content/old/ja/review/\d+/undo", (await editor.get(here)).text)
        assert back
        undone = await editor.post(back[0], data={"csrf": said["csrf"]})
        assert undone.headers["location"] == here
        again = (await editor.get(f"{here}?kind=review")).text
        assert 'action="/staff/content/old/ja/review"' in again
        assert "/undo" not in again
        assert (await editor.post(back[0], data={"csrf": said["csrf"]})).status_code == 404
        await editor.post("/staff/content/old/ja/review", data=said)
    async with desk.as_("viewer", language="en") as viewer:
        seen = await viewer.get(here)
        assert "Draft an article" not in seen.text
        answer = await viewer.post("/staff/content/old/ja/review", data={**said, "csrf": csrf_in(seen)})
        assert answer.status_code == 403
    async with desk.as_("member") as member:
        assert (await member.get(here)).status_code == 404


async def test_an_empty_queue_says_what_will_stand_there(db: Database) -> None:
    async with Desk(db).as_("owner", language="en") as owner:
        assert "All is cared for" in (await owner.get("/staff/content/care")).text
