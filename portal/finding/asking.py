"""Where a search is worked out: at once, or aside while the catalogue is not in memory and must be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session

from portal.finding.sight import is_at_hand
from portal.kit.db import Database

T = TypeVar("T")


async def ask(database: Database, work: Callable[[Session], T]) -> T:
    """Run a search. With the catalogue at hand it takes a few milliseconds; without, nobody else waits for it."""
    if await database.read(is_at_hand):
        return await database.read(work)
    return await database.report(work)
