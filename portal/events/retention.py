"""Raw events are kept for as long as their source says, and then dropped, a few at a time.

The daily figures stay, so counts stay right for ever; what looks into properties no longer sees what is gone. Two
things are kept whatever the setting: what came in within the last 90 days, since a message sent again must be
recognised, and the portal's own happenings, which are few and say who has read and finished what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, or_, select
from sqlmodel import Session, col

from portal.events.models import Event
from portal.events.reads import Cursor
from portal.events.rotation import list_sources
from portal.kit.clock import Span, day_start, local_day
from portal.kit.db import Database, chunks, zone_of

RECOGNISED = timedelta(days=90)
"""How long a message sent again is known for one."""
LOOKED_AT = 5000
AT_ONCE = 1000
Old = tuple[int, datetime, int]


async def forget_events(database: Database, *, now: datetime) -> None:
    """Drop all raw events older than their sources keep them.

    They are looked for by reading, in one walk along the time of the log however many sources there are; only to drop a
    thousand is a transaction begun, and others write in between.
    """
    kept = await database.read(partial(horizons, now=now))
    place: Cursor | None = None
    while kept:
        page = await database.report(partial(_old, before=max(kept.values()), after=place, now=now))
        gone = [event_id for event_id, at, source_id in page if source_id in kept and at < kept[source_id]]
        for some in chunks(gone, AT_ONCE):
            await database.write(partial(_drop, ids=some))
        if len(page) < LOOKED_AT:
            return
        place = Cursor(page[-1][1], page[-1][0])


def horizons(session: Session, *, now: datetime) -> dict[int, datetime]:
    """By source, the moment before which its raw events are not kept: the start of a day."""
    zone = zone_of(session)
    today = local_day(now, zone)
    found = list_sources(session)
    return {one.id or 0: day_start(Span(one.keep_months, "mo").before(today), zone) for one in found}


def _old(session: Session, *, before: datetime, after: Cursor | None, now: datetime) -> list[Old]:
    """The next events older than `before` that need not be recognised any more: (id, when, source), oldest first."""
    at = col(Event.at)
    where = [at < before, col(Event.received_at) < now - RECOGNISED]
    if after is not None:
        where += [at >= after.at, or_(at > after.at, col(Event.id) > after.id)]
    asked = select(col(Event.id), at, col(Event.source_id)).where(*where).order_by(at, col(Event.id)).limit(LOOKED_AT)
    rows = session.connection().execute(asked)
    return [(row_id, happened, source) for row_id, happened, source in rows if row_id is not None]


def _drop(session: Session, *, ids: Sequence[int]) -> None:
    session.connection().execute(delete(Event).where(col(Event.id).in_(ids)))
