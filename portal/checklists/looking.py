"""Asking that accounts be looked at again though nothing happened to them: a rule has changed, or time has passed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from portal.kit.jobs import enqueue

LOOK_JOB = "upkeep.look"


def queue_look(
    session: Session, *, keys: Collection[str], now: datetime, after: int = 0, run_at: datetime | None = None
) -> None:
    """Look again, soon or from `run_at` on, at every account with an id above `after` for the checklists `keys`."""
    if keys:
        enqueue(session, LOOK_JOB, {"keys": sorted(keys), "after": after}, now=now, run_at=run_at)
