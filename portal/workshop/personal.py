"""What the workshop holds of one person: reasons of exceptions that name them. Taken out of them, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.personal import Person
from portal.workshop.models import BatchItem, ExceptionBatch


def held(_session: Session, _person: Person) -> dict[str, Any]:
    """Nothing of their own: the reasons stand on the record of the customer, where checklists give them out."""
    return {}


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of the reasons of whatever was done for their customer among others."""
    of_theirs = select(col(BatchItem.batch_id)).where(col(BatchItem.account_id) == person.account_id)
    for batch in session.execute(select(ExceptionBatch).where(col(ExceptionBatch.id).in_(of_theirs))).scalars():
        batch.reason = person.traces.out_of(batch.reason)
        batch.by, batch.by_name = person.traces.out_of(batch.by), person.traces.out_of(batch.by_name)
        session.add(batch)
    session.flush()
