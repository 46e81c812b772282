"""The monthly close (月次締め): figures frozen as they stood at month's end, once and for good, and what staff chose.

A month is closed by the first night's work after it; months for which no worker ran are made up for, each as of its
own end. What is frozen is not touched again: late events change the live figures beside it, and the difference shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Account
from portal.insights.closing_figures import Figures, figures_of
from portal.insights.closing_rules import is_month, month_end, month_of, to_close
from portal.insights.models import MonthlyClose, ReportChoice
from portal.kit.clock import local_day
from portal.kit.db import zone_of
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.kit.web import Site

FISCAL_START = 4


async def close_due_months(site: Site) -> None:
    """Close every month that is over and is not closed."""
    for month in await site.database.report(lambda session: open_months(session, now=site.clock())):
        await close_month(site, month)


async def close_month(site: Site, month: str, *, by: str = "") -> bool:
    """Close `month`, which is over; whether it was this call that did. `by` is the staff person who asked for it."""
    figures = await site.database.report(lambda session: frozen_figures(session, month))
    return await site.database.write(lambda session: freeze(session, month, figures, by=by, now=site.clock()))


def open_months(session: Session, *, now: datetime) -> list[str]:
    """The months to be closed now, the oldest first; none before there is a customer."""
    zone = zone_of(session)
    last = session.execute(select(func.max(col(MonthlyClose.month)))).scalar_one()
    months = to_close(last_closed=last, this_month=month_of(local_day(now, zone)))
    first = session.execute(select(func.min(col(Account.started_at)))).scalar_one()
    return [month for month in months if first is not None and first <= month_end(month, zone)]


def frozen_figures(session: Session, month: str) -> Figures:
    """The figures of `month` as of its end."""
    zone = zone_of(session)
    return figures_of(session, month, as_of=month_end(month, zone), zone=zone, fiscal_start=fiscal_start(session))


def freeze(session: Session, month: str, figures: Figures, *, by: str, now: datetime) -> bool:
    """Keep `figures` as those of `month`; whether nobody was there before. `Invalid` for a month that is not over."""
    end = month_end(month, zone_of(session)) if is_month(month) else now
    if end >= now:
        raise Invalid(Message("This month is not over yet."))
    row = {"month": month, "as_of": end, "taken_at": now, "taken_by": by[:254], "figures": figures}
    return bool(insert_missing(session, MonthlyClose, [row], returning=["id"]))


def closed(session: Session, month: str) -> MonthlyClose | None:
    """The month as it was closed, if it was."""
    return session.execute(select(MonthlyClose).where(col(MonthlyClose.month) == month)).scalar_one_or_none()


def closed_months(session: Session) -> Sequence[str]:
    """Every closed month, the latest first."""
    return session.execute(select(col(MonthlyClose.month)).order_by(col(MonthlyClose.month).desc())).scalars().all()


def fiscal_start(session: Session) -> int:
    """The month of the year in which the fiscal year begins."""
    asked = select(col(ReportChoice.number)).where(col(ReportChoice.kind) == "fiscal_start")
    found = session.execute(asked.order_by(col(ReportChoice.id).desc()).limit(1)).scalar()
    return int(found) if found else FISCAL_START


def target_of(session: Session, checklist: str, month: str) -> float | None:
    """The share completed in time that is aimed at in `month`, as it was last set for it or for a month before."""
    asked = select(col(ReportChoice.number)).where(
        col(ReportChoice.kind) == "target", col(ReportChoice.checklist) == checklist, col(ReportChoice.month) <= month
    )
    order = (col(ReportChoice.month).desc(), col(ReportChoice.id).desc())
    return session.execute(asked.order_by(*order).limit(1)).scalar()


def set_target(session: Session, *, checklist: str, month: str, percent: str, by: str, now: datetime) -> None:
    """Aim at `percent` (a text such as `80`, or nothing for no target) from `month` on; `Invalid` for anything else."""
    text = percent.strip().rstrip("%％").strip()
    try:
        share = float(text) / 100 if text else None
    except ValueError:
        share = -1.0
    if not is_month(month) or (share is not None and not 0 <= share <= 1):
        said = Message("A target is a number from 0 to 100.")
        raise Invalid(said, problems=[FieldProblem("target", "range", said)])
    session.add(ReportChoice(kind="target", checklist=checklist, month=month, number=share, by=by[:254], at=now))
    session.flush()


def set_fiscal_start(session: Session, *, month: int, by: str, now: datetime) -> None:
    """The fiscal year begins in `month` (1–12). Closed months stay as they were closed."""
    if not 1 <= month <= 12:
        raise Invalid(Message("Choose a month from the list."))
    session.add(ReportChoice(kind="fiscal_start", number=month, by=by[:254], at=now))
    session.flush()
