"""What the widget holds of one person: given out, or taken away. Their own rows go with them, by the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from portal.accounts.personal import Person
from portal.widget.models import WidgetDismissal

NAMES = ("by", "by_name", "undone_by")


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every checklist the person has put aside, for themselves or for everyone."""
    return {
        "put_aside": [
            {
                "checklist": row.checklist_key,
                "for": "everyone" if row.member_id is None else "me",
                "at": row.at,
                "until": row.until,
                "taken_back_at": row.undone_at,
            }
            for row in _dismissals(session, person)
            if row.member_id == person.member_id or _is_named(row, person)
        ]
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Take the person out of what was put aside for everyone; it stays aside."""
    for row in _dismissals(session, person):
        for name in NAMES:
            text = getattr(row, name)
            if text:
                setattr(row, name, "" if person.traces.is_whole(text) else person.traces.out_of(text))
        session.add(row)
    session.flush()


def _is_named(row: WidgetDismissal, person: Person) -> bool:
    return any(person.traces.is_whole(getattr(row, name) or "") for name in NAMES)


def _dismissals(session: Session, person: Person) -> list[WidgetDismissal]:
    asked = select(WidgetDismissal).where(col(WidgetDismissal.account_id) == person.account_id)
    return list(session.exec(asked.order_by(col(WidgetDismissal.id))))
