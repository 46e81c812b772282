"""Background work: a table of jobs, written in the same transaction as the change they follow.

A worker (`kit.worker`) leases a job, renews the lease while it works, and settles it; a worker that dies lets its lease
run out and another takes over. So a job runs at least once, and what it does must bear being done again. Failures wait
longer each time and end dead, where staff find them. A library would have brought a broker or PostgreSQL only
(DECISIONS, jobs).

Jobs stand in lanes: the lane of their kind, or one of their own within it (an endpoint, a mail server). A lane is given
so many places at once and no more, so whatever hangs holds up nobody but itself.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Index, Update, bindparam, delete, insert, literal_column, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, col

from portal.kit.prepared import Insertion
from portal.kit.rows import BigId, Json, Row, one_of
from portal.kit.sql import numbers

LEASE = timedelta(seconds=30)
PAUSES = tuple(timedelta(seconds=5 * 4**number) for number in range(7))
JITTER = 0.1
URGENT, NORMAL, LATER = 0, 1, 2
# Written out, not bound: a partial index serves only a query that says so literally.
WAITING = "state = 'waiting'"
DEAD = "state = 'dead'"
UNFINISHED = "job.state NOT IN ('done', 'dead')"
"""The same, said so that no partial index serves it: who knows the id must not walk over all that waits, which is what
PostgreSQL does as long as it believes that little waits."""


class Job(Row, table=True):
    """One piece of work. `run_at` is when it may next be taken: while a worker has it, that is when its lease ends, and
    `leased_until` says the same. `dedupe_key` is unique while the job waits or runs."""

    __table_args__ = (
        one_of("state", "waiting", "done", "dead"),
        Index("ix_job_lane", "lane", "run_at", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
        Index("ix_job_dead", "finished_at", sqlite_where=text(DEAD), postgresql_where=text(DEAD)),
        Index(
            "ux_job_dedupe_key",
            "dedupe_key",
            unique=True,
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    kind: str = Field(max_length=64)
    lane: str = Field(max_length=128)
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
    """A leased job, as whoever runs it gets it. `attempt` counts from 1."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempt: int
    lane: str = ""


@dataclass(frozen=True)
class Ended:
    """How one attempt ended: with the `result` of the run, or with the `error` it raised (a `Failed` has both)."""

    job: Claim
    result: object = None
    error: str | None = None


class Failed(Exception):
    """Raised by a run that failed in a way worth noting: `result` reaches the kind's `settle` as a return would."""

    def __init__(self, said: str, result: object = None) -> None:
        super().__init__(said)
        self.result = result


@dataclass(frozen=True)
class Kind:
    """How jobs of one kind are done.

    `run` does the work, outside any transaction. `settle` writes down what came of it, in the transaction that ends the
    jobs: several of them together, with `now`. `at_once` is how many of one lane a worker runs side by side. After a
    failure the next attempt waits for the next of `pauses`; when they are used up, the job is dead.
    """

    run: Callable[[Claim], Awaitable[object]]
    settle: Callable[[Session, Sequence[Ended], datetime], None] | None = None
    priority: int = NORMAL
    at_once: int = 8
    longest: timedelta = timedelta(minutes=15)
    pauses: Sequence[timedelta] = PAUSES


async def _nobody(job: Claim) -> object:
    raise LookupError(f"no handler for jobs of kind {job.kind!r}")


ANY = Kind(_nobody)
"""What is done with a kind that this version does not know: it fails, and is there for a newer one to do."""


# --- putting jobs on the table ----------------------------------------------------------------------------------------


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
    lane: str = "",
) -> None:
    """Add a job to this transaction; with a `dedupe_key` only where none with it is waiting or being run.

    `lane` is a lane of its own within the kind.
    """
    adding = postgresql.insert(Job) if session.get_bind().dialect.name == "postgresql" else sqlite.insert(Job)
    row = {**_row(kind, payload, lane, now), "run_at": run_at or now, "dedupe_key": dedupe_key}
    session.execute(adding.on_conflict_do_nothing().values(row))


def enqueue_all(
    session: Session,
    kind: str,
    jobs: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    now: datetime,
    run_at: datetime | None = None,
) -> None:
    """Add many jobs of one kind, as (lane, payload), by one statement."""
    if jobs:
        rows = [{**_row(kind, payload, lane, now), "run_at": run_at or now} for lane, payload in jobs]
        if session.get_bind().dialect.name == "postgresql":
            _JOBS.on_postgresql(session.connection(), [tuple(row.values()) for row in rows])
        else:
            session.connection().execute(insert(Job), rows)


