"""Taking in together what several requests bring at the same time.

While one batch is being written, whatever else arrives from the same source waits for the next one, and goes into it
together. Nobody waits when little arrives; when much does, a hundred requests cost about as much as one. Each request
gets its own answer, after the commit. What breaks a batch is found by taking its requests in one by one, so it costs
nobody but whoever brought it. Each source has a queue of its own, and one batch of it at a time is with the writer: a
flood from one does not stand in another's way, and is told to come back later before it is even read.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.events.activity import Refused, note_refused
from portal.events.ingest import Outcome, ingest_together
from portal.events.rules import HAPPENINGS, Incoming
from portal.events.sources import KnownSource, note_seen
from portal.kit.db import Database
from portal.kit.errors import TooMany, Unavailable
from portal.kit.i18n import Message

TOGETHER = 1000
"""Messages in one batch, at most, unless a single request brings more: others wait for the writer meanwhile."""

WAITING = 10_000
"""Messages of one source that may wait, at most: what several full batches hold, and well under a second's work."""
FULL = Message("This source sends faster than its events can be stored. Wait a moment, then send the same again.")


@dataclass(frozen=True, eq=False)
class _Brought:
    """What one request brought, and its answer to come."""

    incomings: Sequence[Incoming]
    source: KnownSource
    received_at: datetime
    refused: Refused | None
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_mergeable(self) -> bool:
        """What says who somebody is goes alone: a refusal must name the request that caused it."""
        return all(one.kind in HAPPENINGS for one in self.incomings)

    def fail(self, error: BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


Queue = deque[_Brought]


class Intake:
    """The way into the event log for requests of one process."""

    def __init__(self, database: Database, *, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._queues: dict[tuple[int, bool], Queue] = {}
        self._waiting: Counter[tuple[int, bool]] = Counter()
        self._emptying: set[asyncio.Task[None]] = set()

    async def take(
        self,
        incomings: Sequence[Incoming],
        *,
        source: KnownSource,
        received_at: datetime,
        from_browser: bool = False,
        refused: Refused | None = None,
    ) -> Outcome:
        """Take in what one request brought; answered once it is committed.

        `refused` is what of it could not be read as events: it is counted and noted, and in no `Outcome`.
        Raises what `Database.write` raises, and `TooMany` where too much of this source is waiting already.
        """
        self.expect(source, from_browser=from_browser)
        brought = _Brought(incomings, source, received_at, refused)
        key = (source.id, from_browser)
        self._waiting[key] += len(incomings)
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(brought)
        else:
            self._queues[key] = deque([brought])
            task = asyncio.create_task(self._empty(key))
            self._emptying.add(task)
            task.add_done_callback(self._emptying.discard)
        return await brought.outcome

    def expect(self, source: KnownSource, *, from_browser: bool) -> None:
        """Raise `TooMany` unless something of this source could be taken now."""
        if self._waiting[source.id, from_browser] >= WAITING:
            raise TooMany(FULL, retry_after=1)

    async def _empty(self, key: tuple[int, bool]) -> None:
        """Take in everything that waits, until nothing does."""
        queue = self._queues[key]
        together: list[_Brought] = []
        try:
            while queue:
                together = _next(queue)
                self._waiting[key] -= sum(len(brought.incomings) for brought in together)
                await self._take_together(together, from_browser=key[1])
        finally:
            del self._queues[key], self._waiting[key]
            for brought in (*together, *queue):
                brought.outcome.cancel()

    async def _take_together(self, together: Sequence[_Brought], *, from_browser: bool) -> None:
        newest = together[-1]
        received_at = max(brought.received_at for brought in together)

        def work(session: Session) -> list[Outcome]:
            outcomes = ingest_together(
                session,
                [brought.incomings for brought in together],
                source_id=newest.source.id,
                received_at=received_at,
                zone=self._zone,
                from_browser=from_browser,
            )
            refused = [brought.refused for brought in together if brought.refused is not None]
            note_refused(session, newest.source.id, refused, received_at=received_at, zone=self._zone)
            note_seen(session, newest.source, now=received_at)
            return outcomes

        try:
            outcomes = await self._database.write(work)
        except Unavailable as error:
            for brought in together:
                brought.fail(error)
        except Exception as error:
            if len(together) == 1:
                newest.fail(error)
                return
            for brought in together:
                await self._take_together([brought], from_browser=from_browser)
        else:
            for brought, outcome in zip(together, outcomes, strict=True):
                if not brought.outcome.done():
                    brought.outcome.set_result(outcome)


def _next(queue: Queue) -> list[_Brought]:
    """The oldest of those that wait, and all behind it that can go with it."""
    together = [queue.popleft()]
    if together[0].is_mergeable:
        count = len(together[0].incomings)
        while queue and queue[0].is_mergeable and count + len(queue[0].incomings) <= TOGETHER:
            together.append(queue.popleft())
            count += len(together[-1].incomings)
    return together
