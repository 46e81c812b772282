"""What a customer's timeline is made of: entries, each at its place, and what lies before a place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.sql.elements import SQLCoreOperations

from portal.kit.clock import moment_in
from portal.kit.i18n import Message

NEWEST = 2**62
Kind = Literal["event", "done", "undone", "exception", "contact", "task", "mail", "joined", "changed"]


@dataclass(frozen=True, order=True)
class Place:
    """Where an entry stands: by its moment, then by what it is, then by its id."""

    at: datetime
    rank: int
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.rank}~{self.id}"


@dataclass(frozen=True)
class Entry:
    """One line. `text` is a sentence of ours, or `code` the name the product gave it; `times` how often that day."""

    place: Place
    kind: Kind
    text: Message | None
    code: str = ""
    who: str = ""
    note: Message | str = ""
    times: int = 1
    clock: str = ""


def place_of(text: str) -> Place | None:
    """The place that `str(place)` was written as; None for anything else."""
    parts = text.split("~")
    try:
        at, rank, number = moment_in(parts[0]), int(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        return None
    return Place(at, rank, number) if at is not None and 0 <= rank <= 9 and 0 <= number < NEWEST else None


def earlier(
    at: SQLCoreOperations[Any], number: SQLCoreOperations[Any], rank: int, before: Place | None
) -> list[ColumnElement[bool]]:
    """Only what stands before `before` in the stream of this rank; ids (`number`) decide within one moment and rank."""
    if before is None:
        return []
    if rank != before.rank:
        return [at <= before.at if rank < before.rank else at < before.at]
    return [or_(at < before.at, and_(at == before.at, number < before.id))]
