"""Background work: a table of jobs, written in the same transaction as the change they follow.

A worker leases a job, runs it, and marks it done; a worker that dies lets its lease run out and another takes over.
So a job runs at least once, and a handler must bear being run again. Failures wait longer each time and stop after
`MAX_ATTEMPTS`, where staff find them. A library would have brought a broker or PostgreSQL only (DECISIONS, jobs).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Column, ColumnElement, Index, and_, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, col

from portal.kit.db import Database
from portal.kit.rows import BigId, Json, Row, one_of

LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 8
IDLE_SECONDS = 1.0
log = structlog.get_logger()


class Job(Row, table=True):
    """One piece of work. `leased_until` is set while a worker has it; `dedupe_key` is unique while the job waits."""

    __table_args__ = (
        one_of("state", "waiting", "done", "dead"),
        Index("ix_job_waiting", "state", "run_at"),
        Index(
            "ux_job_dedupe_key",
            "dedupe_key",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    kind: str = Field(max_length=64)
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    dedupe_key: str | None = Field(default=None, max_length=200)
    state: str = Field(default="waiting", max_length=8)
    created_at: datetime
    run_at: datetime
    leased_until: datetime | None = None
    attempts: int = 0
    error: str | None = Field(default=None, max_length=2000)
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """A leased job, as its handler gets it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempt: int


Handler = Callable[[Claim], Awaitable[None]]


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
) -> None:
    """Add a job to this transaction; with a `dedupe_key` only where none with it is waiting or being run."""
    adding = postgresql.insert(Job) if session.get_bind().dialect.name == "postgresql" else sqlite.insert(Job)
    session.execute(
        adding.on_conflict_do_nothing().values(
            kind=kind,
            payload=dict(payload),
            dedupe_key=dedupe_key,
            state="waiting",
            created_at=now,
            run_at=run_at or now,
            attempts=0,
        )
    )


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether a job waits to be run now."""
    return session.execute(select(col(Job.id)).where(_due(now)).limit(1)).first() is not None


def claim(session: Session, *, now: datetime, limit: int = 10) -> list[Claim]:
    """Lease up to `limit` jobs that are due, so that no other worker takes them until the lease runs out.

    What has taken its worker down with it `MAX_ATTEMPTS` times is left dead.
    """
    due = (
        select(Job)
        .where(_due(now))
        .order_by(col(Job.run_at), col(Job.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claims = []
    for job in session.execute(due).scalars().all():
        session.add(job)
        if job.attempts >= MAX_ATTEMPTS:
            job.state, job.finished_at, job.leased_until = "dead", now, None
            job.error = "the worker ended while it ran this, each time"
            continue
        job.leased_until = now + LEASE
        job.attempts += 1
        claims.append(Claim(id=job.id or 0, kind=job.kind, payload=job.payload, attempt=job.attempts))
    session.flush()
    return claims


def _due(now: datetime) -> ColumnElement[bool]:
    free = col(Job.leased_until).is_(None) | (col(Job.leased_until) < now)
    return and_(col(Job.state) == "waiting", col(Job.run_at) <= now, free)


def finish(session: Session, job: Claim, *, now: datetime) -> None:
    """The job is done."""
    _settle(session, job, state="done", finished_at=now, leased_until=None, error=None)


def fail(session: Session, job: Claim, *, error: str, now: datetime) -> None:
    """The job failed: try again later, after 5 s and then four times longer each time, or leave it dead in the end."""
    if job.attempt >= MAX_ATTEMPTS:
        _settle(session, job, state="dead", finished_at=now, leased_until=None, error=_kept(error))
    else:
        wait = timedelta(seconds=5 * 4 ** (job.attempt - 1))
        _settle(session, job, leased_until=None, run_at=now + wait, error=_kept(error))


def _kept(error: str) -> str:
    # PostgreSQL stores no NUL.
    return error.replace("\0", "")[:2000]


def _settle(session: Session, job: Claim, **values: object) -> None:
    # Only the holder of this attempt may settle it: a worker that was given up for dead changes nothing.
    session.execute(
        update(Job)
        .where(col(Job.id) == job.id, col(Job.attempts) == job.attempt, col(Job.state) == "waiting")
        .values(**values)
    )


def purge(session: Session, *, before: datetime) -> None:
    """Forget jobs that were done before `before`."""
    session.execute(delete(Job).where(col(Job.state) == "done", col(Job.finished_at) < before))


@dataclass(frozen=True)
class Worker:
    """Runs jobs until told to stop; several may run, in one process or on many machines."""

    database: Database
    handlers: Mapping[str, Handler]
    clock: Callable[[], datetime]
    prepare: Callable[[], Awaitable[None]]
    """Called once when the worker starts: what runs by the clock puts its next run on the table."""

    async def run_due(self) -> int:
        """Run what is due now, side by side; how many jobs that was."""
        # A look before the leap: an idle worker takes no write lock.
        if not await self.database.read(lambda session: any_due(session, now=self.clock())):
            return 0
        claims = await self.database.write(lambda session: claim(session, now=self.clock()))
        # One after the other, the leases of the last would run out before their turn came.
        ended = await asyncio.gather(*(self._run(job) for job in claims), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                raise failure
        return len(claims)

    async def run(self, stop: asyncio.Event) -> None:
        """Run jobs as they come due, finishing those in hand before stopping."""
        prepared = False
        while not stop.is_set():
            try:
                if not prepared:
                    await self.prepare()
                    prepared = True
                busy = await self.run_due()
            except Exception:
                log.exception("the worker could not reach its jobs")
                busy = 0
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), IDLE_SECONDS)

    async def _run(self, job: Claim) -> None:
        handler = self.handlers.get(job.kind)
        try:
            if handler is None:
                raise LookupError(f"no handler for jobs of kind {job.kind!r}")
            await asyncio.wait_for(handler(job), LEASE.total_seconds() * 0.8)
        except Exception as error:
            log.warning("job failed", job=job.id, kind=job.kind, attempt=job.attempt, error=str(error))
            said = f"{type(error).__name__}: {error}"
            await self.database.write(lambda session: fail(session, job, error=said, now=self.clock()))
        else:
            await self.database.write(lambda session: finish(session, job, now=self.clock()))
