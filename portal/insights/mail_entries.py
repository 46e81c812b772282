"""Mails as entries of a customer's timeline: those that went out, and those held back, each with why."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.checklists.catalog import Catalog
from portal.checklists.definition import in_words
from portal.insights.entries import Entry, Place, earlier
from portal.kit.i18n import Locale
from portal.mailing.models import Letter
from portal.mailing.wording import became, why_written

MAILS = 6
"""Their rank among what happened at the same moment."""


def mail_entries(
    session: Session,
    account_id: int,
    known: Catalog,
    names: Mapping[int, str],
    before: Place | None,
    limit: int,
    locale: Locale,
    zone: ZoneInfo,
) -> list[Entry]:
    """The mails to a customer's people, before a place in the timeline, newest first."""
    at, number = col(Letter.at), col(Letter.id)
    rows = session.exec(
        select(Letter)
        .where(col(Letter.account_id) == account_id, *earlier(at, number, MAILS, before))
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    titles = {one.key: in_words(one.definition.title, locale) for one in known.live}
    return [
        Entry(
            place=Place(row.at, MAILS, row.id or 0),
            kind="mail",
            text=became(row),
            who=names.get(row.member_id or 0, row.to),
            note=why_written(row, locale=locale, zone=zone, titles=titles),
        )
        for row in rows
    ]
