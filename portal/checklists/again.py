"""Having every account looked at again for some checklists, in the background: after a publication, or a change of
something that their conditions name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from portal.checklists.catalog import catalog
from portal.checklists.definition import conditions
from portal.conditions.model import InSegment, walk_through
from portal.kit.jobs import enqueue

LOOK_JOB = "upkeep.look"


def queue_look(
    session: Session, *, keys: Collection[str], now: datetime, after: int = 0, run_at: datetime | None = None
) -> None:
    """Look again, soon or from `run_at` on, at every account with an id above `after` for the checklists `keys`."""
    if keys:
        enqueue(session, LOOK_JOB, {"keys": sorted(keys), "after": after}, now=now, run_at=run_at)


def naming_segments(session: Session, segments: Collection[str]) -> dict[str, frozenset[str]]:
    """The live checklists whose conditions name one of these segments, by way of others too; and which they name."""
    found = {
        published.key: frozenset(
            node.key
            for _, condition in conditions(published.definition)
            for node in walk_through(condition)
            if isinstance(node, InSegment) and node.key in segments
        )
        for published in catalog(session).live
    }
    return {key: named for key, named in found.items() if named}
