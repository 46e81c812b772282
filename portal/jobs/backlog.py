"""How the background work stands: what waits, what is late, what is dead, and what runs next by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, literal_column, select
from sqlmodel import Session, col

from portal.jobs.schedule import SCHEDULE
from portal.kit.jobs import DEAD, WAITING, Job
from portal.kit.metrics import Gauge


@dataclass(frozen=True)
class Standing:
    """The jobs of one kind. `waiting` are not begun, `late` of them could be running now; `oldest` is since when."""

    kind: str
    waiting: int
    late: int
    running: int
    dead: int
    oldest: datetime | None


def standings(session: Session, *, now: datetime) -> list[Standing]:
    """Every kind of which something waits, runs or is dead, by name."""
    leased = col(Job.leased_until).is_not(None) & (col(Job.leased_until) > now)
    due = ~leased & (col(Job.run_at) <= now)

    asked: Any = select(
        col(Job.kind),
        func.coalesce(func.sum(case((~leased, 1), else_=0)), 0),
        func.coalesce(func.sum(case((due, 1), else_=0)), 0),
        func.coalesce(func.sum(case((leased, 1), else_=0)), 0),
        func.min(case((due, col(Job.run_at)))),
    )
    alive = {
        row[0]: row
        for row in session.connection().execute(asked.where(literal_column(WAITING)).group_by(col(Job.kind)))
    }
    dead_rows = select(col(Job.kind), func.count()).where(literal_column(DEAD)).group_by(col(Job.kind))
    dead: dict[str, int] = {row[0]: row[1] for row in session.connection().execute(dead_rows)}
    found = []
    for kind in sorted(alive.keys() | dead.keys()):
        _, waiting, late, running, oldest = alive.get(kind, (kind, 0, 0, 0, None))
        found.append(Standing(kind, int(waiting), int(late), int(running), dead.get(kind, 0), oldest))
    return found


def dead_letters(session: Session, *, kind: str = "", before: int = 0, limit: int = 50) -> Sequence[Job]:
    """Jobs that were tried until the end, the newest first; with ids below `before` where one is named."""
    asked = select(Job).where(literal_column(DEAD))
    if kind:
        asked = asked.where(col(Job.kind) == kind)
    if before:
        asked = asked.where(col(Job.id) < before)
    return session.execute(asked.order_by(col(Job.id).desc()).limit(limit)).scalars().all()


def next_runs(session: Session) -> list[tuple[str, str, datetime | None]]:
    """What runs by the clock: its kind, its times as cron says them, and its next run, if one is planned."""
    kinds = [timed.kind for timed in SCHEDULE]
    asked = select(col(Job.kind), func.min(col(Job.run_at))).where(literal_column(WAITING), col(Job.kind).in_(kinds))
    planned: dict[str, datetime] = {
        row[0]: row[1] for row in session.connection().execute(asked.group_by(col(Job.kind)))
    }
    return [(timed.kind, timed.cron, planned.get(timed.kind)) for timed in SCHEDULE]


def gauges(session: Session, *, now: datetime) -> list[Gauge]:
    """The same for Prometheus."""
    found = standings(session, now=now)
    ages = {one.kind: max(0.0, (now - one.oldest).total_seconds()) if one.oldest else 0.0 for one in found}
    return [
        Gauge("banso_jobs_waiting", "Jobs not begun", "kind", {one.kind: one.waiting for one in found}),
        Gauge("banso_jobs_late", "Jobs that could be running now", "kind", {one.kind: one.late for one in found}),
        Gauge("banso_jobs_running", "Jobs that a worker holds", "kind", {one.kind: one.running for one in found}),
        Gauge("banso_jobs_dead", "Jobs that were tried until the end", "kind", {one.kind: one.dead for one in found}),
        Gauge("banso_jobs_oldest_late_seconds", "How long the oldest of them has waited", "kind", ages),
    ]
