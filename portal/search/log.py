"""What was searched for, and whether it was found: counted for staff, with nothing in it about who asked.

A line has the question, the language, how much was found and which place was opened first; the time is cut to the hour,
so that it cannot be laid beside anything else. What looks like a person's own (an address, a long number) is left out
of the question before it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Float, case, cast, delete, func, insert, select, update
from sqlmodel import Session, col

from portal.kit.i18n import Locale
from portal.search.models import Search

KEPT: Final = timedelta(days=400)
LONGEST: Final = 100
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_NUMBER = re.compile(r"\+?\d(?:[\d\-() ]{5,}\d)")


@dataclass(frozen=True)
class Period:
    """From `since` up to `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Overview:
    """A period in figures. `reciprocal` is the mean of 1 ÷ the place opened first, over `clicked` searches."""

    searches: int
    unanswered: int
    clicked: int
    reciprocal: float | None


@dataclass(frozen=True)
class Asked:
    """One question over a period: how often, how often nothing was found or something opened, how far down.

    `results` is how many were found the last time.
    """

    query: str
    locale: Locale
    times: int
    unanswered: int
    clicked: int
    reciprocal: float | None
    results: int
    last: datetime


def searched(*, token: str, asked: str, locale: Locale, results: int, now: datetime) -> dict[str, Any]:
    """One search as it is kept. `token` is what a page of its results says when one of them is opened."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return {"token": token, "hour": hour, "query": anonymous(asked), "locale": locale, "results": results}


def record_searches(session: Session, searched: Sequence[Mapping[str, Any]]) -> None:
    """Keep these searches; one of which nothing is left is not kept."""
    rows = [dict(one) for one in searched if one["query"]]
    if rows:
        session.connection().execute(insert(Search), rows)


def record_click(session: Session, *, token: str, place: int, key: str) -> None:
    """A result was opened; only the first of a search counts, and only a place that there was."""
    opened = update(Search).where(
        col(Search.token) == token, col(Search.clicked).is_(None), col(Search.results) >= place
    )
    session.execute(opened.values(clicked=place, clicked_key=key[:80]))


def forget_searches(session: Session, *, now: datetime) -> None:
    """Delete what is older than `KEPT`."""
    session.execute(delete(Search).where(col(Search.hour) < now - KEPT))


def anonymous(query: str) -> str:
    """A question without what looks like somebody's own."""
    return " ".join(_NUMBER.sub(" ", _ADDRESS.sub(" ", query)).split())[:LONGEST]


def overview(session: Session, period: Period) -> Overview:
    """The whole of a period."""
    row = session.execute(select(*_FIGURES).where(*_within(period))).one()
    return Overview(row.times, row.unanswered or 0, row.clicked, row.reciprocal)


def most_asked(session: Session, period: Period, *, limit: int) -> Sequence[Asked]:
    """What was asked most often."""
    return _questions(session, period, limit=limit)


def unanswered(session: Session, period: Period, *, limit: int) -> Sequence[Asked]:
    """What was asked and not found, the most often first; not what has been found since.

    For whoever cares for the library: each is a synonym to add or an article to write.
    """
    return _questions(session, period, limit=limit, unanswered=True)


def most_opened(session: Session, period: Period, *, limit: int) -> Sequence[str]:
    """What was opened most from results, as `shelf/key`."""
    opened = (
        select(col(Search.clicked_key))
        .where(*_within(period), col(Search.clicked_key).is_not(None))
        .group_by(col(Search.clicked_key))
        .order_by(func.count().desc(), col(Search.clicked_key))
        .limit(limit)
    )
    return [name for name in session.execute(opened).scalars() if name]


_NONE_FOUND = case((col(Search.results) == 0, 1), else_=0)
_FIGURES = (
    func.count().label("times"),
    func.sum(_NONE_FOUND).label("unanswered"),
    func.count(col(Search.clicked)).label("clicked"),
    func.avg(1.0 / cast(col(Search.clicked), Float)).label("reciprocal"),
)


def _within(period: Period) -> tuple[ColumnElement[bool], ...]:
    return col(Search.hour) >= period.since, col(Search.hour) < period.until


def _questions(session: Session, period: Period, *, limit: int, unanswered: bool = False) -> list[Asked]:
    times, missed = func.count(), func.sum(_NONE_FOUND)
    last = func.max(col(Search.id))
    asked = (
        select(col(Search.query), col(Search.locale), last.label("last"), *_FIGURES)
        .where(*_within(period))
        .group_by(col(Search.query), col(Search.locale))
        .order_by((missed if unanswered else times).desc(), last.desc())
        .limit(limit)
    )
    if unanswered:
        last_missed = func.max(case((col(Search.results) == 0, col(Search.id))))
        asked = asked.having(last_missed == last)
    rows = session.execute(asked).all()
    latest = {
        row.id: row
        for row in session.execute(
            select(col(Search.id), col(Search.results), col(Search.hour)).where(
                col(Search.id).in_([row.last for row in rows])
            )
        )
    }
    return [
        Asked(
            query=row.query,
            locale=row.locale,
            times=row.times,
            unanswered=row.unanswered,
            clicked=row.clicked,
            reciprocal=row.reciprocal,
            results=latest[row.last].results,
            last=latest[row.last].hour,
        )
        for row in rows
    ]
