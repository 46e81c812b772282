"""The worker: takes jobs as they come due, runs them side by side, and settles them together.

Several may run, in one process or on many machines, on one database. While jobs are in hand a heartbeat renews their
leases, so a job may take long and a dead worker's jobs are taken over soon. Told to stop, it takes nothing more, gives
what is in hand a few seconds to finish, and hands the rest back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from portal.kit import metrics
from portal.kit.db import Database
from portal.kit.errors import Unavailable
from portal.kit.jobs import ANY, LEASE, Claim, Ended, Failed, Kind, claim, due_lanes, hand_back, renew, settle

IDLE_SECONDS = 0.2
"""Between two looks at an empty table. One look costs a fraction of a millisecond and takes no lock, so a job begins
within a fifth of a second on either database and LISTEN/NOTIFY would buy nothing anybody could feel."""
TOGETHER_SECONDS = 0.01
"""How long the first of several that end waits for the others: one transaction for all of them is most of the speed."""
GRACE_SECONDS = 8.0
SLOTS = 64
FEWEST = 2
"""How many places a lane keeps after a failure: one may hang, and the next still goes through."""
log = structlog.get_logger()


async def _nothing() -> None:
    pass


class Worker:
    """Runs jobs of the given kinds until told to stop.

    `prepare` is called once when it starts: what runs by the clock puts its next run on the table. `slots` is how many
    jobs are in hand at most. A lane in which one fails is cut down to `FEWEST` places, and each success doubles them
    again: an endpoint that hangs keeps hardly any of the slots.
    """

    def __init__(
        self,
        *,
        database: Database,
        kinds: Mapping[str, Kind],
        clock: Callable[[], datetime],
        prepare: Callable[[], Awaitable[None]] = _nothing,
        slots: int = SLOTS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._clock = clock
        self._prepare = prepare
        self._slots = slots
        self._grace_seconds = grace_seconds
        self._in_hand: dict[asyncio.Task[None], Claim] = {}
        self._ended: list[Ended] = []
        self._reduced: dict[str, int] = {}
        self._leased_until = clock()

    async def run_due(self) -> int:
        """Run what is due now, side by side, and settle it; how many jobs that was."""
        taken = await self._turn()
        while self._in_hand:
            await asyncio.wait(self._in_hand)
        if self._ended:
            await self._turn(take=False)
        return taken

    async def run(self, stop: asyncio.Event) -> None:
        """Run jobs as they come due, until `stop`."""
        stopping = asyncio.create_task(stop.wait())
        beating = asyncio.create_task(self._beat())
        prepared = False
        try:
            while not stop.is_set():
                taken = 0
                try:
                    if not prepared:
                        await self._prepare()
                        prepared = True
                    taken = await self._turn()
                except Exception:
                    log.exception("the worker could not reach its jobs")
                if not taken:
                    await asyncio.wait(
                        {stopping, *self._in_hand}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                if len(self._in_hand) > 1:
                    await asyncio.sleep(TOGETHER_SECONDS)
            await self._wind_up()
        finally:
            for task in (stopping, beating, *self._in_hand):
                task.cancel()

    # --- one turn: settle what ended, take what is due, in one transaction ---

    async def _turn(self, *, take: bool = True) -> int:
        """How many jobs were taken."""
        ended = list(self._ended)
        busy = Counter(job.lane for job in self._in_hand.values()) if take else None
        places: dict[str, int] = {}
        # A look before the leap: an idle worker takes no write lock. One that leaps anyway looks on its way.
        if busy is not None and not ended and busy.total() < self._slots:
            due = await self._database.read(lambda session: due_lanes(session, now=self._clock()))
            places = self._allot(due, busy)
        if not ended and not places:
            return 0
        now = self._clock()

        def work(session: Session) -> list[Claim]:
            settle(session, ended, kinds=self._kinds, now=now)
            if busy is None:
                return []
            wanted = places if not ended else self._allot(due_lanes(session, now=now), busy)
            return claim(session, kinds=self._kinds, now=now, places=wanted)

        try:
            claims = await self._database.write(work)
        except Unavailable:
            raise
        except Exception:
            if not ended:
                raise
            log.exception("jobs could not be settled together")
            await self._settle_apart(ended)
            claims = []
        del self._ended[: len(ended)]
        if not self._in_hand:
            self._leased_until = now + LEASE
        for job in claims:
            task = asyncio.create_task(self._run(job))
            self._in_hand[task] = job
            task.add_done_callback(self._in_hand.pop)
        return len(claims)

    async def _settle_apart(self, ended: list[Ended]) -> None:
        """One after the other, so that one whose outcome cannot be written down costs no other its own: its lease runs
        out, it is run again, and in the end it is dead."""
        for one in ended:
            now = self._clock()
            try:
                await self._database.write(partial(settle, ended=[one], kinds=self._kinds, now=now))
            except Exception:
                log.exception("job could not be settled", job=one.job.id, kind=one.job.kind)

    def _allot(self, lanes: list[str], busy: Counter[str]) -> dict[str, int]:
        """How many jobs to take of each lane, of which so many are in hand: urgent kinds first, nobody more than their
        places, together no more than there are slots."""
        left = self._slots - busy.total()
        places: dict[str, int] = {}
        for lane in sorted(lanes, key=lambda lane: self._kind_of(lane).priority):
            most = self._reduced.get(lane, self._kind_of(lane).at_once) - busy[lane]
            if (here := min(most, left)) > 0:
                places[lane] = here
                left -= here
        return places

    def _kind_of(self, lane: str) -> Kind:
        return self._kinds.get(lane.partition(":")[0], ANY)

    # --- one job ---

    async def _run(self, job: Claim) -> None:
        kind = self._kinds.get(job.kind, ANY)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(kind.longest.total_seconds()):
                ended = Ended(job, await kind.run(job))
        except Exception as error:
            said = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            ended = Ended(job, error.result if isinstance(error, Failed) else None, said)
            log.warning("job failed", job=job.id, kind=job.kind, attempt=job.attempt, error=said)
        self._adapt(job.lane, kind, well=ended.error is None)
        metrics.job_ended(job.kind, well=ended.error is None, seconds=time.perf_counter() - began)
        self._ended.append(ended)

    def _adapt(self, lane: str, kind: Kind, *, well: bool) -> None:
        if not well:
            self._reduced[lane] = min(FEWEST, kind.at_once)
        elif lane in self._reduced:
            self._reduced[lane] *= 2
            if self._reduced[lane] >= kind.at_once:
                del self._reduced[lane]

    # --- leases ---

    async def _beat(self) -> None:
        """Renew the leases of what is in hand; let go of what is no longer ours."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            if self._in_hand:
                await self._renew()

    async def _renew(self) -> None:
        running = dict(self._in_hand)
        now = self._clock()
        try:
            held = await self._database.write(lambda session: renew(session, list(running.values()), now=now))
            self._leased_until = now + LEASE
        except Exception:
            log.exception("the worker could not renew its leases")
            if self._clock() < self._leased_until:
                return
            held = set()  # others may be running them by now
        for task, job in running.items():
            if job.id not in held and not task.done():
                log.warning("job lost to another worker", job=job.id, kind=job.kind, attempt=job.attempt)
                task.cancel()

    async def _wind_up(self) -> None:
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=self._grace_seconds)
        unfinished = dict(self._in_hand)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        now = self._clock()
        ended = list(self._ended)
        cut_short = [job for task, job in unfinished.items() if task.cancelled()]

        def work(session: Session) -> None:
            settle(session, ended, kinds=self._kinds, now=now)
            hand_back(session, cut_short, now=now)

        if ended or cut_short:
            with contextlib.suppress(Exception):  # their leases run out
                await self._database.write(work)
            self._ended.clear()
