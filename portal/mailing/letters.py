"""Letters as rows: written down with the job that sends them, in one transaction and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy.dialects import sqlite
from sqlmodel import Session, col

from portal.accounts.inserts import table_of
from portal.kit.db import chunks
from portal.kit.jobs import enqueue_all
from portal.kit.prepared import Insertion
from portal.mailing.models import Letter
from portal.mailing.people import Someone

JOB = "mailing.send"
Cause = Literal["rule", "hand"]


@dataclass(frozen=True)
class Draft:
    """A letter to be written down. Without an address it is held back from the start, so that it shows."""

    account_id: int
    cause: Cause
    template: str
    to: Someone | None = None
    address: str = ""
    address_key: str = ""
    rule: str | None = None
    batch_id: int | None = None
    enrollment_id: int | None = None
    occasion: str = ""
    dedupe_key: str | None = None
    because: dict[str, Any] = field(default_factory=dict)
    by: str = ""
    by_name: str = ""
    held: str | None = None
    detail: str = ""


def write_down(session: Session, drafts: Sequence[Draft], *, now: datetime, run_at: datetime | None = None) -> int:
    """Write these letters down and have those that may go sent from `run_at` on; how many were new.

    A letter whose `dedupe_key` is known is there already, and nothing is done about it.
    """
    written = 0
    for some in chunks(drafts, 1_000):
        rows = _put(session, [_row(draft, now) for draft in some])
        written += len(rows)
        waiting = [("", {"letter": letter_id}) for letter_id, state in rows if state == "waiting"]
        enqueue_all(session, JOB, waiting, now=now, run_at=run_at)
    return written


def _put(session: Session, rows: Sequence[dict[str, Any]]) -> Sequence[tuple[Any, ...]]:
    """The id and the state of those of `rows` that were not there."""
    if rows and session.get_bind().dialect.name == "postgresql":
        return _LETTERS.on_postgresql(session.connection(), [tuple(row.values()) for row in rows])
    asked = sqlite.insert(Letter).on_conflict_do_nothing().returning(col(Letter.id), col(Letter.state))
    return [tuple(row) for row in session.connection().execute(asked, rows)] if rows else ()


def _row(draft: Draft, now: datetime) -> dict[str, Any]:
    to = draft.to
    address, key = (to.email, to.email_key) if to is not None else (draft.address, draft.address_key)
    held = draft.held or (None if key else "no_address")
    return {
        "account_id": draft.account_id,
        "member_id": to.member_id if to is not None else None,
        "to": address,
        "to_key": key,
        "cause": draft.cause,
        "rule": draft.rule,
        "template_key": draft.template,
        "batch_id": draft.batch_id,
        "enrollment_id": draft.enrollment_id,
        "occasion": draft.occasion,
        "dedupe_key": draft.dedupe_key,
        "because": draft.because,
        "state": "held" if held else "waiting",
        "reason": held,
        "detail": draft.detail,
        "subject": "",
        "text": "",
        "by": draft.by,
        "by_name": draft.by_name,
        "created_at": now,
        "at": now,
    }


_COLUMNS = tuple(_row(Draft(0, "hand", ""), datetime.fromtimestamp(0, UTC)))
_LETTERS = Insertion(table_of(Letter), _COLUMNS, conflict="ON CONFLICT DO NOTHING", returning=("id", "state"))
