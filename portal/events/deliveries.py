"""Webhooks that other systems send: what one says, read by the rules of every event, and those that were refused.

Refusals are kept so that whoever sets a sender up can see why it does not get through. Only the last of each source
are, and nothing of what they carried: a stranger who cannot sign must not be able to fill the disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from portal.events.log import fingerprint
from portal.events.models import Event, RefusedDelivery
from portal.events.rules import MESSAGE_ID_CHARS, NAME_CHARS, Incoming, Refusal, parse
from portal.events.sources import source_named
from portal.kit.errors import FieldProblem, Invalid, NotFound, TooLarge
from portal.kit.i18n import Message

STEP_COMPLETED = "step.completed"
KEPT = 200
NOT_TAKEN = Message("This webhook cannot be taken; “errors” says why.")
FIELDS: Final[Mapping[str, str]] = {
    "invalid_message_id": "webhook-id",
    "invalid_event": "type",
    "reserved_event": "type",
    "invalid_timestamp": "timestamp",
    "invalid_user_id": "data.member",
    "invalid_group_id": "data.account",
}
"""Where in a delivery the fault is that an event was refused for; elsewhere it is in its data."""
INVALID_TYPE = Message("“type” must be a text of 1 to 200 characters.")


def read_delivery(body: Mapping[str, Any], *, webhook_id: str, received_at: datetime) -> Incoming:
    """The event that `{"type", "timestamp", "data": {"account", "member"?, …}}` is; `Invalid` where it is none."""
    data = body.get("data")
    if not isinstance(data, dict):
        raise not_taken("data", "not_an_object", Message("“data” must be a JSON object."))
    message = {
        "event": body.get("type"),
        "timestamp": body.get("timestamp"),
        "messageId": webhook_id,
        "userId": data.get("member"),
        "anonymousId": webhook_id,  # so that what names no member is read by the same rules
        "context": {"groupId": data.get("account")},
        "properties": {key: value for key, value in data.items() if key not in ("account", "member")},
    }
    read = parse(message, received_at=received_at, kind="track")
    if isinstance(read, Refusal):
        if read.code == "too_large":
            raise TooLarge(read.message)
        said = INVALID_TYPE if read.code == "invalid_event" else read.message
        raise not_taken(FIELDS.get(read.code, "data"), read.code, said)
    return replace(read, kind="webhook", anonymous_ref=None)


def not_taken(field: str, code: str, message: Message) -> Invalid:
    """One thing wrong with a delivery."""
    return Invalid(NOT_TAKEN, problems=[FieldProblem(field, code, message)])


def delivery_id(body: bytes, *, shown: str, says_when: bool) -> str:
    """What makes a delivery of a sender that cannot sign unique: the id it showed, else all that it said.

    Only what says when it happened is the same thing when it comes again; of anything else every delivery counts.
    """
    if shown:
        return shown
    return f"sha256-{hashlib.sha256(body).hexdigest()}" if says_when else str(uuid4())


def is_on_record(session: Session, source_id: int, webhook_id: str) -> bool:
    """Whether this delivery was taken before."""
    known = fingerprint(source_id, webhook_id, from_browser=False)
    asked = select(col(Event.id)).where(col(Event.fingerprint) == known)
    return session.connection().execute(asked).first() is not None


# --- refused ones -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """Why a delivery was not taken, in words that the sender was told too."""

    at: datetime
    status: int
    code: str
    field: str | None = None
    webhook_id: str | None = None
    type: str | None = None

    @property
    def line(self) -> str:
        """For a terminal: when, status, code, and the field, id and type where they are known."""
        known = (self.field, self.webhook_id, self.type)
        return " ".join(
            [self.at.isoformat(timespec="seconds"), str(self.status), self.code, *(x or "-" for x in known)]
        )


def note_refused(session: Session, source_id: int, refused: Refused) -> None:
    """Put it on record, and let go of what is older than the last 200 of this source."""
    row = {
        "source_id": source_id,
        "at": refused.at,
        "status": refused.status,
        "code": refused.code[:40],
        "field": refused.field[:40] if refused.field else None,
        "webhook_id": _shown(refused.webhook_id, MESSAGE_ID_CHARS),
        "type": _shown(refused.type, NAME_CHARS),
    }
    session.connection().execute(insert(RefusedDelivery).values(row))
    of_source = col(RefusedDelivery.source_id) == source_id
    newest = select(col(RefusedDelivery.id)).where(of_source).order_by(col(RefusedDelivery.id).desc())
    last_to_go = newest.offset(KEPT).limit(1).scalar_subquery()
    session.connection().execute(delete(RefusedDelivery).where(of_source, col(RefusedDelivery.id) <= last_to_go))


def refused_deliveries(session: Session, source_id: int, *, limit: int = KEPT) -> Sequence[Refused]:
    """What was refused of this source, newest first."""
    columns: tuple[Any, ...] = (
        RefusedDelivery.at,
        RefusedDelivery.status,
        RefusedDelivery.code,
        RefusedDelivery.field,
        RefusedDelivery.webhook_id,
        RefusedDelivery.type,
    )
    asked = select(*(col(column) for column in columns)).where(col(RefusedDelivery.source_id) == source_id)
    rows = session.connection().execute(asked.order_by(col(RefusedDelivery.id).desc()).limit(limit))
    return [Refused(*row) for row in rows]


def refused_of(session: Session, source: str) -> Sequence[Refused]:
    """The same by the source's name; `NotFound` where there is none."""
    source_id = source_named(session, source)
    if source_id is None:
        raise NotFound(Message("There is no source named “%(name)s”.", name=source))
    return refused_deliveries(session, source_id)


def _shown(text: str | None, longest: int) -> str | None:
    """What a stranger claimed, in a shape that every database takes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:longest] if text else None
