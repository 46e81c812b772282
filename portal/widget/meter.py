"""What is seen of an installation: how much of its traffic is signed, and on which pages the widget was shown last.

Counted in memory and written a few times a minute, so that it costs a request nothing: a figure that lags by some
seconds, or loses them when a process is killed, serves its purpose.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from portal.events.dialect import dialect_of, insert_into
from portal.kit.clock import local_day
from portal.kit.db import Database
from portal.kit.errors import BansoError
from portal.widget.models import SourceTraffic, WidgetSighting

Kind = Literal["signed", "unsigned", "refused"]
KINDS: tuple[Kind, ...] = ("signed", "unsigned", "refused")
EVERY_SECONDS = 10.0
DAYS = timedelta(days=6)
log = structlog.get_logger()


@dataclass(frozen=True)
class Traffic:
    """What came with a public key in the last seven days."""

    signed: int = 0
    unsigned: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.signed + self.unsigned + self.refused

    @property
    def share(self) -> float | None:
        """The part that carried a valid token; None where nothing came."""
        return self.signed / self.total if self.total else None


@dataclass(frozen=True)
class Sighting:
    """A page of the product that has shown the widget."""

    origin: str
    first_at: datetime
    last_at: datetime


class Meter:
    """The counts of one process, until they are written."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._counts: Counter[tuple[int, date, Kind]] = Counter()
        self._seen: dict[tuple[int, str], datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def count(self, source_id: int, kind: Kind) -> None:
        """A request came with this source's public key."""
        self._counts[source_id, local_day(self._clock(), self._zone), kind] += 1
        self._plan()

    def saw(self, source_id: int, origin: str) -> None:
        """The widget was shown on a page of `origin`, which is one of the source's."""
        self._seen[source_id, origin] = self._clock()
        self._plan()

    async def flush(self) -> None:
        """Write what was counted; where the database cannot take it now, it is tried again with the next counts."""
        counts, self._counts = self._counts, Counter()
        seen, self._seen = self._seen, {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not counts and not seen:
            return
        try:
            await self._database.write(lambda session: _write(session, counts, seen))
        except (BansoError, SQLAlchemyError, OSError) as error:
            log.warning("the traffic of sources was not written", error=str(error))
            self._counts += counts
            self._seen = {**seen, **self._seen}

    def _plan(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._begin)

    def _begin(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self.flush())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)


def traffic_of(session: Session, source_id: int, *, today: date) -> Traffic:
    """The last seven days of a source."""
    sums = [func.coalesce(func.sum(getattr(SourceTraffic, kind)), 0) for kind in KINDS]
    asked = select(*sums).where(col(SourceTraffic.source_id) == source_id, col(SourceTraffic.day) >= today - DAYS)
    return Traffic(*session.execute(asked).one())


def sightings_of(session: Session, source_id: int) -> Sequence[Sighting]:
    """Where the widget of a source was shown, the latest first."""
    rows = select(WidgetSighting).where(col(WidgetSighting.source_id) == source_id)
    found = session.execute(rows.order_by(col(WidgetSighting.last_at).desc())).scalars()
    return [Sighting(row.origin, row.first_at, row.last_at) for row in found]


def _write(session: Session, counts: Counter[tuple[int, date, Kind]], seen: dict[tuple[int, str], datetime]) -> None:
    dialect = dialect_of(session)
    for (source_id, day, kind), count in sorted(counts.items()):
        row = {"source_id": source_id, "day": day, "signed": 0, "unsigned": 0, "refused": 0, kind: count}
        adding = insert_into(dialect, SourceTraffic).values(row)
        session.execute(
            adding.on_conflict_do_update(
                index_elements=["source_id", "day"],
                set_={name: getattr(SourceTraffic, name) + getattr(adding.excluded, name) for name in KINDS},
            )
        )
    for (source_id, origin), at in sorted(seen.items()):
        noting = insert_into(dialect, WidgetSighting).values(
            source_id=source_id, origin=origin, first_at=at, last_at=at
        )
        session.execute(
            noting.on_conflict_do_update(
                index_elements=["source_id", "origin"], set_={"last_at": noting.excluded.last_at}
            )
        )
