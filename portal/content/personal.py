"""What the library holds of one person: what they said of articles, given out, or taken away with the person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from portal.accounts.personal import Person
from portal.content.models import DocumentFeedback, ReleaseVisit


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every answer they gave on an article."""
    asked = select(DocumentFeedback).where(col(DocumentFeedback.member_id) == person.member_id)
    return {
        "article_feedback": [
            {
                "document": one.document_id,
                "locale": one.locale,
                "revision": one.revision,
                "helpful": one.is_helpful,
                "reason": one.reason,
                "comment": one.comment,
                "at": one.answered_at,
            }
            for one in session.execute(asked.order_by(col(DocumentFeedback.id))).scalars().all()
        ]
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Their words go and their name; that somebody answered yes or no goes on being counted."""
    mine = col(DocumentFeedback.member_id) == person.member_id
    for number in session.execute(select(col(DocumentFeedback.id)).where(mine)).scalars().all():
        values = {"member_id": None, "comment": "", "reader": f"erased:{number}"}
        session.execute(update(DocumentFeedback).where(col(DocumentFeedback.id) == number).values(**values))
    session.execute(delete(ReleaseVisit).where(col(ReleaseVisit.member_id) == person.member_id))
