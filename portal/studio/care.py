"""The care queue: what of the library somebody should look at, each with what is needed to settle it.

Nothing here is kept: it is read from what is known anyway (days that texts name, links noted when they were published,
searches, readers' answers, translations), so it goes away by itself when its reason does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from portal.content.feedback import Tally, tallies
from portal.content.library import DOCUMENT, VARIANT, current
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import Locale, Message, as_locale
from portal.search.log import Asked, Period, unanswered
from portal.studio.care_rules import broken, is_poor, overdue_since
from portal.studio.models import ReviewMark
from portal.studio.rules import Person
from portal.studio.translations import translations

Kind = Literal["review", "links", "feedback", "translation", "search"]
KINDS: Final[Sequence[Kind]] = ("review", "links", "feedback", "translation", "search")
SEARCHED: Final = timedelta(days=28)
MOST_SEARCHES: Final = 50
MOST_TALLIES: Final = 5_000
FURTHEST: Final = timedelta(days=3_660)
BACK: Final = timedelta(days=30)
MOST_BACK: Final = 5


@dataclass(frozen=True)
class Matter:
    """One thing to look at. `key` is the document; "" for a search, whose words are the title.

    By kind: `named` is the day its text names and `since` the day that has passed; `targets` are the links that lead
    nowhere; `tally` are the answers to the text as it is; `asked` is the search.
    """

    kind: Kind
    key: str
    locale: Locale
    title: str
    named: date | None = None
    since: date | None = None
    targets: Sequence[str] = ()
    tally: Tally | None = None
    asked: Asked | None = None


def matters(session: Session, *, house: Locale, today: date, now: datetime) -> list[Matter]:
    """Everything that asks for care, by kind in the order of `KINDS`, the most pressing of each first.

    `house` is the language of the vendor, `today` the day there; searches are those of the last 28 days.
    """
    rows = _live(session)
    return [
        *_reviews(session, rows, today),
        *_links(session, rows),
        *_feedback(session),
        *(
            Matter("translation", one.id, locale, one.newest[locale].title)
            for one in translations(session, house=house)
            for locale in one.stale
        ),
        *(
            Matter("search", "", one.locale, one.query, asked=one)
            for one in unanswered(session, Period(now - SEARCHED, now + timedelta(hours=1)), limit=MOST_SEARCHES)
        ),
    ]


def mark_reviewed(
    session: Session, *, key: str, locale: Locale, named: date, until: date, person: Person, today: date, now: datetime
) -> None:
    """Note that a document was looked at, and is to be looked at again by `until`; its text stays as it is.

    `named` is the day that its text names; `Conflict` where it names another by now. `Invalid` where `until` is not
    ahead, or further than ten years.
    """
    row = session.execute(
        select(VARIANT.c.review_by).where(
            *(VARIANT.c.document_id == key, VARIANT.c.locale == locale, VARIANT.c.archived_at.is_(None))
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.review_by != named:
        raise Conflict(Message("Its text names another day by now. Please look again."))
    if not today < until <= today + FURTHEST:
        said = Message("Please choose a day that is ahead, within ten years.")
        raise Invalid(said, problems=[FieldProblem("until", "range", said)])
    session.add(
        ReviewMark(
            document_id=key,
            locale=locale,
            due=named,
            until=until,
            staff_id=person.id,
            by=person.name,
            at=now,
        )
    )
    session.flush()


@dataclass(frozen=True)
class Reviewed:
    """That somebody looked at a text again, and by when it is to be looked at next."""

    id: int
    key: str
    locale: Locale
    title: str
    until: date
    by: str
    at: datetime


def reviewed_lately(session: Session, *, now: datetime) -> list[Reviewed]:
    """The last marks that can be taken back, newest first: of each text the newest, of the last 30 days."""
    newest = select(func.max(col(ReviewMark.id))).group_by(col(ReviewMark.document_id), col(ReviewMark.locale))
    rows = session.execute(
        select(ReviewMark, VARIANT.c.title)
        .join(
            VARIANT,
            (VARIANT.c.document_id == col(ReviewMark.document_id)) & (VARIANT.c.locale == col(ReviewMark.locale)),
        )
        .where(col(ReviewMark.id).in_(newest), col(ReviewMark.at) > now - BACK, VARIANT.c.archived_at.is_(None))
        .order_by(col(ReviewMark.id).desc())
        .limit(MOST_BACK)
    )
    return [
        Reviewed(mark.id or 0, mark.document_id, as_locale(mark.locale), title, mark.until, mark.by, mark.at)
        for mark, title in rows
    ]


def take_back_review(session: Session, *, key: str, locale: Locale, mark_id: int) -> None:
    """The text was not looked at after all. `Conflict` where somebody has looked at it since."""
    of = (col(ReviewMark.document_id) == key) & (col(ReviewMark.locale) == locale)
    newest = session.execute(select(func.max(col(ReviewMark.id))).where(of)).scalar()
    if newest is None:
        raise NotFound
    if newest != mark_id:
        raise Conflict(Message("Somebody has looked at it again since, so there is nothing to take back."))
    session.execute(delete(ReviewMark).where(col(ReviewMark.id) == mark_id))


def _live(session: Session) -> Sequence[Any]:
    return session.execute(
        select(*VARIANT.c["document_id", "locale", "title", "review_by", "links"])
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(VARIANT.c.archived_at.is_(None), DOCUMENT.c.archived_at.is_(None))
        .order_by(VARIANT.c.document_id, VARIANT.c.locale.desc())
    ).all()


def _reviews(session: Session, rows: Sequence[Any], today: date) -> list[Matter]:
    settled: dict[tuple[str, str], dict[date, date]] = {}
    marks = select(
        *(col(ReviewMark.document_id), col(ReviewMark.locale), col(ReviewMark.due), col(ReviewMark.until))
    ).order_by(col(ReviewMark.id))
    for mark in session.execute(marks):
        settled.setdefault((mark.document_id, mark.locale), {})[mark.due] = mark.until
    none: Mapping[date, date] = {}
    found = [
        (since, row)
        for row in rows
        if (since := overdue_since(row.review_by, settled.get((row.document_id, row.locale), none), today=today))
    ]
    found.sort(key=lambda one: (one[0], one[1].document_id, one[1].locale))
    return [
        Matter("review", row.document_id, as_locale(row.locale), row.title, named=row.review_by, since=since)
        for since, row in found
    ]


def _links(session: Session, rows: Sequence[Any]) -> list[Matter]:
    documents = current(session).entries.keys()
    return [
        Matter("links", row.document_id, as_locale(row.locale), row.title, targets=targets)
        for row in rows
        if (targets := broken(row.links, documents))
    ]


def _feedback(session: Session) -> list[Matter]:
    entries = current(session).entries
    poor = [
        one
        for one in tallies(session, limit=MOST_TALLIES)
        if one.is_current and one.locale in entries[one.document].variants and is_poor(one.helpful, one.n)
    ]
    poor.sort(key=lambda one: (one.interval[1], one.document))
    return [Matter("feedback", one.document, one.locale, one.title, tally=one) for one in poor]