def _row(kind: str, payload: Mapping[str, Any], lane: str, now: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "lane": lane_of(kind, lane),
        "payload": dict(payload),
        "state": "waiting",
        "created_at": now,
        "run_at": now,
        "attempts": 0,
    }


def lane_of(kind: str, lane: str = "") -> str:
    """The full name of a lane."""
    return f"{kind}:{lane}" if lane else kind


def withdraw(session: Session, *, lane: str) -> int:
    """Take back everything that waits in a lane; what a worker has in hand it finishes, and nothing comes of it."""
    gone = delete(Job).where(literal_column(WAITING), col(Job.lane) == lane)
    return session.connection().execute(gone).rowcount


# --- taking them ------------------------------------------------------------------------------------------------------

_table: Any = Job.__table__  # type: ignore[attr-defined]  # SQLModel gives every table one and does not say so
_instant = _table.c.run_at.type
_JOBS = Insertion(_table, tuple(_row("", {}, "", datetime.fromtimestamp(0, UTC))), conflict="")
_LANES = (
    text(
        """
        WITH RECURSIVE lanes (lane) AS (
            SELECT min(lane) FROM job WHERE state = 'waiting'
            UNION ALL
            SELECT (SELECT min(job.lane) FROM job WHERE job.state = 'waiting' AND job.lane > lanes.lane)
            FROM lanes WHERE lanes.lane IS NOT NULL
        ), heads AS (
            SELECT lane, (SELECT min(run_at) FROM job WHERE state = 'waiting' AND job.lane = lanes.lane) AS first_at
            FROM lanes WHERE lane IS NOT NULL
        )
        SELECT lane, first_at FROM heads WHERE first_at <= :now ORDER BY first_at, lane
        """
    )
    .bindparams(bindparam("now", type_=_instant))
    .columns(lane=_table.c.lane.type, first_at=_instant)
)


def due_lanes(session: Session, *, now: datetime) -> list[str]:
    """Each lane in which a job may be taken now, the one that has waited longest first.

    The index is walked from lane to lane, so this costs as much as there are lanes, however many jobs wait in them.
    """
    return [row.lane for row in session.connection().execute(_LANES, {"now": now})]


