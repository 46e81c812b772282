"""What staff learn from the log."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session, select

from portal.search.log import Period, forget_searches, unanswered
from portal.search.models import Search
from tests.factories import NOW
from tests.portal.finding.conftest import MEMBER, STAFF, Portal


async def test_the_report(portal: Portal) -> None:
    for query, results, clicked in (
        ("招待", 3, 1),
        ("招待", 3, 2),
        ("退学", 0, None),
        ("退学", 0, None),
        ("経費", 0, None),
    ):
        await portal.db.write(
            lambda session, row=(query, results, clicked): add(session, *row)  # type: ignore[misc]
        )
    text = (await portal.get(STAFF, "/staff/search")).text
    assert "5回中3回" in text
    assert "60.0%" in text
    assert "0.75" in text
    missed = text[text.index("見つからなかった言葉") : text.index("よく検索された言葉")]
    assert missed.index("退学") < missed.index("経費")
    assert "招待" not in missed
    assert 'href="/staff/search/synonyms?words=%E9%80%80%E5%AD%A6"' in missed
    assert (await portal.get(MEMBER, "/staff/search")).status_code in (303, 403, 404)


def add(session: Session, query: str, results: int, clicked: int | None) -> None:
    count = len(session.exec(select(Search)).all())
    session.add(Search(token=f"t{count}", hour=NOW, query=query, locale="ja", results=results, clicked=clicked))


async def test_what_was_found_since_is_no_longer_missing(portal: Portal) -> None:
    period = Period(NOW - timedelta(days=1), NOW + timedelta(days=1))

    def work(session: Session) -> list[str]:
        add(session, "退学", 0, None)
        add(session, "経費", 0, None)
        session.flush()
        add(session, "経費", 4, None)
        session.flush()
        return [one.query for one in unanswered(session, period, limit=10)]

    assert await portal.db.write(work) == ["退学"]


async def test_old_searches_are_forgotten(portal: Portal) -> None:
    def work(session: Session) -> int:
        add(session, "招待", 1, None)
        session.flush()
        forget_searches(session, now=NOW + timedelta(days=399))
        kept = len(session.exec(select(Search)).all())
        forget_searches(session, now=NOW + timedelta(days=401))
        return kept - len(session.exec(select(Search)).all())

    assert await portal.db.write(work) == 1
