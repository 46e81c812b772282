"""How far two people have come who turned out to be one, within a customer or as customers are merged."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.merging import Joiner, Joining
from portal.accounts.one_person import PeopleJoined
from portal.tutorials.models import TutorialRun


def join_people(session: Session, people: PeopleJoined, _now: datetime) -> None:
    """For `one_person.joined`."""
    _fold(session, people.keep_id, people.gone_id)


def join_customers(session: Session, joining: Joining, _now: datetime) -> None:
    """For each person of both."""
    for gone_id, keep_id in joining.members.items():
        _fold(session, keep_id, gone_id)


JOINER = Joiner("tutorials", join_customers)


def _fold(session: Session, keep_id: int, gone_id: int) -> None:
    """Of two ways through one tutorial there is one: begun when the first was, completed when either was, and gone on
    with where they last were. Its steps move with everything else."""
    asked = select(TutorialRun).where(col(TutorialRun.member_id).in_([keep_id, gone_id]))
    runs = {(one.member_id, one.tutorial_key): one for one in session.execute(asked).scalars()}
    for (member_id, key), other in runs.items():
        own = runs.get((keep_id, key))
        if member_id != gone_id or own is None:
            continue
        own.started_at = min(own.started_at, other.started_at)
        if other.last_at > own.last_at:
            own.last_at, own.last_step = other.last_at, other.last_step
        own.completed_at = min(filter(None, (own.completed_at, other.completed_at)), default=None)
        session.add(own)
    session.flush()
