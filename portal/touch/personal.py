"""What contacts and tasks hold of one person: given out, or taken away. That somebody called stays, as with nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from portal.accounts.personal import Person
from portal.touch.models import Contact, Task, TaskAct

TEXTS = {
    Contact: ("with_whom", "text", "by", "by_name", "removed_by"),
    Task: ("title", "note", "outcome"),
    TaskAct: ("by", "by_name", "text"),
}
Named = TypeVar("Named", Contact, Task, TaskAct)


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every contact and task of the person's customer that names them."""
    return {
        "contacts": [
            {
                "at": row.at,
                "kind": row.kind,
                "with": row.with_whom,
                "text": row.text,
                "by": row.by_name,
                "next_date": row.next_on,
                "removed_at": row.removed_at,
            }
            for row in _rows(session, Contact, person)
            if _names(row, person)
        ],
        "tasks": [
            {
                "title": row.title,
                "note": row.note,
                "due": row.due_on,
                "made_at": row.created_at,
                "done_at": row.done_at,
                "outcome": row.outcome,
            }
            for row in _rows(session, Task, person)
            if _names(row, person)
        ],
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of everything that was written about their customer."""
    for table in (Contact, Task, TaskAct):
        for row in _rows(session, table, person):  # type: ignore[type-var]
            for name in TEXTS[table]:
                setattr(row, name, person.traces.out_of(getattr(row, name)))
            session.add(row)
    session.flush()


def _rows(session: Session, table: type[Named], person: Person) -> Sequence[Named]:
    return session.exec(select(table).where(col(table.account_id) == person.account_id).order_by(col(table.id))).all()


def _names(row: Contact | Task, person: Person) -> bool:
    told = [getattr(row, name) for name in TEXTS[type(row)]]
    return any(person.traces.out_of(text) != text for text in told if text)