def claim(session: Session, *, kinds: Mapping[str, Kind], now: datetime, places: Mapping[str, int]) -> list[Claim]:
    """Lease the jobs that are due, as many of each lane as `places` says, so that nobody else takes them meanwhile.

    What has taken its worker down with it each time is left dead.
    """
    claims: list[Claim] = []
    dead: list[int] = []
    for lane, most in places.items():
        due = (
            select(_table.c.id, _table.c.kind, _table.c.payload, _table.c.attempts)
            .where(literal_column(WAITING), _table.c.lane == lane, _table.c.run_at <= now)
            .order_by(_table.c.run_at, _table.c.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        for job_id, kind, payload, attempts in session.connection().execute(due):
            if attempts > len(kinds.get(kind, ANY).pauses):
                dead.append(job_id)
            else:
                claims.append(Claim(job_id, kind, payload, attempts + 1, lane))
    _leave_dead(session, dead, now=now)
    if claims:
        leased = update(Job).where(numbers(col(Job.id), [job.id for job in claims]))
        until = now + LEASE
        session.connection().execute(leased.values(run_at=until, leased_until=until, attempts=col(Job.attempts) + 1))
    return claims


def renew(session: Session, jobs: Collection[Claim], *, now: datetime) -> set[int]:
    """Lengthen the leases of jobs in hand; the ids of those that are still ours."""
    until = now + LEASE
    held: set[int] = set()
    for job in jobs:
        longer = _mine(job).values(run_at=until, leased_until=until).returning(_table.c.id)
        held.update(session.connection().scalars(longer))
    return held


def hand_back(session: Session, jobs: Collection[Claim], *, now: datetime) -> None:
    """Give jobs that were begun and not finished to whoever comes next, at once; the attempt does not count."""
    for job in jobs:
        session.connection().execute(_mine(job).values(run_at=now, leased_until=None, attempts=job.attempt - 1))


def _mine(job: Claim) -> Update:
    # Only the holder of this attempt may touch it: a worker that was given up for dead changes nothing.
    return update(Job).where(col(Job.id) == job.id, col(Job.attempts) == job.attempt, literal_column(UNFINISHED))


def _leave_dead(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    if ids:
        said = "the worker ended while it ran this, each time"
        values = {"state": "dead", "finished_at": now, "leased_until": None, "error": said}
        session.connection().execute(update(Job).where(col(Job.id).in_(ids)).values(values))


# --- ending them ------------------------------------------------------------------------------------------------------


def settle(
    session: Session,
    ended: Sequence[Ended],
    *,
    kinds: Mapping[str, Kind],
    now: datetime,
    spread: Callable[[], float] = random.random,
) -> None:
    """Write down how these attempts ended, and what came of them. `spread` gives 0 to 1: how much of the jitter."""
    rows = [_settled(one, kinds.get(one.job.kind, ANY).pauses, now, spread()) for one in ended]
    if rows and session.get_bind().dialect.name == "postgresql":
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        session.connection().execute(_SETTLE_TOGETHER, columns)
    elif rows:
        session.connection().execute(_SETTLE, rows)
    by_kind: dict[str, list[Ended]] = {}
    for one in ended:
        by_kind.setdefault(one.job.kind, []).append(one)
    for kind, some in by_kind.items():
        record = kinds.get(kind, ANY).settle
        if record is not None:
            record(session, some, now)


def pause(attempt: int, pauses: Sequence[timedelta], spread: float) -> timedelta | None:
    """How long to wait after the failure of `attempt`: the pause and up to a tenth more; None when all is tried."""
    if attempt > len(pauses):
        return None
    return pauses[attempt - 1] * (1 + JITTER * spread)


def _settled(one: Ended, pauses: Sequence[timedelta], now: datetime, spread: float) -> dict[str, Any]:
    wait = None if one.error is None else pause(one.job.attempt, pauses, spread)
    row = {"its_id": one.job.id, "its_attempt": one.job.attempt, "error": _kept(one.error)}
    if wait is not None:
        return {**row, "state": "waiting", "run_at": now + wait, "finished_at": None}
    return {**row, "state": "done" if one.error is None else "dead", "run_at": now, "finished_at": now}


_SETTLE = (
    update(Job)
    .where(
        col(Job.id) == bindparam("its_id"), col(Job.attempts) == bindparam("its_attempt"), literal_column(UNFINISHED)
    )
    .values(
        state=bindparam("state"),
        run_at=bindparam("run_at"),
        leased_until=None,
        error=bindparam("error"),
        finished_at=bindparam("finished_at"),
    )
)


# The same for PostgreSQL, where each row by itself would be a round trip.
_SETTLE_TOGETHER = text(
    f"""
    UPDATE job SET state = ended.state, run_at = ended.run_at, leased_until = NULL, error = ended.error,
        finished_at = ended.finished_at
    FROM unnest(
        CAST(:its_id AS bigint[]), CAST(:its_attempt AS integer[]), CAST(:state AS text[]),
        CAST(:run_at AS timestamptz[]), CAST(:error AS text[]), CAST(:finished_at AS timestamptz[])
    ) AS ended(id, attempt, state, run_at, error, finished_at)
    WHERE job.id = ended.id AND job.attempts = ended.attempt AND {UNFINISHED}
    """  # noqa: S608 - a word of ours
)


def _kept(error: str | None) -> str | None:
    # PostgreSQL stores no NUL.
    return None if error is None else error.replace("\0", "")[:2000]


def retry(session: Session, job_id: int, *, now: datetime) -> bool:
    """Try a dead job again from the start, now. False where it is not dead, or one with its key waits already."""
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.state != "dead":
        return False
    if job.dedupe_key is not None:
        same = select(col(Job.id)).where(literal_column(WAITING), col(Job.dedupe_key) == job.dedupe_key)
        if session.connection().execute(same).first() is not None:
            return False
    job.state, job.run_at, job.attempts, job.finished_at = "waiting", now, 0, None
    session.add(job)
    session.flush()
    return True


def purge(session: Session, *, before: datetime, limit: int = 5_000) -> int:
    """Forget up to `limit` jobs that were done before `before`; how many that was."""
    old = select(col(Job.id)).where(col(Job.state) == "done", col(Job.finished_at) < before)
    gone = delete(Job).where(col(Job.id).in_(old.order_by(col(Job.id)).limit(limit)))
    return session.connection().execute(gone).rowcount
