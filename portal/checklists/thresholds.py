"""From when on a customer counts as stuck in a checklist, in business days: kept for each checklist, decided purely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from portal.checklists.catalog import catalog
from portal.checklists.models import StuckRule
from portal.kit.clock import day_start, has_passed, local_day
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.workdays.rules import Calendar

LONGEST = 250
Why = Literal["overdue", "quiet"]
WHYS: tuple[Why, ...] = get_args(Why)


@dataclass(frozen=True)
class Threshold:
    """`quiet_days` business days without a step, or `overdue_days` after the deadline (0: as soon as it has passed)."""

    quiet_days: int = 10
    overdue_days: int = 0


@dataclass(frozen=True)
class Bounds:
    """A threshold as of one moment: whoever has done nothing since before `quiet`, or whose deadline lay before
    `overdue`, is stuck. Two instants, so that a hundred thousand runs are compared and no calendar is asked."""

    quiet: datetime
    overdue: datetime | None
    now: datetime

    @property
    def passed(self) -> datetime:
        """The last second that a deadline may have which has passed: `has_passed`, for the database to compare with."""
        return self.now - timedelta(seconds=1)

    def why(self, *, due: datetime | None, quiet_since: datetime) -> Why | None:
        """The reason a run that is neither finished nor set aside is stuck; None if it is not."""
        if due is not None and has_passed(due, self.now) and (self.overdue is None or due < self.overdue):
            return "overdue"
        return "quiet" if quiet_since < self.quiet else None


def bounds_of(threshold: Threshold, *, calendar: Calendar, now: datetime, zone: ZoneInfo) -> Bounds:
    """The threshold as it falls at `now`: a day counts from its midnight in `zone`, today included if it is worked."""
    tomorrow = local_day(now, zone) + timedelta(days=1)

    def back(days: int) -> datetime:
        return day_start(calendar.add_business_days(tomorrow, -days), zone)

    overdue = back(threshold.overdue_days) if threshold.overdue_days else None
    return Bounds(back(threshold.quiet_days), overdue, now)


def thresholds(session: Session) -> Mapping[str, Threshold]:
    """Those that were set, by checklist; for the others the defaults hold."""
    return {row.checklist_key: Threshold(row.quiet_days, row.overdue_days) for row in session.exec(select(StuckRule))}


def set_threshold(session: Session, key: str, *, threshold: Threshold, by: str, now: datetime) -> None:
    """From now on customers count as stuck in this checklist so; `NotFound` for one that is not live."""
    live = catalog(session).live_of(key)
    problems = [
        FieldProblem(name, "range", Message("From %(least)s to %(most)s business days.", least=least, most=LONGEST))
        for name, days, least in (
            ("quiet_days", threshold.quiet_days, 1),
            ("overdue_days", threshold.overdue_days, 0),
        )
        if not least <= days <= LONGEST
    ]
    if problems:
        raise Invalid(problems[0].message, problems=problems)
    row = session.get(StuckRule, live.key) or StuckRule(
        checklist_key=live.key,
        quiet_days=threshold.quiet_days,
        overdue_days=threshold.overdue_days,
        changed_at=now,
        changed_by=by,
    )
    row.quiet_days, row.overdue_days = threshold.quiet_days, threshold.overdue_days
    row.changed_at, row.changed_by = now, by
    session.add(row)
    session.flush()
