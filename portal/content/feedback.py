"""Whether an article helped: one answer of each reader to each revision, which they may change.

A revision is asked about by itself: an answer to what an article once said is no answer to what it says now. Strangers
are counted by their browser's form cookie, of which only a digest with the document is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, cast, func, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Account, Member
from portal.content.library import Library, current
from portal.content.models import DocumentFeedback
from portal.content.readers import Reader
from portal.content.service import Item
from portal.content.wall import Wall
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.intervals import wilson

MAX_COMMENT = 1000
REASONS: Final = {
    "outdated": Message("It is out of date"),
    "unclear": Message("It is hard to follow"),
    "incomplete": Message("Something is missing"),
    "wrong": Message("It is wrong"),
    "other": Message("Something else"),
}


@dataclass(frozen=True)
class Answer:
    """What a reader says. `reason` is one of `REASONS`, or empty."""

    is_helpful: bool
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Asked:
    """An article that a reader is asked about: which revision, and what they answered to it before."""

    item: Item
    revision: int
    answer: Answer | None


@dataclass(frozen=True)
class Tally:
    """The answers to one revision of a document in one language. `interval` is Wilson 95 % of the share of yes."""

    document: str
    title: str
    href: str
    locale: Locale
    revision: int
    is_current: bool
    n: int
    helpful: int
    reasons: dict[str, int]
    comments: int
    last_at: datetime

    @property
    def share(self) -> float:
        """The share of those who said yes."""
        return self.helpful / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, as far as so few answers can say."""
        return wilson(self.helpful, self.n) or (0.0, 1.0)


@dataclass(frozen=True)
class Comment:
    """What one reader wrote. A stranger has no name."""

    document: str
    title: str
    href: str
    locale: Locale
    revision: int
    is_helpful: bool
    reason: str
    comment: str
    at: datetime
    member: str
    account: str
    account_id: str


def reader_of_member(member_id: int) -> str:
    """The name under which a member answers."""
    return f"member:{member_id}"


def ask(
    session: Session, reader: Reader, *, key: str, locale: Locale, who: str, now: datetime, zone: ZoneInfo
) -> Asked:
    """What `who` answered to the article as it is now. `NotFound` past the wall."""
    item = _item(session, reader, key, locale, now, zone)
    row = session.execute(
        select(DocumentFeedback).where(
            col(DocumentFeedback.document_id) == item.entry.id,
            col(DocumentFeedback.locale) == item.variant.locale,
            col(DocumentFeedback.revision) == item.variant.revision,
            col(DocumentFeedback.reader) == who,
        )
    ).scalar_one_or_none()
    said = Answer(row.is_helpful, row.reason, row.comment) if row else None
    return Asked(item, item.variant.revision, said)


def answer(
    session: Session,
    reader: Reader,
    said: Answer,
    *,
    key: str,
    locale: Locale,
    revision: int,
    who: str,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Note what `who` says of a revision, in the place of what they said before. `NotFound` past the wall."""
    item = _item(session, reader, key, locale, now, zone)
    if said.reason and said.reason not in REASONS:
        raise Invalid(Message("Please choose one of the reasons."))
    if not 1 <= revision <= item.variant.revision:
        raise Invalid(Message("There is no such revision of this article."))
    place = {
        "document_id": item.entry.id,
        "locale": item.variant.locale,
        "revision": revision,
        "reader": who,
    }
    values = {
        "member_id": reader.member_id or None,
        "is_helpful": said.is_helpful,
        "reason": "" if said.is_helpful else said.reason,
        "comment": said.comment.strip()[:MAX_COMMENT],
        "answered_at": now,
    }
    insert_missing(session, DocumentFeedback, [{**place, **values}], returning=("id",))
    here = [getattr(DocumentFeedback, name) == value for name, value in place.items()]
    session.execute(update(DocumentFeedback).where(*here).values(**values))


def tallies(session: Session, *, document: str = "", limit: int = 200) -> list[Tally]:
    """The answers by revision, the latest answered first; of one document, or of all."""
    table = DocumentFeedback
    asked = select(
        col(table.document_id),
        col(table.locale),
        col(table.revision),
        func.count().label("n"),
        func.sum(cast(col(table.is_helpful), Integer)).label("helpful"),
        func.sum(cast(col(table.comment) != "", Integer)).label("comments"),
        func.max(col(table.answered_at)).label("last_at"),
        *(func.sum(cast(col(table.reason) == reason, Integer)).label(reason) for reason in REASONS),
    ).group_by(col(table.document_id), col(table.locale), col(table.revision))
    if document:
        asked = asked.where(col(table.document_id) == document)
    library = current(session)
    found = []
    for row in session.execute(asked.order_by(func.max(col(table.answered_at)).desc()).limit(limit)):
        title, href, newest = _named(library, row.document_id, row.locale)
        reasons = {reason: getattr(row, reason) for reason in REASONS if getattr(row, reason)}
        found.append(
            Tally(
                document=row.document_id,
                title=title,
                href=href,
                locale=row.locale,
                revision=row.revision,
                is_current=row.revision == newest,
                n=row.n,
                helpful=row.helpful,
                reasons=reasons,
                comments=row.comments,
                last_at=row.last_at,
            )
        )
    return found


def comments(session: Session, *, document: str = "", limit: int = 100) -> Sequence[Comment]:
    """What readers wrote, the latest first."""
    asked = (
        select(DocumentFeedback, col(Member.name), col(Account.name), col(Account.external_id))
        .outerjoin(Member, col(Member.id) == col(DocumentFeedback.member_id))
        .outerjoin(Account, col(Account.id) == col(Member.account_id))
        .where(col(DocumentFeedback.comment) != "")
        .order_by(col(DocumentFeedback.answered_at).desc(), col(DocumentFeedback.id).desc())
        .limit(limit)
    )
    if document:
        asked = asked.where(col(DocumentFeedback.document_id) == document)
    library = current(session)
    found = []
    for row, member, account, account_id in session.execute(asked):
        title, href, _ = _named(library, row.document_id, row.locale)
        found.append(
            Comment(
                document=row.document_id,
                title=title,
                href=href,
                locale=row.locale,
                revision=row.revision,
                is_helpful=row.is_helpful,
                reason=row.reason,
                comment=row.comment,
                at=row.answered_at,
                member=member or "",
                account=account or "",
                account_id=account_id or "",
            )
        )
    return found


def _item(session: Session, reader: Reader, key: str, locale: Locale, now: datetime, zone: ZoneInfo) -> Item:
    entry = current(session).entries.get(key)
    variant = Wall(session, reader, now=now, zone=zone).choose(entry, locale) if entry else None
    if entry is None or variant is None:
        raise NotFound
    return Item(entry, variant)


def _named(library: Library, key: str, locale: Locale) -> tuple[str, str, int]:
    """The title, address and revision of a document; its id alone where it is there no more."""
    entry = library.entries.get(key)
    if entry is None:
        return key, "", 0
    variant = entry.variants.get(locale) or next(iter(entry.variants.values()))
    return variant.title, entry.path(variant), variant.revision
