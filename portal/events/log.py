"""Writing into the event log: many lines in one statement, each message once.

What makes a message unique is where it came from and what its sender called it. Kept as text that would be the largest
index of all, a random page of it for every event; so it is kept as twelve bytes of a hash. At ten million events that
index fits in memory, which keeps the cost of an event the same. (Two of a thousand million messages share their twelve
bytes with a probability of one in 10¹¹.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlmodel import Session

from portal.accounts.inserts import table_of
from portal.events.models import FINGERPRINT_BYTES, Event
from portal.kit.prepared import Insertion, driver_of, execute


class Line(NamedTuple):
    """A line to be written, in the order of its columns."""

    fingerprint: bytes
    source_id: int
    message_id: str
    from_browser: bool
    kind: str
    name: str
    at: datetime
    received_at: datetime
    account_id: int | None
    member_id: int | None
    user_ref: str | None
    anonymous_ref: str | None
    group_ref: str | None
    properties: dict[str, Any]


def fingerprint(source_id: int, message_id: str, *, from_browser: bool) -> bytes:
    """What is unique about a message. A browser's ids are its own: nobody may use up those of a server."""
    said = f"{source_id}/{from_browser:d}/{message_id}"
    return blake2b(said.encode(), digest_size=FINGERPRINT_BYTES).digest()


def write(session: Session, lines: Sequence[Line]) -> dict[bytes, int]:
    """Write what is not on record yet; the new events' ids by fingerprint."""
    driver = driver_of(session)
    if driver is not None:
        return _on_sqlite(driver, lines)
    return {new: event_id for event_id, new in _LINES.on_postgresql(session.connection(), lines)}


def _on_sqlite(driver: sqlite3.Connection, lines: Sequence[Line]) -> dict[bytes, int]:
    """Nobody else writes meanwhile, so ids can be given beforehand, and one look tells which of them came to be."""
    first: int = execute(driver, "SELECT coalesce(max(id), 0) + 1 FROM event").fetchone()[0]
    ids = {line.fingerprint: number for number, line in enumerate(lines, start=first)}
    numbered = [(number, *line) for number, line in enumerate(lines, start=first)]
    if _NUMBERED_LINES.on_sqlite(driver, numbered) == len(lines):
        return ids
    written = {row[0] for row in execute(driver, "SELECT id FROM event WHERE id >= ?", (first,))}
    return {new: event_id for new, event_id in ids.items() if event_id in written}


_ONCE = "ON CONFLICT (fingerprint) DO NOTHING"
_LINES = Insertion(table_of(Event), Line._fields, conflict=_ONCE, returning=("id", "fingerprint"))
_NUMBERED_LINES = Insertion(table_of(Event), ("id", *Line._fields), conflict=_ONCE)
