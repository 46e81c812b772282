"""Where a search is worked out: at once, or aside while the catalogue is not in memory and must be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session

from portal.finding.sight import is_at_hand
from portal.kit.db import Database

T = TypeVar("T")


async def ask(database: Database, work: Callable[[Session], T]) -> T:
    """Run a search, which answers something. With the catalogue at hand it takes a few milliseconds; without, nobody
    else waits for it."""

    def at_once(session: Session) -> T | None:
        return work(session) if is_at_hand(session) else None

    found = await database.read(at_once)
    return await database.report(work) if found is None else found
