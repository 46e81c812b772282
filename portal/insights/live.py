"""The figures of a month as they are known today, beside those that were closed.

For a few thousand customers they are counted whenever somebody looks. Where that would take seconds they are kept, with
the moment at which they were counted, and whoever looks at older ones has them counted anew in the background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.insights.closing import fiscal_start
from portal.insights.closing_figures import Figures, figures_of
from portal.insights.closing_rules import month_end
from portal.insights.models import LiveFigures
from portal.kit.db import zone_of
from portal.kit.jobs import Claim, enqueue
from portal.kit.web import Site

JOB: Final = "insights.live"
AT_ONCE: Final = 5_000
"""For so many customers it takes less than 0.2 s, on every look."""
FRESH: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Known:
    """What is known of a month; `counted_at` is None where it was counted just now."""

    figures: Figures
    counted_at: datetime | None = None


def known_of(session: Session, months: Iterable[str], *, now: datetime) -> Mapping[str, Known]:
    """What is known of each of these months; those that must be counted first are missing."""
    if _is_quick(session):
        return {month: Known(count(session, month, now=now)) for month in months}
    asked = select(LiveFigures).where(col(LiveFigures.month).in_(list(months)))
    return {row.month: Known(row.figures, row.counted_at) for row in session.execute(asked).scalars()}


def to_count(session: Session, months: Iterable[str], *, now: datetime) -> Sequence[str]:
    """Those of these months that are to be counted anew."""
    if _is_quick(session):
        return []
    asked = select(LiveFigures).where(
        col(LiveFigures.month).in_(list(months)), col(LiveFigures.counted_at) > now - FRESH
    )
    begins = fiscal_start(session)
    fresh = {row.month for row in session.execute(asked).scalars() if row.figures["fiscal_start"] == begins}
    return [month for month in months if month not in fresh]


def ask(session: Session, months: Iterable[str], *, now: datetime) -> None:
    """Have them counted; however many look meanwhile, once."""
    for month in months:
        enqueue(session, JOB, {"month": month}, now=now, dedupe_key=f"{JOB}:{month}")


async def run(site: Site, job: Claim) -> None:
    """Count one month and keep what it came to: for the worker."""
    month, now = job.payload["month"], site.clock()
    figures = await site.database.report(lambda session: count(session, month, now=now))

    def keep(session: Session) -> None:
        session.merge(LiveFigures(month=month, counted_at=now, figures=figures))

    await site.database.write(keep)


def count(session: Session, month: str, *, now: datetime) -> Figures:
    """The month as known now: at its end, or now while it lasts."""
    zone = zone_of(session)
    as_of = min(month_end(month, zone), now)
    return figures_of(session, month, as_of=as_of, zone=zone, fiscal_start=fiscal_start(session))


def _is_quick(session: Session) -> bool:
    customers: int = session.execute(select(func.count()).select_from(Account)).scalar_one()
    return customers <= AT_ONCE
