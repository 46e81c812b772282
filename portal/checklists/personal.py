"""What checklists hold of one person: given out, or taken away. What was completed stays completed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.personal import Person
from portal.checklists.models import Completion, Enrollment, EnrollmentException

NAMES = ("by", "by_name", "undone_by")


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every step the person has done, and every one that their doing decided."""
    return {
        "completions": [
            {
                "checklist": row.checklist_key,
                "step": row.step_key,
                "at": row.at,
                "how": row.how,
                "by": row.by_name or row.by,
                "evidence": row.evidence,
                "undone_at": row.undone_at,
            }
            for row in _completions(session, person)
            if row.member_id == person.member_id or _is_named(row, person)
        ]
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of who did what, of its proof, and of reasons that name them."""
    for row in _completions(session, person):
        for name in NAMES:
            text = getattr(row, name)
            if text:
                cleaned = person.traces.out_of(text)
                setattr(row, name, "" if person.traces.is_whole(text) else cleaned)
        row.evidence = person.traces.scrubbed(row.evidence)
        session.add(row)
    for noted in _exceptions(session, person):
        noted.by, noted.reason = person.traces.out_of(noted.by), person.traces.out_of(noted.reason)
        session.add(noted)
    session.flush()


def _is_named(row: Completion, person: Person) -> bool:
    return any(person.traces.is_whole(getattr(row, name) or "") for name in NAMES)


def _completions(session: Session, person: Person) -> list[Completion]:
    asked = (
        select(Completion)
        .join(Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(col(Enrollment.account_id) == person.account_id)
        .order_by(col(Completion.at), col(Completion.id))
    )
    return list(session.execute(asked).scalars())


def _exceptions(session: Session, person: Person) -> list[EnrollmentException]:
    asked = (
        select(EnrollmentException)
        .join(Enrollment, col(Enrollment.id) == col(EnrollmentException.enrollment_id))
        .where(col(Enrollment.account_id) == person.account_id)
    )
    return list(session.execute(asked).scalars())
