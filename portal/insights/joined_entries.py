"""That two entries turned out to be one person, as entries of a customer's timeline."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, col, select

from portal.accounts.models import MemberJoin
from portal.insights.entries import Entry, Place, earlier
from portal.kit.i18n import Message

JOINED = 8
"""Their rank among what happened at the same moment."""


def joined_entries(
    session: Session, account_id: int, names: Mapping[int, str], before: Place | None, limit: int
) -> list[Entry]:
    """Whose two entries became one, before a place in the timeline, newest first."""
    at, number = col(MemberJoin.at), col(MemberJoin.gone_id)
    rows = session.exec(
        select(MemberJoin)
        .where(col(MemberJoin.account_id) == account_id, *earlier(at, number, JOINED, before))
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    return [
        Entry(
            place=Place(row.at, JOINED, row.gone_id),
            kind="joined",
            text=Message("Two entries of %(name)s became one", name=names.get(row.member_id, "")),
            note=Message("One was listed by address, the other by the product's id: they are one person."),
        )
        for row in rows
    ]
