"""Invitations as entries of a customer's timeline: whom somebody let in, and how."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, col, select

from portal.accounts.models import Invitation, Member
from portal.insights.entries import Entry, Place, earlier
from portal.kit.i18n import Message

INVITATIONS = 7
"""Their rank among what happened at the same moment."""


def invitation_entries(
    session: Session, account_id: int, names: Mapping[int, str], before: Place | None, limit: int
) -> list[Entry]:
    """The ways in given to a customer's people, before a place in the timeline, newest first."""
    at, number = col(Invitation.created_at), col(Invitation.id)
    rows = session.exec(
        select(Invitation)
        .join(Member, col(Member.id) == col(Invitation.member_id))
        .where(col(Member.account_id) == account_id, *earlier(at, number, INVITATIONS, before))
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    return [
        Entry(
            place=Place(row.created_at, INVITATIONS, row.id or 0),
            kind="mail",
            text=_words(row, names.get(row.member_id, row.email_key)),
            who=row.by_name,
        )
        for row in rows
    ]


def _words(row: Invitation, name: str) -> Message:
    if row.how == "phone":
        return Message("Sign-in code read out to %(name)s", name=name)
    return Message("Invited %(name)s by mail", name=name)
