"""What the library holds of two people who turned out to be one, within a customer or as customers are merged."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.merging import Joiner, Joining
from portal.accounts.one_person import PeopleJoined
from portal.content.feedback import reader_of_member
from portal.content.models import DocumentFeedback, ReleaseVisit


def join_people(session: Session, people: PeopleJoined, _now: datetime) -> None:
    """For `one_person.joined`."""
    _fold(session, people.keep_id, people.gone_id)


def join_customers(session: Session, joining: Joining, _now: datetime) -> None:
    """For each person of both."""
    for gone_id, keep_id in joining.members.items():
        _fold(session, keep_id, gone_id)


JOINER = Joiner("content", join_customers)


def _fold(session: Session, keep_id: int, gone_id: int) -> None:
    """One answer of each reader to each revision: the later one stays, as where they had changed it. The later look at
    what is new counts too."""
    theirs = select(DocumentFeedback).where(col(DocumentFeedback.member_id).in_([keep_id, gone_id]))
    answers: dict[tuple[str, str, int], DocumentFeedback] = {}
    for one in session.execute(theirs.order_by(col(DocumentFeedback.answered_at), col(DocumentFeedback.id))).scalars():
        about = (one.document_id, one.locale, one.revision)
        if (earlier := answers.get(about)) is not None:
            session.delete(earlier)
        answers[about] = one
    session.flush()
    for one in answers.values():
        one.reader, one.member_id = reader_of_member(keep_id), keep_id
        session.add(one)
    kept, gone = session.get(ReleaseVisit, keep_id), session.get(ReleaseVisit, gone_id)
    if kept is not None and gone is not None and gone.seen_at > kept.seen_at:
        kept.seen_at, kept.caught_up_at = gone.seen_at, gone.caught_up_at
        session.add(kept)
    session.flush()
