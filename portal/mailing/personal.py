"""What mails hold of one person: given out, or taken away. That something was sent stays with the customer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.accounts.personal import Person
from portal.accounts.traces import REMOVED
from portal.mailing.models import Letter, StoppedAddress, SummaryReader


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every letter to the person, and whether their address is stopped."""
    letters = session.execute(select(Letter).where(_theirs(person)).order_by(col(Letter.id))).scalars()
    readers = select(SummaryReader).where(
        col(SummaryReader.account_id) == person.account_id, col(SummaryReader.email_key) == person.email_key
    )
    stopped = select(StoppedAddress).where(col(StoppedAddress.email_key) == person.email_key)
    return {
        "mails": [
            {
                "at": one.at,
                "to": one.to,
                "state": one.state,
                "reason": one.reason,
                "rule": one.rule,
                "by": one.by_name,
                "subject": one.subject,
                "text": one.text,
            }
            for one in letters
        ],
        "summaries": [
            {
                "name": one.name,
                "email": one.email,
                "by": one.by_name,
                "since": one.created_at,
                "seen_at": one.seen_at,
            }
            for one in (session.execute(readers).scalars() if person.email_key else ())
        ],
        "stopped_addresses": [
            {"why": one.why, "at": one.at, "cleared_at": one.cleared_at}
            for one in (session.execute(stopped).scalars() if person.email_key else ())
        ],
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of the letters of their customer, of who reads summaries, and their address off the lists."""
    session.flush()
    for letter in session.execute(select(Letter).where(col(Letter.account_id) == person.account_id)).scalars():
        theirs = letter.member_id == person.member_id or (person.email_key and letter.to_key == person.email_key)
        if theirs:
            letter.to = letter.to_key = letter.detail = ""
            letter.subject, letter.text = (REMOVED if letter.subject else ""), ""
            if letter.state == "waiting":
                letter.state, letter.reason = "held", "gone"
        letter.subject, letter.text = person.traces.out_of(letter.subject), person.traces.out_of(letter.text)
        letter.detail = person.traces.out_of(letter.detail)
        session.add(letter)
    readers = select(SummaryReader).where(col(SummaryReader.account_id) == person.account_id)
    for reader in session.execute(readers).scalars().all():
        if reader.email_key == person.email_key or person.traces.is_whole(reader.name):
            session.delete(reader)
            continue
        reader.by, reader.by_name = person.traces.out_of(reader.by), person.traces.out_of(reader.by_name)
        session.add(reader)
    if person.email_key and not _is_used(session, person.email_key):
        session.execute(delete(StoppedAddress).where(col(StoppedAddress.email_key) == person.email_key))
    session.flush()


def _theirs(person: Person) -> Any:
    mine = col(Letter.member_id) == person.member_id
    if not person.email_key:
        return mine
    return or_(mine, (col(Letter.account_id) == person.account_id) & (col(Letter.to_key) == person.email_key))


def _is_used(session: Session, email_key: str) -> bool:
    return (
        session.execute(select(col(Member.id)).where(col(Member.email_key) == email_key).limit(1)).first() is not None
    )
