"""The log of attempts, read a page at a time, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.kit.errors import NotFound
from portal.kit.i18n import Message
from portal.kit.jobs import Job, lane_of
from portal.webhooks.announce import JOB
from portal.webhooks.models import Attempt, Endpoint, Told
from portal.webhooks.wording import in_words


@dataclass(frozen=True)
class Entry:
    """One attempt, with what it was about."""

    id: int
    message: str
    type: str
    at: datetime
    number: int
    ok: bool
    status: int | None
    milliseconds: int
    error: str | None

    @property
    def why(self) -> Message | None:
        """Why no answer came, where none did."""
        return in_words(self.error) if self.error else None


@dataclass(frozen=True)
class WholeEntry:
    """One attempt with what was sent and what was answered: for staff only."""

    entry: Entry
    body: str
    answer: str


_LISTED: tuple[Any, ...] = (
    col(Attempt.id),
    col(Attempt.message_key),
    col(Told.type),
    col(Attempt.at),
    col(Attempt.number),
    col(Attempt.ok),
    col(Attempt.status),
    col(Attempt.milliseconds),
    col(Attempt.error),
)


def list_attempts(
    session: Session, endpoint: Endpoint, *, before: int = 0, limit: int = 50, failed_only: bool = False
) -> Sequence[Entry]:
    """Up to `limit` attempts, newest first; older than the attempt `before` where one is named."""
    asked = select(*_LISTED).join(Told, col(Told.key) == col(Attempt.message_key))
    asked = asked.where(col(Attempt.endpoint_id) == endpoint.id)
    if before:
        asked = asked.where(col(Attempt.id) < before)
    if failed_only:
        asked = asked.where(~col(Attempt.ok))
    rows = session.connection().execute(asked.order_by(col(Attempt.id).desc()).limit(limit))
    return [Entry(*row) for row in rows]


def show_attempt(session: Session, endpoint: Endpoint, attempt_id: int) -> WholeEntry:
    """One attempt of this endpoint, whole; `NotFound` for any other."""
    asked = select(*_LISTED, col(Told.body), col(Attempt.answer)).join(Told, col(Told.key) == col(Attempt.message_key))
    found = session.connection().execute(
        asked.where(col(Attempt.endpoint_id) == endpoint.id, col(Attempt.id) == attempt_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound
    entry, (body, answer) = row[: len(_LISTED)], row[len(_LISTED) :]
    return WholeEntry(Entry(*entry), body, answer)


def waiting_for(session: Session, endpoint: Endpoint) -> int:
    """How many deliveries wait for this endpoint."""
    asked = select(func.count()).where(col(Job.state) == "waiting", col(Job.lane) == lane_of(JOB, str(endpoint.id)))
    return int(session.connection().execute(asked).scalar_one())
